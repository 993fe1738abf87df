"""What people decide through the API: approve as seen, by one or two; cancel; resume; reverse, once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from batch_platform.btc import service
from batch_platform.btc.model import BatchStatus
from batch_platform_tests.btc.service_tools import BTC, expected
from batch_platform_tests.btc_web.asking import HERE, data, send, together
from batch_platform_tests.btc_web.conftest import Office
from batch_platform_tests.web.rig import Call


def seen(operation: dict[str, Any]) -> dict[str, Any]:
    """What somebody approves who has looked at it."""
    return {
        "count": operation["target_user_count"],
        "sum": operation["plan_sum"],
        "plan_sha256": operation["plan_sha256"],
    }


def planned(client: httpx.Client, rate: int = 5) -> dict[str, Any]:
    made = data(send(client, {"adjustment_rate": rate}))
    assert made["status"] == "planned"
    return made


# approving


def test_a_setting_makes_a_batch_wait_for_a_look(
    office: Office, administrator: httpx.Client, audit_rows: Call
) -> None:
    office.set(require_approval=True)
    answer = send(administrator, {"adjustment_rate": 5})
    made = data(answer)
    assert (answer.status_code, made["status"], made["approvals"]) == (202, "planned", [])
    assert made["approvals_missing"] == 1
    assert "1 more approval(s) needed" in answer.json()["message"]
    assert office.runner.launches == {}

    done = data(send(administrator, seen(made), path=f"/{made['batch_id']}/approve"))
    assert (done["status"], [one["account"] for one in done["approvals"]]) == ("processing", ["token:ann"])
    assert len(office.runner.launches) == 1
    office.apply()
    assert office.booked(made["batch_id"]) == expected(office.before, "5")
    rows = audit_rows(made["batch_id"])
    assert [row[1] for row in rows] == ["btc-batch.create", "btc-batch.approve"]
    assert (rows[1][2]["approvals"], rows[1][3]["approvals"]) == ([], ["token:ann"])


def test_only_what_was_sealed_can_be_approved(office: Office, administrator: httpx.Client, audit_rows: Call) -> None:
    office.set(require_approval=True)
    made = planned(administrator)
    others = ({"count": 12}, {"sum": "1050006.54667502"}, {"sum": "0"}, {"plan_sha256": "0" * 64})
    for other in others:
        refused = send(administrator, {**seen(made), **other}, path=f"/{made['batch_id']}/approve")
        assert (refused.status_code, refused.json()["field"]) == (409, next(iter(other)))
    assert office.batch(made["batch_id"]).approvals == ()
    assert [row[1] for row in audit_rows(made["batch_id"])] == ["btc-batch.create"]


REFUSED_APPROVALS: list[tuple[dict[str, Any], str]] = [
    ({"count": "11"}, "count"),
    ({"count": -1}, "count"),
    ({"count": 11.0}, "count"),
    ({"sum": 1050006.5}, "sum"),
    ({"sum": "1e6"}, "sum"),
    ({"sum": "9" * 19}, "sum"),
    ({"plan_sha256": "abc"}, "plan_sha256"),
    ({"plan_sha256": None}, "plan_sha256"),
    ({"force": True}, "force"),
]


def test_an_approval_is_written_exactly(office: Office, administrator: httpx.Client) -> None:
    office.set(require_approval=True)
    made = planned(administrator)
    for other, field in REFUSED_APPROVALS:
        refused = send(administrator, {**seen(made), **other}, path=f"/{made['batch_id']}/approve")
        assert (refused.status_code, refused.json()["field"]) == (422, field), other


@pytest.mark.parametrize("look", [False, True])
def test_a_second_person_has_to_approve(
    office: Office, administrator: httpx.Client, colleague: httpx.Client, audit_rows: Call, *, look: bool
) -> None:
    office.set(second_approver=True, require_approval=look)
    made = planned(administrator)
    path = f"/{made['batch_id']}/approve"
    assert made["approvals_missing"] == 1 + look
    if look:
        first = data(send(administrator, seen(made), path=path))
        assert (first["status"], first["approvals_missing"]) == ("planned", 1)
    again = send(administrator, seen(made), path=path)
    assert (again.status_code, again.json()["field"]) == (409, "approvals")
    assert office.runner.launches == {}
    resumed = send(administrator, path=f"/{made['batch_id']}/resume")
    assert (resumed.status_code, resumed.json()["field"]) == (409, "approvals")

    done = data(send(colleague, seen(made), path=path))
    assert (done["status"], done["approvals_missing"]) == ("processing", 0)
    assert [one["account"] for one in done["approvals"]] == ["token:ann", "token:bob"]
    assert len(audit_rows(made["batch_id"])) == 2 + look
    office.apply()
    assert office.batch(made["batch_id"]).status is BatchStatus.COMPLETED


def test_two_people_who_approve_at_once_start_it_once(
    office: Office, administrator: httpx.Client, colleague: httpx.Client
) -> None:
    office.set(require_approval=True)
    made = planned(administrator)
    path = f"/{made['batch_id']}/approve"
    answers = together(*(lambda one=one: send(one, seen(made), path=path) for one in (administrator, colleague)))
    assert sorted(answer.status_code for answer in answers) in ([200, 200], [200, 409])
    assert office.batch(made["batch_id"]).status is BatchStatus.PROCESSING
    office.apply()
    assert office.booked(made["batch_id"]) == expected(office.before, "5")


def test_an_approval_that_was_not_written_down_is_so_by_the_next_call(
    office: Office, administrator: httpx.Client, audit_rows: Call
) -> None:
    office.set(require_approval=True)
    made = planned(administrator)
    # the web was killed between the approval and its row
    sealed = office.batch(made["batch_id"])
    service.approve(
        office.context,
        sealed.batch_id,
        by="token:ann",
        count=sealed.target_user_count,
        amount=sealed.plan_sum or 0,
        plan_sha256=sealed.plan_sha256 or "",
    )
    done = data(send(administrator, seen(made), path=f"/{made['batch_id']}/approve"))
    assert (done["status"], len(done["approvals"])) == ("processing", 1)
    assert [row[1] for row in audit_rows(made["batch_id"])] == ["btc-batch.create", "btc-batch.approve"]


# cancelling


def test_a_planned_batch_can_be_cancelled(office: Office, administrator: httpx.Client, audit_rows: Call) -> None:
    office.set(require_approval=True)
    made = planned(administrator)
    for _ in range(2):
        done = data(send(administrator, path=f"/{made['batch_id']}/cancel"))
        assert (done["status"], done["error_message"]) == ("cancelled", "cancelled by token:ann")
    assert [row[1] for row in audit_rows(made["batch_id"])] == ["btc-batch.create", "btc-batch.cancel"]
    late = send(administrator, seen(made), path=f"/{made['batch_id']}/approve")
    assert (late.status_code, late.json()["field"]) == (409, "status")
    assert office.balances() == office.before
    assert planned(administrator)["batch_id"] != made["batch_id"]


def test_a_batch_that_has_begun_cannot_be_cancelled(office: Office, administrator: httpx.Client) -> None:
    made = data(send(administrator, {"adjustment_rate": 5}))
    for applied in (False, True):
        if applied:
            office.apply()
        refused = send(administrator, path=f"/{made['batch_id']}/cancel")
        assert (refused.status_code, refused.json()["field"]) == (409, "status")
    assert office.batch(made["batch_id"]).status is BatchStatus.COMPLETED


# resuming


def test_a_dead_workers_batch_is_resumed_and_a_living_ones_is_not(
    office: Office, administrator: httpx.Client, audit_rows: Call
) -> None:
    batch = office.take(office.make(apply=False))
    refused = send(administrator, path=f"/{batch.batch_id}/resume")
    assert refused.status_code == 409
    assert "worked on" in refused.json()["detail"]
    assert office.runner.launches == {}
    office.later()
    answer = send(administrator, path=f"/{batch.batch_id}/resume")
    assert (answer.status_code, data(answer)["status"]) == (202, "processing")
    office.apply()
    assert office.booked(batch.batch_id) == expected(office.before, "5")
    ended = send(administrator, path=f"/{batch.batch_id}/resume")
    assert (ended.status_code, ended.json()["field"]) == (409, "status")
    assert [row[1] for row in audit_rows(batch.batch_id)] == ["btc-batch.resume"]


def test_a_failed_batch_goes_on_when_somebody_says_so(office: Office, administrator: httpx.Client) -> None:
    made = data(send(administrator, {"adjustment_rate": 5}))
    batches = office.context.store.batches
    batches.move(office.batch(made["batch_id"]), BatchStatus.FAILED, error_message="somebody has to look")
    failed = data(administrator.get(f"{HERE}/{made['batch_id']}"))["operation"]
    assert failed["error_message"] == "somebody has to look"
    blocked = send(administrator, {"adjustment_rate": 1})
    assert (blocked.status_code, made["batch_id"] in blocked.json()["detail"]) == (409, True)
    again = data(send(administrator, path=f"/{made['batch_id']}/resume"))
    assert (again["status"], again["error_message"]) == ("processing", None)
    office.apply()
    assert office.booked(made["batch_id"]) == expected(office.before, "5")


def test_a_batch_whose_run_was_cancelled_gets_another(office: Office, administrator: httpx.Client) -> None:
    made = data(send(administrator, {"adjustment_rate": 5}))
    [run_id] = office.runner.launches
    office.runner.cancel(run_id, requested_by="local:eve")
    office.apply()
    assert office.batch(made["batch_id"]).status is BatchStatus.PROCESSING
    data(send(administrator, path=f"/{made['batch_id']}/resume"))
    assert len(office.runner.launches) == 2
    office.apply()
    assert office.batch(made["batch_id"]).status is BatchStatus.COMPLETED


# reversing


def test_a_reversal_gives_back_what_was_booked_and_leaves_later_activity(
    office: Office, administrator: httpx.Client, audit_rows: Call
) -> None:
    made = data(send(administrator, {"adjustment_rate": 5}))["batch_id"]
    early = send(administrator, path=f"/{made}/reverse")
    assert (early.status_code, "nothing to reverse" in early.json()["detail"]) == (409, True)
    office.apply()
    office.context.store.accounts.deposit("user-05", 77, transaction_id="later", created_by="user")

    shown = data(send(administrator, path=f"/{made}/reverse/preview"))
    assert (shown["adjustment_rate"], shown["plan_sum"][0]) == (-5, "-")
    answer = send(administrator, {"memo": "wrong month"}, path=f"/{made}/reverse", key="back")
    back = data(answer)
    assert (answer.status_code, back["status"], back["reverses"], back["memo"]) == (
        202,
        "processing",
        made,
        "wrong month",
    )
    assert answer.headers["location"] == f"{HERE}/{back['batch_id']}"
    assert (back["plan_sha256"], back["plan_sum"]) == (shown["plan_sha256"], shown["plan_sum"])
    assert send(administrator, {"memo": "wrong month"}, path=f"/{made}/reverse", key="back").text == answer.text
    office.apply()
    assert office.balances() == {**office.before, "user-05": office.before["user-05"] + 77}
    assert office.house() == 0
    assert data(administrator.get(f"{HERE}/{back['batch_id']}/proof"))["ok"] is True
    assert data(administrator.get(f"{HERE}/{made}"))["operation"]["reversed_by"] == back["batch_id"]
    [row] = audit_rows(back["batch_id"])
    assert (row[1], row[3]["reverses"]) == ("btc-batch.create", made)

    for path in (f"/{made}/reverse", f"/{made}/reverse/preview"):
        twice = send(administrator, path=path)
        assert (twice.status_code, back["batch_id"] in twice.json()["detail"]) == (409, True)
        again = send(administrator, path=path.replace(made, back["batch_id"]))
        told = f"batch {back['batch_id']} is the reversal of {made} and cannot be reversed itself"
        assert (again.status_code, told in again.json()["detail"]) == (409, True)
    listed = {one["batch_id"]: one for one in data(administrator.get(HERE))["items"]}
    shown = data(administrator.get(f"{HERE}/{made}"))["operation"]
    for one in (listed[made], shown):
        assert (one["reversed_by"], one["reversal_status"]) == (back["batch_id"], "completed")
    assert (listed[back["batch_id"]]["reverses"], listed[back["batch_id"]]["reversal_status"]) == (made, None)


def test_a_large_sum_starts_by_an_approval_that_names_it(office: Office, administrator: httpx.Client) -> None:
    office.set(confirm_above=BTC)
    answer = send(administrator, {"adjustment_rate": 5}, key="large")
    made = data(answer)
    assert (made["status"], made["approvals"], made["approvals_missing"]) == ("planned", [], 1)
    assert answer.json()["message"].endswith("1 more approval(s) needed that name its sum")
    wrong = send(administrator, seen(made) | {"sum": "1.00000000"}, path=f"/{made['batch_id']}/approve")
    assert (wrong.status_code, wrong.json()["field"]) == (409, "sum")
    started = data(send(administrator, seen(made), path=f"/{made['batch_id']}/approve"))
    assert started["status"] == "processing"
    office.apply()
    back = data(send(administrator, path=f"/{made['batch_id']}/reverse"))
    assert back["status"] == "planned"
    data(send(administrator, path=f"/{back['batch_id']}/cancel"))
    office.set(confirm_above=10**16)
    assert data(send(administrator, path=f"/{made['batch_id']}/reverse"))["status"] == "processing"


def test_a_batch_is_reversed_once_however_many_ask(office: Office, administrator: httpx.Client) -> None:
    made = office.make()
    answers = together(*[lambda: send(administrator, path=f"/{made.batch_id}/reverse")] * 5)
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    office.apply()
    assert office.balances() == office.before


def test_a_reversal_waits_for_approval_too_and_can_be_cancelled(office: Office, administrator: httpx.Client) -> None:
    made = office.make()
    office.set(require_approval=True)
    first = data(send(administrator, path=f"/{made.batch_id}/reverse"))
    assert first["status"] == "planned"
    data(send(administrator, path=f"/{first['batch_id']}/cancel"))
    second = data(send(administrator, path=f"/{made.batch_id}/reverse"))
    assert second["batch_id"] != first["batch_id"]
    data(send(administrator, seen(second), path=f"/{second['batch_id']}/approve"))
    office.apply()
    assert office.balances() == office.before


def test_a_memo_of_a_reversal_is_checked_as_any(office: Office, administrator: httpx.Client) -> None:
    made = office.make()
    for body in ({"memo": "x" * 201}, {"memo": "a\tb"}):
        refused = send(administrator, body, path=f"/{made.batch_id}/reverse")
        assert (refused.status_code, refused.json()["field"]) == (422, "memo")
    assert service.batch(office.context, made.batch_id).reversed_by is None
