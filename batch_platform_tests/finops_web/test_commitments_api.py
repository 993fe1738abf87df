"""`GET …/commitments` and `GET …/costs/split`: exact, null where the report does not tell."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.test_commitments import PLAN, RESERVED, pod, rows_of

AT = f"{MONTH:%Y-%m}"


@pytest.fixture
def published(project: Project) -> Project:
    rows = [*rows_of(project), pod(project, "3", "0.5", "shop"), pod(project, "4", "1.25", "bank")]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.run()
    return project


def ask(client: httpx.Client, project: Project, path: str, **query: Any) -> httpx.Response:
    return client.get(f"/api/projects/{project.id}/{path}", params={"month": AT, **query})


def test_commitments(client: httpx.Client, viewer: httpx.Client, published: Project) -> None:
    answer = ask(viewer, published, "commitments")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (data["month"], data["monthState"], data["manifestVersion"]) == (
        AT,
        "final",
        published.files()[0]["version"],
    )
    assert data["commitments"][0] == {
        "arn": PLAN,
        "kind": "savings_plan",
        "currency": "USD",
        "used": "6.000000000000",
        "unused": "2.000000000000",
        "total": "8.000000000000",
        "utilization": "0.7500",
        "coveredCost": "6.000000000000",
        "onDemandCost": "10.000000000000",
        "savings": "2.000000000000",
    }
    assert data["commitments"][1]["arn"] == RESERVED
    assert data["coverage"][0]["service"] == "AmazonEC2" or data["coverage"][0]["coverage"] == "0.0000"
    assert data["totalCoverage"] == [
        {
            "service": None,
            "currency": "USD",
            "coveredBySavingsPlans": "10.000000000000",
            "coveredByReservations": "5.000000000000",
            "onDemand": "9.500000000000",
            "coverage": "0.6122",
        }
    ]
    again = client.get(answer.request.url, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert ask(client, published, "commitments", month="2019-01").status_code == 404
    assert client.get(f"/api/projects/{published.id}/commitments").status_code == 422


def test_split_costs(client: httpx.Client, published: Project) -> None:
    data = ask(client, published, "costs/split", limit=1).json()["data"]
    assert (data["groupBy"], data["inTotals"], data["rowCount"]) == (
        ["tag:aws:eks:cluster-name", "tag:aws:eks:namespace"],
        False,
        3,
    )
    [report] = data["reports"]
    assert report["rows"] == [
        {
            "tag:aws:eks:cluster-name": "tokyo",
            "tag:aws:eks:namespace": "bank",
            "split_cost": "4.000000000000",
            "unused_cost": "1.250000000000",
            "net_split_cost": "4.000000000000",
            "net_unused_cost": "1.250000000000",
        }
    ]
    assert report["totals"]["split_cost"] == "7.000000000000"
    assert report["leftOutOf"]["unblended"] == "32.000000000000"
    rest = ask(client, published, "costs/split", limit=5, cursor=data["nextCursor"]).json()["data"]
    assert [row["tag:aws:eks:namespace"] for row in rest["reports"][0]["rows"]] == ["shop", ""]
    assert rest["nextCursor"] is None
    total = ask(client, published, "costs", group_by="tag:aws:eks:namespace").json()["data"]["reports"][0]
    assert total["totals"]["unblended"] == "32.000000000000"
    wrong = ask(client, published, "costs/split", group_by="charge_class")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "group_by")
