"""Launches runs into Dagster's queue through the web's workspace, and cancels them; the code server executes them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from batch_platform.core.failures import Conflict, InvalidInput, NotFound, TransientFailure
from batch_platform.operations.dagster.launch import WORKER_TAG
from batch_platform.operations.dagster.reachable import reachable
from batch_platform.operations.model import REQUESTED_BY_TAG

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.remote_representation.external import RemoteJob
    from dagster._core.storage.dagster_run import RunRecord
    from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext

    from batch_platform.operations.model import Launch


# Older ones have long become dead letters.
_FORGOTTEN_AT_MOST: Final = timedelta(hours=1)


class QueueRunner:
    """The `Runner` of the web process. The process context watches the code server and reloads when it returns."""

    def __init__(self, process_context: WorkspaceProcessContext) -> None:
        self._process_context = process_context
        self._instance = process_context.instance
        self._submitting = threading.Lock()

    @reachable()
    def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
        """Put a run into the queue and return its id.

        With a `run_id` (a UUID) the second call finds the first one's run, also when a process died between
        creating and queueing it. `NotFound` for an unknown job, `InvalidInput` for a partition or a config that the
        job does not have, `TransientFailure` while the code location is not loaded or Dagster's database is away.
        """
        # One at a time: of two requests with one id, the second could put the run back after it was dequeued.
        with self._submitting, self._process_context.create_request_context() as context:
            run = self._instance.get_run_by_id(run_id) if run_id else None
            if run is None:
                run = self._create(context, launch, requested_by, run_id)
            self._instance.submit_run(run.run_id, context)  # does nothing for a run that was submitted before
        return run.run_id

    @reachable()
    def cancel(self, run_id: str, *, requested_by: str) -> None:
        """End a queued run at once and a started one soon; `Conflict` when it has ended already.

        The run is then CANCELING. A worker that does not react is given up after `cancel_timeout_seconds`.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None:
            raise NotFound("unknown-dagster-run", "run {run} does not exist", run=run_id, field="run_id")
        if run.is_finished:
            raise Conflict(
                "run-ended",
                "run {run} has already ended: {status}",
                run=run_id,
                status=run.status.value,
                field="run_id",
            )
        if WORKER_TAG in run.tags:
            raise Conflict(
                "run-of-a-command", "run {run} belongs to a command line: stop it there", run=run_id, field="run_id"
            )
        self._instance.report_engine_event(f"Cancelled by {requested_by}.", run)
        self._instance.run_coordinator.cancel_run(run_id)

    @reachable()
    def retry_forgotten(self, *, ended_before: datetime) -> int:
        """Start the retries that Dagster's daemon promised and forgot; how many were started.

        The daemon looks once at a failure's event, and passes over the run when its status is not written yet. The
        retry itself is Dagster's own, which meets a retry that is there already. `TransientFailure` while the code
        location is not loaded: a retry that finds none would be given up for good.
        """
        from dagster._core.storage.tags import WILL_RETRY_TAG
        from dagster._daemon.auto_run_reexecution.auto_run_reexecution import retry_run, should_retry

        forgotten = self._forgotten(ended_before)
        if not forgotten:
            return 0
        with self._submitting:
            with self._process_context.create_request_context() as context:
                require_loaded(context)
            for record in forgotten:
                if should_retry(record.dagster_run, self._instance):
                    retry_run(record.dagster_run, self._process_context)
        given_up = self._forgotten(ended_before)
        for record in given_up:  # such as a run whose job is gone: its dead letter waits for this tag
            self._instance.add_run_tags(record.dagster_run.run_id, {WILL_RETRY_TAG: "false"})
        return len(forgotten) - len(given_up)

    def _forgotten(self, ended_before: datetime) -> list[RunRecord]:
        import dagster as dg
        from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, WILL_RETRY_TAG

        promised = dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE],
            tags={WILL_RETRY_TAG: "true"},
            updated_after=ended_before - _FORGOTTEN_AT_MOST,
        )
        return [
            record
            for record in self._instance.get_run_records(promised)
            if AUTO_RETRY_RUN_ID_TAG not in record.dagster_run.tags
            and record.end_time is not None
            and record.end_time < ended_before.timestamp()
        ]

    def _create(
        self, context: WorkspaceRequestContext, launch: Launch, requested_by: str, run_id: str | None
    ) -> dg.DagsterRun:
        import dagster as dg

        job = _find_job(context, launch.job)
        config = dict(launch.config)
        _check_config(job, config)
        for name, keys in launch.dynamic_partitions.items():
            self._instance.add_dynamic_partitions(name, list(keys))
        tags = {
            **job.run_tags,
            **launch.tags,
            **_partition_tags(context, job, launch),
            REQUESTED_BY_TAG: requested_by,
        }
        plan = context.get_execution_plan(job, config, step_keys_to_execute=None, known_state=None)
        return self._instance.create_run(
            job_name=job.name,
            run_id=run_id,
            run_config=config,
            status=dg.DagsterRunStatus.NOT_STARTED,
            tags=tags,
            root_run_id=None,
            parent_run_id=None,
            step_keys_to_execute=None,
            execution_plan_snapshot=plan.execution_plan_snapshot,
            job_snapshot=job.job_snapshot,
            parent_job_snapshot=job.parent_job_snapshot,
            asset_selection=None,
            asset_check_selection=None,
            resolved_op_selection=job.resolved_op_selection,
            op_selection=None,
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
            asset_graph=context.asset_graph,
        )


def _find_job(context: WorkspaceRequestContext, name: str) -> RemoteJob:
    for entry in context.get_code_location_entries().values():
        for repository in entry.code_location.get_repositories().values() if entry.code_location else ():
            if repository.has_job(name):
                return repository.get_full_job(name)
    require_loaded(context)
    raise NotFound("unknown-dagster-job", "Dagster has no job {job}", job=name, field="job")


def require_loaded(context: WorkspaceRequestContext) -> None:
    """Raises `TransientFailure` where a code location is not loaded, so that what it has is not known."""
    entries = context.get_code_location_entries()
    for location, entry in entries.items():
        if entry.code_location is None:
            cause = entry.load_error.message.strip().splitlines()[0] if entry.load_error else "it is still loading"
            raise TransientFailure(
                "code-location-not-loaded",
                "the code location {location} is not loaded: {cause}",
                location=location,
                cause=cause,
            )
    if not entries:
        raise TransientFailure("no-workspace", "no code location is known: workspace.yaml is not in DAGSTER_HOME")


def _check_config(job: RemoteJob, config: Mapping[str, Any]) -> None:
    from dagster._config import validate_config_from_snap

    checked = validate_config_from_snap(job.config_schema_snapshot, job.root_config_key or "", config)
    if not checked.success:
        reason = checked.errors[0].message if checked.errors else "it does not fit the job's schema"
        raise InvalidInput("bad-run-config", "config of {job}: {reason}", job=job.name, reason=reason, field="config")


def _partition_tags(context: WorkspaceRequestContext, job: RemoteJob, launch: Launch) -> dict[str, str]:
    """The tags by which Dagster knows a run's partition or, in one run, the first and last of several."""
    keys = launch.partition_range or ((launch.partition,) if launch.partition else ())
    if not keys:
        return {}
    import dagster as dg

    partitions = _partitions(context, job)
    with dg.partition_loading_context(dynamic_partitions_store=context.instance):
        for key in keys:
            if not partitions.has_partition_key(key):
                raise InvalidInput(
                    "unknown-partition",
                    "{job} has no partition {partition}",
                    job=job.name,
                    partition=key,
                    field="partition",
                )
        if launch.partition_range is None:
            return dict(partitions.get_tags_for_partition_key(keys[0]))
    return {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}


def _partitions(context: WorkspaceRequestContext, job: RemoteJob) -> dg.PartitionsDefinition[Any]:
    """A job's own partitions, or those its assets share."""
    from dagster._core.definitions.selector import JobSelector

    handle = job.repository_handle
    repository = context.get_code_location(handle.location_name).get_repository(handle.repository_name)
    for owned in repository.get_partition_sets():
        if owned.job_name == job.name and owned.has_partition_name_data():
            return owned.get_partitions_definition()
    selector = JobSelector(
        location_name=handle.location_name, repository_name=handle.repository_name, job_name=job.name
    )
    for asset in context.get_assets_in_job(selector):
        if asset.asset_node_snap.partitions is not None:
            return asset.asset_node_snap.partitions.get_partitions_definition()
    raise InvalidInput("no-partitions", "{job} has no partitions", job=job.name, field="partition")
