"""Every action of operations, on every surface that carries it out, leaves exactly one row in the audit log."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from batch_platform.cli import jobs as cli
from batch_platform.cli import pauses as pauses_cli
from batch_platform.cli import run_queue as _run_queue  # noqa: F401 (its commands stand beside those of jobs)
from batch_platform.cli import triggers
from batch_platform.core import postgres
from batch_platform.core.audit import Log
from batch_platform.core.caller import system_user
from batch_platform.core.clock import utc_now
from batch_platform.operations import backfills as backfill_service
from batch_platform.operations import service
from batch_platform.operations.actions import (
    ACTIONS,
    BACKFILL,
    BEGIN_PAUSE,
    CANCEL,
    CANCEL_BACKFILL,
    END_PAUSE,
    EXECUTE,
    STARTS,
    STOPS,
    WIPE,
)
from batch_platform.operations.model import Launch
from batch_platform.operations.run_queue import PRIORITIZE
from batch_platform.operations.triage import ACKNOWLEDGE, ASSIGN, COMMENT, DISCARD, RETRY
from batch_platform.operations.triage_store import INCIDENT, LETTER, Kind
from batch_platform.operations.web import api, backfills, pages, partitions, pauses, run_queue, triage_pages
from batch_platform.operations.web import triggers as web_triggers
from batch_platform_tests.operations_web.conftest import GATE, MENDED, Client
from batch_platform_tests.operations_web.rig import ROWS, Rig
from batch_platform_tests.surfaces import Walk, of_commands, of_routers

WEB = of_routers(
    api.router,
    pauses.router,
    pages.router,
    pauses.pages,
    web_triggers.pages,
    backfills.pages,
    partitions.pages,
    run_queue.pages,
    triage_pages.pages,
)
COMMANDS = of_commands("jobs")
SURFACES = WEB | COMMANDS
INTENTS = {EXECUTE, CANCEL, PRIORITIZE, RETRY, WIPE, *STARTS, *STOPS}
TRIGGERS = (
    ("web-count", "web_count_schedule", 0, "operator"),
    ("web-sweep", "web_sweep_sensor", 1, "administrator"),  # a job of theirs alone, and so is what starts it
)
REASON = "the month was delivered anew"


@dataclass(frozen=True)
class Patient:
    """The rig's runner as a command has one: a run is over when it answers."""

    rig: Rig

    def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
        GATE.clear()
        submitted = self.rig.runner.submit(launch, requested_by=requested_by, run_id=run_id)
        self.rig.runner.settle()
        return submitted


@pytest.fixture
def command(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Any:
    patient = replace(rig.operations, runner=Patient(rig))  # type: ignore[arg-type]
    monkeypatch.setattr(cli, "operations_opened", lambda **_: nullcontext(patient))
    for module in (triggers, pauses_cli):
        monkeypatch.setattr(module, "_opened", lambda **_: nullcontext(patient))

    def call(_: str, *words: str, failing: bool = False) -> None:
        ended = CliRunner().invoke(cli.jobs_app, list(words))
        assert (ended.exception is not None) == failing, ended.output

    return call


@pytest.fixture(autouse=True)
def unknown_to_dagster(rig: Rig) -> Iterator[None]:
    """No trigger has a state after a test, as before."""
    yield
    instance = rig.runner.instance
    for state in instance.all_instigator_state():
        if state.name in [trigger for _, trigger, _, _ in TRIGGERS]:
            instance.delete_instigator_state(state.instigator_origin_id, state.selector_id)


def test_every_action_of_the_web(rig: Rig, client: Client) -> None:
    walk = Walk(rig.operations.pool, WEB, intents=INTENTS)
    operator = client("operator")
    post = partial(walk.send, operator, "POST", by="token:operator", stranger=client("viewer"))
    nothing = partial(walk.leaves_none, operator, "POST")
    for way, place in (("api", "/api/admin/batch"), ("form", "/console")):
        given: dict[str, Any] = {"json": {"parameters": {"rows": 3}}}
        verb = "execute"
        if way == "form":
            verb = "run"
            given = {"data": {"step": "run", "request_id": os.urandom(8).hex(), "parameters.rows": "3"}}
            nothing(f"{place}/jobs/web-count/run", 200, data={**given["data"], "step": "ask"})
        [row] = post(f"{place}/jobs/web-count/{verb}", EXECUTE, target="web-count", **given)
        assert row.after["parameters"]["rows"] == 3
        rig.runner.settle()
        letter = rig.letter()
        body = "json" if way == "api" else "data"
        there = f"{place}/dead-letters/{letter}"
        nothing(f"{there}/discard", 422, **{body: {"version": 1, "reason": ""}})
        nothing(f"{there}/retry", 409, **{body: {"version": 9}})
        [row] = post(f"{there}/discard", DISCARD, target=letter, **{body: {"version": 1, "reason": REASON}})
        assert (row.before["state"], row.after["state"], row.after["reason"]) == ("open", "discarded", REASON)
        letter = rig.letter()
        MENDED.set()
        [row] = post(f"{place}/dead-letters/{letter}/retry", RETRY, target=letter, **{body: {"version": 1}})
        assert (row.before["state"], row.after["retryRunId"] is not None) == ("open", True)
        rig.runner.settle()
        MENDED.clear()
        GATE.clear()
        run = rig.run("wait").run_id
        post(f"{place}/runs/{run}/cancel", CANCEL, target=run)
        rig.runner.settle()
        nothing(f"{place}/runs/{run}/cancel", 409 if way == "api" else 303)  # it has ended
        GATE.set()
        run = rig.queued()
        there, raised = f"{place}/runs/{run}/prioritize", {"priority": 10, "reason": REASON}
        for wrong in ({"priority": 101}, {"priority": "high"}, {"reason": " "}):
            nothing(there, 422, **{body: raised | wrong})
        [row] = post(there, PRIORITIZE, target=run, **{body: raised})
        assert (row.before["priority"], row.after) == (0, raised)
        nothing(there, 409 if way == "api" else 303, **{body: raised})  # it has this priority
        rig.dequeue(run)
        nothing(there, 409 if way == "api" else 303, **{body: {**raised, "priority": 9}})
        swept = rig.queued("web_sweep")  # of a job that only administrators run
        nothing(f"{place}/runs/{swept}/prioritize", 403, **{body: raised})
        rig.dequeue(swept)
        days = {"from": "2026-10-01", "to": "2026-10-03"}
        given = {"json": {**days, "parameters": {"rows": 1}}} if way == "api" else {"data": days | {"step": "run"}}
        verb = "backfills" if way == "api" else "backfill"
        nothing(f"{place}/jobs/web-day/{verb}", 422, **{body: given[body] | {"to": "2026-09-01"}})
        [row] = post(f"{place}/jobs/web-day/{verb}", BACKFILL, target="web-day", **given)
        assert (row.after["firstDay"], row.after["runs"]) == ("2026-10-01", 3)
        backfill = row.after["backfillId"]
        [row] = post(f"{place}/backfills/{backfill}/cancel", CANCEL_BACKFILL, target=backfill)
        assert row.before["planned"] == 3
        nothing(f"{place}/backfills/{backfill}/cancel", 409 if way == "api" else 303)
        rig.made("2026-10-01")
        verb = "partitions/wipe" if way == "api" else "jobs/web-day/partition"
        given = {"asset": ROWS, "partition": "2026-10-01", "reason": REASON}
        nothing(f"{place}/{verb}", 422, **{body: given | {"reason": " "}})
        if way == "api":
            nothing(f"{place}/{verb}", 200, json=given | {"dryRun": True})
        nothing(f"{place}/{verb}", 404, **{body: given | {"asset": "tests/nothing"}})
        [row] = post(f"{place}/{verb}", WIPE, target=f"{ROWS} [2026-10-01]", **{body: given})
        assert (row.before["count"], row.after["count"], row.after["reason"]) == (1, 0, REASON)
        nothing(f"{place}/{verb}", 409 if way == "api" else 303, **{body: given})  # it is forgotten
        for job, trigger, kind, role in TRIGGERS:
            there = f"{place}/jobs/{job}/triggers/{trigger}"
            switcher, stranger = client(role), client("viewer" if role == "operator" else "operator")
            press = partial(walk.send, switcher, "POST", by=f"token:{role}", target=trigger, stranger=stranger)
            idle = partial(walk.leaves_none, switcher, "POST")
            why = {body: {"reason": REASON}}
            idle(f"{there}/stop", 422, **{body: {"reason": ""}})
            idle(f"{place}/jobs/{job}/triggers/nobody/stop", 404, **why)
            [row] = press(f"{there}/stop", STOPS[kind], **why)
            assert (row.before, row.after["running"], row.after["reason"]) == ({"running": True}, False, REASON)
            assert service.status(rig.operations, job).triggers_running == {trigger: False}
            idle(f"{there}/stop", 409 if way == "api" else 303, **why)  # it is off
            press(f"{there}/start", STARTS[kind], **why)
            assert service.status(rig.operations, job).triggers_running == {trigger: True}
        until = {"until": (utc_now() + timedelta(hours=2)).isoformat(timespec="seconds")}
        declared = {**until, "reason": REASON}
        nothing(f"{place}/pauses", 422, **{body: {**declared, "until": "2020-01-01T00:00:00+00:00"}})
        nothing(f"{place}/pauses", 422, **{body: {**declared, "reason": ""}})
        [row] = post(f"{place}/pauses", BEGIN_PAUSE, **{body: declared})
        assert row.after["reason"] == REASON
        nothing(f"{place}/pauses", 409, **{body: declared})  # there is one
        [row] = post(f"{place}/pauses/{row.target}/end", END_PAUSE, target=row.target, **{body: {"reason": REASON}})
        nothing(f"{place}/pauses/{row.target}/end", 409, **{body: {"reason": REASON}})
    service.sync(rig.operations)  # no run is left behind that seems to run
    bulk = Walk(rig.operations.pool, WEB)  # what is done to several is written down with the change, intents or not
    several(rig, bulk, operator, client("viewer"))
    assert walk.walked | bulk.walked == WEB


def several(rig: Rig, walk: Walk, operator: httpx.Client, stranger: httpx.Client) -> None:
    """Every action on several dead letters and incidents, by API and form; the second time it is nothing."""
    rig.add_user("hanako", "operator")
    for place in ("/api/admin/batch", "/console"):
        body, status = ("json", 200) if place.startswith("/api") else ("data", 303)

        def given(ids: Sequence[str | int], more: Mapping[str, str], body: str = body) -> dict[str, Any]:
            return {body: {"ids" if body == "json" else "id": list(ids), **more}}

        def act(
            path: str, what: str, ids: Sequence[str | int], place: str = place, status: int = status, **more: str
        ) -> None:
            walk.leaves_none(operator, "POST", f"{place}/{path}", 422 if status == 200 else 303, **given([], more))
            body = given(ids, more)
            [row] = walk.send(
                operator, "POST", f"{place}/{path}", what, by="token:operator", stranger=stranger, **body
            )
            assert row.before.keys() == set(map(str, ids))
            walk.leaves_none(
                operator, "POST", f"{place}/{path}", 202 if what == RETRY and status == 200 else status, **body
            )

        letters = [rig.letter(), rig.letter()]
        there: dict[Kind, tuple[str, list[Any]]] = {
            LETTER: ("dead-letters", letters),
            INCIDENT: ("incidents", [incident(rig), incident(rig)]),
        }
        for kind, (path, ids) in there.items():
            act(f"{path}/acknowledge", ACKNOWLEDGE[kind], ids)
            act(f"{path}/assign", ASSIGN[kind], ids, assignee="hanako")
            act(f"{path}/comment", COMMENT[kind], ids, comment=REASON)
        act("dead-letters/discard", DISCARD, letters[:1], reason=REASON)
        MENDED.set()
        act("dead-letters/retry", RETRY, letters[1:])
        rig.runner.settle()
        MENDED.clear()


def incident(rig: Rig) -> int:
    """The id of a new open incident."""
    rule = "INSERT INTO operations.incidents (rule, subject, severity, summary, opened_at) VALUES"
    with postgres.transaction(rig.operations.pool) as connection:
        row = connection.execute(
            f"{rule} ('by-hand', gen_random_uuid()::text, 'warning', 'it is odd', now()) RETURNING id".encode()
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_every_action_of_a_command(rig: Rig, command: Any) -> None:
    walk = Walk(rig.operations.pool, COMMANDS, intents=INTENTS)
    by = f"cli:{system_user()}"
    run = ("jobs", "run", "web-count", "--param", "rows=3")
    for words in (run, (*run, "--dry-run")):  # a dry run of a job stands in its history
        [row] = walk.command(command, *words, does=(EXECUTE,), by=by, target="web-count", dry_run=False)
        assert row.after["dryRun"] is ("--dry-run" in words)
    with walk.nothing():
        command("jobs", "run", "web-count", "--param", "rows=x", failing=True)
    bulk = Walk(rig.operations.pool, COMMANDS)  # written down with the change, for one as for several
    letter = rig.letter()
    discard = ("jobs", "dead-letters", "discard", letter, "--reason", REASON)
    bulk.command(command, *discard, does=(DISCARD,), by=by, target=letter)
    with bulk.nothing():
        command(*discard, failing=True)
    letter = rig.letter()
    MENDED.set()
    bulk.command(command, "jobs", "dead-letters", "retry", letter, does=(RETRY,), by=by, target=letter)
    MENDED.clear()
    rig.add_user("taro", "operator")
    letter, number = rig.letter(), str(incident(rig))
    for group, target, kind in (("dead-letters", letter, LETTER), ("incidents", number, INCIDENT)):
        for verb, names, more in (
            ("acknowledge", ACKNOWLEDGE, ()),
            ("assign", ASSIGN, ("--to", "taro")),
            ("comment", COMMENT, ("--comment", REASON)),
        ):
            words = ("jobs", group, verb, target, *more)
            bulk.command(command, *words, does=(names[kind],), by=by, target=target)
            with bulk.nothing():
                command(*words, failing=True)  # it is so already
                command("jobs", group, verb, *more, failing=True)  # neither ids nor --all
    with bulk.nothing():
        command("jobs", "dead-letters", "assign", letter, "--to", "nobody", failing=True)
    days = ("jobs", "backfill", "web-day", "--from", "2026-10-01", "--to", "2026-10-02")
    GATE.set()
    [row] = walk.command(command, *days, does=(BACKFILL,), by=by, target="web-day")
    assert row.after["runs"] == 2
    with walk.nothing():
        command("jobs", "backfills", "cancel", row.after["backfillId"], failing=True)  # it has ended
    made = backfill_of(rig, "2026-10-05", "2026-10-06")
    walk.command(command, "jobs", "backfills", "cancel", made, does=(CANCEL_BACKFILL,), by=by, target=made)
    rig.made("2026-10-02")
    wipe = ("jobs", "partitions", "wipe", ROWS, "2026-10-02", "--reason", REASON)
    walk.command(command, *wipe, does=(WIPE,), by=by, target=f"{ROWS} [2026-10-02]")
    with walk.nothing():
        command(*wipe, failing=True)  # it is forgotten
    queued = rig.queued()
    raise_it = ("jobs", "prioritize", queued, "--priority", "-3", "--reason", REASON)
    [row] = walk.command(command, *raise_it, does=(PRIORITIZE,), by=by, target=queued)
    assert (row.before["priority"], row.after) == (0, {"priority": -3, "reason": REASON})
    with walk.nothing():
        command(*raise_it, failing=True)  # it has this priority
        command(*raise_it[:4], "101", *raise_it[5:], failing=True)
    rig.dequeue(queued)
    with walk.nothing():
        command(*raise_it[:4], "4", *raise_it[5:], failing=True)
    for _, trigger, kind, _ in TRIGGERS:
        for verb, names in (("stop", STOPS), ("start", STARTS)):
            words = ("jobs", "triggers", verb, trigger, "--reason", REASON)
            walk.command(command, *words, does=(names[kind],), by=by, target=trigger)
            with walk.nothing():
                command(*words, failing=True)  # it is so already
    with walk.nothing():
        command("jobs", "triggers", "stop", "nobody", "--reason", REASON, failing=True)
    begin = ("jobs", "pauses", "begin", "--until", (utc_now() + timedelta(hours=2)).isoformat(timespec="minutes"))
    walk.command(command, *begin, "--reason", REASON, does=(BEGIN_PAUSE,), by=by)
    walk.command(command, "jobs", "pauses", "end", "--reason", REASON, does=(END_PAUSE,), by=by)
    with walk.nothing():
        command("jobs", "pauses", "end", "--reason", REASON, failing=True)  # it is over
        command("jobs", "pauses", "begin", "--until", "tomorrow", "--reason", REASON, failing=True)
    assert walk.walked | bulk.walked == COMMANDS


def backfill_of(rig: Rig, first: str, last: str) -> str:
    """The id of a new backfill that nobody has taken in hand."""
    plan = backfill_service.planned(
        rig.operations, "web-day", date.fromisoformat(first), date.fromisoformat(last), {}
    )
    log = Log(rig.operations.pool, rig.operations.clock, "local:rig")
    return backfill_service.start(rig.operations, log, plan).id


def test_every_action_has_a_surface() -> None:
    assert {name for _, name in SURFACES} == set(ACTIONS)
