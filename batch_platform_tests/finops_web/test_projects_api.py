"""Connections, files, months, restatements and insight over the API: who may, what is audited, what is never told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from batch_platform_tests.finops.bucket import MONTH, File, csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops_web.conftest import WHATEVER

SECRET = "external-id-8c2d"
ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture
def body() -> dict[str, Any]:
    return {
        "projectId": f"w-{uuid4().hex[:10]}",
        "name": "Acme",
        "bucket": "acme-billing",
        "prefix": "/cur/acme/",
        "reportName": "cur",
        "region": "ap-northeast-1",
        "roleArn": ROLE,
        "externalId": SECRET,
        "accountScope": ["123456789012"],
        "enabled": False,
    }


def connection(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**body, **changes}.items() if name not in ("projectId", "externalId")}


def test_a_change_of_what_has_changed_meanwhile_is_refused(client: httpx.Client, body: dict[str, Any]) -> None:
    path = f"/api/projects/{body['projectId']}"
    created = client.post("/api/projects", json=body).headers["etag"]
    seen = client.get(path).headers["etag"]
    assert seen == created
    first = client.put(path, json=connection(body, name="Acme 2"), headers={"If-Match": seen})
    assert (first.status_code, first.headers["etag"]) == (200, client.get(path).headers["etag"])
    late = client.put(path, json=connection(body, name="Acme 3"), headers={"If-Match": seen})
    assert (late.status_code, late.json()["type"], late.json()["field"]) == (
        412,
        "/problems/project-changed",
        "If-Match",
    )
    assert client.get(path).json()["data"]["name"] == "Acme 2"
    assert client.put(path, json=connection(body), headers={"If-Match": "x"}).status_code == 422
    unnamed = client.put(path, json=connection(body, name="Acme 3"))
    assert (unnamed.status_code, unnamed.json()["type"]) == (428, "/problems/if-match-missing")
    assert client.put(path, json=connection(body, name="Acme 3"), headers=WHATEVER).status_code == 200


def test_a_project_lives(client: httpx.Client, body: dict[str, Any], audit_rows: Callable[[str], Any]) -> None:
    name = body["projectId"]
    created = client.post("/api/projects", json=body)
    assert created.status_code == 201, created.text
    assert created.headers["location"] == f"/api/projects/{name}"
    shown = client.get(f"/api/projects/{name}").json()["data"]
    assert shown == {
        **connection(body),
        "projectId": name,
        "format": "auto",
        "withoutManifest": False,
        "hasExternalId": True,
        "warnings": [],
    }
    assert client.post("/api/projects", json=body).status_code == 409
    replace = partial(client.put, f"/api/projects/{name}", headers=WHATEVER)
    kept = replace(json=connection(body, name="Acme 2"))
    assert (kept.status_code, kept.json()["data"]["hasExternalId"]) == (200, True)
    forgotten = replace(json={**connection(body, name="Acme 2"), "externalId": None})
    assert forgotten.json()["data"]["hasExternalId"] is False
    bare = replace(json=connection(body, roleArn=None, enabled=True)).json()["data"]
    assert bare["warnings"]
    for _ in range(2):
        assert client.post(f"/api/projects/{name}:disable").json()["data"]["enabled"] is False
    would = client.delete(f"/api/projects/{name}", params={"dryRun": True}).json()["data"]
    assert would == {"projectId": name, "archivedMonths": [], "dryRun": True}
    assert client.get(f"/api/projects/{name}").status_code == 200
    for _ in range(2):
        assert client.delete(f"/api/projects/{name}").json()["data"] == would | {"dryRun": False}
    assert client.get(f"/api/projects/{name}").status_code == 404
    [archived] = client.get(f"/api/projects/{name}/archive").json()["data"]
    assert (archived["reason"], archived["month"]) == ("project_removed", None)
    assert client.delete("/api/projects/never-was").status_code == 404
    rows = audit_rows(name)
    assert [row[1] for row in rows] == [
        "cost-project.create",
        "cost-project.change",
        "cost-project.change",
        "cost-project.change",
        "cost-project.disable",
        "cost-project.remove",
    ]
    assert {row[0] for row in rows} == {"token:administrator"}
    assert SECRET not in str(rows) + created.text + kept.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bucket": "No Bucket"}, "bucket"),
        ({"roleArn": "role"}, "roleArn"),
        ({"roleArn": None}, "externalId"),
        ({"region": "tokyo"}, "region"),
        ({"reportName": "a/b"}, "reportName"),
        ({"projectId": "Acme"}, "projectId"),
        ({"accountScope": ["1"]}, "accountScope.0"),
        ({"enabled": "off"}, "enabled"),
        ({"secret": "x"}, "secret"),
        ({"format": "xml"}, "format"),
    ],
)
def test_a_connection_at_fault_is_refused_by_field(
    client: httpx.Client, body: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    answer = client.post("/api/projects", json={**body, **changes})
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert SECRET not in answer.text


def test_projects_are_paged(client: httpx.Client, make_project: Callable[[], Project]) -> None:
    made = sorted(make_project().id for _ in range(3))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/projects", params=query).json()["data"]
        seen += [one["projectId"] for one in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == sorted(set(seen))
    assert set(made) <= set(seen)
    assert client.get("/api/projects", params={"cursor": "x"}).json()["field"] == "cursor"


def test_viewers_read_and_write_nothing(
    viewer: httpx.Client, operator: httpx.Client, body: dict[str, Any], project: Project
) -> None:
    base = f"/api/projects/{project.id}"
    for path in ("", "/months", "/files", "/restatements", "/budgets"):
        assert viewer.get(base + path).status_code == 200, path
    writes = [
        ("POST", "/api/projects", body, 403),
        ("PUT", base, connection(body), 403),
        ("DELETE", base, None, 403),
        ("PUT", f"{base}/budgets", {"currency": "USD", "monthlyAmount": "1"}, 403),
        ("POST", f"{base}:test", None, 200),
        ("POST", f"{base}/files/requeue", {}, 200),
        ("POST", f"{base}/batch/cur-fetch", None, None),
    ]
    for method, path, json, of_operator in writes:
        assert viewer.request(method, path, json=json).status_code == 403, path
        if of_operator is not None:
            assert operator.request(method, path, json=json).status_code == of_operator, path


def test_a_connection_is_tried_step_by_step(client: httpx.Client, project: Project) -> None:
    tried = client.post(f"/api/projects/{project.id}:test").json()["data"]
    assert tried["passed"] is False
    assert [(step["name"], step["passed"]) for step in tried["steps"]] == [
        ("role and bucket", True),
        ("manifest", False),
    ]


def test_files_are_paged_filtered_and_requeued(
    client: httpx.Client, project: Project, audit_rows: Callable[[str], Any]
) -> None:
    good = csv_gz([project.line("Usage", "1")])
    project.bucket.deliver(MONTH, [good, File(b""), good])
    project.fetch()
    project.read()
    base = f"/api/projects/{project.id}/files"
    first = client.get(base, params={"limit": 2}).json()["data"]
    second = client.get(base, params={"limit": 2, "cursor": first["nextCursor"]}).json()["data"]
    assert [one["fileNo"] for one in (*first["items"], *second["items"])] == [0, 1, 2]
    assert second["nextCursor"] is None
    assert [one["fileNo"] for one in client.get(base, params={"offset": 2}).json()["data"]["items"]] == [2]
    [broken] = client.get(base, params={"status": "ERROR"}).json()["data"]["items"]
    assert (broken["status"], "zero bytes" in broken["error"]) == ("ERROR", True)
    assert client.get(base, params={"status": "LOST"}).status_code == 422
    assert client.get(base, params={"month": "2019-01"}).json()["data"]["items"] == []
    requeued = client.post(f"{base}/requeue", json={"objectKey": broken["objectKey"]}).json()["data"]
    assert requeued == [{"month": f"{MONTH:%Y-%m}", "objectKey": broken["objectKey"]}]
    assert project.statuses() == ["DONE", "PENDING", "DONE"]
    assert client.post(f"{base}/requeue", json={"objectKey": broken["objectKey"]}).status_code == 404
    assert client.post(f"{base}/requeue", json={}).json()["data"] == []
    assert [row[1] for row in audit_rows(project.id)] == ["cost-files.requeue"]


def test_months_restatements_and_insight(client: httpx.Client, project: Project) -> None:
    base = f"/api/projects/{project.id}"
    invoiced = {"bill/InvoiceId": "1"}
    assert client.get(f"{base}/forecast").status_code == 404
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "1.5", invoiced)])])
    project.run()
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "2", invoiced)])], assembly="second")
    project.run()
    [month] = client.get(f"{base}/months").json()["data"]
    assert (month["month"], month["state"], month["finalFrom"]) == (f"{MONTH:%Y-%m}", "restated", None)
    assert month["totals"]["USD"]["unblended"] == "2.000000000000"
    [change] = client.get(f"{base}/restatements").json()["data"]["items"]
    assert change["unblended"] == {
        "before": "1.500000000000",
        "after": "2.000000000000",
        "difference": "0.500000000000",
    }
    anomalies = client.get(f"{base}/anomalies").json()["data"]
    assert (anomalies["anomalies"], anomalies["upToDate"]) == ([], False)
    forecast = client.get(f"{base}/forecast", params={"month": f"{MONTH:%Y-%m}"}).json()["data"]
    assert (forecast["days"], forecast["manifestVersion"]) == ([], month["manifestVersion"])
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "3", invoiced)])], assembly="third")
    project.run()
    newest = client.get(f"{base}/restatements", params={"limit": 1}).json()["data"]
    older = client.get(f"{base}/restatements", params={"limit": 1, "cursor": newest["nextCursor"]}).json()["data"]
    assert (newest["items"][0]["unblended"]["after"], older) == (
        "3.000000000000",
        {"items": [change], "nextCursor": None},
    )
    other = client.get(f"/api/projects/{project.id}/files", params={"cursor": newest["nextCursor"]})
    assert (other.status_code, other.json()["type"]) == (422, "/problems/foreign-cursor")


def test_a_month_says_when_it_is_final_and_what_it_cannot_prove(client: httpx.Client, project: Project) -> None:
    arn = f"arn:aws:savingsplans::{project.account[::-1]}:savingsplan/1"
    figures = {"bill/InvoiceId": "", "savingsPlan/SavingsPlanARN": arn, "savingsPlan/SavingsPlanEffectiveCost": "2"}
    project.bucket.deliver(MONTH, [csv_gz([project.line("SavingsPlanCoveredUsage", "3", figures)])])
    project.run()
    [month] = client.get(f"/api/projects/{project.id}/months").json()["data"]
    waits = datetime.fromisoformat(month["finalFrom"]) - datetime.fromisoformat(month["deliveredAt"])
    assert (month["state"], waits) == ("closing", timedelta(days=10))
    [check] = [check for check in month["checks"] if check["name"] == "amortisation_identity"]
    assert check["description"].startswith(f"not provable, the fee rows of {arn} are not in the report; residual ")
    assert (check["passed"], check["blocking"]) == (False, False)
    assert "変更がなければ確定" in client.get(f"/console/projects/{project.id}").text
    shown = client.get(f"/console/costs?project={project.id}").text
    assert arn in shown
    assert "証明不可" in shown
