"""Dagster's storage in operations' own values, by the public methods of its instance but for priorities."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from batch_platform.core.messages import Message
from batch_platform.operations.dagster import partitions
from batch_platform.operations.dagster.causes import cause_of, line_of, of_tick
from batch_platform.operations.dagster.reachable import reachable
from batch_platform.operations.model import (
    BACKFILL_TAG,
    DEAD_LETTER_RETRY_TAG,
    DEAD_LETTER_TAG,
    DRY_RUN_SUFFIX,
    DRY_RUN_TAG,
    IDEMPOTENCY_TAG,
    PARAMETERS_TAG,
    REQUESTED_BY_TAG,
    Registry,
    Run,
    RunStatus,
    Step,
    Trigger,
)
from batch_platform.operations.runner import (
    PRIORITY_TAG,
    Facts,
    Materialization,
    QueuedRun,
    RunPage,
    Tick,
    TriggerState,
)

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.scheduler.instigation import InstigatorTick

_OWN_PREFIXES: Final = ("dagster/", ".dagster/", "batch_platform/")
_TICKS_AT_MOST: Final = 2_000
_MESSAGES: Final = 50
_LOOKED_THROUGH: Final = 1_000
_QUEUE: Final = "runs"
_MAX_RUNTIME: Final = "dagster/max_runtime"
_STATUS: Final = {
    "NOT_STARTED": RunStatus.QUEUED,
    "QUEUED": RunStatus.QUEUED,
    "STARTING": RunStatus.STARTING,
    "CANCELING": RunStatus.CANCELING,
    "SUCCESS": RunStatus.SUCCESS,
    "FAILURE": RunStatus.FAILURE,
    "CANCELED": RunStatus.CANCELED,
}
_TICK_STATUS: Final[dict[str, Literal["started", "success", "skipped", "failure"]]] = {
    "STARTED": "started",
    "SUCCESS": "success",
    "SKIPPED": "skipped",
}


class DagsterInstanceStorage:
    """The `DagsterStorage` of an instance; safe between threads, as the instance is.

    Every method raises `TransientFailure` while Dagster's database is away.
    """

    def __init__(self, instance: dg.DagsterInstance, registry: Registry) -> None:
        self._instance = instance
        self._registry = registry

    @reachable()
    def changed_runs(self, *, updated_after: datetime | None, after_run: str | None, limit: int) -> RunPage:
        """Runs changed since, in the order of their creation, the page after `after_run`; without outcomes."""
        import dagster as dg

        filters = dg.RunsFilter(updated_after=updated_after)
        records = self._instance.get_run_records(filters, limit=limit, cursor=after_run, ascending=True)
        newest = max((record.update_timestamp for record in records), default=None)
        last = records[-1].dagster_run.run_id if len(records) == limit else None
        return RunPage(tuple(self._of_jobs(records)), newest, last)

    @reachable()
    def runs(self, run_ids: Sequence[str]) -> list[Run]:
        """Those that Dagster still has, without outcomes; one of no job stands under its Dagster job."""
        import dagster as dg

        if not run_ids:
            return []
        records = self._instance.get_run_records(dg.RunsFilter(run_ids=list(run_ids)))
        known = {run.run_id: run for run in self._of_jobs(records)}
        named = ((record, record.dagster_run) for record in records)
        return [known.get(run.run_id) or _run(record, run.job_name) for record, run in named]

    @reachable()
    def outcome(self, run_id: str) -> tuple[int, str | None]:
        """The most attempts any step of an ended run took, and why it failed: what its events say."""
        import dagster as dg

        stats = self._instance.get_run_step_stats(run_id)
        telling = {
            dg.DagsterEventType.ASSET_CHECK_EVALUATION,
            dg.DagsterEventType.STEP_FAILURE,
            dg.DagsterEventType.RUN_FAILURE,
        }
        entries = self._instance.all_logs(run_id, of_type=telling)
        cause = self._too_long(run_id) or cause_of(entry.dagster_event for entry in entries)
        return max((step.attempts or 0 for step in stats), default=0), cause

    @reachable()
    def facts(self, run_id: str) -> Facts | None:
        """Steps, the newest messages and a dry run's rows; None when Dagster has purged the run."""
        import dagster as dg

        run = self._instance.get_run_by_id(run_id)
        if run is None:
            return None
        steps = tuple(
            Step(
                stats.step_key,
                "running" if stats.status is None or stats.end_time is None else stats.status.value.lower(),
                stats.attempts or 0,
                _moment(stats.start_time),
                _moment(stats.end_time),
            )
            for stats in self._instance.get_run_step_stats(run_id)
        )
        planned = 0
        if run.execution_plan_snapshot_id:
            plan = self._instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
            planned = len(plan.step_keys_to_execute)
        newest = self._instance.get_records_for_run(run_id, limit=_LOOKED_THROUGH, ascending=False).records
        every = [line for record in reversed(newest) if (line := line_of(record.event_log_entry))]
        # of Dagster's bookkeeping the newest lines, of what matters all
        lines = (*(line for line in every[:-_MESSAGES] if line.kind != "other"), *every[-_MESSAGES:])
        outputs = self._instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
        rows, summary = _dry_run_output(entry.dagster_event for entry in outputs if entry.dagster_event)
        return Facts(steps, max(planned, len(steps)), lines, rows, summary)

    @reachable()
    def triggers(self, since: Mapping[str, datetime]) -> dict[str, TriggerState]:
        """The named schedules and sensors that Dagster knows, with their ticks since the given moments."""
        states: dict[str, TriggerState] = {}
        for state in self._instance.all_instigator_state():
            if state.name not in since:
                continue
            # a microsecond earlier: `after` is exclusive, and the moment itself is asked for
            after = (since[state.name] - timedelta(microseconds=1)).timestamp()
            newest = self._instance.get_ticks(
                state.instigator_origin_id, state.selector_id, after=after, limit=_TICKS_AT_MOST
            )
            ticks = [_tick(tick) for tick in reversed(newest)]
            other = states.get(state.name)  # the same name in a code location of old
            known = other.ticks if other else ()
            states[state.name] = TriggerState(
                state.name,
                state.is_running or bool(other and other.running),
                tuple(sorted((*known, *ticks), key=lambda tick: tick.at)),
            )
        return states

    @reachable()
    def queue_sizes(self) -> dict[str, int]:
        """How many runs wait, by the name of the queue: Dagster has one."""
        import dagster as dg

        waiting = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
        return {_QUEUE: self._instance.get_runs_count(waiting)}

    @reachable()
    def materializations(self, asset: str, partition: str) -> list[Materialization]:
        """Of one partition of an asset, newest first."""
        return partitions.materializations(self._instance, asset, partition)

    @reachable()
    def at_work(self, asset: str, partition: str) -> str | None:
        """A run that has not ended and may yet materialize the partition."""
        return partitions.at_work(self._instance, self._registry, asset, partition)

    @reachable()
    def wipe(self, asset: str, partition: str) -> int:
        """Forget all that is said of the partition, at once; how many materializations that were."""
        return partitions.wipe(self._instance, asset, partition)

    @reachable()
    def queue(self, run_id: str | None = None) -> list[QueuedRun]:
        """The queued runs, or this one of them, as Dagster's daemon takes them: by priority, then by age."""
        import dagster as dg

        filters = dg.RunsFilter(run_ids=run_id and [run_id], statuses=[dg.DagsterRunStatus.QUEUED])
        records = self._instance.get_run_records(filters, ascending=True)
        known = {run.run_id: run for run in self._of_jobs(records)}
        named = ((record, record.dagster_run) for record in records)
        queued = [
            QueuedRun(known.get(run.run_id) or _run(record, run.job_name), _priority(run.tags))
            for record, run in named
        ]
        return sorted(queued, key=lambda each: -each.priority)

    @reachable()
    def prioritize(self, run_id: str, priority: int) -> bool:
        """Give a queued run another priority; whether it was queued still.

        Dagster's own `add_run_tags` writes a run back as it was read a moment ago: what its launch wrote in between,
        such as the code server that can stop it, would be lost. Here nothing is written then.
        """
        import dagster as dg
        from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
        from dagster._core.storage.sqlalchemy_compat import db_select
        from dagster._serdes import deserialize_value, serialize_value

        storage: Any = self._instance.run_storage
        tag, row = {PRIORITY_TAG: str(priority)}, {"key": PRIORITY_TAG, "value": str(priority)}
        queued = (RunsTable.c.run_id == run_id, RunsTable.c.status == "QUEUED")
        of_run = (RunTagsTable.c.run_id == run_id, RunTagsTable.c.key == PRIORITY_TAG)
        with storage.connect() as connection:
            while body := connection.execute(db_select([RunsTable.c.run_body]).where(*queued)).scalar():
                run = deserialize_value(body, dg.DagsterRun)
                as_read = RunsTable.update().where(*queued, RunsTable.c.run_body == body)
                tagged = serialize_value(run.with_tags({**run.tags, **tag}))
                if connection.execute(as_read.values(run_body=tagged)).rowcount:
                    connection.execute(RunTagsTable.delete().where(*of_run))
                    connection.execute(RunTagsTable.insert().values(run_id=run_id, **row))
                    return True
        return False

    @reachable()
    def purge(self, *, created_before: datetime, limit: int, after_run: str | None) -> tuple[int, str | None]:
        """Delete a batch of ended runs with their events; how many, and where to go on (None: done).

        A run stays that holds the newest materialization of an asset or partition: without its events Dagster
        would show the partition as never made.
        """
        import dagster as dg

        ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
        filters = dg.RunsFilter(statuses=ended, created_before=created_before)
        records = self._instance.get_run_records(filters, limit=limit, cursor=after_run, ascending=True)
        kept = [record.dagster_run.run_id for record in records if self._holds_newest(record.dagster_run.run_id)]
        for record in records:
            if record.dagster_run.run_id not in kept:
                self._instance.delete_run(record.dagster_run.run_id)
        # the cursor is a run that must still exist: the last one kept, or the one before this batch
        go_on = (kept[-1] if kept else after_run or "") if len(records) == limit else None
        return len(records) - len(kept), go_on

    def _holds_newest(self, run_id: str) -> bool:
        import dagster as dg

        made = self._instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
        newest: dict[tuple[dg.AssetKey, str | None], int] = {}
        for record in made:
            if record.asset_key is not None:
                newest[record.asset_key, record.partition_key] = record.storage_id
        for (asset, partition), storage_id in newest.items():
            later = dg.AssetRecordsFilter(
                asset_key=asset,
                asset_partitions=None if partition is None else [partition],
                after_storage_id=storage_id,
            )
            if not self._instance.fetch_materializations(later, limit=1).records:
                return True
        return False

    def _too_long(self, run_id: str) -> Message | None:
        """Whether Dagster has ended the run for its length: it says so by no more than an English sentence."""
        record = self._instance.get_run_record_by_id(run_id)
        limit = record.dagster_run.tags.get(_MAX_RUNTIME, "") if record else ""
        if record is None or not limit.isdigit() or record.start_time is None or record.end_time is None:
            return None
        if record.end_time - record.start_time <= int(limit):
            return None
        return Message(
            "run-too-long", "the run was ended: it took longer than {limit}", limit=str(timedelta(seconds=int(limit)))
        )

    def _of_jobs(self, records: Iterable[dg.RunRecord]) -> Iterator[Run]:
        for record in records:
            run = record.dagster_run
            assets = [key.to_user_string() for key in run.asset_selection or ()]
            job = self._registry.of_run(run.job_name, run.tags, assets)
            if job is not None:
                yield _run(record, job.name)


def _run(record: dg.RunRecord, job: str) -> Run:
    run = record.dagster_run
    tags = run.tags
    status = _STATUS.get(run.status.value, RunStatus.RUNNING)
    first, last = tags.get("dagster/asset_partition_range_start"), tags.get("dagster/asset_partition_range_end")
    retry = tags.get(DEAD_LETTER_RETRY_TAG, "")
    will_retry = {"true": True, "false": False}.get(tags.get("dagster/will_retry", ""))
    ended = _moment(record.end_time) or record.update_timestamp if status.ended else None
    return Run(
        run_id=run.run_id,
        job=job,
        dagster_job=run.job_name,
        partition=tags.get("dagster/partition") or first,
        partition_end=last if first and last != first else None,
        parameters=_parameters(tags.get(PARAMETERS_TAG)),
        trigger=_trigger(tags),
        requested_by=_requester(tags),
        dry_run=tags.get(DRY_RUN_TAG) == "true" or run.job_name.endswith(DRY_RUN_SUFFIX),
        status=status,
        created_at=record.create_timestamp,
        started_at=_moment(record.start_time),
        ended_at=ended,
        updated_at=record.update_timestamp,
        attempts=0,
        cause=None,
        root_run_id=run.root_run_id or run.run_id,
        will_retry=will_retry if status is RunStatus.FAILURE else None,
        dead_letter_id=tags.get(DEAD_LETTER_TAG),
        dead_letter_retry=int(retry) if retry.isdigit() else None,
        idempotency_key=tags.get(IDEMPOTENCY_TAG),
        config=run.run_config,
        tags={name: value for name, value in tags.items() if not name.startswith(_OWN_PREFIXES)},
    )


def _priority(tags: Mapping[str, str]) -> int:
    """As Dagster's daemon reads it: what is no number counts as none."""
    try:
        return int(tags.get(PRIORITY_TAG, "0"))
    except ValueError:
        return 0


def _trigger(tags: Mapping[str, str]) -> Trigger:
    """What asked for a run; a retry carries its parent's tags too, so it is told first."""
    marks = {
        "dagster/retry_number": Trigger.RETRY,
        DEAD_LETTER_TAG: Trigger.RETRY,
        BACKFILL_TAG: Trigger.BACKFILL,
        "dagster/backfill": Trigger.BACKFILL,
        "dagster/schedule_name": Trigger.SCHEDULE,
        "dagster/sensor_name": Trigger.SENSOR,
    }
    return next((trigger for tag, trigger in marks.items() if tag in tags), Trigger.MANUAL)


def _requester(tags: Mapping[str, str]) -> str:
    """Who started a run: a person or token, else the schedule or sensor; `dagster` for what a Dagster command did."""
    asked_by = tags.get(REQUESTED_BY_TAG)
    kinds = {"schedule": "dagster/schedule_name", "sensor": "dagster/sensor_name"}
    started_by = (f"{kind}:{tags[tag]}" for kind, tag in kinds.items() if tag in tags)
    return asked_by or next(started_by, "dagster")


def _parameters(text: str | None) -> Mapping[str, Any]:
    """Tags can be written by anybody who may launch in Dagster's own UI: what is no object is none."""
    try:
        given = json.loads(text or "{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _tick(tick: InstigatorTick) -> Tick:
    status = _TICK_STATUS.get(tick.status.value, "failure")
    error = of_tick(tick.error) if status == "failure" else None
    return Tick(datetime.fromtimestamp(tick.timestamp, UTC), status, error)


def _dry_run_output(
    events: Iterable[dg.DagsterEvent | None],
) -> tuple[tuple[Mapping[str, Any], ...] | None, str | None]:
    """The rows, their columns in the table's order, and the summary that a dry run left in its output's metadata."""
    import dagster as dg

    for event in events:
        metadata = event.step_output_data.metadata if event else {}
        if "rows" in metadata or "summary" in metadata:
            table, text = metadata.get("rows"), metadata.get("summary")
            rows: tuple[Mapping[str, Any], ...] | None = None
            if isinstance(table, dg.TableMetadataValue):
                names = [column.name for column in table.schema.columns]
                rows = tuple({name: record.data.get(name) for name in names} for record in table.records)
            return rows, None if text is None else str(text.value)
    return None, None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
