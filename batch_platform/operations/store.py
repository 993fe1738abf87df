"""Every read and write of the operations tables; statements stand in `sql/`.

All state changes are conditional: a decision made on an older version, and a duty done twice, change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from batch_platform.core.failures import Conflict, NotFound
from batch_platform.core.messages import from_plain, kept
from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore
from batch_platform.operations.model import (
    Calendar,
    DeadLetter,
    DeadLetterState,
    Incident,
    Job,
    Missing,
    Run,
    RunStatus,
    Schedule,
    Sensor,
    Severity,
    Trigger,
)
from batch_platform.operations.runner import TriggerState

_RUN_FIELDS: Final = tuple(field.name for field in fields(Run))
_JSON: Final = frozenset({"parameters", "config", "tags"})


class Session(BaseSession):
    """The statements of one transaction."""

    _sql = load("batch_platform.operations.sql")

    # the ledger

    def known_runs(self, run_ids: Sequence[str]) -> dict[str, tuple[datetime, bool]]:
        """When each of these runs was last changed as the ledger has it, and whether it had ended."""
        rows = self._rows("known_runs", run_ids=list(run_ids))
        return {row["run_id"]: (row["updated_at"], row["ended"]) for row in rows}

    def going_runs(self) -> list[str]:
        """The runs that have not ended."""
        return [row["run_id"] for row in self._rows("going_runs")]

    def save_runs(self, runs: Sequence[Run]) -> int:
        """Insert or update; how many rows changed."""
        columns = {name: [_plain(getattr(run, name)) for run in runs] for name in _RUN_FIELDS}
        columns |= {name: [json.dumps(value, ensure_ascii=False) for value in columns[name]] for name in _JSON}
        columns["cause_message"] = [kept(run.cause) for run in runs]
        return self._run("save_runs", **columns)

    def end_vanished_runs(self, run_ids: Sequence[str], *, now: datetime) -> int:
        return self._run("end_vanished_runs", run_ids=list(run_ids), now=now)

    def runs(self, run_ids: Sequence[str]) -> dict[str, Run]:
        return {row["run_id"]: _run_of(row) for row in self._rows("runs", run_ids=list(run_ids))}

    def run(self, run_id: str) -> Run:
        """Raises `NotFound`."""
        rows = self._rows("run", run_id=run_id)
        if not rows:
            raise NotFound("unknown-run", "no run {run}", run=run_id, field="run_id")
        return _run_of(rows[0])

    def history(
        self, job: str, *, status: RunStatus | None, after: Mapping[str, Any], limit: int, offset: int
    ) -> list[Run]:
        """Newest first."""
        rows = self._rows(
            "history", job=job, status=status and status.value, limit=limit, offset=offset, **_place(after)
        )
        return [_run_of(row) for row in rows]

    def runs_since(self, since: datetime, *, limit: int) -> list[Run]:
        """Those at work since then, newest first; no rehearsals."""
        return [_run_of(row) for row in self._rows("runs_since", since=since, limit=limit)]

    def overviews(self, names: Sequence[str], *, now: datetime) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self._rows("overviews", names=list(names), now=now)}

    # dead letters

    def settle_dead_letters(self, *, now: datetime) -> int:
        """Make, resolve and reopen dead letters by what the ledger says; how many rows changed."""
        names = ("collect_dead_letters", "resolve_dead_letters", "reopen_lost_retries")
        return sum(self._run(name, now=now) for name in names)

    def unasked_retries(self, *, now: datetime, limit: int) -> list[DeadLetter]:
        """Those that wait longest first."""
        return [letter_of(row) for row in self._rows("unasked_retries", now=now, limit=limit)]

    def dead_letters(
        self,
        *,
        state: DeadLetterState | None,
        job: str | None,
        after: Mapping[str, Any],
        limit: int,
        offset: int,
    ) -> list[DeadLetter]:
        """Newest failure first."""
        rows = self._rows(
            "dead_letters", state=state and state.value, job=job, limit=limit, offset=offset, **_place(after)
        )
        return [letter_of(row) for row in rows]

    def dead_letter(self, letter_id: str) -> DeadLetter:
        """Raises `NotFound`."""
        rows = self._rows("dead_letter", id=letter_id)
        if not rows:
            raise NotFound("unknown-dead-letter", "no dead letter {letter}", letter=letter_id, field="id")
        return letter_of(rows[0])

    def begin_retry(self, letter: DeadLetter, *, retry_run_id: str, by: str, now: datetime) -> None:
        """open -> retrying. Raises `Conflict` when it was changed meanwhile."""
        moved = self._run(
            "begin_retry", id=letter.id, version=letter.version, retry_run_id=retry_run_id, by=by, now=now
        )
        self._moved(moved, letter)

    def open_letter(self, letter_id: str, *, version: int) -> DeadLetter:
        """An open one of this version. Raises `NotFound`, and `Conflict` as a change of it would."""
        letter = self.dead_letter(letter_id)
        same = letter.state is DeadLetterState.OPEN and letter.version == version
        self._moved(int(same), letter)
        return letter

    def undo_retry(self, letter: DeadLetter, *, now: datetime) -> None:
        """retrying -> open, when no run was made."""
        self._run("undo_retry", id=letter.id, retry_run_id=letter.retry_run_id, now=now)

    def discard(self, letter: DeadLetter, *, reason: str, by: str, now: datetime) -> None:
        """open -> discarded. Raises `Conflict` when it was changed meanwhile."""
        moved = self._run("discard_dead_letter", id=letter.id, version=letter.version, reason=reason, by=by, now=now)
        self._moved(moved, letter)

    def _moved(self, rows: int, letter: DeadLetter) -> None:
        if rows == 0:
            present = self.dead_letter(letter.id)
            raise Conflict(
                "dead-letter-changed",
                "dead letter {letter} was changed meanwhile: it is {state} now",
                letter=letter.id,
                state=present.state.value,
                field="version",
            )

    # the calendar

    def save_jobs(self, jobs: Sequence[Job], *, now: datetime) -> None:
        """The registry as it is now; jobs and triggers that it holds no more are retired and forgotten."""
        self._run(
            "save_jobs",
            names=[job.name for job in jobs],
            ids=[job.id for job in jobs],
            max_durations=[job.max_duration for job in jobs],
            graces=[job.deadline for job in jobs],
            off_limits=[job.off_limit for job in jobs],
            now=now,
        )
        self._run("retire_jobs", names=[job.name for job in jobs], now=now)
        triggers = [(job.name, trigger) for job in jobs for trigger in job.triggers]
        schedules = [trigger if isinstance(trigger, Schedule) else None for _, trigger in triggers]
        keys = {"jobs": [job for job, _ in triggers], "names": [trigger.name for _, trigger in triggers]}
        self._run("forget_triggers", **keys)
        self._run(
            "register_triggers",
            **keys,
            kinds=["schedule" if schedule else "sensor" for schedule in schedules],
            crons=[schedule and schedule.cron for schedule in schedules],
            time_zones=[schedule and schedule.time_zone for schedule in schedules],
            everies=[trigger.every if isinstance(trigger, Sensor) else None for _, trigger in triggers],
            enabled=[trigger.enabled for _, trigger in triggers],
            now=now,
        )

    def calendars(self, *, horizon: datetime) -> list[Calendar]:
        """The enabled schedules, and up to when their due moments are written down."""
        return [Calendar(**row) for row in self._rows("calendars", horizon=horizon)]

    def save_due_moments(self, moments: Sequence[tuple[Calendar, datetime]]) -> None:
        """Moments at which a run is due; known ones stay as they are."""
        self._run(
            "save_due_moments",
            jobs=[calendar.job for calendar, _ in moments],
            triggers=[calendar.trigger for calendar, _ in moments],
            dues=[due for _, due in moments],
            deadlines=[due + calendar.grace for calendar, due in moments],
        )

    def save_calendars(self, read: Sequence[tuple[Calendar, datetime | None, str | None]]) -> None:
        """The next due moment of each calendar that can be read; of the others, why it cannot."""
        self._run(
            "save_calendars",
            jobs=[calendar.job for calendar, _, _ in read],
            triggers=[calendar.trigger for calendar, _, _ in read],
            nexts=[following for _, following, _ in read],
            errors=[fault for _, _, fault in read],
            messages=[kept(fault) for _, _, fault in read],
        )

    def triggers(self, *, now: datetime, horizon: datetime) -> list[tuple[str, str, datetime]]:
        """Job, schedule or sensor, and since when its ticks matter."""
        rows = self._rows("triggers", now=now, horizon=horizon)
        return [(row["job"], row["name"], row["since"]) for row in rows]

    def save_switch(self, trigger: str, *, running: bool, now: datetime) -> None:
        self._run("save_switch", name=trigger, running=running, now=now)

    def save_triggers(
        self, states: Mapping[tuple[str, str], TriggerState], *, now: datetime, horizon: datetime
    ) -> None:
        """How each trigger of a job stands, and which due moments its ticks, or runs by hand, have met."""
        good = {key: [tick.at for tick in state.ticks if tick.good] for key, state in states.items()}
        self._run(
            "save_triggers",
            jobs=[job for job, _ in states],
            names=[name for _, name in states],
            running=[state.running for state in states.values()],
            good_ats=[max(good[key], default=None) for key in states],
            errors=[state.error for state in states.values()],
            messages=[kept(state.error) for state in states.values()],
            now=now,
        )
        met = [(job, name, at) for (job, name), ats in good.items() for at in ats]
        self._run(
            "met_by_ticks",
            jobs=[job for job, _, _ in met],
            names=[name for _, name, _ in met],
            ats=[at for _, _, at in met],
            now=now,
        )
        self._run("met_by_runs", now=now, horizon=horizon)

    def missing(self, names: Sequence[str], *, now: datetime, horizon: datetime) -> list[Missing]:
        """Due moments that nothing has met, oldest first."""
        return [Missing(**row) for row in self._rows("missing", names=list(names), now=now, horizon=horizon)]

    # incidents and notifications

    def incidents(
        self, *, open_only: bool, job: str | None, after: Mapping[str, Any], limit: int, offset: int
    ) -> list[Incident]:
        """Newest first."""
        chosen = {"open_only": open_only, "job": job, "id": after.get("id")}
        return [incident_of(row) for row in self._rows("incidents", **chosen, limit=limit, offset=offset)]

    def incident(self, incident_id: int) -> Incident:
        """Raises `NotFound`."""
        rows = self._rows("incident", id=incident_id)
        if not rows:
            raise NotFound("unknown-incident", "no incident {incident}", incident=str(incident_id), field="id")
        return incident_of(rows[0])

    def due_notifications(self, *, now: datetime, limit: int) -> list[dict[str, Any]]:
        rows = self._rows("due_notifications", now=now, limit=limit)
        return [with_messages(row, "summary", "resolution") for row in rows]

    def delivered(self, ids: Sequence[int], *, destination: str) -> None:
        self._run("notifications_delivered", ids=list(ids), destination=destination)

    def sent(self, ids: Sequence[int], *, now: datetime) -> None:
        self._run("notifications_sent", ids=list(ids), now=now)

    def not_sent(
        self, nexts: Mapping[int, datetime], *, error: str, given_up_before: datetime, now: datetime
    ) -> None:
        """Try again later; what was written before `given_up_before` is given up."""
        self._run(
            "notifications_failed",
            ids=list(nexts),
            next_attempts=list(nexts.values()),
            error=error,
            given_up_before=given_up_before,
            now=now,
        )

    # the monitor

    def lead(self) -> bool:
        """Whether this transaction is the monitor's; as long as it lasts, no other is."""
        return bool(self._value("lead"))

    def mark(self, name: str) -> tuple[datetime, str | None] | None:
        rows = self._rows("mark", name=name)
        return (rows[0]["at"], rows[0]["place"]) if rows else None

    def set_mark(self, name: str, at: datetime, place: str | None = None) -> None:
        self._run("set_mark", name=name, at=at, place=place)

    def save_queues(self, sizes: Mapping[str, int], *, now: datetime) -> None:
        self._run("save_queues", names=list(sizes), sizes=list(sizes.values()), now=now)


class OperationsStore(BaseStore[Session]):
    """Opens transactions on the operations tables."""

    _session = Session


def _plain(value: Any) -> Any:
    if isinstance(value, RunStatus | Trigger):
        return value.value
    return dict(value) if isinstance(value, Mapping) else value


def _run_of(row: dict[str, Any]) -> Run:
    row = with_messages(row, "cause")
    chosen = {name: row[name] for name in _RUN_FIELDS}
    return Run(**chosen | {"trigger": Trigger(row["trigger"]), "status": RunStatus(row["status"])})


def letter_of(row: dict[str, Any]) -> DeadLetter:
    return DeadLetter(**with_messages(row, "cause") | {"state": DeadLetterState(row["state"])})


def with_messages(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The row with these texts as the messages that stand beside them; an old text stays as it is."""
    texts = dict(row)
    for name in names:
        message = texts.pop(f"{name}_message")
        if message is not None:
            texts[name] = from_plain(message)
    return texts


def incident_of(row: dict[str, Any]) -> Incident:
    return Incident(**with_messages(row, "summary", "resolution") | {"severity": Severity(row["severity"])})


def _place(after: Mapping[str, Any]) -> dict[str, Any]:
    """The time and key after which a page begins; nothing on the first one."""
    return {"at": after.get("at"), "id": after.get("id")}
