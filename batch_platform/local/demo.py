"""`make demo`: the platform's main job on bundled real data, by the path the sensor takes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from batch_platform.core.failures import PermanentFailure
from batch_platform.local import demo_btc, demo_zengin, provision, services
from batch_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    import dagster as dg
    from mypy_boto3_s3 import S3Client

    from batch_platform.finops.service import FinopsContext
    from batch_platform.operations.dagster.launch import Launcher

DATA: Final = Path(__file__).parent / "demo_data"
BUCKET: Final = "acme-billing"
PROJECT: Final = "acme"


def demo_command(
    quiet: Annotated[bool, typer.Option("--quiet", help="Only the result.")] = False,
) -> None:
    """Load the bundled cost reports, fetch and aggregate them as Dagster runs, and print the costs."""
    console = Console(stderr=True, quiet=quiet, highlight=False)

    def step(text: str) -> None:
        console.print(f"• {text}", soft_wrap=True)

    settings = load_settings()
    if settings.env != "local":
        raise PermanentFailure("the demo runs in the local environment only")
    step("starting the embedded services")
    os.environ.update(services.ensure_running(settings, lambda message: step(f"  {message}")))
    settings = load_settings()
    step("creating tables and buckets")
    provision.provision(settings, os.environ)
    _run(settings, step)
    _show(settings)


def _run(settings: Settings, step: Any) -> None:
    from batch_platform.core import aws, progress
    from batch_platform.definitions import build_definitions
    from batch_platform.finops import service
    from batch_platform.finops.model import Connection
    from batch_platform.finops.opening import open_work
    from batch_platform.operations.dagster.launch import Launcher

    s3 = aws.client("s3", settings)
    new = sum(1 for _ in _deliver(s3, settings.aws_region))
    step(f"bucket s3://{BUCKET}: {new} files delivered" if new else f"bucket s3://{BUCKET}: delivered before")
    with open_work(settings) as work, progress.listening(lambda message: step(f"  {message}")):
        place = Connection(PROJECT, "Acme (demo)", BUCKET, "cur/acme", "cur", settings.aws_region)
        service.add_project(work, place)
        step("loading the Dagster jobs")
        launcher = Launcher(build_definitions(settings))
        if dead := launcher.end_dead_runs():
            step(f"{dead} runs of a killed process are marked as failed")
        wanted = list(_asked_by_sensor(launcher))
        left = _left_over(work, launcher.instance)
        step(f"the sensor asks for {len(wanted)} runs" if wanted else "the sensor sees nothing new")
        for job, partition in dict.fromkeys([*wanted, *left]):
            step(f"running {job} for {partition}")
            ended = launcher.run(job, partition=partition)
            if not ended.success:
                raise PermanentFailure(ended.reason or "the run failed")
    demo_zengin.run(settings, step, launcher)
    with progress.listening(lambda message: step(f"  {message}")):
        demo_btc.run(settings, step, launcher)


def _asked_by_sensor(launcher: Launcher) -> Iterator[tuple[str, str]]:
    """Evaluate the sensor as the daemon does: it adds partitions and asks for runs."""
    import dagster as dg

    sensor = launcher.definitions.resolve_sensor_def("cur_manifest_sensor")
    repository = launcher.definitions.get_repository_def()
    resources = launcher.definitions.resources or {}
    with (
        dg.partition_loading_context(dynamic_partitions_store=launcher.instance),
        dg.build_sensor_context(
            instance=launcher.instance, repository_def=repository, resources={"finops": resources["finops"]}
        ) as context,
    ):
        tick = sensor.evaluate_tick(context)
    for run in tick.run_requests or []:
        yield run.job_name or "cur_month", str(run.partition_key)


def _left_over(work: FinopsContext, instance: dg.DagsterInstance) -> Iterator[tuple[str, str]]:
    """Months that a killed demo registered and did not publish, and months whose run it did not end.

    Otherwise the sensor takes up the first minutes later; the second wait for somebody, as dead letters.
    """
    import dagster as dg

    from batch_platform.finops.dagster.partitions import partition_key

    for month in work.months_to_aggregate(PROJECT):
        yield "cur_month", partition_key(month.project_id, month.month)
    newest: dict[str, dg.DagsterRun] = {}
    for run in instance.get_runs(dg.RunsFilter(job_name="cur_month", tags={"dagster/partition/project": PROJECT})):
        newest.setdefault(run.tags["dagster/partition"], run)
    for partition, run in newest.items():
        if run.status is dg.DagsterRunStatus.FAILURE:
            yield run.job_name, partition


def _deliver(s3: S3Client, region: str) -> Iterator[str]:
    """Put the bundled files into the bucket as AWS does, manifests last; what stands there already is left alone."""
    from botocore.exceptions import ClientError

    from batch_platform.core import objects

    try:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
    there = {found.key: found.etag for found in objects.list_objects(s3, BUCKET, "cur/")}
    files = sorted((DATA / "cur").rglob("*"), key=lambda path: (path.suffix == ".json", -len(path.parts), path))
    for path in files:
        if not path.is_file():
            continue
        key, body = path.relative_to(DATA).as_posix(), path.read_bytes()
        if there.get(key) != hashlib.md5(body, usedforsecurity=False).hexdigest():
            objects.put_bytes(s3, BUCKET, key, body)
            yield key


def _show(settings: Settings) -> None:
    from batch_platform.finops import service
    from batch_platform.finops.cost_cli import print_report
    from batch_platform.finops.opening import open_work

    console = Console(highlight=False)
    with open_work(settings) as work:
        with work.store.transaction() as session:
            months = session.months(PROJECT)
        for month in months:
            console.print()
            for report in service.report(work, PROJECT, month.month, measure="unblended", group_by=["service"]):
                print_report(console, report)
            for check in month.checks:
                if check.blocking or not check.passed:
                    verdict = "holds" if check.passed else "FAILS" if check.blocking else "warning"
                    console.print(f"  {check.name}: {verdict} ({check.description})", soft_wrap=True)
    console.print(_WHERE_NEXT, soft_wrap=True)


_WHERE_NEXT: Final = """
Where to look next
  make up                                                    the Dagster UI: assets, checks, runs, plots
  .venv/bin/batch-platform cur report acme 2026-10 --group-by account,service
  .venv/bin/batch-platform cur report acme 2026-10 --measure amortized --format csv
  .venv/bin/batch-platform cur anomalies acme 2026-10
  .venv/bin/batch-platform services stop                     when you are done"""
