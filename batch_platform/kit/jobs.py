"""Jobs as a domain declares them: one call says what the registry, Dagster and the calendar know of a job.

    job(
        id="ZEN_003",
        name="zengin-apply",
        title=N_("Apply approved changes"),
        description=N_("…"),
        domain="zengin",
        plan=plan_apply,
        runs=[Run("zengin_apply", [zengin_apply, bank_master])],
        dry_run=dry_runs.apply,
        schedules=[Schedule("zengin_apply_schedule", "0 23 * * *", day_of_the_tick)],
        deadline=timedelta(minutes=15),
    )

Whoever asks for a run, a schedule or sensor as much as a person, gives the job's parameters; the job's `plan` makes
the launch of them, and the run has the same tags. What does not belong here: how a run works (assets, ops).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from batch_platform.core.clock import BUSINESS_ZONE, utc_now
from batch_platform.core.failures import PlatformError
from batch_platform.kit import dry_runs
from batch_platform.operations import model, pauses
from batch_platform.operations.model import DRY_RUN_SUFFIX, JobParameters, Launch
from batch_platform.resources.failures import tick_failures

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

    from batch_platform.core.postgres import Pool
    from batch_platform.settings import Settings

    DagsterJob = dg.JobDefinition | UnresolvedAssetJobDefinition

_HALF_AN_HOUR: Final = timedelta(minutes=30)
GOING: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""Runs that have not ended."""


@dataclass(frozen=True)
class Run:
    """A Dagster job whose runs count as the job's: it materializes assets, or executes one op."""

    name: str
    of: Sequence[dg.AssetsDefinition] | dg.OpDefinition
    description: str | None = None  # the job's own
    max_runtime: timedelta | None = None  # the job's own `max_duration`


@dataclass(frozen=True)
class Request:
    """A run that a schedule or sensor asks for. The same `run_key` is asked for once only.

    Without a `launch` the job's plan makes it. With one it is another than the plan's: a schedule can start its own
    Dagster job alone, and a sensor may know of work what no parameter says.
    """

    parameters: JobParameters = field(default_factory=JobParameters)
    run_key: str | None = None
    launch: Launch | None = None


@dataclass(frozen=True)
class Tick:
    """What a schedule or sensor looks with; `at` is the moment it is due for."""

    at: datetime
    domain: str
    context: Any  # Dagster's own of a schedule or sensor

    @property
    def resource(self) -> Any:
        """The domain's."""
        return getattr(self.context.resources, self.domain)

    @property
    def instance(self) -> dg.DagsterInstance:
        instance: dg.DagsterInstance = self.context.instance
        return instance

    @property
    def log(self) -> Any:
        return self.context.log

    @property
    def cursor(self) -> str | None:
        """Where the sensor's last look said to go on."""
        cursor: str | None = self.context.cursor
        return cursor


@dataclass(frozen=True)
class Look:
    """What a sensor has seen: the runs to ask for, why there is none, and where it goes on."""

    requests: Sequence[Request] = ()
    reason: str = "nothing to do"
    cursor: str | None = None


def once(tick: Tick) -> Iterator[Request]:
    """A run with the job's defaults at each tick."""
    yield Request(run_key=tick.at.isoformat())


@dataclass(frozen=True)
class Schedule:
    """A schedule of a job, in a time zone of its own; `run` names the Dagster job it starts, by default the first.

    `asks` gives no request when there is nothing to do.
    """

    name: str
    cron: str
    asks: Callable[[Tick], Iterable[Request]] = once
    enabled: bool = True
    time_zone: str = BUSINESS_ZONE.key
    run: str | None = None


@dataclass(frozen=True)
class Sensor:
    """A sensor of a job, on from the start; `runs` names the Dagster jobs it starts, by default the first."""

    name: str
    every: timedelta
    description: str
    looks: Callable[[Tick], Look]
    runs: tuple[str, ...] = ()

    @property
    def entry(self) -> model.Sensor:
        """As the registry knows it: of this job, and of others whose work it starts too."""
        return model.Sensor(self.name, self.every)


@dataclass(frozen=True)
class DeclaredJob:
    """A job with everything that Dagster is told of it."""

    entry: model.Job
    assets: tuple[dg.AssetsDefinition, ...]
    dagster_jobs: tuple[DagsterJob, ...]
    schedules: tuple[dg.ScheduleDefinition, ...]
    sensors: tuple[dg.SensorDefinition, ...]


def job(
    *,
    name: str,
    domain: str,
    runs: Sequence[Run],
    dry_run: Callable[..., dry_runs.DryRun],
    plan: Callable[[Pool, Any, datetime], Launch] | None = None,
    dry_run_max: timedelta = _HALF_AN_HOUR,
    schedules: Sequence[Schedule] = (),
    sensor: Sensor | None = None,
    started_by: Sensor | None = None,
    **entry: Any,
) -> DeclaredJob:
    """Declare a job. `entry`: the other fields of `operations.model.Job`; the owner is the domain's team.

    Without a `plan` the job is its first Dagster job, whatever it is given.
    `started_by`: a sensor that another job declares and that does this one's work too.
    """
    seen = sensor or started_by
    registered = model.Job(
        name=name,
        domain=domain,
        owner=f"team:{domain}",
        dagster_jobs=tuple(run.name for run in runs),
        schedules=tuple(model.Schedule(each.name, each.cron, each.enabled, each.time_zone) for each in schedules),
        sensor=seen.entry if seen else None,
        assets=frozenset(key.to_user_string() for run in runs for key in _made_by(run)),
        plan=plan or (lambda _pool, _parameters, _now: Launch(runs[0].name)),
        **entry,
    )
    dry = Run(runs[0].name + DRY_RUN_SUFFIX, dry_runs.op_of(dry_run, domain), f"Dry run of {name}.", dry_run_max)
    made = {run.name: _dagster_job(run, registered) for run in (*runs, dry)}
    return DeclaredJob(
        registered,
        tuple(asset for run in runs if not isinstance(run.of, dg.OpDefinition) for asset in run.of),
        tuple(made.values()),
        tuple(_schedule(registered, each, made[each.run or runs[0].name]) for each in schedules),
        (_sensor(registered, sensor, [made[target] for target in sensor.runs or (runs[0].name,)]),) if sensor else (),
    )


@dataclass(frozen=True)
class DagsterRoom:
    """What a domain declares to Dagster. `resource` hands its context out by `open_context`, on the run's PostgreSQL;
    assets, ops and dry runs ask for it by the domain's name. Assets are those that some job makes."""

    domain: str
    resource: type[dg.ConfigurableResource[Any]]
    jobs: Callable[[Settings], Sequence[DeclaredJob]]
    asset_checks: Sequence[dg.AssetChecksDefinition] = ()

    def definitions(self, settings: Settings, resources: Mapping[str, Any]) -> dg.Definitions:
        """Its assets with their checks, and all that its jobs declare; `resources` are the platform's."""
        declared = self.jobs(settings)
        return dg.Definitions(
            assets=list(dict.fromkeys(asset for job in declared for asset in job.assets)),
            asset_checks=self.asset_checks,
            resources={self.domain: self.resource(postgres=resources["postgres"])},
            jobs=[made for job in declared for made in job.dagster_jobs],
            schedules=[made for job in declared for made in job.schedules],
            sensors=[made for job in declared for made in job.sensors],
        )


def _made_by(run: Run) -> Iterator[dg.AssetKey]:
    """The assets that a run makes; none of an op."""
    if not isinstance(run.of, dg.OpDefinition):
        for assets in run.of:
            yield from assets.keys


def _dagster_job(run: Run, entry: model.Job) -> DagsterJob:
    description = run.description or entry.description
    longest = int((run.max_runtime or entry.max_duration).total_seconds())
    tags = {"dagster/max_runtime": str(longest), model.DOMAIN_TAG: entry.domain}
    if isinstance(run.of, dg.OpDefinition):
        graph = dg.GraphDefinition(name=run.name, node_defs=[run.of])
        return graph.to_job(description=description, tags=tags, owners=[entry.owner])
    return dg.define_asset_job(run.name, list(run.of), description=description, tags=tags, owners=[entry.owner])


def _schedule(entry: model.Job, schedule: Schedule, target: DagsterJob) -> dg.ScheduleDefinition:
    status = dg.DefaultScheduleStatus

    def tick(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        with tick_failures():
            at = context.scheduled_execution_time
            pool = context.resources.postgres.pool()
            pause = pauses.hold(pool, job=entry.name, trigger=schedule.name, due_at=at, now=utc_now())
            requests = (
                []
                if pause
                else [
                    _run_request(entry, request, context, at, {target.name})
                    for request in schedule.asks(Tick(at, entry.domain, context))
                ]
            )
        yield from requests
        if not requests:
            yield dg.SkipReason(pause.sentence if pause else "nothing to do")

    return dg.ScheduleDefinition(
        name=schedule.name,
        job=target,
        cron_schedule=schedule.cron,
        execution_timezone=schedule.time_zone,
        default_status=status.RUNNING if schedule.enabled else status.STOPPED,
        description=entry.description,
        execution_fn=tick,
        required_resource_keys={entry.domain, "postgres"},
    )


def _sensor(entry: model.Job, sensor: Sensor, targets: Sequence[DagsterJob]) -> dg.SensorDefinition:
    names = {target.name for target in targets}

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        with tick_failures():
            at = utc_now()
            pause = _pause(context, at)
            # its cursor stays, so that it finds afterwards what came meanwhile
            look = Look(reason=pause.sentence, cursor=context.cursor) if pause else None
            look = look or sensor.looks(Tick(at, entry.domain, context))
            requests = [_run_request(entry, request, context, at, names) for request in look.requests]
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else dg.SkipReason(look.reason),
            cursor=look.cursor,
        )

    return dg.SensorDefinition(
        name=sensor.name,
        jobs=list(targets),
        minimum_interval_seconds=int(sensor.every.total_seconds()),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=sensor.description,
        evaluation_fn=evaluate,
        required_resource_keys={entry.domain, "postgres"},
    )


def _pause(context: dg.SensorEvaluationContext, at: datetime) -> pauses.Pause | None:
    """The pause of this moment; None too while PostgreSQL is away: money does not wait for that."""
    try:
        return pauses.active(context.resources.postgres.pool(), at)
    except PlatformError as error:
        context.log.warning(f"whether there is a pause cannot be read: {error.message}")
        return None


def _run_request(
    entry: model.Job,
    request: Request,
    context: dg.ScheduleEvaluationContext | dg.SensorEvaluationContext,
    at: datetime,
    startable: set[str],
) -> dg.RunRequest:
    """The run that the request's launch is, its dynamic partitions added before."""
    if request.launch is None:
        launch = entry.launch(context.resources.postgres.pool(), request.parameters, at)
    else:
        launch = entry.tagged(request.launch, request.parameters)
    if launch.job not in startable:
        raise ValueError(f"{entry.name} is to be run as {launch.job}, which its trigger does not start")
    for name, keys in launch.dynamic_partitions.items():
        context.instance.add_dynamic_partitions(name, list(keys))
    return dg.RunRequest(
        run_key=request.run_key,
        job_name=launch.job,
        partition_key=launch.partition,
        run_config=dict(launch.config),
        tags={**launch.tags, **launch.range_tags},
    )
