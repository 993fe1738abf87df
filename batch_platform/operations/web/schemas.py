"""What the API and `--json` tell of jobs, runs, dead letters and incidents. Durations are seconds, instants UTC."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from batch_platform.core.retry import Backoff, RetryConfig
from batch_platform.operations.model import (
    DeadLetter,
    DeadLetterState,
    Incident,
    JobOverview,
    Run,
    RunDetail,
    RunStatus,
    Schedule,
    Sensor,
    Severity,
    Step,
    Trigger,
)
from batch_platform.web.api.strict import StrictModel


class RunAnswer(StrictModel):
    """A run of a job; `cause` says in one sentence why it failed, `place` names its partition or range."""

    run_id: str
    job_name: str
    dagster_job: str
    place: str | None
    parameters: dict[str, Any]
    trigger: Trigger
    requested_by: str | None
    dry_run: bool
    status: RunStatus
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: float | None
    attempts: int
    cause: str | None
    will_retry: bool | None
    root_run_id: str
    dead_letter_id: str | None

    @classmethod
    def of(cls, run: Run) -> RunAnswer:
        return cls(
            run_id=run.run_id,
            job_name=run.job,
            dagster_job=run.dagster_job,
            place=run.place,
            parameters=dict(run.parameters),
            trigger=run.trigger,
            requested_by=run.requested_by,
            dry_run=run.dry_run,
            status=run.status,
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
            duration_seconds=_seconds(run.duration),
            attempts=run.attempts,
            cause=run.cause,
            will_retry=run.will_retry,
            root_run_id=run.root_run_id,
            dead_letter_id=run.dead_letter_id,
        )


class StepAnswer(StrictModel):
    """One step of a run; `status` is running, success, failure, skipped or retrying."""

    key: str
    status: str
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, step: Step) -> StepAnswer:
        return cls(**vars(step))


class MessageAnswer(StrictModel):
    """A line of a run's log."""

    at: datetime
    text: str


class RunDetailAnswer(RunAnswer):
    """A run with its steps, the newest lines of its log and, after a dry run, the rows that it would have written."""

    steps: list[StepAnswer]
    steps_done: int
    steps_total: int
    messages: list[MessageAnswer]
    dry_run_summary: str | None
    dry_run_rows: list[dict[str, Any]] | None

    @classmethod
    def of_detail(cls, detail: RunDetail) -> RunDetailAnswer:
        rows = detail.dry_run_rows
        return cls(
            **dict(RunAnswer.of(detail.run)),
            steps=[StepAnswer.of(step) for step in detail.steps],
            steps_done=detail.steps_done,
            steps_total=detail.steps_total,
            messages=[MessageAnswer(at=at, text=text) for at, text in detail.messages],
            dry_run_summary=detail.dry_run_summary,
            dry_run_rows=None if rows is None else [dict(row) for row in rows],
        )


class TriggerAnswer(StrictModel):
    """What starts a job by itself: a schedule with its cron expression and time zone, or a sensor with its period.

    `running` is false when it was stopped in Dagster, null where it is not enabled or has not been seen yet.
    """

    kind: Literal["schedule", "sensor"]
    name: str
    enabled: bool
    cron: str | None = None
    every_seconds: float | None = None
    time_zone: str | None = None
    running: bool | None = None

    @classmethod
    def of(cls, trigger: Schedule | Sensor, *, running: bool | None) -> TriggerAnswer:
        common: dict[str, Any] = {"name": trigger.name, "enabled": trigger.enabled, "running": running}
        if isinstance(trigger, Schedule):
            return cls(kind="schedule", cron=trigger.cron, time_zone=trigger.time_zone, **common)
        return cls(kind="sensor", every_seconds=trigger.every.total_seconds(), **common)


class RetryAnswer(StrictModel):
    """`maxAttempts` counts the first one too."""

    max_attempts: int
    backoff: Backoff
    base_delay_seconds: float
    max_delay_seconds: float

    @classmethod
    def of(cls, retry: RetryConfig) -> RetryAnswer:
        return cls(
            max_attempts=retry.max_attempts,
            backoff=retry.backoff,
            base_delay_seconds=retry.base_delay.total_seconds(),
            max_delay_seconds=retry.max_delay.total_seconds(),
        )


class MissingAnswer(StrictModel):
    """A due moment of a schedule that no run has met; `overdue` once its deadline has passed too."""

    due_at: datetime
    deadline_at: datetime
    overdue: bool
    schedule: str


class JobAnswer(StrictModel):
    """A job of the registry and how it stands. `state` is `late` past its deadline, else what its newest run is.

    It is `stopped` when nothing runs and all that starts it was stopped in Dagster; `nextDueAt` is null then.
    `trigger` is the first of `triggers`.

    `missedRuns` counts the due moments of the last 35 days that no run has met.
    """

    id: str
    name: str
    title: str
    description: str
    domain: str
    owner: str
    critical: bool
    permission: str
    state: str
    trigger: TriggerAnswer | None
    triggers: list[TriggerAnswer]
    last_run: RunAnswer | None
    last_success_at: datetime | None
    next_due_at: datetime | None
    deadline_at: datetime | None
    running: int
    queued: int
    sensor_lag_seconds: float | None
    open_incidents: int
    open_dead_letters: int
    missed_runs: int

    @classmethod
    def of(cls, overview: JobOverview, now: datetime) -> JobAnswer:
        job = overview.job
        running = overview.triggers_running
        triggers = [TriggerAnswer.of(trigger, running=running.get(trigger.name)) for trigger in job.triggers]
        return cls(
            **{name: getattr(job, name) for name in ("id", "name", "title", "description", "domain", "owner")},
            critical=job.critical,
            permission=job.permission,
            state=overview_state(overview, now),
            trigger=triggers[0] if triggers else None,
            triggers=triggers,
            last_run=RunAnswer.of(overview.last_run) if overview.last_run else None,
            last_success_at=overview.last_success_at,
            next_due_at=overview.next_due_at,
            deadline_at=overview.deadline_at,
            running=overview.running,
            queued=overview.queued,
            sensor_lag_seconds=_seconds(overview.sensor_lag),
            open_incidents=overview.open_incidents,
            open_dead_letters=overview.open_dead_letters,
            missed_runs=sum(gap.overdue for gap in overview.missing),
        )


class JobStatusAnswer(JobAnswer):
    """A job with its limits and `parametersSchema`: the JSON schema of what `execute` takes as `parameters`."""

    retry: RetryAnswer
    max_duration_seconds: float
    deadline_seconds: float
    missing: list[MissingAnswer]
    parameters_schema: dict[str, Any]

    @classmethod
    def of_status(cls, overview: JobOverview, now: datetime) -> JobStatusAnswer:
        job = overview.job
        return cls(
            **dict(JobAnswer.of(overview, now)),
            retry=RetryAnswer.of(job.retry),
            max_duration_seconds=job.max_duration.total_seconds(),
            deadline_seconds=job.deadline.total_seconds(),
            missing=[
                MissingAnswer(
                    due_at=gap.due_at, deadline_at=gap.deadline_at, overdue=gap.overdue, schedule=gap.schedule
                )
                for gap in overview.missing
            ],
            parameters_schema=job.parameters.model_json_schema(by_alias=True),
        )


class DeadLetterAnswer(StrictModel):
    """A run that used its attempts. `version` is what a retry or discard must name: it changes with each of them."""

    id: str
    job_name: str
    dagster_job: str
    place: str | None
    parameters: dict[str, Any]
    cause: str | None
    attempts: int
    state: DeadLetterState
    version: int
    failed_at: datetime
    run_id: str
    retries: int
    retry_run_id: str | None
    changed_at: datetime
    changed_by: str | None
    reason: str | None
    resolved_by_run: str | None

    @classmethod
    def of(cls, letter: DeadLetter) -> DeadLetterAnswer:
        left_out = {"job_name", "parameters"}
        fields = {name: getattr(letter, name) for name in cls.model_fields if name not in left_out}
        return cls(**fields, job_name=letter.job, parameters=dict(letter.parameters))


class IncidentAnswer(StrictModel):
    """What an alert rule found; open until `resolvedAt`. A `notice` was told once and never open."""

    id: int
    rule: str
    subject: str
    severity: Severity
    job_name: str | None
    summary: str
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    notice: bool

    @classmethod
    def of(cls, incident: Incident) -> IncidentAnswer:
        fields = {name: getattr(incident, name) for name in cls.model_fields if name != "job_name"}
        return cls(**fields, job_name=incident.job)


def overview_state(overview: JobOverview, now: datetime) -> str:
    """One word for how a job stands: late, running, queued, stopped, never, or how its newest run ended."""
    if overview.deadline_at is not None and overview.deadline_at < now:
        return "late"
    if overview.running:
        return "running"
    if overview.queued:
        return "queued"
    if overview.stopped:
        return "stopped"
    return overview.last_run.status.value if overview.last_run else "never"


def written(answer: StrictModel) -> dict[str, Any]:
    """As JSON of the API, in Python's values: for `--json`."""
    return answer.model_dump(mode="json", by_alias=True)


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()
