"""Reports of months for API, command line and console: their list, and mailing one again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import Field

from batch_platform.core.messages import from_json
from batch_platform.kit.actions import Action, Nothing, Targets
from batch_platform.kit.lists import List, Paging
from batch_platform.kit.session import Session
from batch_platform.staffing import ids
from batch_platform.staffing.ids import Id
from batch_platform.staffing.model import ReportKind, ReportState
from batch_platform.staffing.months import parse_month
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.reports import reading
from batch_platform.web.api.strict import Month, QueryBool, StrictModel, Text

Row = dict[str, Any]


class ReportAnswer(StrictModel):
    """A version of a report. `reason` says what it lacks, or why there is no PDF; then hash and pages are null."""

    id: str
    month: Month
    kind: ReportKind
    company_id: Id | None
    company: str | None
    version: int
    state: ReportState
    reason: str | None
    filename: str
    sha256: str | None
    bytes: int | None
    pages: int | None
    mailed_to: list[str]
    created_at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ReportAnswer:
        company, reason = row["company_id"], row["reason"]
        values = {
            **{name: row[name] for name in cls.model_fields if name in row},
            "id": str(row["id"]),
            "month": f"{row['month']:%Y-%m}",
            "kind": ReportKind(row["kind"]),
            "state": ReportState(row["state"]),
            "company_id": None if company is None else ids.decode(company),
            "reason": None if reason is None else str(from_json(reason)),
        }
        return cls.model_validate(values, by_name=True)


class OfReports(StrictModel):
    """Reports of a month, a kind, a company, in a state."""

    month: Month | None = Field(default=None, description="Only of this month, YYYY-MM.")
    kind: ReportKind | None = Field(default=None, description="company, system, engineer-activity or revenue.")
    company: Text | None = Field(default=None, description="Only of the company with this id.")
    state: ReportState | None = Field(default=None, description="complete, incomplete or failed.")
    versions: QueryBool = Field(default=False, description="Older versions too.")


class Mailing(StrictModel):
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
    of=ReportAnswer.of,
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
