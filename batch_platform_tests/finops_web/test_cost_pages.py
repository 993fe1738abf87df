"""The cost pages: any period, two groups, filters; what is exported is exactly what is seen."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import polars as pl
import pytest

from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project, SteppingClock
from batch_platform_tests.finops.test_lake_costs import context, older

__all__ = ["context"]

BEFORE = date(2024, 9, 1)
TEAM = "resourceTags/user:team"


def seen(client: httpx.Client, path: str, status: int = 200) -> str:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status, answer.text
    return unescape(answer.text)


NOW = datetime(2024, 10, 4, 9, tzinfo=UTC)


def fill(project: Project) -> Project:
    """Two months, three services, two teams."""

    def row(cost: str, day: int, service: str, team: str = "", month: date = MONTH, **more: str) -> dict[str, str]:
        told = {"product/servicecode": service, TEAM: team, "lineItem/UsageType": f"{service}-hours", **more}
        return project.line(cost=cost, more=told, day=day, month=month)

    project.bucket.deliver(
        BEFORE, [csv_gz([row("7", 29, "AmazonEC2", "web", BEFORE), row("1", 30, "AmazonS3", "", BEFORE)])]
    )
    october = [
        row("10.000000000001", 1, "AmazonEC2", "web"),
        row("20", 2, "AmazonEC2", "db & 'web'"),
        row("2", 2, "AmazonS3", "web"),
        row("30", 3, "AmazonEC2", "web"),
        row("0.5", 3, "AmazonRDS"),
    ]
    project.bucket.deliver(MONTH, [csv_gz(october)])
    project.run(BEFORE)
    project.run()
    return project


@pytest.fixture(scope="module")
def filled_once(common: Project) -> Project:
    common.context.clock.now = NOW  # type: ignore[attr-defined]
    return fill(common)


@pytest.fixture
def filled(filled_once: Project, clock: SteppingClock) -> Project:
    """To be read, on the fourth of October."""
    clock.now = NOW
    return filled_once


@pytest.fixture
def own(project: Project, clock: SteppingClock) -> Project:
    """The same, to be changed."""
    clock.now = NOW
    return fill(project)


def rows_of(shown: str) -> list[tuple[str, ...]]:
    """The cells of the table's body: keys, then the exact amount."""
    [body] = re.findall(r"<caption>集計単位別コスト</caption>.*?<tbody>(.*?)</tbody>", shown, re.S)
    found = []
    for row in re.findall(r"<tr>(.*?)</tr>", body, re.S):
        cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        keys = [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells[:-2]]
        found.append((*keys, *re.findall(r'value="([^"]+)"', cells[-2])))
    return found


def exports(shown: str) -> dict[str, str]:
    links = re.findall(r'href="(/api/projects/[^"]+)"', shown)
    return {parse_qs(urlsplit(link).query)["format"][0]: link for link in links}


PERIODS: list[tuple[str, list[tuple[str, ...]]]] = [
    ("month=2024-10", [("AmazonEC2", "60.000000000001"), ("AmazonS3", "2"), ("AmazonRDS", "0.5")]),
    ("period=yesterday", [("AmazonEC2", "30"), ("AmazonRDS", "0.5")]),
    # 27 September to 3 October
    ("period=last7", [("AmazonEC2", "67.000000000001"), ("AmazonS3", "3"), ("AmazonRDS", "0.5")]),
    ("period=range&start=2024-09-30&end=2024-10-01", [("AmazonEC2", "10.000000000001"), ("AmazonS3", "1")]),
    ("month=2024-10&group_by=tag:team", [("web", "42.000000000001"), ("db & 'web'", "20"), ("なし", "0.5")]),
    (
        "month=2024-10&group_by=day&then=service",
        [
            ("2024-10-01", "AmazonEC2", "10.000000000001"),
            ("2024-10-02", "AmazonEC2", "20"),
            ("2024-10-02", "AmazonS3", "2"),
            ("2024-10-03", "AmazonEC2", "30"),
            ("2024-10-03", "AmazonRDS", "0.5"),
        ],
    ),
    ("month=2024-10&group_by=day,service&filter=tag:team=", [("2024-10-03", "AmazonRDS", "0.5")]),
    (
        "period=last7&group_by=usage_type&then=tag:team&filter=service=AmazonS3",
        [("AmazonS3-hours", "web", "2"), ("AmazonS3-hours", "なし", "1")],
    ),
]


@pytest.mark.parametrize(("asked", "expected"), PERIODS)
def test_what_is_exported_is_what_is_seen(
    client: httpx.Client, filled: Project, asked: str, expected: list[tuple[str, ...]]
) -> None:
    shown = seen(client, f"/console/costs?project={filled.id}&{asked}")
    table = [(*keys, Decimal(amount)) for *keys, amount in rows_of(shown)]
    assert table == [(*keys, Decimal(amount)) for *keys, amount in expected]
    links = exports(shown)
    assert list(links) == ["csv", "parquet", "json", "focus", "focus-parquet"]
    as_csv = list(csv.DictReader(io.StringIO(client.get(links["csv"]).text)))
    groups = parse_qs(urlsplit(links["csv"]).query)["group_by"][0].split(",")
    assert [(*(row[group] or "なし" for group in groups), Decimal(row["amount"])) for row in as_csv] == table
    frame = pl.read_parquet(io.BytesIO(client.get(links["parquet"]).content))
    assert frame["amount"].to_list() == [row[-1] for row in table]
    [report] = client.get(links["json"]).json()["data"]["reports"]
    assert [Decimal(row["amount"]) for row in report["rows"]] == frame["amount"].to_list()
    focus = pl.read_parquet(io.BytesIO(client.get(links["focus-parquet"]).content))
    assert focus["BilledCost"].sum() == frame["amount"].sum()


def test_the_chart_stacks_what_is_grouped_by(client: httpx.Client, filled: Project) -> None:
    shown = seen(client, f"/console/costs?project={filled.id}&period=last7&group_by=tag:team&then=service")
    assert '"x": ["2024-09-27", "2024-09-28", "2024-09-29",' in shown
    assert '"name": "web", "values": [null, null, "7.00", null, "10.000000000001", "2.00", "30.00"]' in shown
    assert '"name": "なし", "values": [null, null, null, "1.00", null, null, "0.50"]' in shown


def test_narrowing_and_widening_by_links(client: httpx.Client, filled: Project) -> None:
    shown = seen(client, f"/console/costs?project={filled.id}&month=2024-10&group_by=tag:team&then=day")
    [narrow] = {link for link in re.findall(r'href="(/console/costs\?[^"]+)"', shown) if "%27web%27" in link}
    narrowed = seen(client, narrow)
    assert rows_of(narrowed) == [("db & 'web'", "2024-10-02", "20.000000000000")]
    [wide] = re.findall(r'class="badge tone-neutral" href="([^"]+)"', narrowed)
    assert "filter" not in parse_qs(urlsplit(wide).query)
    [day] = {
        link for link in re.findall(r'href="([^"]+)"', narrowed) if "start=2024-10-02" in link and "console" in link
    }
    assert rows_of(seen(client, day)) == [("db & 'web'", "20.000000000000")]
    # each kind of period, with all else as it is
    for kind in ("yesterday", "last7", "range"):
        [link] = {
            link
            for link in re.findall(r'href="(/console/costs\?[^"]+)"', narrowed)
            if f"period={kind}" in link
            and "%27web%27" in link
            and "tag:team,day" in link
            and "end=2024-10-02" not in link
        }
        assert parse_qs(urlsplit(link).query)["filter"] == ["tag:team=db & 'web'"]


def test_tags_and_cost_categories_are_offered(client: httpx.Client, filled: Project) -> None:
    shown = seen(client, f"/console/costs?project={filled.id}&month=2024-10")
    [fragment] = re.findall(r'hx-get="([^"]+)"', shown)
    offered = seen(client, fragment)
    assert '<option value="tag:user:team">タグ user:team</option>' in offered
    assert "hx-get" not in offered
    # what cannot be looked up leaves the plain groups
    plain = seen(client, "/console/costs/groups?project=nobody&start=x&end=2024-10-01")
    assert '<option value="usage_type">' in plain


def test_rows_come_in_pages(client: httpx.Client, own: Project) -> None:
    rows = [
        own.line(cost=f"{number}", more={"lineItem/ResourceId": f"i-{number:03}"}, day=1 + number % 28)
        for number in range(1, 121)
    ]
    own.bucket.deliver(MONTH, [csv_gz(rows)], assembly="second")
    own.run()
    base = f"/console/costs?project={own.id}&month=2024-10&group_by=resource"
    first = seen(client, base)
    assert (len(rows_of(first)), rows_of(first)[0]) == (50, ("i-120", "120.000000000000"))
    assert "1–50 / 120" in first
    assert first.count('"name": "i-') == 8
    assert '"name": "その他"' in first
    last = seen(client, f"{base}&offset=100")
    assert [row[0] for row in rows_of(last)] == [f"i-{number:03}" for number in range(20, 0, -1)]
    assert "101–120 / 120" in last
    assert "data-chart" not in last


def test_empty_periods_say_what_to_do(client: httpx.Client, filled: Project, clock: SteppingClock) -> None:
    clock.now = datetime(2024, 12, 24, tzinfo=UTC)
    shown = seen(client, f"/console/costs?project={filled.id}&period=yesterday")
    assert "この期間のコストはありません" in shown
    [newest] = re.findall(r'href="([^"]+)">最新のコスト', shown)
    assert len(rows_of(seen(client, newest))) == 3
    half = seen(client, f"/console/costs?project={filled.id}&period=range&start=2024-10-03&end=2024-11-02")
    assert "含まれていない月: 2024-11" in half
    assert len(rows_of(half)) == 2


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ("period=range&start=2024-10-05&end=2024-10-01", 422, "より前です。"),
        ("period=range&start=&end=", 422, "は日付ではありません。"),
        ("period=range&start=9999-12-01&end=9999-12-31", 422, "は日付ではありません。"),
        ("period=range&start=2020-01-01&end=2024-10-01", 422, "400 日までです"),
        ("month=2026-13", 422, "は月ではありません。YYYY-MM の形で指定してください。"),
        ("month=2019-01", 404, "の 2019-01 のコストは公開されていません。"),
        ("month=2024-10&group_by=tag:nobody", 422, "指定できるもの: user:team"),
        (
            "month=2024-10&filter=nonsense&filter=day=2024-10-01&group_by=x,y&then=z&measure=q&period=eon",
            200,
            "AmazonEC2",
        ),
    ],
)
def test_wrong_questions(client: httpx.Client, filled: Project, asked: str, status: int, told: str) -> None:
    shown = seen(client, f"/console/costs?project={filled.id}&{asked}", status)
    assert told in shown
    assert 'aria-label="期間"' in shown


def test_an_unknown_project_or_month_is_told(client: httpx.Client, filled: Project) -> None:
    for path in ("", "/commitments", "/containers"):
        assert "プロジェクト no-such はありません。" in seen(client, f"/console/costs{path}?project=no-such", 404)
    for path in ("commitments", "containers"):
        address = f"/console/costs/{path}?project={filled.id}&month="
        assert "は月ではありません。" in seen(client, f"{address}2026-13", 422)
        assert "の 2019-01 のコストは公開されていません。" in seen(client, f"{address}2019-01", 404)


def test_line_items_that_lack_a_column_say_what_to_do(client: httpx.Client, own: Project) -> None:
    older(own, without=["usage_type"])
    shown = seen(client, f"/console/costs?project={own.id}&month=2024-10&group_by=usage_type", 409)
    assert f"cur requeue {own.id} --month 2024-10 --all" in shown


def commitments(project: Project) -> list[dict[str, str]]:
    plan = f"arn:aws:savingsplans::{project.account}:savingsplan/p1"
    of_plan = {"savingsPlan/SavingsPlanARN": plan}
    return [
        project.line(
            "SavingsPlanCoveredUsage",
            "8",
            {
                **of_plan,
                "savingsPlan/SavingsPlanEffectiveCost": "5",
                "pricing/publicOnDemandCost": "8",
                "lineItem/UsageType": "BoxUsage:m5",
            },
        ),
        project.line("SavingsPlanNegation", "-8", of_plan),
        project.line(
            "SavingsPlanRecurringFee",
            "20",
            {
                **of_plan,
                "savingsPlan/TotalCommitmentToDate": "20",
                "savingsPlan/UsedCommitment": "5",
                "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod": "0",
            },
        ),
        project.line("Usage", "24", {"lineItem/UsageType": "BoxUsage:m5", "pricing/publicOnDemandCost": "24"}),
        project.line(
            "Usage",
            "99",
            {
                "splitLineItem/ParentResourceId": "i-1",
                "splitLineItem/SplitCost": "0.75",
                "splitLineItem/UnusedCost": "0.25",
                "resourceTags/aws:eks:cluster-name": "blue",
                "lineItem/Operation": "EKSPod-EC2",
            },
        ),
    ]


def test_commitments_and_containers(make_project: Callable[..., Any], client: httpx.Client) -> None:
    project = make_project()
    project.bucket.deliver(MONTH, [csv_gz(commitments(project))])
    project.run()
    shown = seen(client, f"/console/costs/commitments?project={project.id}")
    assert '"name": "利用", "values": ["5.00"]' in shown
    assert '"name": "未利用", "values": ["15.00"]' in shown
    assert "25.00 %" in shown  # of 20, 5 are used; of 8 + 24 on demand, 8 are covered
    assert shown.count("25.00 %") == 2
    assert '"name": "オンデマンド", "values": ["24.00"]' in shown
    split = seen(client, f"/console/costs/containers?project={project.id}&month=2024-10")
    assert "blue" in split
    assert 'value="0.750000000000"' in split
    # beside it the total of which it is no part: 5 + 15 + 24
    assert 'value="44.000000000000"' in split
    nothing = make_project()
    nothing.bucket.deliver(MONTH, [csv_gz([nothing.line()])])
    nothing.run()
    assert "Savings Plans・リザーブドの記載はありません" in seen(
        client, f"/console/costs/commitments?project={nothing.id}"
    )
    assert "分割コスト配分データがありません" in seen(client, f"/console/costs/containers?project={nothing.id}")


def test_a_tag_whose_key_has_an_equals_sign_is_filtered_by(client: httpx.Client, project: Project) -> None:
    tagged = {"resourceTags/user:a=b": "x=y"}
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="1", more=tagged), project.line(cost="2")])])
    project.run()
    shown = seen(client, f"/console/costs?project={project.id}&month=2024-10&group_by=tag:a%3Db")
    [narrow] = {
        link for link in re.findall(r'href="(/console/costs\?[^"]+)"', shown) if "filter=" in link and "x" in link
    }
    narrowed = seen(client, narrow)
    assert rows_of(narrowed) == [("x=y", "1.000000000000")]
    report = client.get(exports(narrowed)["json"]).json()["data"]
    assert (report["filters"], report["reports"][0]["rows"]) == (
        ["tag:a%3Db=x=y"],
        [{"tag:a=b": "x=y", "amount": "1.000000000000"}],
    )


def test_costs_of_a_former_connection_say_so(client: httpx.Client, own: Project) -> None:
    page = f"/console/costs?project={own.id}&month=2024-10"
    assert "変更前の接続" not in seen(client, page)
    own.reconnect(prefix="elsewhere")
    assert "変更前の接続" in seen(client, page)
