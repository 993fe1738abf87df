"""The runs that `make demo` makes: those the sensor asks for, and those that a killed demo has left over."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from batch_platform.finops.dagster.partitions import partition_key
from batch_platform.finops.service import FinopsContext
from batch_platform.operations.dagster.launch import Launcher


def asked_by_sensor(launcher: Launcher) -> Iterator[tuple[str, str]]:
    """Evaluate the sensor as the daemon does: it adds partitions and asks for runs."""
    sensor = launcher.definitions.resolve_sensor_def("cur_manifest_sensor")
    repository = launcher.definitions.get_repository_def()
    resources = launcher.definitions.resources or {}
    needed = {name: resources[name] for name in sensor.required_resource_keys}
    with (
        dg.partition_loading_context(dynamic_partitions_store=launcher.instance),
        dg.build_sensor_context(instance=launcher.instance, repository_def=repository, resources=needed) as context,
    ):
        tick = sensor.evaluate_tick(context)
    for run in tick.run_requests or []:
        yield run.job_name or "cur_month", str(run.partition_key)


def left_over(context: FinopsContext, instance: dg.DagsterInstance, project_id: str) -> Iterator[tuple[str, str]]:
    """Months that a killed demo registered and did not publish, and months whose run it did not end.

    Otherwise the sensor takes up the first minutes later; the second wait for somebody, as dead letters.
    """
    for month in context.months_to_aggregate(project_id):
        yield "cur_month", partition_key(month.project_id, month.month)
    newest: dict[str, dg.DagsterRun] = {}
    for run in instance.get_runs(dg.RunsFilter(job_name="cur_month", tags={"dagster/partition/project": project_id})):
        newest.setdefault(run.tags["dagster/partition"], run)
    for partition, run in newest.items():
        if run.status is dg.DagsterRunStatus.FAILURE:
            yield run.job_name, partition
