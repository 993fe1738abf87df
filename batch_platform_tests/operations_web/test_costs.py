"""Costs on the dashboard: the newest month against the same days of the former one, by currency."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from batch_platform.operations.cost_comparison import Compared, Comparison, compare
from batch_platform.registry import build_costs
from batch_platform_tests.operations_web.conftest import Client
from batch_platform_tests.operations_web.rig import Rig

HTML = {"accept": "text/html"}
COLUMNS = "unblended, blended, amortized, net_unblended, net_amortized, billed, list_cost, true_up, upfront"


class Reader:
    def __init__(self, *permissions: str) -> None:
        self._permissions = permissions

    def may(self, permission: str) -> bool:
        return permission in self._permissions


@pytest.fixture
def at(rig: Rig) -> Iterator[Any]:
    """`at("2026-03-05", rows)`: the domains' costs on that day, of rows `(day, currency, amount)` in the tables."""

    def standing(today: str, rows: list[tuple[str, str, str]]) -> None:
        now = datetime.fromisoformat(today).replace(tzinfo=UTC)
        rig.app.state.operations = replace(rig.operations, costs=build_costs(), clock=lambda: now)
        with rig.operations.pool.connection() as connection:
            if rows:
                connection.execute(
                    "INSERT INTO finops.finops_project_connections"
                    " (project_id, name, bucket, prefix, report_name, region)"
                    " VALUES ('web', 'Web', 'web-billing', 'cur', 'cur', 'ap-northeast-1')"
                )
            for month in sorted({f"{day[:7]}-01" for day, _currency, _amount in rows}):
                connection.execute(
                    "INSERT INTO finops.finops_billing_manifests (project_id, billing_month, version, assembly_id,"
                    " bucket, manifest_key, manifest_etag, manifest_last_modified, delivered_at, format, file_count,"
                    " total_bytes, status, registered_at, published_at, place)"
                    " VALUES ('web', %s, 'v1', '1', 'web-billing', 'm', 'e', now(), now(), 'cur2', 1, 1, 'PUBLISHED',"
                    " now(), now(), '')",
                    (month,),
                )
                connection.execute(
                    "INSERT INTO finops.finops_months (project_id, billing_month, state, version, format, row_count,"
                    " file_count, delivered_at, published_at, checks, place)"
                    " VALUES ('web', %s, 'open', 'v1', 'cur2', 1, 1, now(), now(), '[]', '')",
                    (month,),
                )
            for day, currency, amount in rows:
                connection.execute(
                    "INSERT INTO finops.finops_cost_summary (project_id, billing_month, usage_date, payer_account_id,"
                    f" usage_account_id, service, region, charge_class, currency, {COLUMNS}, usage_rows,"
                    " manifest_version)"
                    f" VALUES ('web', %s, %s, '1', '1', 's3', '', 'usage', %s, {', '.join(['%s'] * 9)}, 1, 'v1')",
                    (f"{day[:7]}-01", day, currency, *[amount] * 9),
                )

    yield standing
    rig.app.state.operations = rig.operations
    with rig.operations.pool.connection() as connection:
        connection.execute(
            "TRUNCATE finops.finops_cost_summary, finops.finops_months, finops.finops_project_connections CASCADE"
        )


def dollars(rig: Rig) -> Comparison:
    [shown] = compare(rig.app.state.operations, Reader("finops:read"))
    return next(comparison for comparison in shown.by_currency if comparison.currency == "USD")


ROWS = [
    ("2025-12-31", "USD", "999"),
    ("2026-01-01", "USD", "500"),
    ("2026-02-01", "USD", "10.000000000001"),
    ("2026-02-04", "USD", "2.5"),
    ("2026-02-28", "USD", "100"),
    ("2026-03-01", "USD", "11.1"),
    ("2026-03-04", "USD", "0.000000000002"),
    ("2026-03-04", "JPY", "1500"),
    ("2026-03-31", "USD", "7777"),
]


def test_the_month_so_far_stands_against_the_same_days_exactly(rig: Rig, at: Any) -> None:
    at("2026-03-05", ROWS)
    usd = dollars(rig)
    assert (usd.month, usd.until) == (date(2026, 3, 1), date(2026, 3, 4))
    assert usd.so_far == Decimal("11.100000000002")  # what is charged for days to come is not yet spent
    assert usd.same_days == Decimal("12.500000000001")
    assert usd.difference == Decimal("-1.399999999999")
    assert usd.former_total == Decimal("112.500000000001")
    assert [amounts[-1] for amounts in usd.cumulated()] == [usd.so_far, usd.former_total]


def test_a_former_month_that_is_shorter_is_taken_whole(rig: Rig, at: Any) -> None:
    at("2026-03-31", ROWS)
    usd = dollars(rig)
    assert (len(usd.days), len(usd.former)) == (31, 28)
    assert usd.same_days == usd.former_total


def test_before_a_month_has_costs_the_newest_one_is_shown_and_it_says_so(rig: Rig, at: Any, client: Client) -> None:
    at("2026-04-01", ROWS)
    assert dollars(rig).month == date(2026, 3, 1)
    page = client("viewer").get("/console", headers=HTML).text
    assert "今月のコストはまだありません。最新の月を表示しています。" in page


def test_the_dashboard_plots_and_tells_them_by_currency(rig: Rig, at: Any, client: Client) -> None:
    at("2026-03-05", ROWS)
    page = client("viewer").get("/console", headers=HTML).text
    section = page[page.index('id="costs-1"') :]
    told = [re.sub(r"<[^>]+>|\s+", "", cell) for cell in re.findall(r"<td.*?</td>", section, re.DOTALL)[:8]]
    assert told == ["1,500.00", "0.00", "+1,500.00", "0.00", "11.10", "12.50", "-1.40", "112.50"]
    assert 'value="11.100000000002"' in section
    found = re.search(r'id="costs-1-USD-data">(.*?)</script>', section)
    assert found
    spec = json.loads(found[1])
    assert [series["name"] for series in spec["series"]] == ["2026-03", "2026-02"]
    assert spec["series"][0]["values"][:5] == ["11.10", "11.10", "11.10", "11.10", None]
    assert (len(spec["x"]), spec["series"][1]["values"][27:]) == (31, ["112.50", None, None, None])
    assert "2026-03 until 03-04" in client("viewer").get("/console", headers={**HTML, "cookie": "language=en"}).text


def test_a_former_month_that_nobody_knows_is_not_nothing(rig: Rig, at: Any, client: Client) -> None:
    at("2026-03-05", [row for row in ROWS if row[0] > "2026-03"])
    usd = dollars(rig)
    assert (usd.same_days, usd.difference, usd.former_total) == (None, None, None)
    page = client("viewer").get("/console", headers=HTML).text
    section = page[page.index('id="costs-1"') :]
    assert section.count('<td class="number">–</td>') >= 3
    found = re.search(r'id="costs-1-USD-data">(.*?)</script>', section)
    assert found
    assert [series["name"] for series in json.loads(found[1])["series"]] == ["2026-03"]


def test_without_costs_it_says_where_they_come_from(rig: Rig, at: Any, client: Client) -> None:
    at("2026-03-05", [])
    page = client("viewer").get("/console", headers=HTML).text
    section = page[page.index('id="costs-1"') :]
    assert "コストはまだありません" in section
    assert 'href="/console/projects"' in section


def test_who_may_not_read_them_does_not_see_them_and_asks_nothing(rig: Rig, at: Any) -> None:
    at("2026-03-05", ROWS)
    closed = replace(rig.app.state.operations, pool=None)
    assert compare(closed, Reader("batch:read")) == []


def test_only_the_months_that_are_shown_are_read(rig: Rig, at: Any) -> None:
    """However many years there are: by the key of the summary."""
    at("2026-03-05", ROWS)
    [costs] = build_costs()
    with rig.operations.pool.connection() as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        query = costs.statement.as_string(connection)
        lines = connection.execute("EXPLAIN " + query, {"today": date(2026, 3, 5)}).fetchall()
    plan = "\n".join(line[0] if isinstance(line, tuple) else str(line) for line in lines)
    assert "finops_cost_summary_pkey" in plan
    assert "billing_month = month.billing_month" in plan


def test_it_is_old_only_where_a_month_is_shown_that_has_ended() -> None:
    [costs] = build_costs()
    shown = Comparison("USD", date(2026, 3, 1), date(2026, 3, 4), (Decimal(1),), (Decimal(2),))
    days = (date(2026, 3, 31), date(2026, 4, 1))
    assert [Compared(costs, today, (shown,)).is_old for today in days] == [
        False,
        True,
    ]
    assert not Compared(costs, date(2026, 4, 1), ()).is_old
