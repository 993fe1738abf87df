"""`GET …/costs` beyond a month of the summary: tags, days, filters, pages; and which keys there are."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import polars as pl
import pytest

from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project

AT = f"{MONTH:%Y-%m}"


def tag(project: Project) -> Project:
    def used(cost: str, team: str, day: int, **place: Any) -> dict[str, str]:
        tags = {"resourceTags/user:team": team, "costCategory/Env": "prod", "lineItem/ResourceId": f"i-{team}"}
        return project.line(cost=cost, more=tags, day=day, **place)

    before = date(2024, 9, 1)
    project.bucket.deliver(before, [csv_gz([used("40", "web", 30, month=before)])])
    project.bucket.deliver(MONTH, [csv_gz([used("1.5", "web", 1), used("2", "=db", 2), used("0.25", "", 2)])])
    project.run(before)
    project.run()
    return project


@pytest.fixture(scope="module")
def tagged(common: Project) -> Project:
    """To be read."""
    return tag(common)


@pytest.fixture
def own(project: Project) -> Project:
    """The same, to be changed."""
    return tag(project)


def ask(client: httpx.Client, project: Project, path: str = "costs", **query: Any) -> httpx.Response:
    return client.get(f"/api/projects/{project.id}/{path}", params=query)


def test_costs_by_tag_say_what_they_mean(client: httpx.Client, tagged: Project) -> None:
    answer = ask(client, tagged, month=AT, group_by="tag:team,day")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    [report] = data.pop("reports")
    version = tagged.files()[0]["version"]
    assert data == {
        "projectId": tagged.id,
        "month": AT,
        "monthState": "final",
        "manifestVersion": version,
        "start": "2024-10-01",
        "end": "2024-10-31",
        "months": [{"month": AT, "state": "final", "manifestVersion": version}],
        "missingMonths": [],
        "measure": "unblended",
        "groupBy": ["tag:team", "day"],
        "filters": [],
        "nextCursor": None,
    }
    assert report["rows"] == [
        {"tag:team": "web", "day": "2024-10-01", "amount": "1.500000000000"},
        {"tag:team": "=db", "day": "2024-10-02", "amount": "2.000000000000"},
        {"tag:team": "", "day": "2024-10-02", "amount": "0.250000000000"},
    ]
    assert (report["rowCount"], report["totals"]["unblended"]) == (3, "3.750000000000")
    again = client.get(answer.request.url, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert answer.headers["x-manifest-version"] == version


def test_files_are_whole_and_safe_in_a_spreadsheet(client: httpx.Client, tagged: Project) -> None:
    answer = ask(client, tagged, month=AT, group_by="tag:team", format="csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["tag:team"], row["amount"]) for row in lines] == [
        ("'=db", "2.000000000000"),
        ("web", "1.500000000000"),
        ("", "0.250000000000"),
    ]
    name = f"{tagged.id}-2024-10-01-2024-10-31-unblended-tag_team.csv"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    frame = pl.read_parquet(io.BytesIO(ask(client, tagged, month=AT, group_by="resource", format="parquet").content))
    assert frame.select("resource", "amount").rows() == [
        ("i-=db", 2),
        ("i-web", Decimal("1.5")),
        ("i-", Decimal("0.25")),
    ]


def test_days_of_several_months_and_filters(client: httpx.Client, tagged: Project) -> None:
    days = {"start": "2024-09-30", "end": "2024-11-01"}
    data = ask(client, tagged, **days, group_by="day").json()["data"]
    assert [row["amount"][:4] for row in data["reports"][0]["rows"]] == ["40.0", "1.50", "2.25"]
    assert (data["month"], data["missingMonths"]) == (None, ["2024-11"])
    assert [month["month"] for month in data["months"]] == ["2024-09", AT]
    filtered = {"filter": ["tag:user:team=web", "service=AmazonEC2"]}
    data = ask(client, tagged, **days, group_by="tag:team", **filtered).json()["data"]
    assert data["filters"] == ["service=AmazonEC2", "tag:user:team=web"]
    assert data["reports"][0]["rows"] == [{"tag:team": "web", "amount": "41.500000000000"}]
    untagged = ask(client, tagged, month=AT, group_by="", filter="tag:team=").json()["data"]["reports"][0]
    assert (untagged["rows"], untagged["totals"]["unblended"]) == ([{"amount": "0.250000000000"}], "0.250000000000")


@pytest.mark.parametrize("group_by", ["service,day", "resource,day"])
def test_pages_are_of_one_publication(client: httpx.Client, own: Project, group_by: str) -> None:
    days = {"start": "2024-09-01", "end": "2024-10-31", "group_by": group_by, "limit": 1}
    amounts, cursor = [], {}
    while True:
        data = ask(client, own, **days, **cursor).json()["data"]
        [report] = data["reports"]
        assert report["totals"]["unblended"] == "43.750000000000"
        amounts += [row["amount"] for row in report["rows"]]
        cursor = {"cursor": data["nextCursor"]}
        if cursor["cursor"] is None:
            break
        last = cursor
    assert len(amounts) == report["rowCount"]
    assert sum(map(Decimal, amounts)) == Decimal("43.75")
    other = ask(client, own, **{**days, "group_by": "day"}, **last)
    assert (other.status_code, other.json()["field"]) == (422, "cursor")
    own.bucket.deliver(MONTH, [csv_gz([own.line(cost="9")])], assembly="second")
    own.run()
    moved = ask(client, own, **days, **last)
    assert (moved.status_code, moved.json()["field"]) == (422, "cursor")


def test_keys_are_listed(client: httpx.Client, tagged: Project) -> None:
    assert ask(client, tagged, "costs/keys", month=AT).json()["data"] == {
        "projectId": tagged.id,
        "months": [AT],
        "tags": ["user:team"],
        "costCategories": ["Env"],
    }
    assert ask(client, tagged, "costs/keys", month="2019-01").status_code == 404


@pytest.mark.parametrize(
    ("query", "field", "detail"),
    [
        ({"group_by": "tag:nothing"}, "group_by", "known are user:team"),
        ({"group_by": "cost_category:env"}, "group_by", "known are Env"),
        ({"group_by": "tags"}, "group_by", "tag:KEY"),
        ({"start": "2024-10-01"}, "month", "either a month"),
        ({"filter": "team"}, "filter", "GROUP=VALUE"),
        ({"filter": "tag:nothing=1"}, "filter", "known are user:team"),
        ({"cursor": "x"}, "cursor", "cursor"),
        ({"limit": "0"}, "limit", ""),
        ({"format": "focus", "limit": "3"}, "limit", "no pages"),
    ],
)
def test_a_wrong_question_names_its_field(
    client: httpx.Client, tagged: Project, query: dict[str, str], field: str, detail: str
) -> None:
    answer = ask(client, tagged, **{"month": AT, **query})
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert detail in answer.json()["detail"]


def test_who_may_not_read_may_not(client: httpx.Client, tagged: Project, viewer: httpx.Client) -> None:
    assert ask(viewer, tagged, month=AT, group_by="tag:team").status_code == 200
    for path in ("costs", "costs/keys"):
        url = f"/api/projects/{tagged.id}/{path}"
        assert client.get(url, params={"month": AT}, headers={"Authorization": ""}).status_code == 401


def test_a_month_is_read_again(client: httpx.Client, own: Project, viewer: httpx.Client, audit_rows: Any) -> None:
    url = f"/api/projects/{own.id}/files/requeue"
    assert viewer.post(url, json={"month": AT, "allFiles": True}).status_code == 403
    [before] = own.files()
    answer = client.post(url, json={"month": AT, "allFiles": True})
    assert answer.json()["data"] == [{"month": AT, "objectKey": before["object_key"]}]
    assert [row[1] for row in audit_rows(own.id)] == ["cost-files.requeue"]
    assert own.statuses() == ["PENDING"]
    assert ask(client, own, month=AT, group_by="tag:team").status_code == 200, "what is published stays"
    assert MONTH in [month.month for month in own.context.months_to_aggregate(own.id)]
    own.read()
    assert own.publish().published is not None
    [after] = own.files()
    same = ("line_items_key", "line_items_sha256", "version", "status")
    assert [after[name] for name in same] == [before[name] for name in same]
