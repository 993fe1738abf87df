"""Run a Dagster job now, in this process: the run, its events and its materializations stand in the UI."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from batch_platform.core import workers
from batch_platform.core.failures import InvalidInput

if TYPE_CHECKING:
    import dagster as dg

    from batch_platform.settings import Settings

WORKER_TAG: Final = "batch_platform/worker"
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class RunResult:
    """How a run ended; `reason` is the sentence of the step that failed."""

    run_id: str
    job: str
    success: bool
    reason: str | None


class Launcher:
    """Runs jobs of the platform's definitions against this machine's Dagster instance."""

    def __init__(self, settings: Settings) -> None:
        import dagster as dg

        from batch_platform.definitions import build_definitions

        logging.getLogger("dagster").setLevel(logging.CRITICAL)
        try:
            self.instance = dg.DagsterInstance.get()
        except dg.DagsterError as error:
            if "DAGSTER_HOME" not in str(error):
                raise
            raise InvalidInput("DAGSTER_HOME is not set", field="DAGSTER_HOME") from None
        self.definitions = build_definitions(settings)

    def run(
        self,
        job: str,
        *,
        partition: str | None = None,
        partition_range: tuple[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> RunResult:
        """Run a job for one partition, or for a range of them in one run (first and last key, both included)."""
        labels = {WORKER_TAG: workers.worker_name(), **(tags or {})}
        if partition_range is not None:
            first, last = partition_range
            labels |= {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        ended = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            run_config={**_QUIET, **(config or {})},
            tags=labels,
            raise_on_error=False,
        )
        return RunResult(ended.run_id, job, ended.success, None if ended.success else _reason(ended))

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


def _reason(ended: dg.ExecuteInProcessResult) -> str:
    for event in ended.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return failure.user_failure_data.description
            if failure.error:
                return failure.error.message.strip().splitlines()[-1]
    return "the run failed before its first step; see it in the Dagster UI"
