"""A small platform of its own: real Dagster jobs that end as they are told, on a real instance and database.

    python -m batch_platform_tests.operations.world COMMAND …

runs one of the commands at the end as a process, to be killed; see `World.spawn`.
"""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import yaml
from botocore.exceptions import ClientError
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from batch_platform.core import postgres
from batch_platform.core.aws_failures import aws_failures
from batch_platform.core.clock import utc_now
from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.core.retry import RetryConfig
from batch_platform.kit.dry_runs import output_of
from batch_platform.operations import ledger
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.dagster.launch import InProcessRunner, Launcher
from batch_platform.operations.dagster.storage import DagsterInstanceStorage
from batch_platform.operations.model import Job, JobParameters, Launch, Registry, Schedule, Sensor
from batch_platform.resources.failures import dagster_failures
from batch_platform.settings import Settings
from batch_platform_tests.forks import Fork
from batch_platform_tests.waiting import PATIENCE, eventually

LETTERS = dg.StaticPartitionsDefinition(["a", "b", "c"])
AT_ONCE = RetryConfig(3, "fixed", timedelta(0), timedelta(0))
SECRET = "password=hunter2"

# How the next runs' attempts end, by word; when the list is used up they succeed.
OUTCOMES: list[str] = []


def _attempt(context: Any) -> None:
    with dagster_failures(context, AT_ONCE):
        outcome = OUTCOMES.pop(0) if OUTCOMES else "success"
        if outcome == "transient":
            raise TransientFailure("server-away", f"the server is away: {SECRET}")
        if outcome == "permanent":
            raise PermanentFailure("no-bucket", f"no such bucket: {SECRET}")
        if outcome.startswith("role"):
            context.log.info("13 months to look at")
            with aws_failures(f"role arn:aws:iam::111122223333:{outcome}"):
                raise ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole")
        if outcome == "disk":
            raise OSError(errno.ENOSPC, "No space left on device", "/lake/x.parquet")
        if outcome == "bug":
            raise ZeroDivisionError("1/0\nDETAIL: row 42 of the customers")


@dg.asset(partitions_def=LETTERS, backfill_policy=dg.BackfillPolicy.single_run())
def lettered(context: dg.AssetExecutionContext) -> None:
    _attempt(context)


@dg.op
def act(context: dg.OpExecutionContext) -> None:
    _attempt(context)


@dg.job
def plain() -> None:
    act()


@dg.op
def rehearse() -> dg.Output[None]:
    return output_of([{"would": "write"}], "1 row")


@dg.job
def plain_dry_run() -> None:
    rehearse()


DEFINITIONS = dg.Definitions(
    assets=[lettered],
    jobs=[dg.define_asset_job("letters", [lettered], tags={"domain/kind": "letter"}), plain, plain_dry_run],
    executor=dg.in_process_executor,
)


class LetterParameters(JobParameters):
    letter: str | None = None


def _plan(pool: postgres.Pool, parameters: JobParameters, now: datetime) -> Launch:
    assert isinstance(parameters, LetterParameters)
    return Launch("letters", partition=parameters.letter or "a")


REGISTRY = Registry(
    [
        Job(
            id="TEST_001",
            name="write-letters",
            title="Letters",
            description="Writes letters.",
            domain="tests",
            owner="team:tests",
            dagster_jobs=("letters",),
            assets=frozenset({"lettered"}),
            plan=_plan,
            parameters=LetterParameters,
            schedules=(Schedule("letters_schedule", "*/10 * * * *"),),
            deadline=timedelta(minutes=2),
        ),
        Job(
            id="TEST_002",
            name="plain-work",
            title="Plain",
            description="Works.",
            domain="tests",
            owner="team:tests",
            dagster_jobs=("plain",),
            plan=lambda pool, parameters, now: Launch("plain"),
            sensor=Sensor("plain_sensor", every=timedelta(seconds=30)),
            max_duration=timedelta(minutes=30),
            deadline=timedelta(minutes=1),
        ),
    ]
)


class ShiftedClock:
    """The real time, moved: Dagster's own stamps are real."""

    def __init__(self) -> None:
        self.shift = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.shift

    def pass_by(self, **time: float) -> None:
        self.shift += timedelta(**time)


@dataclass
class World:
    """Operations on a database, a Dagster instance and the jobs above."""

    ctx: OperationsContext
    clock: ShiftedClock
    instance: dg.DagsterInstance
    launcher: Launcher
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, job: str, *outcomes: str, partition: str | None = None, **options: Any) -> str:
        """A finished run whose attempts ended so; its id."""
        OUTCOMES[:] = outcomes
        ended = self.launcher.run(job, partition=partition, **options)
        OUTCOMES.clear()
        return ended.run_id

    def unfinished(self, job: str = "plain", **options: Any) -> dg.DagsterRun:
        """A run that is recorded in the given status and executed by nobody."""
        return self.instance.create_run_for_job(DEFINITIONS.resolve_job_def(job), **options)

    def queued(self, **options: Any) -> str:
        """A run of `plain` that waits in the queue."""
        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("tests"), "__repository__")
        origin = RemoteJobOrigin(repository, "plain")
        return self.unfinished(status=dg.DagsterRunStatus.QUEUED, remote_job_origin=origin, **options).run_id

    def sync(self) -> int:
        return ledger.sync(self.ctx)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with postgres.transaction(self.ctx.pool) as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()

    def value(self, query: str, *parameters: object) -> Any:
        [[value]] = self.rows(query, *parameters)
        return value

    def execute(self, statement: str, *parameters: object) -> None:
        with postgres.transaction(self.ctx.pool) as connection:
            connection.execute(statement.encode(), parameters or None)

    def with_(self, **changes: Any) -> "World":
        return replace(self, ctx=replace(self.ctx, **changes))

    def spawn(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        """One of the commands below as a process that pauses itself where it is told to."""
        return Fork(
            *("-m", __name__, command, *arguments),
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


def build(settings: Settings, database_url: str, instance: dg.DagsterInstance) -> World:
    clock = ShiftedClock()
    launcher = Launcher(DEFINITIONS, instance=instance)
    pool = postgres.open_pool(database_url, application_name="operations tests")
    ctx = OperationsContext(
        pool, clock, REGISTRY, DagsterInstanceStorage(instance, REGISTRY), InProcessRunner(launcher)
    )
    return World(ctx, clock, instance, launcher)


def dagster_execute(world: World, statement: str, *parameters: object) -> None:
    """A statement on Dagster's own database."""
    home = Path(world.variables["TEST_INSTANCE"])
    url = yaml.safe_load((home / "dagster.yaml").read_text())["storage"]["postgres"]["postgres_url"]
    with psycopg.connect(url.replace("+psycopg2", "")) as connection:
        connection.execute(statement.encode(), parameters)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=PATIENCE)


def await_stopped(process: subprocess.Popen[str]) -> None:
    """Until the process has paused itself."""
    eventually(lambda: process.poll() is not None or _state(process.pid) == "T")
    assert process.poll() is None, process.communicate()


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


class PausingRunner(InProcessRunner):
    """Stops its process before or after a run is asked for."""

    def __init__(self, launcher: Launcher, point: str) -> None:
        super().__init__(launcher)
        self.point = point

    def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
        if self.point == "before":
            os.kill(os.getpid(), signal.SIGSTOP)
        done = super().submit(launch, requested_by=requested_by, run_id=run_id)
        if self.point == "after":
            os.kill(os.getpid(), signal.SIGSTOP)
        return done


class PausingStorage(DagsterInstanceStorage):
    """Stops its process before a priority is written."""

    def prioritize(self, run_id: str, priority: int) -> bool:
        os.kill(os.getpid(), signal.SIGSTOP)
        return super().prioritize(run_id, priority)


def main(command: str, *arguments: str) -> None:
    from batch_platform.core.audit import Log
    from batch_platform.operations import monitor, notify, run_queue, service, triage
    from batch_platform.operations.triage_store import Selection
    from batch_platform.settings import load_settings

    settings = load_settings()
    with dg.DagsterInstance.from_config(os.environ["TEST_INSTANCE"]) as instance:
        world = build(settings, os.environ["TEST_DATABASE"], instance)
        if command == "retry":
            letter_id, point = arguments
            ctx = replace(world.ctx, runner=PausingRunner(world.launcher, point))
            letter = service.dead_letter(ctx, letter_id)
            service.retry_dead_letter(ctx, letter_id, version=letter.version, by="process")
        elif command == "retry several":
            ctx = replace(world.ctx, runner=PausingRunner(world.launcher, "before"))
            triage.retry(ctx, Log(ctx.pool, ctx.clock, "process"), Selection(state="open"))
        elif command == "prioritize":
            ctx = replace(world.ctx, dagster=PausingStorage(instance, REGISTRY))
            run_queue.prioritize(ctx, Log(ctx.pool, ctx.clock, "process"), arguments[0], 9, reason="urgent")
        elif command == "monitor":
            options = monitor.MonitorOptions(notify.destinations(*arguments, None) if arguments else ())
            watch = monitor.Monitor(world.ctx, options)
            sys.stdout.write("watching\n")
            sys.stdout.flush()
            while True:
                watch.once()
        world.ctx.pool.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
