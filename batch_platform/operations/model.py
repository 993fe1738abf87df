"""What a job, a run, a dead letter and an incident are: frozen values, states and their registry; no I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import NotFound
from batch_platform.core.retry import STANDARD_RETRY, RetryConfig
from batch_platform.web.api.strict import IsoDate, StrictModel

if TYPE_CHECKING:
    from batch_platform.core.connections import Pool
    from batch_platform.operations.log_lines import LogLine

TAG_PREFIX: Final = "batch_platform/"
"""Of the tags by which the platform knows its runs."""
JOB_TAG: Final = "batch_platform/job"
DOMAIN_TAG: Final = "batch_platform/domain"
REQUESTED_BY_TAG: Final = "batch_platform/requested_by"
DRY_RUN_TAG: Final = "batch_platform/dry_run"
PARAMETERS_TAG: Final = "batch_platform/parameters"
DEAD_LETTER_TAG: Final = "batch_platform/dead_letter"
DEAD_LETTER_RETRY_TAG: Final = "batch_platform/dead_letter_retry"
BACKFILL_TAG: Final = "batch_platform/backfill"
IDEMPOTENCY_TAG: Final = "batch_platform/idempotency_key"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"

ASSET_JOB: Final = "__ASSET_JOB"  # a run of assets that somebody has chosen in Dagster's UI
DRY_RUN_SUFFIX: Final = "_dry_run"
"""A dry run is a Dagster job of its own, named after the real one."""

HOUR: Final = timedelta(hours=1)
DEADLINE: Final = timedelta(minutes=5)
"""Of a job that declares none of its own."""
OFF_LIMIT: Final = timedelta(minutes=30)


class RunStatus(StrEnum):
    """Where a run stands. Dagster's own states, told apart only where users see a difference."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELED = "canceled"

    @property
    def ended(self) -> bool:
        return self in (RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELED)


class Trigger(StrEnum):
    """What asked for a run."""

    SCHEDULE = "schedule"
    SENSOR = "sensor"
    BACKFILL = "backfill"
    MANUAL = "manual"
    RETRY = "retry"


class DeadLetterState(StrEnum):
    """open -> retrying -> resolved, or open again; open -> discarded."""

    OPEN = "open"
    RETRYING = "retrying"
    RESOLVED = "resolved"
    DISCARDED = "discarded"


class Severity(StrEnum):
    """How soon somebody must look; `info` needs nobody."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class JobParameters(StrictModel):
    """What every job may be given by hand; a job's own model adds to it."""

    dry_run: bool = False
    target_date: IsoDate | None = None

    def written(self) -> dict[str, Any]:
        """As the API writes them; what has its default is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


@dataclass(frozen=True)
class Launch:
    """One run to ask Dagster for: a partition, a range of them in one run, or neither."""

    job: str
    partition: str | None = None
    partition_range: tuple[str, str] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    dynamic_partitions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys to add before the run, by the name of their partitions definition."""

    @classmethod
    def of_op(cls, job: str, op: str, *, tags: Mapping[str, str | None] | None = None, **config: Any) -> Launch:
        """A run of one op; config and tags that say nothing (None, False, "") are left out."""
        given = {name: value for name, value in config.items() if value not in (None, False, "")}
        labels = {name: value for name, value in (tags or {}).items() if value}
        return cls(job, config={"ops": {op: {"config": given}}}, tags=labels)

    @property
    def range_tags(self) -> dict[str, str]:
        """The tags by which Dagster runs a range of partitions in one run."""
        if self.partition_range is None:
            return {}
        first, last = self.partition_range
        return {RANGE_START_TAG: first, RANGE_END_TAG: last}


@dataclass(frozen=True)
class Schedule:
    """A Dagster schedule; `cron` is read in its own time zone. Not `enabled`: nothing is expected of it."""

    name: str
    cron: str
    enabled: bool = True
    time_zone: str = BUSINESS_ZONE.key


@dataclass(frozen=True)
class Sensor:
    """A Dagster sensor that is expected to look at least `every` so often."""

    name: str
    every: timedelta
    enabled: bool = True


@dataclass(frozen=True)
class Job:
    """One batch of the specs, as users name it."""

    id: str
    name: str
    title: str  # msgid
    description: str  # msgid
    domain: str
    owner: str
    dagster_jobs: tuple[str, ...]
    """The Dagster jobs whose runs count as this job's; the first is what `plan` launches by default."""
    plan: Callable[[Pool, Any, datetime], Launch]  # called with parameters of the model below
    parameters: type[JobParameters] = JobParameters
    permission: str = "batch:execute"
    critical: bool = False
    schedules: tuple[Schedule, ...] = ()
    sensor: Sensor | None = None
    assets: frozenset[str] = frozenset()  # whoever chooses one of them in Dagster's UI does the job's work
    retry: RetryConfig = STANDARD_RETRY
    max_duration: timedelta = HOUR
    deadline: timedelta = DEADLINE
    """How long after its due moment a run may be asked for before somebody is told."""

    @property
    def off_limit(self) -> timedelta | None:
        """How long what starts it may be off before that is critical; None for one of little haste."""
        return OFF_LIMIT if self.critical or self.deadline != DEADLINE else None

    @property
    def triggers(self) -> tuple[Schedule | Sensor, ...]:
        """All that starts it by itself: what is expected to comes first, schedules before the sensor."""
        every: list[Schedule | Sensor] = [*self.schedules, *([self.sensor] if self.sensor else [])]
        return tuple(sorted(every, key=lambda trigger: not trigger.enabled))

    def launch(self, pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
        """What `plan` says, with the tags by which the ledger knows it, whoever asks. Raises what `plan` raises."""
        given = parameters
        if not isinstance(given, self.parameters):
            given = self.parameters.model_validate(parameters.model_dump())
        launch = self.plan(pool, given, now)
        if parameters.dry_run and not launch.job.endswith(DRY_RUN_SUFFIX):
            launch = replace(launch, job=launch.job + DRY_RUN_SUFFIX)
        return self.tagged(launch, parameters)

    def tagged(self, launch: Launch, parameters: JobParameters) -> Launch:
        """The launch as one of this job, with these parameters."""
        written = json.dumps(parameters.written(), ensure_ascii=False, sort_keys=True)
        tags = {**launch.tags, JOB_TAG: self.name, PARAMETERS_TAG: written}
        return replace(launch, tags=tags | ({DRY_RUN_TAG: "true"} if parameters.dry_run else {}))


class Registry:
    """Every job of the platform; the API, console, metrics and alerts read it."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._by_name: dict[str, Job] = {}
        self._by_dagster_job: dict[str, Job] = {}
        ids: set[str] = set()
        for job in jobs:
            if job.name in self._by_name or job.id in ids:
                raise ValueError(f"job {job.name} ({job.id}) is registered twice")
            self._by_name[job.name] = job
            ids.add(job.id)
            for dagster_job in job.dagster_jobs:
                other = self._by_dagster_job.setdefault(dagster_job, job)
                if other is not job:
                    raise ValueError(f"Dagster job {dagster_job} belongs to {other.name} and to {job.name}")

    def __iter__(self) -> Iterator[Job]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Job:
        """By name or by id; raises `NotFound`."""
        entry = self._by_name.get(name) or next((job for job in self if job.id == name), None)
        if entry is None:
            raise NotFound("unknown-job", "no job {job}; see `batch-platform jobs list`", job=name, field="job_name")
        return entry

    def owners_for(self, may: Callable[[str], bool]) -> frozenset[str]:
        """The teams all of whose jobs somebody may run who has the permissions that `may` says."""
        refused = {job.owner for job in self if not may(job.permission)}
        return frozenset(job.owner for job in self) - refused

    def of_run(self, dagster_job: str, tags: Mapping[str, str], assets: Collection[str] = ()) -> Job | None:
        """Whose run this is: by its tag, else by its Dagster job, else who makes most of `assets`, chosen for it."""
        tagged = self._by_name.get(tags.get(JOB_TAG, ""))
        if tagged or dagster_job != ASSET_JOB:
            return tagged or self._by_dagster_job.get(dagster_job.removesuffix(DRY_RUN_SUFFIX))
        makers = [job for job in self if job.assets & {*assets}]
        return max(makers, key=lambda job: (len(job.assets & {*assets}), -len(job.assets)), default=None)


@dataclass(frozen=True)
class Run:
    """A row of the ledger `operations.job_runs`."""

    run_id: str
    job: str
    dagster_job: str
    partition: str | None
    partition_end: str | None  # last key of a range; None for a single partition
    parameters: Mapping[str, Any]
    trigger: Trigger
    requested_by: str | None
    dry_run: bool
    status: RunStatus
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    attempts: int  # the most that any step of the run took; 0 before the first step
    cause: str | None  # why it failed, in one sentence without secrets: a `Message` where one is known
    root_run_id: str
    will_retry: bool | None  # Dagster starts it again by itself; None until it has decided
    dead_letter_id: str | None
    dead_letter_retry: int | None
    idempotency_key: str | None
    config: Mapping[str, Any]
    tags: Mapping[str, str]
    """The domains' own tags; Dagster's and the platform's stand in the other fields."""

    @property
    def place(self) -> str | None:
        """The partition or range as one text."""
        return f"{self.partition}...{self.partition_end}" if self.partition_end else self.partition

    @property
    def duration(self) -> timedelta | None:
        """How long it ran; None before its end."""
        return self.ended_at - (self.started_at or self.ended_at) if self.ended_at else None


@dataclass(frozen=True)
class Step:
    """One step of a run; `status` is started, success, failure, skipped or retrying."""

    key: str
    status: str
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class RunDetail:
    """A run with what Dagster still knows of it; steps are empty when Dagster's own record is purged."""

    run: Run
    steps: tuple[Step, ...]
    steps_done: int
    steps_total: int
    messages: tuple[LogLine, ...]
    """Of its log what matters, and the newest of the rest; oldest first, masked."""
    dry_run_rows: tuple[Mapping[str, Any], ...] | None
    dry_run_summary: str | None


@dataclass(frozen=True)
class DeadLetter:
    """A run, with its automatic re-executions, that used its attempts. Its id is the first run's."""

    id: str
    job: str
    dagster_job: str
    partition: str | None
    partition_end: str | None
    parameters: Mapping[str, Any]
    cause: str | None
    attempts: int
    state: DeadLetterState
    version: int
    failed_at: datetime
    run_id: str  # the run that failed last
    retries: int
    retry_run_id: str | None  # while retrying
    changed_at: datetime
    changed_by: str | None
    reason: str | None  # of the discard
    resolved_by_run: str | None
    config: Mapping[str, Any]
    tags: Mapping[str, str]

    @property
    def place(self) -> str | None:
        """The partition or range as one text."""
        return f"{self.partition}...{self.partition_end}" if self.partition_end else self.partition


@dataclass(frozen=True)
class Incident:
    """Something a rule found; open until the rule finds it no more. A `notice` was never open: it was told once."""

    id: int
    rule: str
    subject: str
    severity: Severity
    job: str | None
    summary: str  # a `Message` as the cause of a run is, and so is the resolution
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    notice: bool


@dataclass(frozen=True)
class Missing:
    """A due moment of a schedule that nothing has met. `overdue`: its grace has passed too."""

    job: str
    due_at: datetime
    deadline_at: datetime
    overdue: bool
    schedule: str


@dataclass(frozen=True)
class Calendar:
    """A schedule of a job, its moments written down up to a point; `grace` is the job's `deadline`."""

    job: str
    trigger: str
    cron: str
    time_zone: str
    grace: timedelta
    written_to: datetime


@dataclass(frozen=True)
class JobOverview:
    """A job of the registry and how it stands."""

    job: Job
    last_run: Run | None
    last_success_at: datetime | None
    running: int
    queued: int
    next_due_at: datetime | None
    deadline_at: datetime | None
    """When a run, or a sensor's look, must have been seen at the latest; past means overdue."""
    sensor_lag: timedelta | None
    open_incidents: int
    open_dead_letters: int
    missing: tuple[Missing, ...] = ()
    triggers_running: Mapping[str, bool] = field(default_factory=dict)
    """Whether Dagster runs each schedule and sensor that it knows."""

    @property
    def stopped(self) -> bool:
        """Whether all that should start it was stopped in Dagster. Its moments are still due, and missed."""
        expected = [trigger.name for trigger in self.job.triggers if trigger.enabled]
        return bool(expected) and all(self.triggers_running.get(name) is False for name in expected)
