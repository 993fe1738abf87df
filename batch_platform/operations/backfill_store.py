"""Backfills and their runs: the values, and every read and write of their tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from batch_platform.core.failures import Conflict, NotFound
from batch_platform.core.messages import kept
from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore
from batch_platform.operations.model import Job, RunStatus
from batch_platform.operations.store import with_messages

AT_ONCE: Final = 5
"""So many runs of one backfill are in the queue or at work."""

_FORGOTTEN_AFTER: Final = timedelta(minutes=1)
_IDS: Final = UUID("b1c5a1f6-1d2e-5f7c-8a64-3a7f5d0c9e21")


@dataclass(frozen=True)
class Backfill:
    """A backfill and how many of its runs stand where."""

    id: str
    job: str
    first_day: date
    last_day: date
    parameters: Mapping[str, Any]
    requested_by: str
    created_at: datetime
    canceled_at: datetime | None
    canceled_by: str | None
    planned: int
    going: int
    succeeded: int
    failed: int
    canceled: int

    @property
    def total(self) -> int:
        return self.planned + self.going + self.ended

    @property
    def ended(self) -> int:
        return self.succeeded + self.failed + self.canceled

    @property
    def status(self) -> RunStatus:
        """running until every run has ended; then failure where one failed, canceled where one never ran."""
        if self.ended < self.total:
            return RunStatus.CANCELING if self.canceled_at else RunStatus.RUNNING
        if self.failed:
            return RunStatus.FAILURE
        return RunStatus.CANCELED if self.canceled else RunStatus.SUCCESS


@dataclass(frozen=True)
class BackfillRun:
    """A run of a backfill; its status is a `RunStatus`, or `planned` before it is asked for."""

    day: date
    partition: str
    run_id: str
    status: str
    cause: str | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class PlannedBackfill:
    """What a backfill would run: its days, each with its partition, and the days that the job does not take."""

    job: Job
    first_day: date
    last_day: date
    parameters: Mapping[str, Any]
    partitions: Mapping[date, str]


class Session(BaseSession):
    _sql = load("batch_platform.operations.sql")

    def add(self, planned: PlannedBackfill, backfill_id: str, *, by: str, now: datetime) -> bool:
        """False when it is there already. Raises `Conflict` while another one is at work on one of its partitions."""
        self._run("backfills_alone", job=planned.job.name)
        parameters = json.dumps(planned.parameters, ensure_ascii=False, sort_keys=True)
        row = {"id": backfill_id, "job": planned.job.name, "parameters": parameters, "by": by, "now": now}
        days = {"first_day": planned.first_day, "last_day": planned.last_day}
        if not self._run("insert_backfill", **row, **days):
            return False
        places = list(planned.partitions.values())
        for other in self._rows("backfill_of_same", job=planned.job.name, id=backfill_id, partitions=places):
            raise Conflict(
                "backfill-of-same-days",
                "backfill {backfill} is at work on these days: wait for its end, or cancel it",
                backfill=other["id"],
                field="from",
            )
        run_ids = [str(uuid5(_IDS, f"{backfill_id} {day}")) for day in planned.partitions]
        of_days = {"days": list(planned.partitions), "partitions": list(planned.partitions.values())}
        self._run("insert_backfill_runs", id=backfill_id, run_ids=run_ids, **of_days)
        return True

    def backfills(
        self,
        *,
        backfill_id: str | None = None,
        job: str | None = None,
        after: Mapping[str, Any],
        limit: int,
        offset: int,
    ) -> list[Backfill]:
        place = {"at": after.get("at"), "before": after.get("id"), "limit": limit, "offset": offset}
        return [Backfill(**row) for row in self._rows("backfills", id=backfill_id, job=job, **place)]

    def backfill(self, backfill_id: str) -> Backfill:
        """Raises `NotFound`."""
        rows = self.backfills(backfill_id=backfill_id, after={}, limit=1, offset=0)
        if not rows:
            raise NotFound("unknown-backfill", "no backfill {backfill}", backfill=backfill_id, field="id")
        return rows[0]

    def runs(self, backfill_id: str) -> list[BackfillRun]:
        return [BackfillRun(**with_messages(row, "cause")) for row in self._rows("backfill_runs", id=backfill_id)]

    def cancel(self, backfill_id: str, *, by: str, now: datetime) -> bool:
        return bool(self._run("cancel_backfill", id=backfill_id, by=by, now=now))

    def at_work(self) -> list[str]:
        return [row["backfill_id"] for row in self._rows("backfills_at_work")]

    def take(self, backfill_id: str, *, now: datetime) -> tuple[date, str] | None:
        """The next run to ask for, with its day; nobody else takes it."""
        given = {"id": backfill_id, "now": now, "forgotten_before": now - _FORGOTTEN_AFTER, "at_once": AT_ONCE}
        rows = self._rows("take_backfill_run", **given)
        return (rows[0]["day"], rows[0]["run_id"]) if rows else None

    def refuse(self, run_id: str, refusal: str) -> None:
        self._run("refuse_backfill_run", run_id=run_id, refusal=refusal, message=kept(refusal))

    def wait(self, run_id: str) -> None:
        self._run("wait_backfill_run", run_id=run_id)

    def partitions(self, job: str) -> list[dict[str, Any]]:
        return self._rows("days_of_job", job=job)


class BackfillStore(BaseStore[Session]):
    _session = Session
