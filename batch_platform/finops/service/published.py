"""Published months with their sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from batch_platform.finops.model import REPORT_MEASURES, PublishedMonth
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.store import Session


@dataclass(frozen=True)
class MonthTotals:
    """A published month, and the sum of each measure by currency."""

    month: PublishedMonth
    totals: dict[str, dict[str, Decimal]]


def published_months(context: FinopsContext, project_id: str) -> list[MonthTotals]:
    """The project's published months, newest first. Raises `NotFound`."""
    with context.store.snapshot() as session:
        session.project(project_id)
        return _months(session, project_id)


def published_among(context: FinopsContext, places: Sequence[tuple[str, date]]) -> list[MonthTotals]:
    """Those of these projects' months that are published, in their order."""
    with context.store.snapshot() as session:
        months = [month for project_id in dict(places) for month in _months(session, project_id)]
    month_of = {(totals.month.project_id, totals.month.month): totals for totals in months}
    return [month_of[place] for place in places if place in month_of]


def _months(session: Session, project_id: str) -> list[MonthTotals]:
    by_month: dict[date, dict[str, dict[str, Decimal]]] = {}
    for row in session.totals(project_id):
        sums = {name: row[column] for name, column in REPORT_MEASURES.items()}
        by_month.setdefault(row["billing_month"], {})[row["currency"]] = sums
    return [MonthTotals(month, by_month.get(month.month, {})) for month in reversed(session.months(project_id))]
