"""The dashboard: last night's jobs as a strip, the worst first, with a plot."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg.sql import SQL, Identifier, Placeholder

from batch_platform.operations.moved import listed
from batch_platform.operations.night import last_night
from batch_platform.operations.web import charts
from batch_platform.registry import build_movements
from batch_platform_tests.operations_web.conftest import Client
from batch_platform_tests.operations_web.rig import Rig


def test_last_nights_runs_stand_in_a_strip_with_how_they_ended(rig: Rig, client: Client) -> None:
    good, bad = rig.run().run_id, rig.run("fail").run_id
    page = client("viewer").get("/console", headers={"accept": "text/html"}).text
    strip = dict(re.findall(r'<a class="tone-[a-z]+" href="/console/runs/([^"]+)" title="[^ ]+ [^ ]+ ([^ "]+)', page))
    assert (strip[good], strip[bad]) == ("成功", "失敗")
    assert "時間ごとの終了した実行" in page


def test_a_rehearsal_is_no_run_of_the_night(rig: Rig, client: Client) -> None:
    rehearsal = rig.run(dryRun=True).run_id
    _since, by_job = last_night(rig.operations)
    assert rehearsal not in {run.run_id for runs in by_job.values() for run in runs}


def test_an_empty_list_says_what_to_do_next(client: Client) -> None:
    html = {"accept": "text/html"}
    letters = client("viewer").get("/console/dead-letters?job=web-sweep", headers=html).text
    assert "別の状態かジョブを選んでください" in letters


def test_a_job_says_when_it_starts_in_words(client: Client) -> None:
    viewer, html = client("viewer"), {"accept": "text/html"}
    page = viewer.get("/console/jobs/web-count", headers=html).text
    assert "毎日 2:00" in page
    assert "0 2 * * *" not in page
    assert "every day at 2:00" in viewer.get("/console/jobs/web-count", headers=html, cookies={"language": "en"}).text
    assert "センサー、1 日ごと" in viewer.get("/console/jobs", headers=html).text
    [trigger] = viewer.get("/api/admin/batch/jobs/web-count/status").json()["data"]["triggers"]
    assert trigger["inWords"] == {"ja": "毎日 2:00", "en": "every day at 2:00"}
    assert trigger["cron"] == "0 2 * * *"


def test_a_failed_run_says_first_what_matters(rig: Rig, client: Client) -> None:
    run_id = rig.run("fail").run_id
    page = client("viewer").get(f"/console/runs/{run_id}", headers={"accept": "text/html"}).text
    matters, rest = page.index("ログの重要な行"), page.index("最新のログ")
    assert matters < rest
    assert "失敗" in page[matters:rest]
    assert "STEP_START" not in page[matters:rest]
    answer = client("viewer").get(f"/api/admin/batch/runs/{run_id}").json()["data"]
    assert {line["kind"] for line in answer["messages"]} >= {"failure", "other"}
    assert next(line["text"] for line in answer["messages"] if line["kind"] == "progress") == "counting 2 rows"


def test_a_switch_without_a_reason_is_refused_beside_the_field(client: Client) -> None:
    there = "/console/jobs/web-count/triggers/web_count_schedule/stop"
    answer = client("operator").post(there, data={"reason": " "}, headers={"accept": "text/html"})
    assert answer.status_code == 422
    assert 'aria-describedby="switch-web_count_schedule-reason-error"' in answer.text
    assert "切り替える理由を入力してください" in answer.text


def test_invoices_and_records_of_the_bank_master_are_counted_by_the_day_in_japan(rig: Rig) -> None:
    """Staffing's and zengin's statements on rows: drafts, what is void, credit notes and older ones do not count."""
    now = datetime(2026, 10, 20, 3, tzinfo=UTC)
    yesterday = datetime(2026, 10, 18, 15, tzinfo=UTC)  # midnight in Japan
    with rig.operations.pool.connection() as connection:
        for number, (kind, state, total, at) in enumerate(
            [
                ("invoice", "issued", 110_000, yesterday),
                ("invoice", "issued", 22_000, now),
                ("invoice", "issued", 7_000, yesterday - timedelta(seconds=1)),
                ("invoice", "issued", 999, now - timedelta(days=40)),
                ("invoice", "void", 5_000, now),
                ("credit_note", "issued", -3_000, now),
                ("invoice", "draft", 1_000, None),
            ],
            1,
        ):
            _invoice(connection, number, kind, state, total, at)
        for number, at in enumerate([now, now, yesterday, now - timedelta(days=40)]):
            connection.execute(
                "INSERT INTO zengin.change_history (diff_id, changeset_id, operation_type, table_name, record_id,"
                " business_date, executed_at) VALUES (%s, 'c', 'update', 'banks', '0001', '2026-10-20', %s)",
                (f"d{number}", at),
            )
    operations = replace(rig.operations, movements=build_movements(), clock=lambda: now)
    reader = _Reader("staffing:read", "zengin:read")
    told = {moved.of.title.id: moved for moved in listed(operations, reader)}
    invoices, records = told["moved-invoices"], told["moved-bank-master"]
    assert (invoices.yesterday.amount, invoices.yesterday.things) == (Decimal(110_000), 1)
    assert (invoices.month.amount, invoices.month.things) == (Decimal(139_000), 3)
    assert (records.yesterday.amount, records.month.amount, records.month.things) == (Decimal(1), Decimal(3), 3)
    assert {len(moved.days) for moved in told.values()} == {31}
    chart = charts.by_day(invoices)
    assert chart
    assert dict(zip(chart["x"], chart["series"][0]["values"], strict=True))["10-18"] == "7000"


def _invoice(connection: Any, number: int, kind: str, state: str, total: int, at: datetime | None) -> None:
    row: dict[str, Any] = {
        "kind": kind,
        "month": date(2026, 9, 1),
        "contract_id": f"contract-{number}",
        "company_id": "company",
        "state": state,
        "issuer": f"issuer-{number}",
        "issue_date": date(2026, 10, 1),
        "price_type": "net",
        "rounding": "floor",
        "subtotal": total,
        "tax": 0,
        "total": total,
        "per_rate": "[]",
        "document": "{}",
        "created_at": datetime(2026, 9, 1, tzinfo=UTC),
        "updated_at": datetime(2026, 9, 1, tzinfo=UTC),
    }
    if at is not None:
        row |= {
            "number_year": at.year,
            "number_sequence": 1,
            "number": "1",
            "pdf_sha256": "0" * 64,
            "object_key": "key",
            "issued_at": at,
        }
    if state == "void":
        row |= {"voided_at": at, "void_reason": "a wrong company"}
    if kind == "credit_note":
        [invoice] = connection.execute("SELECT id FROM staffing.invoices LIMIT 1").fetchone()
        row |= {"of_invoice": invoice, "issue_required": True}
    names, values = (SQL(", ").join(map(kind_of, row)) for kind_of in (Identifier, Placeholder))
    connection.execute(SQL("INSERT INTO staffing.invoices ({}) VALUES ({})").format(names, values), row)


def test_what_was_moved_yesterday_and_this_month_is_told_to_who_may_see_it(rig: Rig, client: Client) -> None:
    """Each domain's statement on the migrated tables; a batch of yesterday and one of two months ago."""
    yesterday = rig.operations.clock() - timedelta(days=1)
    with rig.operations.pool.connection() as connection:
        for number, at in enumerate([yesterday, yesterday - timedelta(days=62)]):
            connection.execute(
                "INSERT INTO btc.batches (batch_id, status, is_open, adjustment_rate, target_count, processed_count,"
                " failed_count, sum, created_by, created_at, approvals_missing, completed_at, changed_at)"
                " VALUES (%s, 'completed', false, 1, 3, 3, 0, 1234.5, 'ann', %s, 0, %s, %s)",
                (f"moved-{number}", at, at, at),
            )
    rig.app.state.operations = replace(rig.operations, movements=build_movements())
    try:
        page = client("viewer").get("/console", headers={"accept": "text/html"}).text
        told = {moved.of.title.id: moved for moved in listed(rig.app.state.operations, _Reader("batch:read"))}
    finally:
        rig.app.state.operations = rig.operations
    assert "動いた金額と件数" in page
    assert re.search(r"/console/admin/batch-operations.*?1,234\.5", page, re.DOTALL)
    assert 'id="moved-1-data"' in page
    assert (list(told), told["moved-btc"].yesterday.amount, told["moved-btc"].yesterday.things) == (
        ["moved-btc"],
        Decimal("1234.5"),
        1,
    )
    assert len(told["moved-btc"].days) <= 31


class _Reader:
    def __init__(self, *permissions: str) -> None:
        self._permissions = permissions

    def may(self, permission: str) -> bool:
        return permission in self._permissions
