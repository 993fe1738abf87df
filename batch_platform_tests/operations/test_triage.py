"""Several dead letters and incidents at once: each handled by itself, all in one transaction with one row, once."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from batch_platform.core.audit import AuditEntry, AuditStore, Log
from batch_platform.core.failures import InvalidInput, NotFound, PermanentFailure
from batch_platform.core.messages import Message
from batch_platform.core.store import BaseSession
from batch_platform.operations import retries, service, triage
from batch_platform.operations.dagster.launch import InProcessRunner
from batch_platform.operations.model import DeadLetterState, Launch
from batch_platform.operations.triage import AT_MOST, Handled
from batch_platform.operations.triage_store import INCIDENT, LETTER, Kind, Selection
from batch_platform.web.access.model import Role
from batch_platform_tests.accounts import add_account
from batch_platform_tests.operations.world import World, await_stopped, kill

OPEN = Selection(state="open")
LETTERS = """
    INSERT INTO operations.dead_letters (id, job, dagster_job, parameters, attempts, state, version, failed_at,
                                         run_id, retries, changed_at, config, tags)
    SELECT 'letter-' || n, %s, 'letters', '{}', 1, 'open', 1, now(), 'run-' || n, 0, now(), '{}', '{}'
    FROM generate_series(%s::int, %s::int) AS n"""
INCIDENTS = """
    INSERT INTO operations.incidents (rule, subject, severity, job, summary, opened_at, resolved_at, resolution)
    SELECT 'rule', 'subject ' || n, 'warning', 'plain-work', 'something ' || n, now() - interval '1 h', %s, %s
    FROM generate_series(%s::int, %s::int) AS n"""


@pytest.fixture
def log(world: World) -> Log:
    """In the hands of one whom nobody else is, so that the rows are his alone."""
    return Log(world.ctx.pool, world.ctx.clock, f"local:{uuid4().hex}")


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the statements that are run."""
    names: list[str] = []
    for method in ("_rows", "_run", "_value"):
        kept = getattr(BaseSession, method)

        def counted(self: BaseSession, name: str, /, *, kept: object = kept, **parameters: object) -> object:
            names.append(name)
            return kept(self, name, **parameters)  # type: ignore[operator]

        monkeypatch.setattr(BaseSession, method, counted)
    return names


def letters(world: World, first: int, last: int, *, job: str = "write-letters") -> None:
    world.execute(LETTERS, job, first, last)


def failed(world: World, *partitions: str) -> list[str]:
    """The dead letters of runs of these partitions, by id."""
    for partition in partitions:
        world.run("letters", "permanent", partition=partition)
    world.sync()
    return sorted(letter.id for letter in service.dead_letters(world.ctx)[0])


def states(world: World) -> dict[str, int]:
    return dict(world.rows("SELECT state, count(*) FROM operations.dead_letters GROUP BY state"))


def rows(log: Log) -> list[AuditEntry]:
    return AuditStore(log.pool).rows(who=log.who)


def outcomes(handled: Handled) -> dict[str, str]:
    return {item.id: "done" if item.reason is None else item.reason.id for item in handled.items}


def test_each_is_handled_by_itself_once_and_one_row_names_them(world: World, log: Log) -> None:
    letters(world, 1, 4)
    service.discard_dead_letter(world.ctx, "letter-2", version=1, reason="first", by="local:somebody")
    chosen = Selection(ids=("letter-1", "letter-2", "letter-3", "letter-1", "nothing"))
    expected = {
        "letter-1": "done",
        "letter-2": "already-discarded",
        "letter-3": "done",
        "nothing": "unknown-dead-letter",
    }
    assert outcomes(triage.discard(world.ctx, log, chosen, reason=" obsolete ", dry_run=True)) == expected
    assert (states(world), rows(log)) == ({"open": 3, "discarded": 1}, [])
    assert outcomes(triage.discard(world.ctx, log, chosen, reason=" obsolete ")) == expected
    [row] = rows(log)
    assert (row.what, row.target, row.after) == ("dead-letter.discard", "letter-1, letter-3", {"reason": "obsolete"})
    assert row.before.keys() == {"letter-1", "letter-3"}
    assert AuditStore(log.pool).rows(who=log.who, target="letter-3") == [row]
    assert service.dead_letter(world.ctx, "letter-2").reason == "first"
    again = triage.discard(world.ctx, log, chosen, reason="obsolete")
    assert (again.done, again.skipped, rows(log)) == (0, 4, [row])
    assert service.dead_letter(world.ctx, "letter-1").version == 2
    assert states(world) == {"open": 1, "discarded": 3}


def test_the_statements_do_not_grow_with_the_rows(world: World, log: Log, statements: list[str]) -> None:
    counts = []
    for first, last in ((1, 2), (3, 202)):
        letters(world, first, last)
        statements.clear()
        triage.acknowledge(world.ctx, log, LETTER, OPEN)
        triage.comment(world.ctx, log, LETTER, OPEN, text=f"until {last}")
        handled = triage.discard(world.ctx, log, OPEN, reason="obsolete")
        counts.append((handled.done, len(statements)))
    assert counts == [(2, counts[0][1]), (200, counts[0][1])]
    assert rows(log)[0].target.endswith("… (200)")
    assert len(rows(log)[0].before) == 200


def test_what_is_too_much_or_nothing_changes_nothing(world: World, log: Log) -> None:
    letters(world, 1, AT_MOST + 1)
    many = tuple(f"letter-{number}" for number in range(AT_MOST + 1))
    for chosen in (OPEN, Selection(ids=many)):
        with pytest.raises(InvalidInput, match=f"more than {AT_MOST}"):
            triage.discard(world.ctx, log, chosen, reason="obsolete")
    with pytest.raises(InvalidInput, match="nothing is chosen"):
        triage.acknowledge(world.ctx, log, LETTER, Selection(ids=()))
    with pytest.raises(InvalidInput, match="say why"):
        triage.discard(world.ctx, log, Selection(ids=many[:3]), reason=" ")
    with pytest.raises(InvalidInput, match="write the comment"):
        triage.comment(world.ctx, log, LETTER, Selection(ids=many[:3]), text=" ")
    with pytest.raises(NotFound):
        triage.discard(world.ctx, log, Selection(job="nobody"), reason="obsolete")
    assert (states(world), rows(log)) == ({"open": AT_MOST + 1}, [])


def test_the_filter_chooses_by_job_and_state(world: World, log: Log) -> None:
    letters(world, 1, 2)
    letters(world, 3, 5, job="plain-work")
    world.execute("UPDATE operations.dead_letters SET state = 'retrying', retry_run_id = 'x' WHERE id = 'letter-5'")
    handled = triage.discard(world.ctx, log, Selection(state="open", job="TEST_002"), reason="obsolete")
    assert outcomes(handled) == {"letter-3": "done", "letter-4": "done"}
    handled = triage.discard(world.ctx, log, Selection(job="plain-work"), reason="obsolete")
    assert sorted(outcomes(handled).values()) == ["already-discarded", "already-discarded", "already-retrying"]


def test_whoever_may_not_run_a_job_does_not_decide_about_its_letters(world: World, log: Log) -> None:
    letters(world, 1, 2)
    may = {"jobs:run"}.__contains__
    for handled in (
        triage.retry(world.ctx, log, OPEN, may=may),
        triage.discard(world.ctx, log, OPEN, reason="obsolete", may=may),
        triage.preview(world.ctx, triage.DISCARD, LETTER, OPEN, may=may),
    ):
        assert set(outcomes(handled).values()) == {"handling-needs"}
    assert (states(world), rows(log)) == ({"open": 2}, [])
    assert triage.acknowledge(world.ctx, log, LETTER, OPEN).done == 2  # that decides nothing


@pytest.mark.parametrize("kind", [LETTER, INCIDENT])
def test_who_has_seen_it_who_takes_care_of_it_and_what_was_said(world: World, log: Log, kind: Kind) -> None:
    letters(world, 1, 2)
    world.execute(INCIDENTS, None, None, 1, 2)
    chosen = OPEN if kind == LETTER else Selection(state="open", job="plain-work")
    name = uuid4().hex
    add_account(world.ctx.pool, name, Role.OPERATOR)
    assert name in triage.persons(world.ctx)
    assignee = triage.person(world.ctx, name)
    with pytest.raises(InvalidInput, match="no enabled account nobody"):
        triage.person(world.ctx, "nobody")
    for _ in range(2):
        triage.acknowledge(world.ctx, log, kind, chosen)
        triage.assign(world.ctx, log, kind, chosen, assignee=assignee)
        triage.comment(world.ctx, log, kind, chosen, text=" the supplier is told ")
    assert [row.what for row in reversed(rows(log))] == [
        f"{kind}.{verb}" for verb in ("acknowledge", "assign", "comment")
    ]
    if kind == LETTER:
        known = triage.of_letters(world.ctx, service.dead_letters(world.ctx)[0])["letter-1"]
        target = "letter-1"
    else:
        known = triage.of_incidents(world.ctx, service.incidents(world.ctx)[0])[1]
        target = "1"
    assert (known.acknowledged_by, known.assigned_to) == (log.who, f"local:{name}")
    [comment] = triage.comments(world.ctx, kind, target)
    assert (comment.author, comment.text) == (log.who, "the supplier is told")
    triage.comment(world.ctx, log, kind, Selection(ids=(target,)), text="it is mended")
    triage.comment(world.ctx, log, kind, Selection(ids=(target,)), text="the supplier is told")  # again, later
    assert len(triage.comments(world.ctx, kind, target)) == 3
    assert triage.assign(world.ctx, log, kind, chosen, assignee=None).done == 2
    assert outcomes(triage.assign(world.ctx, log, kind, chosen, assignee=None))[target] == "assigned-to-nobody"


def test_what_is_settled_is_only_commented(world: World, log: Log) -> None:
    world.execute(INCIDENTS, world.clock(), "it ended", 1, 1)
    [incident], _ = service.incidents(world.ctx, open_only=False)
    assert service.incidents(world.ctx, open_only=False, job="write-letters")[0] == []
    chosen = Selection(ids=(str(incident.id), "x", "9" * 30))
    unknown = {"x": "unknown-incident", "9" * 30: "unknown-incident"}
    settled = {str(incident.id): "already-resolved", **unknown}
    assert outcomes(triage.acknowledge(world.ctx, log, INCIDENT, chosen)) == settled
    assert outcomes(triage.assign(world.ctx, log, INCIDENT, chosen, assignee="local:x")) == settled
    said = triage.comment(world.ctx, log, INCIDENT, chosen, text="that was the supplier")
    assert outcomes(said) == {str(incident.id): "done", **unknown}


def test_what_fails_again_has_not_been_seen(world: World, log: Log) -> None:
    [letter_id] = failed(world, "a")
    triage.acknowledge(world.ctx, log, LETTER, Selection(ids=(letter_id,)))
    letter = service.dead_letter(world.ctx, letter_id)
    assert triage.of_letters(world.ctx, [letter])[letter_id].acknowledged_by == log.who
    world.execute("UPDATE operations.dead_letters SET failed_at = now() + interval '1 s'")
    letter = service.dead_letter(world.ctx, letter_id)
    assert triage.of_letters(world.ctx, [letter])[letter_id].acknowledged_by is None
    world.clock.pass_by(minutes=1)
    assert triage.acknowledge(world.ctx, log, LETTER, Selection(ids=(letter_id,))).done == 1


def test_several_are_tried_again_a_few_at_once_and_the_others_by_the_monitor(world: World, log: Log) -> None:
    ids = failed(world, "a", "b", "c")
    handled = triage.retry(world.ctx, log, OPEN, at_once=1)
    run_ids = {item.id: item.retry_run_id for item in handled.items}
    assert list(run_ids) == ids
    runs = "SELECT dead_letter_id, run_id FROM operations.job_runs WHERE dead_letter_id IS NOT NULL"
    assert dict(world.rows(runs)) == {ids[0]: run_ids[ids[0]]}
    world.clock.pass_by(seconds=20)
    assert retries.ask_again(world.ctx) == 2
    world.sync()
    assert dict(world.rows(runs)) == run_ids
    assert states(world) == {"resolved": 3}
    assert len(rows(log)) == 1


def test_a_retry_that_is_refused_says_why_and_leaves_it_open(world: World, log: Log) -> None:
    class Refusing(InProcessRunner):
        def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
            if launch.partition == "a":
                raise PermanentFailure("no-bucket", "no such job")
            return super().submit(launch, requested_by=requested_by, run_id=run_id)

    ids = failed(world, "a", "b")
    handled = triage.retry(world.with_(runner=Refusing(world.launcher)).ctx, log, OPEN)
    world.sync()
    assert (handled.done, handled.skipped, states(world)) == (1, 1, {"open": 1, "resolved": 1})
    [refused] = [item for item in handled.items if not item.done]
    [comment] = triage.comments(world.ctx, LETTER, refused.id)
    assert (comment.author, comment.text) == ("monitor", "no such job")
    # kept as a message, which a page says in the reader's language
    assert isinstance(comment.text, Message)
    assert refused.id in ids
    with pytest.raises(PermanentFailure, match="cannot start"):
        triage.retry(world.with_(runner=None).ctx, log, OPEN)


@pytest.mark.faults
def test_one_killed_half_way_and_sent_again_leaves_the_same(world: World, log: Log) -> None:
    ids = failed(world, "a", "b", "c")
    process = world.spawn("retry several")
    await_stopped(process)
    kill(process)
    assert states(world) == {"retrying": 3}
    again = triage.retry(world.ctx, log, Selection(ids=tuple(ids)))
    assert (again.done, rows(log)) == (0, [])
    world.clock.pass_by(seconds=20)
    for _ in range(2):
        retries.ask_again(world.ctx)
        world.sync()
    runs = world.rows("SELECT dead_letter_id, status FROM operations.job_runs WHERE dead_letter_id IS NOT NULL")
    assert sorted(runs) == [(letter_id, "success") for letter_id in ids]
    assert {service.dead_letter(world.ctx, letter_id).state for letter_id in ids} == {DeadLetterState.RESOLVED}
    assert world.clock.shift == timedelta(seconds=20)
