"""The web with small jobs of its own: real database, real Dagster storage, runs executed in this process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
)
from fastapi import FastAPI
from pydantic import Field

from batch_platform import migrations
from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.operations import service
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.dagster.storage import DagsterInstanceStorage
from batch_platform.operations.model import Job, JobParameters, Launch, Registry, Run, Schedule, Sensor
from batch_platform.operations.monitor import Monitor, MonitorOptions
from batch_platform.operations.waiting_lists import LISTS
from batch_platform.operations.web import api, health, pages, pauses, waiting
from batch_platform.settings import Settings
from batch_platform.web.access.model import Role
from batch_platform.web.access.tokens import Tokens
from batch_platform.web.api.strict import Month
from batch_platform.web.app import Part, build_app
from batch_platform.web.context import Limits, WebContext
from batch_platform_tests.accounts import PASSWORD, add_account
from batch_platform_tests.databases import empty_database
from batch_platform_tests.operations_web.dagster_jobs import DAGSTER_JOBS, GATE, MENDED, STOP
from batch_platform_tests.waiting import PATIENCE, eventually

__all__ = ["GATE", "MENDED", "PASSWORD", "Rig", "rigged"]

SECRET: Final = b"a secret of the tests, long enough for all"


class Mode(StrEnum):
    WORK = "work"
    FAIL = "fail"
    WAIT = "wait"


class CountParameters(JobParameters):
    """Every kind of parameter that a form can show."""

    mode: Mode = Mode.WORK
    rows: int = Field(default=2, ge=1, le=1000, title="Rows", description="How many to count.")
    month: Month | None = None
    thorough: bool = False
    project_id: str | None = None


def plan_count(_pool: postgres.Pool, parameters: JobParameters, now: datetime) -> Launch:
    assert isinstance(parameters, CountParameters)
    if parameters.target_date and parameters.target_date > now.date():
        raise InvalidInput(
            "invalid-input", "{date} is in the future", date=parameters.target_date, field="target_date"
        )
    if parameters.project_id == "nobody":
        raise NotFound("invalid-input", "no project nobody", field="projectId")
    op = "rehearse" if parameters.dry_run else "count"
    config = {"mode": parameters.mode.value, "rows": parameters.rows}
    return Launch("web_count", config={"ops": {op: {"config": config}}})


def plan_sweep(_pool: postgres.Pool, _parameters: JobParameters, _now: datetime) -> Launch:
    return Launch("web_sweep", config={"ops": {"count": {"config": {"mode": "work", "rows": 1}}}})


def plan_day(_pool: postgres.Pool, parameters: JobParameters, now: datetime) -> Launch:
    assert isinstance(parameters, CountParameters)
    day = parameters.target_date or now.date()
    if day > now.date():
        raise InvalidInput("invalid-input", "{date} is in the future", date=day, field="targetDate")
    config = {"mode": parameters.mode.value, "rows": parameters.rows}
    return Launch("web_day", partition=day.isoformat(), config={"ops": {"count": {"config": config}}})


COUNT: Final = Job(
    id="WEB_001",
    name="web-count",
    title="Count rows",
    description="Counts rows.",
    domain="tests",
    owner="team:tests",
    dagster_jobs=("web_count",),
    parameters=CountParameters,
    plan=plan_count,
    permission="jobs:run",
    critical=True,
    schedules=(Schedule("web_count_schedule", "0 2 * * *"),),
)
SWEEP: Final = Job(
    id="WEB_002",
    name="web-sweep",
    title="Sweep",
    description="Sweeps.",
    domain="tests",
    owner="team:tests",
    dagster_jobs=("web_sweep",),
    plan=plan_sweep,
    max_duration=timedelta(minutes=1),
    sensor=Sensor("web_sweep_sensor", timedelta(days=1)),
)


ROWS: Final = "tests/day_rows"
"""The asset whose partitions `web-day` makes."""

DAY: Final = Job(
    id="WEB_003",
    name="web-day",
    title="Count a day",
    description="Counts a day's rows.",
    domain="tests",
    owner="team:tests",
    dagster_jobs=("web_day",),
    parameters=CountParameters,
    plan=plan_day,
    permission="jobs:run",
    assets=frozenset({ROWS}),
)


@dataclass
class Runner:
    """Runs in a thread of this process; `cancel` interrupts those that wait."""

    instance: dg.DagsterInstance
    threads: list[threading.Thread] = field(default_factory=list)

    def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
        if run_id and self.instance.get_run_by_id(run_id):
            return run_id
        for thread in self.threads:
            thread.join(PATIENCE)  # two at once can wait for each other's lock of the log
        job = DAGSTER_JOBS[launch.job]
        run_id = run_id or str(uuid4())
        tags = {**launch.tags, "batch_platform/requested_by": requested_by}
        if launch.partition:
            tags["dagster/partition"] = launch.partition
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

        def work() -> None:
            config = {**quiet, **launch.config}
            with suppress(DagsterExecutionInterruptedError):
                job.execute_in_process(
                    instance=self.instance, run_config=config, tags=tags, run_id=run_id, raise_on_error=False
                )

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.threads.append(thread)
        eventually(lambda: self.instance.get_run_by_id(run_id))
        return run_id

    def retry_forgotten(self, *, ended_before: datetime) -> int:
        return 0

    def cancel(self, run_id: str, *, requested_by: str) -> None:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        if run.is_finished:
            raise Conflict("run-ended", "run {run} has ended", run=run_id, field="run_id")
        self.instance.report_run_canceling(run, message=f"Cancelled by {requested_by}.")
        STOP.set()
        GATE.set()

    def settle(self) -> None:
        """Wait for all runs."""
        GATE.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        self.threads.clear()
        STOP.clear()


@dataclass(frozen=True)
class Triggers:
    """Of no code location: the states stand in Dagster's storage as its own switch leaves them."""

    instance: dg.DagsterInstance

    def switch(self, trigger: str, *, on: bool) -> None:
        status = InstigatorStatus.RUNNING if on else InstigatorStatus.STOPPED
        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("tests"), "__repository__")
        origin = RemoteInstigatorOrigin(repository, trigger)
        kind, data = InstigatorType.SENSOR, SensorInstigatorData()
        if trigger.endswith("_schedule"):
            kind, data = InstigatorType.SCHEDULE, ScheduleInstigatorData("0 2 * * *", None)
        state = InstigatorState(origin, kind, status, data)
        known = self.instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
        if known is None:
            self.instance.add_instigator_state(state)
        else:
            self.instance.update_instigator_state(known.with_status(status))

    def launches(self, schedule: str, at: datetime) -> list[Launch]:
        return [Launch("web_count", config={"ops": {"count": {"config": {"mode": "work", "rows": 1}}}})]


@dataclass
class Rig:
    """The app with its context; tokens and runs for tests."""

    app: FastAPI
    operations: OperationsContext
    runner: Runner
    web: WebContext

    def headers(self, role: str) -> dict[str, str]:
        tokens = Tokens.of(SECRET)
        token = tokens.issue(name=role, roles=[Role(role)], ttl=timedelta(hours=1), now=utc_now(), random=os.urandom)
        return {"Authorization": f"Bearer {token}"}

    def run(self, mode: str = "work", **parameters: Any) -> Run:
        """A run of web-count, ended unless it waits."""
        STOP.clear()
        GATE.clear()
        run = service.execute(self.operations, "web-count", {"mode": mode, **parameters}, by="local:rig")
        if mode != "wait":
            self.runner.settle()
            service.sync(self.operations)
            return service.run(self.operations, run.run_id).run
        return run

    def queued(self, job: str = "web_count", *, dagster_job: str | None = None) -> str:
        """The id of a run that waits in Dagster's queue, of a job by another name there; nobody takes it out."""
        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("tests"), "__repository__")
        run = self.runner.instance.create_run_for_job(
            DAGSTER_JOBS[job].graph.to_job(name=dagster_job or job),
            run_config={"ops": {"count": {"config": {"mode": "work", "rows": 1}}}},
            status=dg.DagsterRunStatus.QUEUED,
            remote_job_origin=RemoteJobOrigin(repository, job),
            tags={"batch_platform/requested_by": "local:rig"},
        )
        return run.run_id

    def dequeue(self, *run_ids: str) -> None:
        """Take runs out of the queue as cancelled."""
        for run_id in run_ids:
            run = self.runner.instance.get_run_by_id(run_id)
            assert run is not None
            self.runner.instance.report_run_canceled(run)
        service.sync(self.operations)

    def letter(self) -> str:
        """The id of a new open dead letter."""
        run = self.run("fail")
        # Dagster's word about a retry is waited for; a day later it is certain that none comes
        later = replace(self.operations, clock=lambda: utc_now() + timedelta(days=1))
        service.sync(later)
        return run.run_id

    def made(self, partition: str) -> None:
        """A partition of `ROWS` is materialized, by no run."""
        made = dg.AssetMaterialization(dg.AssetKey.from_user_string(ROWS), partition=partition)
        self.runner.instance.report_runless_asset_event(made)

    def add_user(self, name: str, role: str) -> None:
        add_account(self.operations.pool, name, Role(role))

    def audit(self, target: str) -> list[Mapping[str, Any]]:
        """The audit rows about this target, oldest first."""
        from batch_platform.core.audit import AuditStore

        rows = AuditStore(self.operations.pool).rows(target=target)
        return [vars(row) for row in reversed(rows)]


@contextmanager
def rigged(settings: Settings, *, cards: Sequence[pages.DashboardCard] = ()) -> Iterator[Rig]:
    """A rig on a database of its own."""
    with empty_database(settings, "operations_web") as database:
        migrations.upgrade(database)
        pool = postgres.open_pool(database, application_name="operations-web-tests")
        instance = dg.DagsterInstance.get()
        runner = Runner(instance)
        try:
            yield _rig(pool, instance, runner, cards)
        finally:
            runner.settle()
            pool.close()


def _rig(
    pool: postgres.Pool, instance: dg.DagsterInstance, runner: Runner, cards: Sequence[pages.DashboardCard]
) -> Rig:
    registry = Registry([COUNT, SWEEP, DAY])
    storage = DagsterInstanceStorage(instance, registry)
    operations = OperationsContext(
        pool, utc_now, registry, storage, runner, triggers=Triggers(instance), waiting=LISTS
    )
    limits = Limits(rate=1000, burst=10_000, anonymous_rate=1000, anonymous_burst=10_000)
    context = WebContext(
        pool, utc_now, SECRET, "http://127.0.0.1", secure_cookies=False, random=os.urandom, limits=limits
    )
    part = Part(
        routers=[api.router, pauses.router, health.router, waiting.router, api.metrics_router],
        pages=[pages.build_pages(cards)],
        navigation=pages.NAVIGATION,
        package="batch_platform.operations.web",
        banner=pauses.banner,
    )
    app = build_app(context, parts=[part])
    app.state.operations = operations
    Monitor(operations, MonitorOptions()).once()
    return Rig(app, operations, runner, context)
