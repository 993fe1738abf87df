"""Run a Dagster job now, in this process: the run, its events and its materializations stand in the UI."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from batch_platform.core import workers
from batch_platform.core.caller import system_user
from batch_platform.core.failures import Conflict, InvalidInput, PermanentFailure
from batch_platform.core.messages import Message
from batch_platform.operations.dagster.causes import cause_of
from batch_platform.operations.model import REQUESTED_BY_TAG

if TYPE_CHECKING:
    from datetime import datetime

    import dagster as dg

    from batch_platform.operations.model import Launch

WORKER_TAG: Final = "batch_platform/worker"
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class RunResult:
    """How a run ended: `reason` is the sentence of the step that failed, and `failure` the name of its class.

    `outcome` is what an asset of it has left for whoever waits, as metadata of that name.
    """

    run_id: str
    job: str
    success: bool
    reason: str | None
    failure: str | None = None
    outcome: Any = None

    def require_success(self) -> None:
        """Raises `PermanentFailure` with what ended the run."""
        if not self.success:
            reason = self.reason or f"the run of {self.job} failed"
            raise PermanentFailure("run-failed", "{reason}", reason=reason)


class Launcher:
    """Runs jobs of the definitions it is given against this machine's Dagster instance."""

    def __init__(self, definitions: dg.Definitions, *, instance: dg.DagsterInstance | None = None) -> None:
        """The instance of `DAGSTER_HOME`, unless another is given."""
        logging.getLogger("dagster").setLevel(logging.CRITICAL)
        self.instance = instance or open_instance()
        self.definitions = definitions

    def run(
        self,
        job: str,
        *,
        partition: str | None = None,
        partition_range: tuple[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        run_id: str | None = None,
    ) -> RunResult:
        """Run a job for one partition, or for a range of them in one run (first and last key, both included).

        `run_id`, a UUID, becomes the run's id; without it Dagster makes one. Raises `KeyboardInterrupt` once a run
        that was interrupted has ended.
        """
        labels = {WORKER_TAG: workers.worker_name(), REQUESTED_BY_TAG: f"cli:{system_user()}", **(tags or {})}
        if partition_range is not None:
            first, last = partition_range
            labels |= {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        ended = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            run_config={**_QUIET, **(config or {})},
            tags=labels,
            raise_on_error=False,
            run_id=run_id,
        )
        if not ended.success and _was_interrupted(ended):
            raise KeyboardInterrupt
        if ended.success:
            return RunResult(ended.run_id, job, True, None, outcome=_outcome(ended))
        return RunResult(ended.run_id, job, False, _reason(ended), _failure(ended))

    def end_dead_runs(self) -> int:
        """Fail the runs of this machine's command line whose process was killed; how many there were."""
        import dagster as dg

        going = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]
        dead = [
            run
            for run in self.instance.get_runs(dg.RunsFilter(statuses=going))
            if workers.is_dead(run.tags.get(WORKER_TAG, ""))
        ]
        for run in dead:
            self.instance.report_run_failed(run, "the process that ran it was killed")
        return len(dead)


class InProcessRunner:
    """The `Runner` of a command line: a run is over when `submit` returns its id, whether it succeeded or not."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self.results: dict[str, RunResult] = {}
        """By run, those that this process ran."""

    def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
        """Run now. A `run_id` that Dagster knows already is answered as it stands, even if its process was killed."""
        instance = self._launcher.instance
        if run_id is not None and instance.has_run(run_id):
            self._launcher.end_dead_runs()
            return run_id
        for name, keys in launch.dynamic_partitions.items():
            instance.add_dynamic_partitions(name, list(keys))
        result = self._launcher.run(
            launch.job,
            partition=launch.partition,
            partition_range=launch.partition_range,
            config=launch.config,
            tags={**launch.tags, REQUESTED_BY_TAG: requested_by},
            run_id=run_id,
        )
        self.results[result.run_id] = result
        return result.run_id

    def cancel(self, run_id: str, *, requested_by: str) -> None:  # noqa: ARG002 (the protocol's)
        """Raises `Conflict`: such a run belongs to the process that waits for it."""
        raise Conflict(
            "run-of-another-command",
            "run {run} is not this command's: stop it in the web, or stop its own command",
            run=run_id,
        )

    def retry_forgotten(self, *, ended_before: datetime) -> int:  # noqa: ARG002 (the protocol's)
        """None: a command's run has only the retries of its steps."""
        return 0


def open_instance() -> dg.DagsterInstance:
    """The instance of `DAGSTER_HOME`. Raises `InvalidInput` when that is not set."""
    import dagster as dg

    try:
        return dg.DagsterInstance.get()
    except dg.DagsterError as error:
        if "DAGSTER_HOME" not in str(error):
            raise
        raise InvalidInput("variable-not-set", "{field} is not set", field="DAGSTER_HOME") from None


def _was_interrupted(ended: dg.ExecuteInProcessResult) -> bool:
    """Whether Ctrl-C ended a step: Dagster notes that as a failure, and goes on as if nothing else had been asked."""
    from dagster._core.errors import DagsterExecutionInterruptedError

    failures = (event.step_failure_data.error for event in ended.all_events if event.is_step_failure)
    return any(
        error is not None and error.cls_name == DagsterExecutionInterruptedError.__name__ for error in failures
    )


def _reason(ended: dg.ExecuteInProcessResult) -> str:
    unsaid = Message("run-failed-early", "the run failed before its first step; see it in the Dagster UI")
    return cause_of(ended.all_events) or unsaid


def _failure(ended: dg.ExecuteInProcessResult) -> str | None:
    """The class of what the step raised, as `dagster_failures` has written it down."""
    for event in ended.all_events:
        failure = event.step_failure_data.user_failure_data if event.is_step_failure else None
        if failure is not None and "failure" in failure.metadata:
            return str(failure.metadata["failure"].value)
    return None


def _outcome(ended: dg.ExecuteInProcessResult) -> Any:
    """Of the last asset that has left one."""
    made = [event.materialization.metadata for event in ended.all_events if event.is_step_materialization]
    return next((metadata["outcome"].value for metadata in reversed(made) if "outcome" in metadata), None)
