"""What the weekly jobs have done and found, listed alike by API, command line and console."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from batch_platform.kit.lists import List, NoFilters, unpaged
from batch_platform.staffing import retention
from batch_platform.staffing.service import StaffingContext, maintenance
from batch_platform.web.api.answers import From, Sentence, SnakeAnswer
from batch_platform.web.api.strict import IsoDate, StrictModel

Job = Literal["maintenance", "performance"]
Severity = Literal["critical", "warning", "info"]


class FindingAnswer(SnakeAnswer):
    """Something somebody has to look at, and what helps. `partition`: the Sunday, or the Monday of a week."""

    job: Job
    partition: date
    severity: Severity
    kind: str
    subject: str
    what: Sentence
    to_do: Sentence
    found_at: datetime


class DeedAnswer(SnakeAnswer):
    """Something that was done. `amount`: rows or bytes; `error`: why it was not."""

    step: str
    subject: str
    did: str
    amount: int | None
    error: str | None


class WeeklyRunAnswer(SnakeAnswer):
    """What all runs of a partition have done together. `finished_at` is null of one that has not ended."""

    job: Job
    partition: date
    started_at: datetime
    finished_at: datetime | None
    deeds: list[DeedAnswer]
    findings: int


class RetentionAnswer(SnakeAnswer):
    """How long rows of a table stay, and what is done then."""

    name: str
    table: str
    days: Annotated[int, From("age.days")]
    action: Literal["delete", "keep"]
    why: str


class OfFindings(StrictModel):
    """Findings of a weekly job, by default those of its newest run."""

    job: Job | None = Field(default=None, description="maintenance or performance.")
    partition: IsoDate | None = Field(default=None, description="Of this Sunday, or the week of this Monday.")
    severity: Severity | None = Field(default=None, description="critical, warning or info.")


class OfRuns(StrictModel):
    """Runs of a weekly job."""

    job: Job | None = Field(default=None, description="maintenance or performance.")


FINDINGS: Final = List(
    filters=OfFindings,
    read=unpaged(maintenance.findings),
    row=FindingAnswer,
    columns={
        "job": "job",
        "of": "partition",
        "severity": "severity",
        "what": lambda row: str(row["what"]),
        "what to do": lambda row: str(row["to_do"]),
    },
    empty="nothing needs anybody",
    paging=None,
    path="/maintenance/findings",
    name="list_maintenance_findings",
    doc="What the weekly jobs have found, with what helps; the worst first.",
)
RUNS: Final = List(
    filters=OfRuns,
    read=unpaged(maintenance.runs),
    row=WeeklyRunAnswer,
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
    path="/maintenance/runs",
    name="list_maintenance_runs",
    doc="What the weekly jobs have done, the newest first.",
)
RETENTION: Final[List[StaffingContext, NoFilters, retention.RetentionClass]] = List(
    filters=NoFilters,
    read=lambda *_: (retention.CLASSES, None),
    row=RetentionAnswer,
    columns={"class": "name", "table": "table", "days": lambda each: each.age.days, "then": "action", "why": "why"},
    empty="no classes",
    paging=None,
    path="/maintenance/retention",
    name="list_retention_classes",
    doc="How long rows stay, and what is done then.",
)
