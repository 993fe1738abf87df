"""A machine of a test's own: a home with its services, the platform's processes on it, and its tables as text."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import psycopg
from psycopg import sql

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.finops import demo, service
from batch_platform.finops.model import Connection, Format
from batch_platform.finops.months import shift
from batch_platform.finops.service import FinopsContext
from batch_platform.finops.store import FinopsStore
from batch_platform.local import clients, provision
from batch_platform.local import services as local_services
from batch_platform.local.environment import EMBEDDED, VARIABLES
from batch_platform.local.home import Home
from batch_platform.settings import Settings, load_settings
from batch_platform.zengin import service as zengin
from batch_platform.zengin.service import ZenginContext
from batch_platform_tests.conftest import make_home
from batch_platform_tests.finops.bucket import CurBucket, File, csv_gz, line
from batch_platform_tests.forks import CONSOLE_SCRIPT, Fork
from batch_platform_tests.waiting import PATIENCE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REPOSITORY = Path(__file__).parents[2]
LAKE = "local-batch-platform"
# When something happened and how often it was tried: the only columns that a disturbed run may fill otherwise.
CIRCUMSTANCES = (
    *("created_at", "updated_at", "first_seen_at", "registered_at", "published_at", "finished_at", "detected_at"),
    *("attempts", "failures", "owner", "fencing", "lease_expires_at", "connected_at", "costs_revision"),
)
# What stands in a delivery's name and therefore differs between two buckets with the same content.
OF_THE_BUCKET = (
    *("version", "manifest_version", "from_version", "to_version", "anomalies_version", "forecast_version"),
    *("manifest_etag", "manifest_last_modified", "delivered_at", "last_modified", "final_from", "line_items_key"),
)


@dataclass
class Machine:
    """`stop` at the end; everything of it is below its home."""

    home: Home = field(default_factory=lambda: Home(make_home("machine")))
    variables: dict[str, str] = field(default_factory=dict)

    def start(self) -> Machine:
        settings = self.settings()
        self.variables = local_services.ensure_running(settings, owner=os.getpid(), environ={})
        provision.provision(settings, self.variables)
        return self

    def stop(self) -> None:
        local_services.stop(self.home)
        shutil.rmtree(self.home.root, ignore_errors=True)

    def settings(self) -> Settings:
        return load_settings().model_copy(update={"home": self.home.root})

    def environ(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a user's shell that names this home and nothing else."""
        kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        scratch = self.home.root / "tmp"  # what a killed worker leaves goes with the home
        scratch.mkdir(exist_ok=True)
        ours = {"BATCH_PLATFORM_HOME": str(self.home.root), "PYTHONPATH": path, "TMPDIR": str(scratch)}
        return {**kept, **ours, **(more or {})}

    def addresses(self, endpoint: str | None = None) -> dict[str, str]:
        """The services' addresses as a user gives them, S3 and STS behind `endpoint`: nothing is started for them."""
        given = {name: value for name, value in self.variables.items() if name != EMBEDDED}
        return {**given, "AWS_ENDPOINT_URL": endpoint or given["AWS_ENDPOINT_URL"]}

    # processes

    def spawn(
        self, *command: str, more: Mapping[str, str] | None = None, output: TextIO | None = None
    ) -> subprocess.Popen[str]:
        """Start a Python program in a process group of its own; its output goes to a file or a pipe."""
        return Fork(
            *command,
            env=self.environ(more),
            cwd=self.home.root,
            stdout=output or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def spawn_cli(self, *arguments: str, more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return self.spawn(*CONSOLE_SCRIPT, *arguments, more=more)

    def cli(self, *arguments: str, code: int = 0, more: Mapping[str, str] | None = None) -> str:
        """Run `batch-platform` to its end; what it printed."""
        process = self.spawn_cli(*arguments, more=more)
        printed, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, printed
        return printed

    # data

    @cached_property
    def s3(self) -> S3Client:
        return clients.s3(self.variables)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.variables["DATABASE_URL"], autocommit=True)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()

    def value(self, query: str, *parameters: object) -> Any:
        [(value,)] = self.rows(query, *parameters)
        return value

    def dagster_runs(self) -> list[tuple[str, str]]:
        """(job, status) of every run, oldest first."""
        with self._connect_dagster() as connection:
            return connection.execute("SELECT pipeline_name, status FROM runs ORDER BY id").fetchall()

    def run_statuses(self, key: str, value: str) -> list[str]:
        """Of the runs with a tag, as Dagster keeps them: to ask its API costs ten times as much."""
        query = "SELECT status FROM runs JOIN run_tags USING (run_id) WHERE key = %s AND value = %s"
        with self._connect_dagster() as connection:
            return [status for (status,) in connection.execute(query, (key, value)).fetchall()]

    def _connect_dagster(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.variables["DAGSTER_POSTGRES_URL"].replace("+psycopg2", ""))

    @contextmanager
    def open_context(self, **changes: Any) -> Iterator[FinopsContext]:
        """A finops context in this process."""
        pool = postgres.open_pool(self.variables["DATABASE_URL"], application_name="tests")
        try:
            s3 = self.s3
            yield FinopsContext(FinopsStore(pool), s3, LAKE, source=lambda _: s3, **changes)
        finally:
            pool.close()

    @contextmanager
    def bank_master(self, **changes: Any) -> Iterator[ZenginContext]:
        """A zengin context in this process."""
        pool = postgres.open_pool(self.variables["DATABASE_URL"], application_name="tests")
        dynamodb = clients.dynamodb(self.variables)
        try:
            yield zengin.build_context(
                pool=pool, dynamodb=dynamodb, s3=self.s3, lake_bucket=LAKE, env="local", **changes
            )
        finally:
            pool.close()

    def add_project(self, project_id: str, bucket: str, *, prefix: str = "cur/acme", **more: Any) -> None:
        place = {"region": "ap-northeast-1", "format": Format.CUR_LEGACY, **more}
        with self.open_context() as context:
            service.add_project(context, Connection(project_id, project_id, bucket, prefix, "cur", **place))

    def disable_projects(self) -> None:
        with self.connect() as connection:
            connection.execute("UPDATE finops.finops_project_connections SET enabled = false")

    def bucket(self) -> CurBucket:
        return CurBucket(self.s3)

    def deliver_demo(self) -> None:
        """The bundled reports in their bucket, as AWS writes them: manifests last."""
        place: Any = {"LocationConstraint": "ap-northeast-1"}
        self.s3.create_bucket(Bucket=demo.BUCKET, CreateBucketConfiguration=place)
        files = [path for path in sorted((demo.DATA / "cur").rglob("*")) if path.is_file()]
        for path in sorted(files, key=lambda path: path.suffix == ".json"):
            key = path.relative_to(demo.DATA).as_posix()
            self.s3.put_object(Bucket=demo.BUCKET, Key=key, Body=path.read_bytes())

    def total(self, project_id: str, month: date) -> Decimal | None:
        """The unblended cost of a published month in USD; None when nothing is published."""
        query = (
            "SELECT sum(unblended) FROM finops.finops_cost_summary "
            "WHERE project_id = %s AND billing_month = %s AND currency = 'USD'"
        )
        total = self.value(query, project_id, month)
        assert total is None or isinstance(total, Decimal)
        return total

    def dump(self, project_id: str | None = None, *, without: Sequence[str] = ()) -> dict[str, list[str]]:
        """Every row of every finops table as text, in a fixed order, and the lake's objects by content."""
        names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'finops' ORDER BY 1"
        hidden = [*CIRCUMSTANCES, *without]
        dumped = {}
        with self.connect() as connection:
            for (table,) in connection.execute(names).fetchall():
                query = sql.SQL(
                    "SELECT (to_jsonb(t) - %s::text[])::text FROM finops.{} AS t "
                    "WHERE %s::text IS NULL OR to_jsonb(t) ->> 'project_id' = %s ORDER BY 1"
                ).format(sql.Identifier(table))
                rows = connection.execute(query, (hidden, project_id, project_id)).fetchall()
                dumped[table] = sorted(row for (row,) in rows)
        return {**dumped, "lake": sorted(self._lake(project_id, versions="line_items_key" not in hidden))}

    def _lake(self, project_id: str | None, *, versions: bool) -> Iterator[str]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=LAKE, Prefix="finops/"):
            for entry in page.get("Contents", ()):
                key = entry["Key"]
                if project_id is None or f"/{project_id}/" in key:
                    body = self.s3.get_object(Bucket=LAKE, Key=key)["Body"].read()
                    shown = key if versions else re.sub(r"/[0-9a-f]{16}/", "/-/", key)
                    yield f"{shown} {hashlib.sha256(body).hexdigest()}"

    def let_time_pass(self, project_id: str) -> None:
        """Ten minutes: sensor and schedule leave a month alone in which something has just happened."""
        with self.connect() as connection:
            connection.execute(
                "UPDATE finops.finops_billing_files SET registered_at = registered_at - interval '10 minutes', "
                "finished_at = finished_at - interval '10 minutes' WHERE project_id = %s",
                (project_id,),
            )

    def forget(self) -> None:
        """As before the first fetch: projects and their buckets stay."""
        with self.connect() as connection:
            connection.execute(
                "TRUNCATE finops.finops_billing_files, finops.finops_billing_manifests, finops.finops_months, "
                "finops.finops_cost_summary, finops.finops_cost_service_monthly, finops.finops_restatements, "
                "finops.finops_cost_anomalies, finops.finops_cost_forecasts"
            )
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=LAKE, Prefix="finops/"):
            for entry in page.get("Contents", ()):
                self.s3.delete_object(Bucket=LAKE, Key=entry["Key"])


@contextmanager
def running() -> Iterator[Machine]:
    """A machine with its services, gone at the end."""
    machine = Machine()
    try:
        yield machine.start()
    finally:
        machine.stop()


def ended_months(count: int) -> list[date]:
    """The last complete months, oldest first: what AWS would have delivered by now."""
    with_today = utc_now().date().replace(day=1)
    return [shift(with_today, -back) for back in range(count, 0, -1)]


def month_files(
    month: date, *, account: str, files: int = 1, rows: int = 60, tenths: int = 1
) -> tuple[list[File], Decimal]:
    """A month's files, their rows spread over its days and three services, and what they cost together.

    `tenths` moves every amount, so that two assemblies differ.
    """
    made: list[File] = []
    total = Decimal(0)
    for number in range(files):
        lines = []
        for row in range(rows):
            amount = Decimal(7919 * (row + 1) * (number + 1) % 100_000) / 10_000 + Decimal(tenths) / 10
            total += amount
            service_code = ("AmazonEC2", "AmazonS3", "AmazonRDS")[row % 3]
            more = {"lineItem/ProductCode": service_code, "product/servicecode": service_code}
            lines.append(line("Usage", str(amount), more, account=account, month=month, day=row % 28 + 1))
        made.append(csv_gz(lines))
    return made, total
