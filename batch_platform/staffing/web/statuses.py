"""The status of engineers on a day, listed alike by API and console."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, Literal

from pydantic import Field

from batch_platform.kit.lists import List, Paging
from batch_platform.staffing import ids
from batch_platform.staffing.instants import at_time, business_day
from batch_platform.staffing.service import StaffingContext, statuses
from batch_platform.staffing.store.statements import Row
from batch_platform.staffing.web.wire import DecodedId
from batch_platform.web.api.answers import SnakeAnswer
from batch_platform.web.api.strict import IsoDate, StrictModel, Text


class StatusAnswer(SnakeAnswer):
    """An engineer's status. `until`: the last day of the hold or of the chain of assignments, null where it is open.

    Name and company are null of one who is only known by an assignment or a hold.
    """

    engineer_id: DecodedId
    name: str | None
    company_id: DecodedId | None
    company: str | None
    status: str
    reason: Literal["hold", "none", "soon", "working"]
    until: IsoDate | None


class OfStatuses(StrictModel):
    """Engineers on a day, of a status, of a company, by name."""

    date: IsoDate | None = Field(default=None, description="The day in Tokyo; default: today.")
    known: Literal["now", "then"] = Field(
        default="now", description="By all that is known now, or by what was recorded up to 02:00 of the day."
    )
    status: Text | None = Field(default=None, description="working, waiting_soon, waiting, or that of a hold.")
    company: Text | None = Field(default=None, description="Only of the company with this id.")
    search: Text | None = Field(default=None, description="A part of a name, or an id, of an engineer or a company.")


def shown_day(context: StaffingContext, filters: OfStatuses) -> date:
    """The day that is meant."""
    return filters.date or business_day(context.clock())


def known_at(context: StaffingContext, filters: OfStatuses) -> datetime | None:
    """Up to when something must have been recorded to count; None: at any time."""
    return None if filters.known == "now" else at_time(shown_day(context, filters), statuses.KNOWN_AT)


def _read(context: StaffingContext, filters: OfStatuses, paging: Paging) -> tuple[list[Row], str | None]:
    search = statuses.StatusSearch(
        day=shown_day(context, filters),
        known_at=known_at(context, filters),
        status=filters.status,
        company=filters.company,
        search=filters.search,
    )
    return statuses.page(context, search, limit=paging.limit, cursor=paging.cursor)


STATUSES: Final[List[StaffingContext, OfStatuses, Any]] = List(
    filters=OfStatuses,
    read=_read,
    row=StatusAnswer,
    columns={
        "engineer": lambda row: ids.shown(row["engineer_id"]),
        "name": "name",
        "company": "company",
        "status": "status",
        "reason": "reason",
        "until": "until",
    },
    empty="no engineers",
    path="/status",
    name="list_statuses",
    doc="Every engineer's status on a day by the facts, whether or not the job has run.",
)
