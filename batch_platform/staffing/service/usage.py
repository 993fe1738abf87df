"""What a day came to: usage of companies, the whole system, activity of engineers, what became of approaches.

One transaction a day; the same day again gives the same rows while its facts are the same.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from batch_platform.core import cursors
from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.staffing import ids
from batch_platform.staffing.instants import day_end
from batch_platform.staffing.model import Aggregated, CompanyUsage
from batch_platform.staffing.retention import CLASSES
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

_DAY: Final = timedelta(days=1)
_KEPT: Final = min(each.age for each in CLASSES if each.table in ("staffing.logins", "staffing.api_requests"))


def usage(context: StaffingContext, day: date) -> list[CompanyUsage]:
    """Of each company, numbers before texts: as aggregated, and by the facts where it is not."""
    with context.store.snapshot() as session:
        rows = session.usage(day)
    return [_company(day, row) for row in rows]


def page(
    context: StaffingContext,
    day: date,
    *,
    company: str | None = None,
    search: str | None = None,
    limit: int,
    cursor: str | None = None,
) -> tuple[list[Row], str | None]:
    """A page of `usage` with names, ids as tables hold them, and the cursor of the next one.

    `company` is an id as people read it, `search` a part of a name or an id.
    """
    with context.store.snapshot() as session:
        rows = session.usage_page(
            day,
            company_ids=None if company is None else (company, ids.encode(company)),
            search=search,
            after=cursors.decode(cursor, after=str).get("after"),
            limit=limit + 1,
        )
    return cursors.cut([{**row, "date": day} for row in rows], limit, lambda row: {"after": row["company_id"]})


def of_company(context: StaffingContext, company_id: str, after: date, until: date) -> tuple[Row, list[Row]]:
    """A company, by its id as tables hold it, and its written days in (after, until]. Raises `NotFound`."""
    with context.store.snapshot() as session:
        company = session.company(company_id)
        days = session.usage_of_company(company_id, after, until)
    if company is None:
        raise NotFound(
            "no-company", "there is no company {company}", company=ids.shown(company_id), field="company_id"
        )
    return company, days


def aggregate(context: StaffingContext, day: date, *, dry_run: bool = False) -> Aggregated:
    """Write what a day came to.

    Raises `InvalidInput` for a day that is not over, or so old that what was counted of it is deleted by now.
    """
    now = context.clock()
    if day_end(day) > now:
        raise InvalidInput("day-not-over", "{day} is not over yet", day=day, field="date")
    store = context.store
    with store.rolled_back() if dry_run else store.transaction() as session:
        if day_end(day) <= now - _KEPT and _is_thinned(session, day):
            raise InvalidInput(
                "usage-facts-gone",
                "sign-ins and requests of {day} are deleted by now; what was counted of them stays",
                day=day,
                field="date",
            )
        return Aggregated(
            day,
            session.write_usage(day, now),
            session.write_system(day, now),
            session.write_activity(day, now),
            session.write_approaches(day, now),
        )


def missing_days(context: StaffingContext, today: date) -> list[date]:
    """Days before today that were missed, in order; before anything is aggregated yesterday alone."""
    with context.store.snapshot() as session:
        return session.missing_usage_days(today - _DAY)


def systems(context: StaffingContext, after: date, until: date) -> list[Row]:
    """The whole system on aggregated days in (after, until], in order."""
    with context.store.snapshot() as session:
        return session.system_stats(after, until)


def activity(context: StaffingContext, day: date) -> list[Row]:
    """What engineers of companies did and got, as aggregated; `company_id` as it was given."""
    with context.store.snapshot() as session:
        return [_decoded(row) for row in session.engineer_activity(day)]


def approaches(context: StaffingContext, day: date) -> list[Row]:
    """What became of companies' approaches, as aggregated; `company_id` as it was given."""
    with context.store.snapshot() as session:
        return [_decoded(row) for row in session.approach_metrics(day)]


def _is_thinned(session: Session, day: date) -> bool:
    """Whether fewer are there than were counted."""
    return any(
        row["name"] in ("login_count", "api_call_count") and row["found"] > row["expected"]
        for row in session.wrong_sums(day)
    )


def _company(day: date, row: Row) -> CompanyUsage:
    # JSON of the database keeps no order
    features = dict(sorted(row["feature_usage"].items()))
    return CompanyUsage(**{**_decoded(row), "date": day, "feature_usage": features})


def _decoded(row: Row) -> Row:
    return {**row, "company_id": ids.decode(row["company_id"])}
