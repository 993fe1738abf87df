"""What companies used on a day, listed alike by API and console."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from batch_platform.kit.lists import List, Paging
from batch_platform.staffing import ids
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.service import StaffingContext, usage
from batch_platform.staffing.store.statements import Row
from batch_platform.staffing.web.wire import DecodedId
from batch_platform.web.api.answers import Digits, From, SnakeAnswer
from batch_platform.web.api.strict import IsoDate, StrictModel, Text


class UsageAnswer(SnakeAnswer):
    """A company's day: totals and storage (MiB, two decimals) as of its end, the others within it."""

    company_id: DecodedId
    company: str | None
    date: IsoDate
    total_users: int
    total_engineers: int
    active_users: int
    active_engineers: int
    approach_count: int
    email_sent_count: int
    login_count: int
    storage_usage_mb: Digits
    api_call_count: int
    feature_usage: Annotated[dict[str, int], From(lambda row: dict(sorted(row["feature_usage"].items())))]


class OfUsage(StrictModel):
    """Companies on a day."""

    date: IsoDate | None = Field(default=None, description="The day in Tokyo; default: today, as far as it has come.")
    company: Text | None = Field(default=None, description="Only the company with this id.")
    search: Text | None = Field(default=None, description="A part of a company's name, or its id.")


def _read(context: StaffingContext, filters: OfUsage, paging: Paging) -> tuple[list[Row], str | None]:
    return usage.page(
        context,
        filters.date or business_day(context.clock()),
        company=filters.company,
        search=filters.search,
        limit=paging.limit,
        cursor=paging.cursor,
    )


USAGE: Final[List[StaffingContext, OfUsage, Any]] = List(
    filters=OfUsage,
    read=_read,
    row=UsageAnswer,
    columns={
        "company": lambda row: ids.shown(row["company_id"]),
        "name": "company",
        "users": "total_users",
        "engineers": "total_engineers",
        "requests": "api_call_count",
    },
    empty="no companies",
    path="/usage",
    name="list_usage",
    doc="What every company used on a day: as aggregated, or by the facts where that is still to come.",
)
