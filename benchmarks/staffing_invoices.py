"""The invoices of a month, computed, numbered, printed, stored and mailed, beside a bare typst loop over their data.

    .venv/bin/python -m benchmarks.staffing_invoices [--invoices 10000]

On embedded services of its own, which go at the end. Ours is the run of the month; of the database the seconds are
counted too, of the S3 emulator not. The peer prints each bill by one compiler that has its fonts, from inputs that
were prepared before, and keeps nothing. Seconds of processor.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import psycopg
from typst import Compiler

from batch_platform.local import services
from batch_platform.local.home import Home
from batch_platform.local.provision import provision
from batch_platform.settings import Settings, load_settings
from batch_platform.staffing import bills
from batch_platform.staffing.documents import bill as printing
from batch_platform.staffing.documents import pint
from batch_platform.staffing.documents.fonts import all_printable, fonts
from batch_platform.staffing.opening import open_context
from batch_platform.staffing.service.invoices import monthly
from batch_platform.staffing.service.invoices.verifying import verify

MONTH: Final = date(2026, 9, 1)
_FILL: Final = """
INSERT INTO issuers (registration_number, name, tax_rounding, number_prefix, address, bank_account)
VALUES ('T7000012050002', '株式会社髙﨑スタッフィング', 'floor', 'INV', '東京都千代田区1-1', 'あおば銀行 1234567');
INSERT INTO tax_rates (category, rate, valid_from)
VALUES ('standard', 10, '2019-10-01'), ('reduced', 8, '2019-10-01');
INSERT INTO companies (company_id, name, email, address)
SELECT n::text, '株式会社取引先' || n, 'billing-' || n || '@example.jp', '東京都渋谷区渋谷2-' || n
FROM generate_series(1, {count}) AS n;
INSERT INTO contracts (contract_id, company_id, starts_on, terms, payment, discounts, extras)
SELECT n::text, n::text, '2026-01-01',
    jsonb_build_array(jsonb_build_object('from', '2026-01-01', 'base_price', 30000 + n, 'max_users', 10,
        'max_engineers', 50, 'price_per_user', 1980, 'price_per_engineer', 300)),
    '{"kind": "closing", "closing": "end", "months": 1, "day": "end", "holiday": "next"}',
    CASE n % 3 WHEN 0 THEN '[{"kind": "percent", "value": "2.5"}]'::jsonb ELSE '[]' END,
    CASE n % 2 WHEN 0 THEN '[{"date": "2026-09-20", "quantity": 2, "unit_price": 455, "category": "reduced"}]'::jsonb
               ELSE '[]' END
FROM generate_series(1, {count}) AS n;
INSERT INTO usage_days (company_id, date, source, total_users, total_engineers)
SELECT n::text, day, 'loaded', 8 + n % 7, 45 + n % 11
FROM generate_series(1, {count}) AS n, generate_series(timestamp '2026-09-01', '2026-09-30', '1 day') AS day;
ANALYZE
"""

_A_PROCESS: Final = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=10_000)
    given = parser.parse_args()
    home = Home(Path(tempfile.mkdtemp(prefix="benchmark-invoices-")))
    os.environ["BATCH_PLATFORM_HOME"] = str(home.root)
    try:
        variables = services.ensure_running(load_settings(), owner=os.getpid())
        os.environ.update(variables)
        settings = load_settings()
        provision(settings, variables)
        _measure(settings, given.invoices)
    finally:
        services.stop(home)
        shutil.rmtree(home.root, ignore_errors=True)


def _measure(settings: Settings, count: int) -> None:
    with psycopg.connect(settings.database(), autocommit=True) as connection, open_context(settings) as context:
        connection.execute("SET search_path = staffing")
        connection.execute(_FILL.replace("{count}", str(count)).encode())
        [server] = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        ).fetchone()  # type: ignore[misc]
        printing.render(_one_bill(context))  # fonts and template are read once by either
        began = _server_seconds(server)
        ours = _timed(lambda: monthly.run(context, MONTH, by="benchmark"))
        database = _server_seconds(server) - began
        assert verify(context, MONTH) == []
        documents = connection.execute("SELECT document, number FROM invoices ORDER BY number").fetchall()
    inputs = [_inputs(document, number) for document, number in documents]
    assert len(inputs) == count
    template = (Path(printing.__file__).parent / "templates" / "bill.typ").read_bytes()
    compiler = Compiler(b"", font_paths=fonts(), ignore_system_fonts=True)
    bare = _timed(lambda: [compiler.compile(template, sys_inputs=each, pdf_standards="a-3b") for each in inputs])
    sys.stdout.write(
        f"{count} invoices, seconds of processor: ours {ours:.1f} + {database:.1f} of the database, bare {bare:.1f}\n"
        f"ratio {ours / bare:.2f}, with the database {(ours + database) / bare:.2f}\n"
    )


def _one_bill(context: Any) -> Any:
    with context.store.rolled_back() as session:
        from batch_platform.staffing.service.invoices.drafting import computed

        [row] = computed(session, MONTH, session.contracts_to_bill(MONTH)[:1], printed=False)
    return bills.read(row["document"], "INV-2026-000000")


def _inputs(document: dict[str, Any], number: str) -> dict[str, str]:
    bill = all_printable(bills.read(document, number), "invoice")
    data = json.dumps(printing._data(bill), ensure_ascii=False, separators=(",", ":"))
    return {"data": data, "xml": pint.write(bill).decode()}


def _timed(act: Callable[[], object]) -> float:
    """Seconds of processor of this process and its threads."""
    began = time.process_time()
    act()
    return time.process_time() - began


def _server_seconds(child: int) -> float:
    """Of the database server and all its processes; `child` is one of them."""
    postmaster = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == postmaster:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
