"""What the finops API tells of connections, and of what left the cost tables. An external id is never told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from batch_platform.finops.model import ArchiveReason, Connection, Format, MonthState
from batch_platform.finops.service import Removal
from batch_platform.finops.service.projects import TestStep
from batch_platform.finops.web.schemas import Amount
from batch_platform.web.api.strict import StrictModel

OWN_CREDENTIALS = "no role is named: the bucket is read with the platform's own credentials, a stop-gap"


class ProjectAnswer(StrictModel):
    """Where a project's reports lie. The external id is never told, only whether there is one."""

    project_id: str
    name: str
    bucket: str
    prefix: str
    report_name: str
    region: str
    format: Format
    role_arn: str | None
    has_external_id: bool
    account_scope: list[str] | None
    enabled: bool
    without_manifest: bool
    warnings: list[str]

    @classmethod
    def of(cls, project: Connection) -> ProjectAnswer:
        plain = ("project_id", "name", "bucket", "prefix", "report_name", "region", "format", "role_arn", "enabled")
        return cls(
            **{name: getattr(project, name) for name in plain},
            without_manifest=project.without_manifest,
            has_external_id=project.external_id is not None,
            account_scope=None if project.account_scope is None else list(project.account_scope),
            warnings=[] if project.role_arn else [OWN_CREDENTIALS],
        )


class StepAnswer(StrictModel):
    """One step of a connection test; the first that fails is the last."""

    name: str
    passed: bool
    detail: str


class TestAnswer(StrictModel):
    """Whether the project's role, bucket, newest manifest and files can be read."""

    __test__ = False

    project_id: str
    passed: bool
    steps: list[StepAnswer]

    @classmethod
    def of(cls, project_id: str, steps: Iterable[TestStep]) -> TestAnswer:
        told = [StepAnswer(**vars(step)) for step in steps]
        return cls(project_id=project_id, passed=all(step.passed for step in told), steps=told)


class RemovalAnswer(StrictModel):
    """A project that is removed (or would be, in a dry run), and its published months, which are archived."""

    project_id: str
    archived_months: list[str]
    dry_run: bool

    @classmethod
    def of(cls, removal: Removal, *, dry_run: bool) -> RemovalAnswer:
        months = [f"{month:%Y-%m}" for month in removal.months]
        return cls(project_id=removal.project_id, archived_months=months, dry_run=dry_run)


class ArchivedMonth(StrictModel):
    """A month that left the cost tables; null month: a removed project that had none. `unblended` is by currency."""

    archive_id: int
    project_id: str
    month: str | None
    reason: ArchiveReason
    detail: str
    archived_at: datetime
    month_state: MonthState | None
    manifest_version: str | None
    place: str | None
    unblended: dict[str, Amount]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ArchivedMonth:
        plain = ("archive_id", "project_id", "detail", "archived_at", "place", "unblended")
        return cls(
            **{name: row[name] for name in plain},
            month=row["billing_month"] and f"{row['billing_month']:%Y-%m}",
            reason=ArchiveReason(row["reason"]),
            month_state=row["state"] and MonthState(row["state"]),
            manifest_version=row["version"],
        )
