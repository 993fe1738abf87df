"""Batches that wait for people, as operations lists them: for whom, and not for who has approved them."""

from __future__ import annotations

from batch_platform.btc import service
from batch_platform.btc.waiting import PATIENCE, WAITING
from batch_platform.core import postgres
from batch_platform.web.access.model import Role
from batch_platform_tests.btc.service_tools import ANN, BOB, Stage, approved, open_users
from batch_platform_tests.btc.test_service_notices import database, failed, pool
from batch_platform_tests.waiting_rows import reader, waits

__all__ = ["database", "pool"]


def test_a_sealed_batch_waits_for_a_second_person(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context(second_approver=True)
    open_users(context)
    batch = service.create(context, "5.5", by=ANN)
    ann, bob = reader(ANN, Role.ADMINISTRATOR), reader(BOB, Role.ADMINISTRATOR)

    def row(mine: bool = False) -> list[tuple[str, tuple[str, ...]]]:
        service.publish(context, pool)
        rows = waits(pool, WAITING, context.clock(), ann, mine=mine).get("btc-approval", [])
        return [(each.what, each.not_by) for each in rows]

    [(what, not_by)] = row(mine=True)
    assert what.startswith(f"batch {batch.batch_id} (5.5 %): 11 users, ")
    assert (what.endswith("approvals that are missing: 2"), not_by) == (True, ())
    approved(context, batch, ANN)
    assert row(mine=True) == []
    [(what, not_by)] = row()
    assert (what.endswith("missing: 1"), not_by) == (True, (ANN,))
    [waiting] = waits(pool, WAITING, context.clock(), bob, mine=True)["btc-approval"]
    assert (waiting.path, waiting.until, waiting.of.patience) == (f"/console/btc/{batch.batch_id}", None, PATIENCE)
    assert waiting.roles(bob) == [Role.ADMINISTRATOR]
    approved(context, batch, BOB)
    assert row() == []


def test_a_batch_that_stopped_half_way_waits_to_be_resumed(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context()
    open_users(context)
    batch = failed(context, approved(context, service.create(context, "5", by=ANN)))
    service.publish(context, pool)
    [row] = waits(pool, WAITING, context.clock(), reader(ANN, Role.OPERATOR))["btc-resume"]
    assert row.what.startswith(f"batch {batch.batch_id} (5 %): 3 of 11 users are booked")
    assert not row.may_decide(reader(ANN, Role.OPERATOR))
