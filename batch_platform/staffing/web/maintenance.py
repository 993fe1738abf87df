"""What the weekly jobs have done and found, listed alike by API, command line and console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

from pydantic import Field

from batch_platform.kit.lists import List, NoFilters, Paging
from batch_platform.staffing import retention
from batch_platform.staffing.retention import RetentionClass
from batch_platform.staffing.service import StaffingContext, maintenance
from batch_platform.web.api.strict import IsoDate, StrictModel

Job = Literal["maintenance", "performance"]
Severity = Literal["critical", "warning", "info"]
Row = Mapping[str, Any]


class FindingAnswer(StrictModel):
    """Something somebody has to look at, and what helps. `partition`: the Sunday, or the Monday of a week."""

    job: Job
    partition: date
    severity: Severity
    kind: str
    subject: str
    what: str
    to_do: str
    found_at: datetime

    @classmethod
    def of(cls, row: Row) -> FindingAnswer:
        return cls.model_validate({**row, "what": str(row["what"]), "to_do": str(row["to_do"])}, by_name=True)


class DeedAnswer(StrictModel):
    """Something that was done. `amount`: rows or bytes; `error`: why it was not."""

    step: str
    subject: str
    did: str
    amount: int | None
    error: str | None


class WeeklyRunAnswer(StrictModel):
    """What all runs of a partition have done together. `finished_at` is null of one that has not ended."""

    job: Job
    partition: date
    started_at: datetime
    finished_at: datetime | None
    deeds: list[DeedAnswer]
    findings: int

    @classmethod
    def of(cls, row: Row) -> WeeklyRunAnswer:
        return cls.model_validate({**row, "deeds": [DeedAnswer(**deed) for deed in row["deeds"]]}, by_name=True)


class RetentionAnswer(StrictModel):
    """How long rows of a table stay, and what is done then."""

    name: str
    table: str
    days: int
    action: Literal["delete", "keep"]
    why: str

    @classmethod
    def of(cls, each: RetentionClass) -> RetentionAnswer:
        return cls.of_attributes(each, days=each.age.days)


class OfFindings(StrictModel):
    """Findings of a weekly job, by default those of its newest run."""

    job: Job | None = Field(default=None, description="maintenance or performance.")
    partition: IsoDate | None = Field(default=None, description="Of this Sunday, or the week of this Monday.")
    severity: Severity | None = Field(default=None, description="critical, warning or info.")


class OfRuns(StrictModel):
    """Runs of a weekly job."""

    job: Job | None = Field(default=None, description="maintenance or performance.")


def _findings(context: StaffingContext, filters: OfFindings, _paging: Paging) -> tuple[list[Row], None]:
    rows = maintenance.findings(context, job=filters.job, partition=filters.partition, severity=filters.severity)
    return list(rows), None


def _runs(context: StaffingContext, filters: OfRuns, _paging: Paging) -> tuple[list[Row], None]:
    return list(maintenance.runs(context, filters.job)), None


def _classes(_work: StaffingContext, _filters: NoFilters, _page: Paging) -> tuple[Sequence[RetentionClass], None]:
    return retention.CLASSES, None


FINDINGS: Final = List(
    filters=OfFindings,
    read=_findings,
    row=FindingAnswer,
    of=FindingAnswer.of,
    columns={
        "job": "job",
        "of": "partition",
        "severity": "severity",
        "what": lambda row: str(row["what"]),
        "what to do": lambda row: str(row["to_do"]),
    },
    empty="nothing needs anybody",
    paging=None,
)
RUNS: Final = List(
    filters=OfRuns,
    read=_runs,
    row=WeeklyRunAnswer,
    of=WeeklyRunAnswer.of,
    columns={
        "job": "job",
        "of": "partition",
        "started": "started_at",
        "finished": "finished_at",
        "done": lambda row: sum(deed["error"] is None for deed in row["deeds"]),
        "failed": lambda row: sum(deed["error"] is not None for deed in row["deeds"]),
        "findings": "findings",
    },
    empty="no weekly job has run yet",
    paging=None,
)
RETENTION: Final = List(
    filters=NoFilters,
    read=_classes,
    row=RetentionAnswer,
    of=RetentionAnswer.of,
    columns={"class": "name", "table": "table", "days": lambda each: each.age.days, "then": "action", "why": "why"},
    empty="no classes",
    paging=None,
)
