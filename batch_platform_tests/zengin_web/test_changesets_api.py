"""`/api/zengin/changesets`: bulk approval bound to its payload, rejection, the hold and its two keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from batch_platform.kit.session import DEMO, of_demo
from batch_platform.settings import Settings
from batch_platform.zengin import demo, service
from batch_platform.zengin.model import Changeset, Limits
from batch_platform.zengin.service import ZenginContext
from batch_platform_tests.web.rig import Call
from batch_platform_tests.zengin_web.conftest import Master
from batch_platform_tests.zengin_web.releases import first, second

CHANGESETS = "/api/zengin/changesets"
ROWS = 10


@pytest.fixture
def changeset(master: Master) -> Changeset:
    master.load(first(8))
    return master.propose(second(8, 3))


def decide(client: httpx.Client, changeset: Changeset, action: str, **body: Any) -> Any:
    return client.post(f"{CHANGESETS}/{changeset.id}/{action}", json=body)


def statuses(master: Master, changeset: Changeset) -> set[str]:
    return {record.status.value for record in master.records(changeset).values()}


def test_a_changeset_and_its_records(approver: httpx.Client, changeset: Changeset) -> None:
    answer = approver.get(f"{CHANGESETS}/{changeset.id}")
    told = answer.json()["data"]
    assert answer.headers["etag"] == f'"{changeset.version}"'
    assert (told["verdict"], told["status"], told["holdReason"]) == ("accepted", "pending", None)
    assert told["counts"]["rows"] == ROWS
    assert told["counts"]["branches.update"] == 6
    assert (told["counts"]["banks.deletion"], told["needsApprovals"]) == (1, 2)
    diffs = approver.get(f"{CHANGESETS}/{changeset.id}/diffs").json()["data"]
    assert len(diffs) == ROWS
    listed = approver.get(CHANGESETS, params={"limit": 1}).json()["data"]
    assert [one["id"] for one in listed["items"]] == [changeset.id]
    [older] = approver.get(CHANGESETS, params={"cursor": listed["nextCursor"]}).json()["data"]["items"]
    assert older["status"] == "applied"
    assert approver.get(CHANGESETS, params={"status": "held"}).json()["data"]["items"] == []
    for path in (f"{CHANGESETS}/none", f"{CHANGESETS}/none/diffs"):
        assert approver.get(path).status_code == 404
    assert approver.get(CHANGESETS, params={"cursor": "x"}).json()["field"] == "cursor"


def test_approval_is_bound_to_the_payload(
    approver: httpx.Client, colleague: httpx.Client, master: Master, changeset: Changeset, audit_rows: Call
) -> None:
    right: dict[str, Any] = {"payloadHash": changeset.payload_hash, "count": ROWS}
    for wrong in ({"payloadHash": "0" * 64}, {"count": ROWS - 1}, {"version": changeset.version + 1}):
        assert decide(approver, changeset, "approve", **{**right, **wrong}).status_code == 409
    assert decide(approver, changeset, "approve").status_code == 422
    assert statuses(master, changeset) == {"pending"}
    first_word = decide(approver, changeset, "approve", **right)
    assert first_word.status_code == 200
    assert first_word.json()["data"]["waiting"] > 0
    assert decide(approver, changeset, "approve", **right).status_code in (409, 422)
    assert "pending" in statuses(master, changeset)
    second_word = decide(colleague, changeset, "approve", **right)
    assert (second_word.status_code, second_word.json()["data"]["waiting"]) == (200, 0)
    assert second_word.json()["data"]["changeset"]["status"] == "approved"
    assert statuses(master, changeset) == {"approved"}
    rows = audit_rows(changeset.id)
    assert [row[:2] for row in rows] == [
        ("token:ann", "bank-changeset.approve"),
        ("token:bob", "bank-changeset.approve"),
    ]


def test_the_demo_approves_in_the_name_of_people(
    settings: Settings, context: ZenginContext, changeset: Changeset, audit_rows: Call
) -> None:
    with of_demo(settings, context) as session:
        for account in ("local:hanako", "local:taro", "local:taro"):
            demo.approve(session.speaking_for(account), changeset.id, print)
    assert [(who, what, after["via"]) for who, what, _, after in audit_rows(changeset.id)] == [
        ("local:hanako", "bank-changeset.approve", DEMO),
        ("local:taro", "bank-changeset.approve", DEMO),
    ]


def test_a_changeset_is_rejected(approver: httpx.Client, master: Master, changeset: Changeset) -> None:
    assert decide(approver, changeset, "reject").status_code == 422
    assert decide(approver, changeset, "reject", reason="no", version=99).status_code == 409
    done = decide(approver, changeset, "reject", reason="A stale file.")
    assert (done.status_code, done.json()["data"]["moved"]) == (200, ROWS)
    assert done.json()["data"]["changeset"]["status"] == "rejected"
    assert statuses(master, changeset) == {"rejected"}


def test_only_approvers_decide(
    approver: httpx.Client, viewer: httpx.Client, operator: httpx.Client, changeset: Changeset
) -> None:
    body = {"payloadHash": changeset.payload_hash, "count": ROWS}
    for client in (viewer, operator):
        assert decide(client, changeset, "approve", **body).status_code == 403
        assert decide(client, changeset, "reject", reason="no").status_code == 403
        assert decide(client, changeset, "override").status_code == 403
        assert decide(client, changeset, "rollback").status_code == 403


def test_a_hold_is_overridden_by_two(
    approver: httpx.Client, colleague: httpx.Client, app: Any, master: Master, audit_rows: Call
) -> None:
    master.load(first(8))
    master.context = app.state.zengin = replace(master.context, limits=Limits())
    held = master.propose(second(8, 3))
    assert (held.verdict, held.status) == ("held", "held")
    shown = approver.get(f"{CHANGESETS}/{held.id}").json()["data"]
    assert shown["holdReason"] == "brake"
    assert shown["reason"]
    assert approver.get(f"{CHANGESETS}/{held.id}/diffs").json()["data"] == []
    one = decide(approver, held, "override", version=held.version)
    assert one.json()["data"]["changeset"]["status"] == "held"
    assert decide(approver, held, "override").status_code in (409, 422)
    two = decide(colleague, held, "override")
    assert two.json()["data"]["changeset"]["status"] == "pending"
    assert two.json()["data"]["moved"] == ROWS
    assert len(approver.get(f"{CHANGESETS}/{held.id}/diffs").json()["data"]) == ROWS
    assert decide(colleague, held, "override").status_code == 409
    assert [row[1] for row in audit_rows(held.id)] == ["bank-changeset.override"] * 2


def test_an_applied_changeset_is_undone_by_another(
    approver: httpx.Client, colleague: httpx.Client, master: Master, changeset: Changeset, audit_rows: Call
) -> None:
    assert decide(approver, changeset, "rollback").status_code == 409
    assert approver.post(f"{CHANGESETS}/none/rollback").status_code == 404
    master.approve(changeset)
    service.apply(master.context, master.context.business_date())
    applied = service.changeset(master.context, changeset.id)
    assert decide(approver, changeset, "rollback", version=applied.version + 1).status_code == 409
    first_call = decide(approver, changeset, "rollback", version=applied.version)
    told = first_call.json()["data"]
    assert (first_call.status_code, first_call.headers["etag"]) == (200, f'"{told["version"]}"')
    assert (told["inverseOf"], told["status"], told["counts"]["rows"]) == (changeset.id, "pending", ROWS)
    assert decide(colleague, changeset, "rollback").json()["data"] == told
    rows = audit_rows(changeset.id)
    assert [row[:2] for row in rows] == [
        ("token:ann", "bank-changeset.rollback"),
        ("token:bob", "bank-changeset.rollback"),
    ]
    assert rows[0][3]["inverse"] == told["id"]


def test_whoever_proposes_a_reversal_is_not_its_only_approver(
    approver: httpx.Client, colleague: httpx.Client, master: Master
) -> None:
    master.load(first(8))
    release = first(8)
    release.branch("0901", "002", "駅前通", "エキマエドオリ")
    changeset = master.propose(release)
    master.approve(changeset)
    service.apply(master.context, master.context.business_date())
    inverse = decide(approver, changeset, "rollback").json()["data"]
    assert (inverse["proposedBy"], inverse["needsApprovals"]) == ("token:ann", 1)
    body = {"payloadHash": inverse["payloadHash"], "count": 1}
    path = f"{CHANGESETS}/{inverse['id']}/approve"
    own = approver.post(path, json=body).json()
    assert (own["data"]["moved"], own["data"]["waiting"]) == (1, 1)
    assert own["data"]["changeset"]["status"] == "pending"
    [record] = approver.get(f"{CHANGESETS}/{inverse['id']}/diffs").json()["data"]
    one = f"/api/zengin/diffs/{record['id']}/approve"
    refused = approver.post(one)
    assert refused.status_code == 409
    assert "has approved record" in refused.json()["detail"]
    done = colleague.post(one).json()["data"]
    assert (done["record"]["status"], done["waiting"]) == ("approved", False)


def test_a_held_changeset_is_rejected_as_a_whole(approver: httpx.Client, app: Any, master: Master) -> None:
    master.load(first(8))
    master.context = app.state.zengin = replace(master.context, limits=Limits())
    held = master.propose(second(8, 3))
    done = decide(approver, held, "reject", reason="A truncated file.")
    assert done.json()["data"]["changeset"]["status"] == "rejected"
    assert service.changeset(master.context, held.id).status == "rejected"
