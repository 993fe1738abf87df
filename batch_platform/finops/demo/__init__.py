"""`make demo`, costs: bundled real reports, fetched and aggregated by the path the sensor takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from batch_platform.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from batch_platform.finops.service import FinopsContext
    from batch_platform.operations.dagster.launch import Launcher

Step = Callable[[str], None]

DATA: Final = Path(__file__).parent / "data"
BUCKET: Final = "acme-billing"
PROJECT: Final = "acme"


def run(settings: Settings, step: Step, launcher: Launcher) -> None:
    """Deliver the bundled reports, run what the sensor asks for, print the costs. Run again, it changes nothing."""
    from batch_platform.core import aws
    from batch_platform.finops import service
    from batch_platform.finops.dagster.demo_runs import asked_by_sensor, left_over
    from batch_platform.finops.model import Connection
    from batch_platform.finops.opening import open_context
    from batch_platform.kit.session import of_demo

    s3 = aws.client("s3", settings)
    new = sum(1 for _ in _deliver(s3, settings.aws_region))
    step(f"bucket s3://{BUCKET}: {new} files delivered" if new else f"bucket s3://{BUCKET}: delivered before")
    with open_context(settings) as context:
        place = Connection(PROJECT, "Acme (demo)", BUCKET, "cur/acme", "cur", settings.aws_region)
        with of_demo(settings, context) as session:
            service.add_project(context, place, record=session.log.record)
        requested = list(asked_by_sensor(launcher))
        left = left_over(context, launcher.instance, PROJECT)
        step(f"the sensor asks for {len(requested)} runs" if requested else "the sensor sees nothing new")
        for job, partition in dict.fromkeys([*requested, *left]):
            step(f"running {job} for {partition}")
            launcher.run(job, partition=partition).require_success()
        _show(context)


def _deliver(s3: S3Client, region: str) -> Iterator[str]:
    """Put the bundled files into the bucket as AWS does, manifests last; what stands there already is left alone."""
    from batch_platform.core import objects

    with suppress(s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]
    there = {stored.key: stored.etag for stored in objects.list_objects(s3, BUCKET, "cur/")}
    files = sorted((DATA / "cur").rglob("*"), key=lambda path: (path.suffix == ".json", -len(path.parts), path))
    for path in files:
        if not path.is_file():
            continue
        key, body = path.relative_to(DATA).as_posix(), path.read_bytes()
        if there.get(key) != hashlib.md5(body, usedforsecurity=False).hexdigest():
            objects.put_bytes(s3, BUCKET, key, body)
            yield key


def _show(context: FinopsContext) -> None:
    from batch_platform.finops import printing, service

    console = Console(highlight=False)
    with context.store.transaction() as session:
        months = session.months(PROJECT)
    for month in months:
        console.print()
        for report in service.report(context, PROJECT, month.month, measure="unblended", group_by=["service"]):
            printing.report(report)
        for check in month.checks:
            if check.blocking or not check.passed:
                verdict = "holds" if check.passed else "FAILS" if check.blocking else "warning"
                console.print(f"  {check.name}: {verdict} ({check.description})", soft_wrap=True)
    console.print(_WHERE_NEXT, soft_wrap=True)


_WHERE_NEXT: Final = """  .venv/bin/batch-platform cur report acme 2026-10 --group-by account,service
  .venv/bin/batch-platform cur report acme 2026-10 --measure amortized --format csv
  .venv/bin/batch-platform cur anomalies acme 2026-10"""
