"""What the API and `--json` tell of jobs, runs, dead letters and incidents. Durations are seconds, instants UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator

from batch_platform.core.crons import LANGUAGES, cron_in_words, interval_in_words
from batch_platform.core.messages import Message
from batch_platform.core.retry import Backoff
from batch_platform.operations.log_lines import LineKind
from batch_platform.operations.model import (
    DeadLetterState,
    JobOverview,
    RunDetail,
    RunStatus,
    Schedule,
    Sensor,
    Severity,
    Trigger,
)
from batch_platform.operations.pauses import Moment, Pause
from batch_platform.operations.remedies import remedies_of
from batch_platform.operations.runner import QueuedRun
from batch_platform.operations.waiting import Waiting
from batch_platform.web.access.model import Principal, Role
from batch_platform.web.api.answers import Answer, From, Sentence
from batch_platform.web.api.answers import written as written


def start_in_words(trigger: Schedule | Sensor, language: str) -> str | None:
    """`毎日 23:00`, `every 30 seconds`; None for a cron expression of a rare form."""
    if isinstance(trigger, Schedule):
        return cron_in_words(trigger.cron, trigger.time_zone, language)
    return interval_in_words(trigger.every, language)


def message_id(text: str | None) -> str | None:
    """Of a text that is a message."""
    return text.id if isinstance(text, Message) else None


def _seconds(length: object) -> object:
    return length.total_seconds() if isinstance(length, timedelta) else length


Seconds = Annotated[float, BeforeValidator(_seconds)]


class RunAnswer(Answer):
    """A run of a job; `cause` says in one sentence why it failed, `place` names its partition or range.

    `causeId` is what `cause` is about, stable between releases; null where only a sentence is known.
    """

    run_id: str
    job_name: Annotated[str, From("job")]
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
    duration_seconds: Annotated[Seconds | None, From("duration")]
    attempts: int
    cause: str | None
    cause_id: Annotated[str | None, From(lambda run: message_id(run.cause))]
    will_retry: bool | None
    root_run_id: str
    dead_letter_id: str | None


class QueuedRunAnswer(RunAnswer):
    """A queued run. The highest `priority` is started first, of the same the oldest; 0 where none was given."""

    priority: int

    @classmethod
    def of_queued(cls, queued: QueuedRun) -> QueuedRunAnswer:
        return cls.of(queued.run, priority=queued.priority)


class RunStepAnswer(Answer):
    """One step of a run; `status` is running, success, failure, skipped or retrying."""

    key: str
    status: str
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None


class MessageAnswer(Answer):
    """A line of a run's log; all but `other`, which is Dagster's bookkeeping, are what one looks for."""

    at: datetime
    kind: LineKind
    text: str


class RunDetailAnswer(RunAnswer):
    """A run with its steps, the newest lines of its log and, after a dry run, the rows that it would have written.

    `remedies` say what to look at when it failed.
    """

    steps: list[RunStepAnswer]
    steps_done: int
    steps_total: int
    messages: list[MessageAnswer]
    dry_run_summary: str | None
    dry_run_rows: list[dict[str, Any]] | None
    remedies: list[str]

    @classmethod
    def of_detail(cls, detail: RunDetail, known: Mapping[str, str]) -> Self:
        own = set(cls.model_fields) - set(RunAnswer.model_fields) - {"remedies"}
        more = {name: getattr(detail, name) for name in own}
        return cls.of(detail.run, **more, remedies=remedies_of(detail.run.cause, known))


class TriggerAnswer(Answer):
    """What starts a job by itself: a schedule with its cron expression and time zone, or a sensor with its period.

    `inWords` says when it starts by language, as `ja` and `en`; null for a cron expression of a rare form.

    `running` is false when it was stopped in Dagster, null where Dagster has not said yet. `enabled` is what it is
    declared to be.
    """

    kind: Literal["schedule", "sensor"]
    name: str
    enabled: bool
    cron: str | None = None
    every_seconds: float | None = None
    time_zone: str | None = None
    in_words: dict[str, str] | None = None
    running: bool | None = None

    @classmethod
    def of_trigger(cls, trigger: Schedule | Sensor, *, running: bool | None) -> Self:
        by_language = {language: start_in_words(trigger, language) for language in LANGUAGES}
        words = {language: text for language, text in by_language.items() if text} or None
        if isinstance(trigger, Schedule):
            return cls.of(trigger, kind="schedule", in_words=words, running=running)
        seconds = trigger.every.total_seconds()
        return cls.of(trigger, kind="sensor", every_seconds=seconds, in_words=words, running=running)

    def shown(self) -> str:
        """When it starts, in English; the cron expression where no words are known for it."""
        return (self.in_words or {}).get("en") or self.cron or ""


class RetryAnswer(Answer):
    """`maxAttempts` counts the first one too."""

    max_attempts: int
    backoff: Backoff
    base_delay_seconds: Annotated[Seconds, From("base_delay")]
    max_delay_seconds: Annotated[Seconds, From("max_delay")]


class MissingAnswer(Answer):
    """A due moment of a schedule that no run has met; `overdue` once its deadline has passed too."""

    due_at: datetime
    deadline_at: datetime
    overdue: bool
    schedule: str


class JobAnswer(Answer):
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
    sensor_lag_seconds: Seconds | None
    open_incidents: int
    open_dead_letters: int
    missed_runs: int

    @classmethod
    def of_overview(cls, overview: JobOverview, now: datetime) -> Self:
        running = overview.triggers_running
        triggers = [TriggerAnswer.of_trigger(each, running=running.get(each.name)) for each in overview.job.triggers]
        return cls.of(
            overview.job,
            **{name: getattr(overview, name) for name in cls.model_fields if hasattr(overview, name)},
            state=overview_state(overview, now),
            trigger=triggers[0] if triggers else None,
            triggers=triggers,
            sensor_lag_seconds=overview.sensor_lag,
            missed_runs=sum(gap.overdue for gap in overview.missing),
        )


class JobStatusAnswer(JobAnswer):
    """A job with its limits and `parametersSchema`: the JSON schema of what `execute` takes as `parameters`."""

    retry: RetryAnswer
    max_duration_seconds: Annotated[Seconds, From("max_duration")]
    deadline_seconds: Annotated[Seconds, From("deadline")]
    missing: list[MissingAnswer]
    parameters_schema: Annotated[dict[str, Any], From(lambda job: job.parameters.model_json_schema(by_alias=True))]


class DeadLetterAnswer(Answer):
    """A run that used its attempts. `version` is what a retry or discard must name: it changes with each of them."""

    id: str
    job_name: Annotated[str, From("job")]
    dagster_job: str
    place: str | None
    parameters: dict[str, Any]
    cause: str | None
    cause_id: Annotated[str | None, From(lambda letter: message_id(letter.cause))]
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


class BackfillRunAnswer(Answer):
    """A run of a backfill; `status` is a run's, or `planned` before it is asked for."""

    day: date
    partition: str
    run_id: str
    status: str
    cause: str | None
    started_at: datetime | None
    ended_at: datetime | None


class BackfillAnswer(Answer):
    """A job's runs over a range of days, and how many of them stand where."""

    id: str
    job_name: Annotated[str, From("job")]
    first_day: date
    last_day: date
    parameters: dict[str, Any]
    requested_by: str
    created_at: datetime
    canceled_at: datetime | None
    canceled_by: str | None
    status: RunStatus
    total: int
    planned: int
    going: int
    succeeded: int
    failed: int
    canceled: int


class BackfillDetailAnswer(BackfillAnswer):
    """A backfill with its runs, by day."""

    runs: list[BackfillRunAnswer]


class IncidentAnswer(Answer):
    """What an alert rule found; open until `resolvedAt`. A `notice` was told once and never open."""

    id: int
    rule: str
    subject: str
    severity: Severity
    job_name: Annotated[str | None, From("job")]
    summary: str
    summary_id: Annotated[str | None, From(lambda incident: message_id(incident.summary))]
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    notice: bool


class ComponentAnswer(Answer):
    """A part of the platform. `state` is alive, silent (for 90 seconds, or with an error), or never (seen)."""

    name: str
    kind: Literal["monitor", "service", "worker"]
    state: str
    alive_at: datetime | None
    error: str | None


class PausedMomentAnswer(Answer):
    """A moment of a schedule in a pause; `runIds` were launched for it afterwards, null while it waits for that."""

    job_name: Annotated[str, From("job")]
    schedule: Annotated[str, From("trigger")]
    due_at: datetime
    settled_at: datetime | None
    run_ids: list[str] | None


class PauseAnswer(Answer):
    """A maintenance window: schedules and sensors launch nothing until `endsAt`, or `endedAt` if earlier."""

    id: int
    active: bool
    reason: str
    declared_by: str
    begins_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None
    moments: list[PausedMomentAnswer]

    @classmethod
    def of_pause(cls, pause: Pause, moments: Sequence[Moment], now: datetime) -> Self:
        return cls.of(pause, active=pause.active(now), moments=[PausedMomentAnswer.of(moment) for moment in moments])


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


class WaitingAnswer(Answer):
    """One thing that waits for a person or a moment.

    `decidedBy` are the roles that may decide it on the console's page `path`, `notBy` accounts that may not, as they
    asked for it or have approved it; `mayDecide`: whether the caller may. `then` is what happens at `until`; both are
    null where nothing ends.
    """

    id: str
    kind: Annotated[str, From("of.name")]
    domain: Annotated[str, From("of.domain")]
    title: Annotated[Sentence, From("of.title")]
    what: Sentence
    path: str
    job_name: Annotated[str | None, From("job")]
    since: datetime
    until: datetime | None
    then: Sentence | None
    permission: str
    decided_by: list[Role]
    not_by: list[str]
    may_decide: bool

    @classmethod
    def of_waiting(cls, row: Waiting, reader: Principal) -> Self:
        return cls.of(row, decided_by=row.roles(reader), may_decide=row.may_decide(reader))
