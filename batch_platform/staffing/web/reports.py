"""Reports of months for API, command line and console: their list, and mailing one again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from batch_platform.core.messages import from_json
from batch_platform.kit.actions import Action, Nothing, Targets
from batch_platform.kit.lists import List, Paging
from batch_platform.kit.session import Session
from batch_platform.staffing import ids
from batch_platform.staffing.model import ReportKind, ReportState
from batch_platform.staffing.months import parse_month
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.reports import reading
from batch_platform.staffing.web.wire import DecodedId
from batch_platform.web.api.answers import From, Sentence, SnakeAnswer, month_text
from batch_platform.web.api.strict import Month, QueryBool, StrictModel, Text

Row = dict[str, Any]


class ReportAnswer(SnakeAnswer):
    """A version of a report. `reason` says what it lacks, or why there is no PDF; then hash and pages are null."""

    id: Sentence
    month: Annotated[Month, BeforeValidator(month_text)]
    kind: ReportKind
    company_id: DecodedId | None
    company: str | None
    version: int
    state: ReportState
    reason: Annotated[Sentence | None, From(lambda row: row["reason"] and from_json(row["reason"]))]
    filename: str
    sha256: str | None
    bytes: int | None
    pages: int | None
    mailed_to: list[str]
    created_at: datetime


class OfReports(StrictModel):
    """Reports of a month, a kind, a company, in a state."""

    month: Month | None = Field(default=None, description="Only of this month, YYYY-MM.")
    kind: ReportKind | None = Field(default=None, description="company, system, engineer-activity or revenue.")
    company: Text | None = Field(default=None, description="Only of the company with this id.")
    state: ReportState | None = Field(default=None, description="complete, incomplete or failed.")
    versions: QueryBool = Field(default=False, description="Older versions too.")


class Mailing(SnakeAnswer):
    """A report, and the addresses that it was mailed to."""

    id: str
    mailed_to: list[str]


def _read(context: StaffingContext, filters: OfReports, paging: Paging) -> tuple[list[Row], str | None]:
    return reading.reports(
        context,
        limit=paging.limit,
        cursor=paging.cursor,
        month=None if filters.month is None else parse_month(filters.month),
        kind=filters.kind,
        company=filters.company,
        state=filters.state,
        every_version=filters.versions,
    )


def _whose(row: Row) -> str:
    return "" if row["company_id"] is None else ids.shown(row["company_id"])


REPORTS: Final = List(
    filters=OfReports,
    read=_read,
    row=ReportAnswer,
    columns={
        "id": "id",
        "month": lambda row: f"{row['month']:%Y-%m}",
        "kind": "kind",
        "company": _whose,
        "name": "company",
        "version": "version",
        "state": "state",
        "pages": "pages",
        "mailed to": lambda row: ", ".join(row["mailed_to"]),
    },
    empty="no reports",
    path="/reports",
    name="list_reports",
    doc="Reports of months, the newest first: the newest version of each, or all of them.",
)


def _look(session: Session[StaffingContext], targets: Targets, _given: Nothing) -> Mailing:
    [report_id] = targets
    _, recipients = reading.mailable(session.context, report_id)
    return Mailing.model_construct(id=report_id, mailed_to=list(recipients))


def _mail(session: Session[StaffingContext], targets: Targets, _given: Nothing) -> Mailing:
    [report_id] = targets
    row = reading.mail(session.context, report_id, session.log.record)
    return Mailing.model_construct(id=report_id, mailed_to=row["mailed_to"])


MAIL: Final = Action(
    name=reading.MAIL, permission="staffing:operate", input=Nothing, look=_look, do=_mail, recorded=True
)
