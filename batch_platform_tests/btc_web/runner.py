"""Runs in the session's Dagster that begin when a test says so, in its process."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import dagster as dg
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.events import DagsterEvent, DagsterEventType

from batch_platform.btc import service
from batch_platform.btc.jobs import BATCH_TAG
from batch_platform.btc.service import BtcContext
from batch_platform.core.failures import Conflict, TransientFailure
from batch_platform.operations.model import REQUESTED_BY_TAG, Launch


@dataclass
class HeldRunner:
    """A `Runner` that keeps what it is asked for; `launches` has each once, by its run's id."""

    instance: dg.DagsterInstance
    context: BtcContext | None = None
    away: bool = False
    launches: dict[str, Launch] = field(default_factory=dict)

    def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
        if self.away:
            raise TransientFailure("dagster-away", "Dagster cannot be asked now")
        run_id = run_id or str(uuid4())
        tags = {**launch.tags, REQUESTED_BY_TAG: requested_by}
        with suppress(DagsterRunAlreadyExists):
            self.instance.create_run_for_job(dg.GraphDefinition(launch.job).to_job(), run_id=run_id, tags=tags)
            self.launches[run_id] = launch
        return run_id

    def work(self) -> None:
        """Do what was asked for and not done yet. A run that fails raises, as its batch's `service.run` did."""
        assert self.context is not None
        for run_id, launch in self.launches.items():
            run = self.instance.get_run_by_id(run_id)
            assert run is not None
            if run.is_finished:
                continue
            self._tell(run, DagsterEventType.PIPELINE_START)
            service.run(self.context, launch.tags[BATCH_TAG])
            self._tell(run, DagsterEventType.PIPELINE_SUCCESS)

    def forget(self) -> None:
        """Leave no run behind."""
        for run_id in self.launches:
            self.instance.delete_run(run_id)

    def retry_forgotten(self, *, ended_before: datetime) -> int:
        return 0

    def cancel(self, run_id: str, *, requested_by: str) -> None:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        if run.is_finished:
            raise Conflict("run-ended", "run {run} has ended", run=run_id, field="run_id")
        self.instance.report_run_canceled(run, message=f"Cancelled by {requested_by}.")

    def _tell(self, run: dg.DagsterRun, what: DagsterEventType) -> None:
        self.instance.report_dagster_event(DagsterEvent(what.value, run.job_name), run.run_id)
