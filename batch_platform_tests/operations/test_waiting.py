"""What waits for operators, and the reminders of all that waits: once before its end, once when it waits long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg.sql import SQL

from batch_platform.core.messages import Message
from batch_platform.operations import pauses, service, waiting
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.model import Incident
from batch_platform.operations.monitor import Monitor, MonitorOptions
from batch_platform.operations.waiting_lists import LISTS, WaitingList
from batch_platform.web.access.model import Role
from batch_platform_tests.operations.world import REGISTRY, World
from batch_platform_tests.waiting_rows import reader

OPERATOR = reader("local:ono", Role.OPERATOR)
VIEWER = reader("local:vera", Role.VIEWER)
BY_NAME = {each.name: each for each in LISTS}


def approval(world: World, *, until: timedelta | None, asked_by: str = "local:ann") -> WaitingList:
    """One thing that has waited since now; it is decided by emptying the table of marks."""
    now = world.clock()
    world.execute("DELETE FROM operations.marks")
    world.execute("INSERT INTO operations.marks VALUES ('to decide', %s)", now)
    statement = SQL(
        "SELECT 'the payment' AS subject, NULL::text AS job, at AS since, at + %(length)s::interval AS until, "
        "ARRAY[%(asked_by)s] AS not_by, '{\"amount\": 7}'::jsonb AS facts "
        "FROM operations.marks WHERE name = 'to decide' LIMIT %(limit)s"
    )
    return WaitingList(
        "tests-approval",
        "tests",
        statement,
        Message("tests-approval", "A payment"),
        lambda facts: Message("tests-approval-of", "{amount} yen", **facts),
        path="/console/payments/{subject}",
        permission="jobs:run",
        then=Message("tests-approval-then", "it expires"),
        lead=timedelta(hours=2),
        patience=timedelta(days=1),
        reads="batch:read",
        parameters={"length": until, "asked_by": asked_by},
    )


def context(world: World, *lists: WaitingList) -> OperationsContext:
    return replace(world.ctx, waiting=lists)


def reminders(world: World) -> list[Incident]:
    """Of both rules, open or not, newest first."""
    incidents, _ = service.incidents(world.ctx, open_only=False)
    return [incident for incident in incidents if incident.rule in {rule.name for rule in waiting.REMINDERS}]


def notes(world: World) -> list[str]:
    return [kind for (kind,) in world.rows("SELECT kind FROM operations.notifications ORDER BY id")]


def decide(world: World) -> None:
    world.execute("DELETE FROM operations.marks WHERE name = 'to decide'")


def test_a_reminder_comes_once_before_the_end_whoever_watches(world: World) -> None:
    ctx = context(world, approval(world, until=timedelta(hours=5)))
    monitors = [Monitor(ctx, MonitorOptions(rules=())) for _ in range(2)]
    world.clock.pass_by(hours=2, minutes=59)
    monitors[0].once()
    assert reminders(world) == []
    world.clock.pass_by(minutes=2)
    started_just_now = Monitor(ctx, MonitorOptions(rules=()))
    for monitor in (*monitors, started_just_now, *monitors):
        assert monitor.once().led
        world.clock.pass_by(minutes=1)
    [incident] = reminders(world)
    assert (incident.rule, incident.subject) == ("waiting-expires", "tests-approval the payment")
    assert incident.summary.startswith("A payment waits since ")
    assert incident.summary.endswith(" JST: it expires")
    assert ": 7 yen; at " in incident.summary
    assert notes(world) == ["opened"]
    decide(world)
    monitors[1].once()
    assert reminders(world)[0].resolution == "it was decided, or has ended"
    assert notes(world) == ["opened", "resolved"]


def test_what_lasts_less_than_the_lead_is_reminded_of_when_half_of_it_is_over(world: World) -> None:
    ctx = context(world, approval(world, until=timedelta(minutes=40)))
    world.clock.pass_by(minutes=19)
    waiting.remind(ctx)
    assert reminders(world) == []
    world.clock.pass_by(minutes=2)
    waiting.remind(ctx)
    assert len(reminders(world)) == 1


def test_what_waits_long_without_an_end_is_reminded_of_once(world: World) -> None:
    ctx = context(world, approval(world, until=None))
    world.clock.pass_by(hours=23)
    waiting.remind(ctx)
    assert reminders(world) == []
    for _ in range(3):
        world.clock.pass_by(hours=30)
        waiting.remind(ctx)
    [incident] = reminders(world)
    assert (incident.rule, incident.resolved_at, notes(world)) == ("waiting-long", None, ["opened"])


def test_who_may_decide_and_who_asked_for_it(world: World) -> None:
    ctx = context(world, approval(world, until=None, asked_by="token:ono"))
    [row] = waiting.listed(ctx, OPERATOR)
    assert row.roles(OPERATOR) == [Role.OPERATOR, Role.ADMINISTRATOR]
    assert (row.path, row.what) == ("/console/payments/the payment", "7 yen")
    another = reader("local:oto", Role.OPERATOR)
    assert [row.may_decide(who) for who in (OPERATOR, VIEWER, another)] == [False, False, True]
    assert [len(waiting.listed(ctx, who, mine=True)) for who in (OPERATOR, VIEWER, another)] == [0, 0, 1]
    assert waiting.listed(ctx, another, domain="elsewhere") == []
    assert waiting.listed(ctx, reader("wallet:0x1")) == []  # a guest has no role here


def test_what_ends_first_stands_first(world: World) -> None:
    late, never = approval(world, until=timedelta(hours=9)), approval(world, until=None)
    soon = replace(late, name="tests-soon", parameters={**late.parameters, "length": timedelta(hours=1)})
    rows = waiting.listed(context(world, never, late, soon), OPERATOR)
    assert [row.of for row in rows] == [soon, late, never]


def test_a_dead_letter_waits_until_it_is_settled(world: World) -> None:
    world.run("letters", "permanent", partition="a")
    world.sync()
    ctx = context(world, BY_NAME["dead-letter"])
    [row] = waiting.listed(ctx, OPERATOR)
    assert (row.what, row.until) == ("write-letters a failed after 1 attempts", None)
    assert row.path == f"/console/dead-letters/{row.subject}"
    assert (row.may_decide(OPERATOR), row.may_decide(VIEWER)) == (True, False)
    service.discard_dead_letter(world.ctx, row.subject, version=1, reason="obsolete", by="local:ono")
    assert waiting.listed(ctx, OPERATOR) == []


def test_a_moment_that_nothing_has_met_waits_by_the_permission_of_its_job(world: World) -> None:
    ctx = context(world, BY_NAME["missed-moment"])
    with world.ctx.store.transaction() as session:
        session.save_jobs(list(REGISTRY), now=world.clock())
    assert waiting.listed(ctx, OPERATOR) == []
    world.clock.pass_by(minutes=25)
    Monitor(ctx, MonitorOptions(rules=())).once()
    [row] = waiting.listed(ctx, OPERATOR)  # the newest alone
    assert (row.job, row.permission) == ("write-letters", "batch:execute")
    assert row.until == row.since + timedelta(minutes=2)
    assert (row.may_decide(OPERATOR), row.may_decide(reader("local:ada", Role.ADMINISTRATOR))) == (False, True)


@pytest.mark.parametrize("minutes", [31, 90])
def test_a_pause_ends_by_itself(world: World, minutes: int) -> None:
    ctx, now = context(world, BY_NAME["pause"]), world.clock()
    until = now + timedelta(hours=1)
    pauses.begin(ctx.pool, until=until, reason="a new version", by="local:ada", now=now)
    [row] = waiting.listed(ctx, OPERATOR)
    assert (row.until, row.what) == (until, "everything is paused: a new version (local:ada)")
    world.clock.pass_by(minutes=minutes)
    waiting.remind(ctx)
    assert [incident.rule for incident in reminders(world)] == (["waiting-expires"] if minutes < 60 else [])
