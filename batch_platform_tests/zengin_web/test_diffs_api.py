"""`/api/zengin/diffs`: lists, one record, and what an approver decides about it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.operations.alerts import judge
from batch_platform.zengin import service
from batch_platform.zengin.alerts import RULES
from batch_platform.zengin.model import Changeset
from batch_platform_tests.web.rig import Call
from batch_platform_tests.zengin_web.conftest import Master
from batch_platform_tests.zengin_web.releases import first, second

DIFFS = "/api/zengin/diffs"


@pytest.fixture
def changeset(master: Master) -> Changeset:
    master.load(first(8))
    return master.propose(second(8, 3))


def decide(client: httpx.Client, record: Any, action: str, **body: Any) -> Any:
    return client.post(f"{DIFFS}/{record.id}/{action}", json=body)


def test_records_are_listed_by_status_a_page_at_a_time(
    approver: httpx.Client, master: Master, changeset: Changeset
) -> None:
    expected = {record.id for record in master.records(changeset).values()}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 4, **({"cursor": cursor} if cursor else {})}
        data = approver.get(DIFFS, params=params).json()["data"]
        assert len(data["items"]) <= 4
        seen += [item["id"] for item in data["items"]]
        if (cursor := data["nextCursor"]) is None:
            break
    assert len(seen) == len(expected)
    assert set(seen) == expected
    assert approver.get(DIFFS, params={"status": "rejected"}).json()["data"] == {"items": [], "nextCursor": None}
    for bad in ({"status": "gone"}, {"cursor": "x"}, {"limit": "0"}, {"state": "pending"}):
        answer = approver.get(DIFFS, params=bad)
        assert (answer.status_code, answer.json()["field"]) == (422, next(iter(bad)))


def test_a_record_by_the_names_of_the_table(approver: httpx.Client, master: Master, changeset: Changeset) -> None:
    record = master.records(changeset)["0901-001"]
    answer = approver.get(f"{DIFFS}/{record.id}")
    told = answer.json()["data"]
    assert answer.headers["etag"] == '"1"'
    assert (told["status"], told["diffType"], told["table"], told["key"]) == (
        "pending",
        "update",
        "branches",
        "0901-001",
    )
    assert told["changes"]["branchName"] == {"old": "本店営業部", "new": "本店"}
    assert told["zenginData"]["branchCode"] == "001"
    assert told["currentData"]["bankCode"] == "0901"
    assert (told["version"], told["changesetId"], told["approvedBy"], told["ttl"]) == (1, changeset.id, None, None)
    assert approver.get(f"{DIFFS}/diff-20261120-000000000000").status_code == 404
    assert approver.get(f"{DIFFS}/other").status_code == 422


def test_approved_and_revoked(approver: httpx.Client, master: Master, changeset: Changeset, audit_rows: Call) -> None:
    record = master.records(changeset)["0901-001"]
    done = decide(approver, record, "approve", version=1, notBefore="2026-12-01")
    told = done.json()["data"]
    assert (done.status_code, done.headers["etag"], told["waiting"]) == (200, '"2"', False)
    assert (told["record"]["status"], told["record"]["approvedBy"]) == ("approved", "token:ann")
    assert told["record"]["notBefore"] == "2026-12-01"
    assert decide(approver, record, "approve").status_code == 409
    back = approver.post(f"{DIFFS}/{record.id}/revoke", headers={"If-Match": '"2"'})
    assert (back.status_code, back.json()["data"]["record"]["status"]) == (200, "pending")
    assert back.json()["data"]["record"]["approvals"] == []
    rows = audit_rows(record.id)
    assert [row[:2] for row in rows] == [("token:ann", "bank-diff.approve"), ("token:ann", "bank-diff.revoke")]
    assert (rows[0][2]["status"], rows[0][3]["status"]) == ("pending", "approved")


def test_another_version_moves_nothing(approver: httpx.Client, master: Master, changeset: Changeset) -> None:
    record = master.records(changeset)["0901-001"]
    for action, body in (("approve", {}), ("reject", {"reason": "no"})):
        assert decide(approver, record, action, version=7, **body).status_code == 409
        stale = approver.post(f"{DIFFS}/{record.id}/{action}", json=body, headers={"If-Match": '"7"'})
        assert stale.status_code == 409
        odd = approver.post(f"{DIFFS}/{record.id}/{action}", json={**body, "version": 1}, headers={"If-Match": '"7"'})
        assert (odd.status_code, odd.json()["field"]) == (422, "If-Match")
    assert master.status(record) == "pending"


def test_a_rejection_needs_a_reason_and_is_remembered(
    approver: httpx.Client, master: Master, changeset: Changeset
) -> None:
    record = master.records(changeset)["0901-001"]
    for body in ({}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}):
        answer = decide(approver, record, "reject", **body)
        assert (answer.status_code, answer.json()["field"]) == (422, "reason")
    rejected = decide(approver, record, "reject", reason="The branch has not changed.")
    assert rejected.json()["data"]["record"]["status"] == "rejected"
    assert rejected.json()["data"]["record"]["ttl"] is not None
    release = second(8, 3)
    release.branch("0901", "011", "新港", "シンコウ")
    again = master.records(master.propose(release))
    assert "0901-011" in again
    assert "0901-001" not in again


def test_only_approvers_decide(
    approver: httpx.Client, viewer: httpx.Client, operator: httpx.Client, master: Master, changeset: Changeset
) -> None:
    record = master.records(changeset)["0901-001"]
    for client in (viewer, operator):
        for action in ("approve", "reject", "revoke", "retry"):
            assert decide(client, record, action, reason="no").status_code == 403
        assert client.get(f"{DIFFS}/{record.id}").status_code == 200
    assert master.status(record) == "pending"


def test_a_bank_is_not_closed_by_one_person(
    approver: httpx.Client, colleague: httpx.Client, master: Master, changeset: Changeset
) -> None:
    record = master.records(changeset)["0904"]
    once = decide(approver, record, "approve", version=1).json()["data"]
    assert (once["waiting"], once["record"]["status"]) == (True, "pending")
    assert [one["account"] for one in once["record"]["approvals"]] == ["token:ann"]
    twice = decide(approver, record, "approve")
    assert twice.status_code in (409, 422)
    assert master.status(record) == "pending"
    other = decide(colleague, record, "approve", version=once["record"]["version"]).json()["data"]
    assert (other["waiting"], other["record"]["status"]) == (False, "approved")
    assert [one["account"] for one in other["record"]["approvals"]] == ["token:ann", "token:bob"]


def test_an_applied_record_says_so(approver: httpx.Client, master: Master, changeset: Changeset) -> None:
    record = master.records(changeset)["0901-001"]
    decide(approver, record, "approve")
    service.apply(master.context, master.context.business_date())
    told = approver.get(f"{DIFFS}/{record.id}").json()["data"]
    assert (told["status"], told["approvedBy"]) == ("completed", "token:ann")
    assert told["executedAt"] is not None
    assert told["executionResult"]["success"] is True
    assert decide(approver, record, "revoke").status_code == 409


def test_a_failed_record_is_told_of_and_applied_again(
    approver: httpx.Client, master: Master, changeset: Changeset, pool: postgres.Pool, audit_rows: Call
) -> None:
    record = master.records(changeset)["0901-001"]
    assert decide(approver, record, "retry").status_code == 409
    decide(approver, record, "approve")
    rename = "UPDATE zengin.branches SET branch_name = %s WHERE (bank_code, branch_code) = ('0901', '001')"
    with postgres.transaction(pool) as connection:
        connection.execute(rename, ["by hand"])
    assert incidents(pool) == []
    service.apply(master.context, master.context.business_date())
    failed = approver.get(f"{DIFFS}/{record.id}").json()["data"]
    assert (failed["status"], "changed after it was compared" in failed["error"]) == ("failed", True)
    assert incidents(pool) == [
        (changeset.id, "warning", f"approved changes of {changeset.id} could not be applied: 1 record failed")
    ]
    assert decide(approver, record, "retry", version=failed["version"] + 1).status_code == 409
    assert approver.post(f"{DIFFS}/{record.id}/retry", headers={"If-Match": '"77"'}).status_code == 409
    again = {"Idempotency-Key": f"retry-{record.id}-{uuid4()}"}
    body = {"version": failed["version"]}
    answers = [approver.post(f"{DIFFS}/{record.id}/retry", json=body, headers=again) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["data"]["record"]["status"] == "approved"
    assert [row[1] for row in audit_rows(record.id)] == ["bank-diff.approve", "bank-diff.retry"]
    assert incidents(pool) == []
    with postgres.transaction(pool) as connection:
        connection.execute(rename, ["本店営業部"])
    service.apply(master.context, master.context.business_date())
    assert master.status(record) == "completed"


def incidents(pool: postgres.Pool) -> list[tuple[str, str, str]]:
    """What the rule has open after it was judged."""
    [rule] = [rule for rule in RULES if rule.name == "zengin-failed"]
    judge(pool, rule, now=utc_now())
    with postgres.transaction(pool) as connection:
        return connection.execute(
            "SELECT subject, severity, summary FROM operations.incidents WHERE rule = %s AND resolved_at IS NULL",
            [rule.name],
        ).fetchall()


def test_the_document_tells_of_every_route(approver: httpx.Client) -> None:
    paths = approver.get("/openapi.json").json()["paths"]
    ours = {path: item for path, item in paths.items() if path.startswith("/api/zengin")}
    assert len(ours) == 16
    for path, item in ours.items():
        for method, operation in item.items():
            assert operation["x-permission"] == ("zengin:read" if method == "get" else "zengin:approve"), path
