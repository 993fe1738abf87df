"""Rules as data: incidents that open once, are retold, resolve themselves, and tell both once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import dagster as dg
import pytest
from psycopg.sql import SQL

from batch_platform.operations import alerts, service
from batch_platform.operations.alerts import RULES, Rule
from batch_platform.operations.model import Incident, Severity
from batch_platform_tests.operations.world import REGISTRY, World

BY_NAME = {rule.name: rule for rule in RULES}


def judge(world: World, name: str) -> list[Incident]:
    """The rule's open incidents after it was judged."""
    with world.ctx.store.transaction() as session:
        session.save_jobs(list(REGISTRY), now=world.clock())
    alerts.judge(world.ctx.pool, BY_NAME[name], now=world.clock())
    return [incident for incident in service.incidents(world.ctx)[0] if incident.rule == name]


def newest(world: World) -> Incident:
    return service.incidents(world.ctx, open_only=False)[0][0]


def notes(world: World) -> list[tuple[int, str]]:
    return [
        (row[0], row[1]) for row in world.rows("SELECT incident_id, kind FROM operations.notifications ORDER BY id")
    ]


def test_a_failure_is_one_critical_incident_until_its_dead_letter_is_settled(world: World) -> None:
    world.run("letters", *["transient"] * 3, partition="b")
    world.sync()
    [incident] = judge(world, "job-failure")
    assert incident.severity is Severity.CRITICAL
    assert incident.summary == "write-letters failed for b after 3 attempts: the server is away: password=***"
    assert (incident.job, incident.resolved_at) == ("write-letters", None)
    assert judge(world, "job-failure") == [incident]
    letter = service.dead_letter(world.ctx, incident.subject)
    settled = service.retry_dead_letter(world.ctx, letter.id, version=letter.version, by="x")
    world.sync()
    assert judge(world, "job-failure") == []
    assert newest(world).resolution == f"run {settled.retry_run_id} succeeded"
    assert notes(world) == [(incident.id, "opened"), (incident.id, "resolved")]


def test_a_discard_resolves_with_its_reason(world: World) -> None:
    world.run("letters", "permanent", partition="a")
    world.sync()
    [incident] = judge(world, "job-failure")
    service.discard_dead_letter(world.ctx, incident.subject, version=1, reason="obsolete", by="local:taro")
    assert judge(world, "job-failure") == []
    assert newest(world).resolution == "discarded by local:taro: obsolete"


def test_a_run_longer_than_its_jobs_limit(world: World) -> None:
    run = world.unfinished(status=dg.DagsterRunStatus.STARTED)
    world.sync()
    world.execute("UPDATE operations.job_runs SET started_at = created_at")
    world.clock.pass_by(minutes=29)
    assert judge(world, "long-run") == []
    world.clock.pass_by(minutes=2)
    [incident] = judge(world, "long-run")
    assert (incident.severity, incident.subject) == (Severity.WARNING, run.run_id)
    assert "runs longer than its limit of 00:30:00" in incident.summary
    world.instance.report_run_failed(run, "given up")
    world.sync()
    assert judge(world, "long-run") == []
    assert newest(world).resolution == "it ended: failure"
    assert REGISTRY.get("write-letters").max_duration == timedelta(hours=1)


@pytest.mark.parametrize(("size", "incidents"), [(1_000, 0), (1_001, 1)])
def test_a_backlog_is_more_than_a_thousand(world: World, size: int, incidents: int) -> None:
    with world.ctx.store.transaction() as session:
        session.save_queues({"runs": size}, now=world.clock())
    found = judge(world, "queue-backlog")
    assert len(found) == incidents
    assert all(incident.severity is Severity.WARNING for incident in found)


def test_a_domain_brings_rules_of_its_own(world: World) -> None:
    statement = SQL(
        "SELECT name AS subject, NULL::text AS job, format('%%s of %%s wait', size, %(most)s) AS summary "
        "FROM operations.queues WHERE size >= %(most)s"
    )
    rule = Rule("files-waiting", Severity.WARNING, statement, "they are read", parameters={"most": 5})
    for size, expected in ((4, (0, 0)), (5, (1, 0)), (9, (0, 0)), (1, (0, 1)), (7, (1, 0))):
        with world.ctx.store.transaction() as session:
            session.save_queues({"files": size}, now=world.clock())
        assert alerts.judge(world.ctx.pool, rule, now=world.clock()) == expected
        if size == 9:
            assert newest(world).summary == "9 of 5 wait"  # told anew, not notified anew
    assert [kind for _, kind in notes(world)] == ["opened", "resolved", "opened"]
    assert len({incident for incident, _ in notes(world)}) == 2
    alerts.close_unknown(world.ctx.pool, RULES, now=world.clock())
    assert newest(world).resolution == "the rule was removed"
    assert service.incidents(world.ctx)[0] == []


def test_a_notice_is_told_once_and_never_open(world: World) -> None:
    statement = SQL("SELECT name AS subject, NULL::text AS job, name || ' came' AS summary FROM operations.queues")
    rule = Rule("file-came", Severity.INFO, statement, "it is told once", notice=True)
    rules = (*RULES, rule)

    def judged(*names: str) -> tuple[int, int]:
        world.execute("TRUNCATE operations.queues")
        with world.ctx.store.transaction() as session:
            session.save_queues(dict.fromkeys(names, 1), now=world.clock())
        alerts.close_unknown(world.ctx.pool, rules, now=world.clock())
        return alerts.judge(world.ctx.pool, rule, now=world.clock())

    assert [judged("a"), judged("a", "b"), judged(), judged("b")] == [(1, 0), (1, 0), (0, 0), (0, 0)]
    found = service.incidents(world.ctx, open_only=False)[0]
    assert [(one.subject, one.severity, one.notice) for one in found] == [
        ("b", Severity.INFO, True),
        ("a", Severity.INFO, True),
    ]
    assert all((one.resolved_at, one.resolution) == (one.opened_at, "it is told once") for one in found)
    assert service.incidents(world.ctx)[0] == []
    assert [kind for _, kind in notes(world)] == ["opened", "opened"]


def test_two_judges_at_once_open_one(world: World) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with world.ctx.store.transaction() as session:
        session.save_queues({f"q{number}": 2_000 for number in range(20)}, now=world.clock())
    now, backlog = world.clock(), BY_NAME["queue-backlog"]
    notice = replace(backlog, name="noticed", notice=True)
    for rule, in_all in ((backlog, 20), (notice, 40)):
        judge_it = partial(alerts.judge, world.ctx.pool, rule, now=now)
        with ThreadPoolExecutor(4) as threads:
            opened = sum(done.result()[0] for done in [threads.submit(judge_it) for _ in range(4)])
        assert opened == 20
        assert len(notes(world)) == in_all


def test_pages_of_incidents(world: World) -> None:
    with world.ctx.store.transaction() as session:
        session.save_queues({f"q{number}": 2_000 for number in range(5)}, now=world.clock())
    judge(world, "queue-backlog")
    first, cursor = service.incidents(world.ctx, limit=3)
    rest, end = service.incidents(world.ctx, limit=3, cursor=cursor)
    assert [incident.id for incident in (*first, *rest)] == [5, 4, 3, 2, 1]
    assert end is None
