"""Projects: where their reports lie and whether they can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from batch_platform.core.failures import InvalidInput, PlatformError
from batch_platform.finops.manifest import POLLED_MONTHS
from batch_platform.finops.model import Connection
from batch_platform.finops.months import shift
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.fetch import delivered_months, read_delivery

_PROJECT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")


@dataclass(frozen=True)
class TestStep:
    """One step of a connection test."""

    name: str
    passed: bool
    detail: str


def add_project(context: FinopsContext, connection: Connection) -> bool:
    """Register a connection, or change it; False when it was already so.

    Raises `InvalidInput` naming the field.
    """
    if not _PROJECT_ID.fullmatch(connection.project_id):
        raise InvalidInput(
            "a project id has lower-case letters, digits, - and _, begins with a letter or digit and is at most 63 long",
            field="project_id",
        )
    if not _BUCKET.fullmatch(connection.bucket):
        raise InvalidInput(f"{connection.bucket!r} is not a bucket name", field="bucket")
    if not connection.report_name or "/" in connection.report_name:
        raise InvalidInput("the report name is one folder name, as in the AWS console", field="report_name")
    if connection.role_arn is not None and not _ROLE.fullmatch(connection.role_arn):
        raise InvalidInput("not the ARN of an IAM role (arn:aws:iam::<account>:role/<name>)", field="role_arn")
    if connection.external_id is not None and connection.role_arn is None:
        raise InvalidInput("an external id goes with a role", field="external_id")
    with context.store.transaction() as session:
        return session.save_project(connection, now=context.clock())


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
