"""A month of two companies as the daily jobs and the billing have written it, put there by statements."""

from __future__ import annotations

from datetime import date

from batch_platform.staffing.service import StaffingContext

MONTH = date(2026, 9, 1)

_DAYS = """
INSERT INTO companies (company_id, name, email) VALUES
    ('1', '株式会社𠮷田髙﨑', 'keiri@a.example.jp'), ('"1"', '数字ではない合同会社', NULL);
INSERT INTO issuers (registration_number, name, tax_rounding, number_prefix)
    VALUES ('T7000012050002', '株式会社スタッフィング', 'floor', 'INV');
INSERT INTO engineers (engineer_id, company_id, name) VALUES ('e1', '1', '髙橋 花子'), ('e2', '1', '山﨑 太郎');
INSERT INTO usage_days (company_id, date, source, total_users, total_engineers, active_users, active_engineers,
                        approach_count, email_sent_count, login_count, storage_usage_mb, api_call_count,
                        feature_usage, aggregated_at)
SELECT c, d, 'aggregated', 10 + (d >= '2026-09-01')::integer, 4, extract(day FROM d), 2, 3, 1,
       CASE WHEN d < '2026-09-01' THEN 2 ELSE 3 END, 12.5, 5, '{"search": 4, "export": 1}', now()
FROM unnest(ARRAY['1', '"1"']) AS c, generate_series(timestamp '2026-08-01', '2026-09-30', '1 day') AS d;
INSERT INTO approach_metrics SELECT u.company_id, u.date, 3, 2, 1, 0.3333, now() FROM usage_days AS u;
INSERT INTO engineer_activity SELECT u.company_id, u.date, 3, 1, 2, 1, now() FROM usage_days AS u;
INSERT INTO system_stats (date, total_users, active_users, total_engineers, total_companies, total_approaches,
                          requests, system_uptime, response_time_avg, response_time_p50, response_time_p95,
                          response_time_p99, error_rate, aggregated_at)
SELECT d, 20, 5, 8, 2, 6, CASE WHEN d = '2026-09-30' THEN 0 ELSE 10 END, 0.9993, 120.25, 100, 300, 400,
       CASE WHEN d = '2026-09-30' THEN NULL ELSE 0.1 END, now()
FROM generate_series(timestamp '2026-08-01', '2026-09-30', '1 day') AS d;
INSERT INTO status_days SELECT d, now(), now(), NULL, 2,
       CASE WHEN d < '2026-09-10' THEN '{"working": 2}'::jsonb ELSE '{"working": 1, "waiting": 1}' END
FROM generate_series(timestamp '2026-08-01', '2026-09-30', '1 day') AS d;
INSERT INTO status_changes (engineer_id, day, revision, status, previous, reason, written_at) VALUES
    ('e1', '2026-08-01', 0, 'working', NULL, 'working', now()),
    ('e2', '2026-08-01', 0, 'working', NULL, 'working', now()),
    ('e2', '2026-09-10', 0, 'waiting', 'working', 'none', now()),
    ('e2', '2026-09-20', 1, 'working', 'waiting', 'working', now());
"""
# August: 100,000; September: 70,000 and a void one; credited: 5,000 in August of July's invoice, 12,000 in September.
_BILLED = """
INSERT INTO invoices (kind, month, contract_id, company_id, state, issuer, price_type, rounding, issue_date, due_date,
                      subtotal, tax, total, per_rate, document, facts, of_invoice, issue_required, number_year,
                      number_sequence, number, pdf_sha256, object_key, created_at, updated_at, issued_at, voided_at,
                      void_reason)
SELECT i.kind, i.month, i.contract, i.company, i.state, 'T7000012050002', 'net', 'floor', i.issued,
       (i.issued + interval '1 month')::date, i.amount, i.amount / 10, i.amount + i.amount / 10, '[]', '{}',
       '{"contract": {"terms": [{"from": "2026-01-01", "base_price": 50000},
                                {"from": "2026-09-15", "base_price": 60000},
                                {"from": "2026-10-01", "base_price": 99}]}}',
       (SELECT o.id FROM invoices AS o WHERE o.number = i.of), CASE WHEN i.of IS NOT NULL THEN true END, 2026,
       i.sequence, i.number, repeat('0', 64), 'invoices/x.pdf', now(), now(), now(),
       CASE i.state WHEN 'void' THEN now() END, CASE i.state WHEN 'void' THEN '誤り' END
FROM jsonb_to_recordset(%s::jsonb) AS i (kind text, month date, contract text, company text, state text, issued date,
                                  amount bigint, sequence integer, number text, of text)
"""
INVOICES = [
    ("invoice", "2026-07-01", "k1", "1", "issued", "2026-08-01", 90_000, 1, "INV-1", None),
    ("invoice", "2026-08-01", "k1", "1", "issued", "2026-09-01", 100_000, 2, "INV-2", None),
    ("invoice", "2026-09-01", "k1", "1", "void", "2026-10-01", 999_000, 3, "INV-3", None),
    ("invoice", "2026-09-01", "k1", "1", "issued", "2026-10-01", 50_000, 4, "INV-4", None),
    ("invoice", "2026-09-01", "k2", '"1"', "issued", "2026-10-01", 20_000, 5, "INV-5", None),
]
CREDIT_NOTES = [
    ("credit_note", "2026-07-01", "k1", "1", "issued", "2026-08-20", -5_000, 1, "INV-CN-1", "INV-1"),
    ("credit_note", "2026-08-01", "k1", "1", "issued", "2026-09-30", -12_000, 2, "INV-CN-2", "INV-2"),
    ("credit_note", "2026-09-01", "k2", '"1"', "issued", "2026-10-02", -3_000, 3, "INV-CN-3", "INV-5"),
]
_NAMES = ("kind", "month", "contract", "company", "state", "issued", "amount", "sequence", "number", "of")


def write_month(context: StaffingContext) -> None:
    """August and September; contracts k1 of company 1 and k2 of company "1"."""
    from psycopg.types.json import Jsonb

    with context.store.transaction() as session:
        session.connection.execute("DELETE FROM outbox.notices WHERE domain = 'staffing'")
        session.connection.execute(_DAYS)
        session.connection.execute(
            "INSERT INTO contracts (contract_id, company_id, starts_on, terms, payment) "
            """VALUES ('k1', '1', '2026-01-01', '[]', '{}'), ('k2', '"1"', '2026-09-01', '[]', '{}')"""
        )
        for rows in (INVOICES, CREDIT_NOTES):
            values = [dict(zip(_NAMES, row, strict=True)) for row in rows]
            session.connection.execute(_BILLED, [Jsonb(values)])
