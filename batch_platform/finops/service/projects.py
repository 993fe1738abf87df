"""Projects: where their reports lie and whether they can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from batch_platform.core.failures import InvalidInput, NotFound, PlatformError
from batch_platform.finops.manifest import POLLED_MONTHS
from batch_platform.finops.model import Connection, FileStatus
from batch_platform.finops.months import shift
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.fetch import delivered_months, read_delivery

_PROJECT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")


@dataclass(frozen=True)
class TestStep:
    """One step of a connection test."""

    name: str
    passed: bool
    detail: str


def add_project(context: FinopsContext, connection: Connection, *, dry_run: bool = False) -> bool:
    """Register a connection, or change it; False when it was already so. A dry run only tells.

    Raises `InvalidInput` naming the field.
    """
    if not _PROJECT_ID.fullmatch(connection.project_id):
        raise InvalidInput(
            "a project id has lower-case letters, digits, - and _, begins with a letter or digit, 63 at most",
            field="project_id",
        )
    if not _BUCKET.fullmatch(connection.bucket):
        raise InvalidInput(f"{connection.bucket!r} is not a bucket name", field="bucket")
    if not _REGION.fullmatch(connection.region):
        raise InvalidInput(f"{connection.region!r} is not an AWS region", field="region")
    if not connection.report_name or "/" in connection.report_name:
        raise InvalidInput("the report name is one folder name, as in the AWS console", field="report_name")
    if connection.role_arn is not None and not _ROLE.fullmatch(connection.role_arn):
        raise InvalidInput("not the ARN of an IAM role (arn:aws:iam::<account>:role/<name>)", field="role_arn")
    if connection.external_id is not None and connection.role_arn is None:
        raise InvalidInput("an external id goes with a role", field="external_id")
    with context.store.transaction() as session:
        if dry_run:
            return connection not in session.projects(connection.project_id)
        return session.save_project(connection, now=context.clock())


def requeue(
    context: FinopsContext, project_id: str | None, object_key: str | None, *, dry_run: bool = False
) -> list[dict[str, str]]:
    """Put files in ERROR back to PENDING: project, month and key of each. Raises `NotFound` for a wrong name."""
    with context.store.transaction() as session:
        projects = [session.project(project_id)] if project_id else session.projects()
        broken = [
            {"project_id": p.project_id, "month": f"{file['billing_month']:%Y-%m}", "object_key": file["object_key"]}
            for p in projects
            for file in session.files(p.project_id)
            if file["status"] == FileStatus.ERROR and object_key in (None, file["object_key"])
        ]
        if object_key is not None and not broken:
            raise NotFound(f"no file {object_key} is in ERROR", field="file")
        if not dry_run:
            session.requeue(project_id, object_key)
    return broken


def test_project(context: FinopsContext, project_id: str) -> list[TestStep]:
    """Try what the batches will do: the role and the bucket, then the newest manifest and its files.

    Writes nothing; the first step that fails is the last.
    """
    with context.store.transaction() as session:
        connection = session.project(project_id)
    steps: list[TestStep] = []
    try:
        months = delivered_months(context, connection)
        steps.append(TestStep("role and bucket", True, f"s3://{connection.bucket}: {len(months)} months delivered"))
        oldest = shift(context.clock().date().replace(day=1), -POLLED_MONTHS + 1)
        if not months or max(months) < oldest:
            where = f"s3://{connection.bucket}/{connection.prefix}/{connection.report_name}"
            return [*steps, TestStep("manifest", False, f"nothing delivered since {oldest:%Y-%m} under {where}")]
        delivery = read_delivery(context, connection, max(months))
    except PlatformError as error:
        return [*steps, TestStep("manifest" if steps else "role and bucket", False, error.message)]
    if delivery is None:
        return [*steps, TestStep("manifest", False, f"no manifest for {max(months):%Y-%m}")]
    steps.append(TestStep("manifest", True, delivery.manifest.uri))
    listed = len(delivery.files) + len(delivery.missing)
    detail = f"{len(delivery.files)} of {listed} files of {max(months):%Y-%m} are there"
    return [*steps, TestStep("files", not delivery.missing, detail)]
