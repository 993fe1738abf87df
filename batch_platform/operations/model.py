"""What a job, a run, a dead letter and an incident are: frozen values, states and their registry; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from batch_platform.core.failures import NotFound
from batch_platform.core.retry import STANDARD_RETRY, RetryConfig
from batch_platform.web.api.strict import IsoDate, StrictModel

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool

JOB_TAG: Final = "batch_platform/job"
REQUESTED_BY_TAG: Final = "batch_platform/requested_by"
DRY_RUN_TAG: Final = "batch_platform/dry_run"
PARAMETERS_TAG: Final = "batch_platform/parameters"
DEAD_LETTER_TAG: Final = "batch_platform/dead_letter"
DEAD_LETTER_RETRY_TAG: Final = "batch_platform/dead_letter_retry"
IDEMPOTENCY_TAG: Final = "batch_platform/idempotency_key"

DRY_RUN_SUFFIX: Final = "_dry_run"
"""A dry run is a Dagster job of its own, named after the real one."""

HOUR: Final = timedelta(hours=1)


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


@dataclass(frozen=True)
class Schedule:
    """A Dagster schedule; `cron` is read in Asia/Tokyo. Not `enabled`: nothing is expected of it."""

    name: str
    cron: str
    enabled: bool = True


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
    plan: Callable[[Pool, JobParameters, datetime], Launch]
    parameters: type[JobParameters] = JobParameters
    permission: str = "batch:execute"
    critical: bool = False
    trigger: Schedule | Sensor | None = None
    retry: RetryConfig = STANDARD_RETRY
    max_duration: timedelta = HOUR
    deadline: timedelta = timedelta(minutes=5)
    """How long after its due moment a run may be asked for before somebody is told."""


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
        found = self._by_name.get(name) or next((job for job in self if job.id == name), None)
        if found is None:
            raise NotFound(f"no job {name}; see `batch-platform jobs list`", field="job_name")
        return found

    def of_run(self, dagster_job: str, tags: Mapping[str, str]) -> Job | None:
        """Whose run this is: by its tag, else by its Dagster job; None for a run of no registered job."""
        tagged = self._by_name.get(tags.get(JOB_TAG, ""))
        return tagged or self._by_dagster_job.get(dagster_job.removesuffix(DRY_RUN_SUFFIX))


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
    attempts: int
    """The most attempts any step of the run took; 0 before the first step."""
    cause: str | None
    """Why it failed, in one sentence without secrets."""
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
    messages: tuple[tuple[datetime, str], ...]
    """The newest log lines of the run, oldest first, masked."""
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
    """Something a rule found; open until the rule finds it no more. One is open per rule and subject.

    A `notice` was never open: it was told once.
    """

    id: int
    rule: str
    subject: str
    severity: Severity
    job: str | None
    summary: str
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
