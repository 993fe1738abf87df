"""Who approves a batch, how many, of what was seen, and what an approved one still allows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from batch_platform.btc import service
from batch_platform.btc.model import BatchStatus
from batch_platform.btc.service.review import consent
from batch_platform.core.failures import Conflict
from batch_platform_tests.btc.service_tools import (
    ANN,
    BOB,
    Stage,
    approved,
    made,
    open_users,
)


def test_approvals_are_of_what_was_seen(stage: Stage) -> None:
    context = stage.context(require_approval=True)
    open_users(context)
    batch = made(context)
    assert batch.approvals == ()
    seen = {"count": 11, "amount": batch.plan_sum, "plan_sha256": batch.plan_sha256}
    for field, wrong in (("count", 12), ("amount", 1), ("plan_sha256", "0" * 64)):
        with pytest.raises(Conflict, match="look at the plan again"):
            service.approve(context, batch.batch_id, by=ANN, **{**seen, field: wrong})  # type: ignore[arg-type]
    assert service.batch(context, batch.batch_id) == batch
    once = approved(context, batch)
    assert approved(context, batch) == once
    service.run(context, batch.batch_id)
    with pytest.raises(Conflict, match="is completed, not planned"):
        approved(context, batch)


def test_two_people_approve_where_the_setting_says_so(stage: Stage) -> None:
    context = stage.context(second_approver=True)
    open_users(context)
    batch = made(context)
    assert service.approvals_missing(batch, context.options) == 1
    with pytest.raises(Conflict, match="by a second person"):
        approved(context, batch, ANN)
    with pytest.raises(Conflict, match="by a second person"):
        approved(context, batch, "token:ann")
    with pytest.raises(Conflict, match="waits for 1 more approval"):
        service.run(context, batch.batch_id)
    both = approved(context, batch, BOB)
    assert [one.account for one in both.approvals] == [ANN, BOB]
    assert service.run(context, batch.batch_id).status is BatchStatus.COMPLETED


def test_a_creator_who_meets_another_approver_leaves_the_batch_as_it_is(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = service.create(context, "5", by=ANN)
    by_bob = approved(context, batch, BOB)
    assert consent(context, batch, by=ANN) == by_bob == service.batch(context, batch.batch_id)


def test_an_approved_batch_is_started_once_and_then_not_cancelled(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = service.create(context, "5", by=ANN)
    with pytest.raises(Conflict, match=r"waits for 1 more approval"):
        service.submit(context, batch.batch_id)
    approved(context, batch)
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda _: service.submit(context, batch.batch_id), range(4)))
    assert {one.status for one in asked} == {BatchStatus.PROCESSING}
    assert {(one.started_at, one.lease_owner, one.fencing) for one in asked} == {(asked[0].started_at, None, 0)}
    assert [one.batch_id for one in service.waiting_for_worker(context)] == [batch.batch_id]
    with pytest.raises(Conflict, match=r"processing cannot become cancelled"):
        service.cancel(context, batch.batch_id, by=ANN)
    done = service.run(context, batch.batch_id)
    assert (done.status, done.started_at) == (BatchStatus.COMPLETED, asked[0].started_at)
    with pytest.raises(Conflict, match=r"is completed: nothing to apply"):
        service.submit(context, batch.batch_id)
