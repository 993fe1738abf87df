"""Budgets: what a month may cost, what it has cost so far, and what it will."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Final

import polars as pl

from batch_platform.core.failures import InvalidInput, NotFound, Stale
from batch_platform.finops import anomalies, forecast, revisions
from batch_platform.finops.budgets import BudgetStatus, share_of, state_of
from batch_platform.finops.model import REPORT_MEASURES, ZERO, Budget, MonthState, PublishedMonth
from batch_platform.finops.months import HISTORY_MONTHS, shift
from batch_platform.finops.service.audit import DELETE_BUDGET, SET_BUDGET, Record, unrecorded
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.insight import expected_days
from batch_platform.finops.store import Session

_AMOUNT: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,12})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def parse_amount(text: str) -> Decimal:
    """A budget's amount as written: digits, at most 20 before and 12 after the point. Raises `InvalidInput`."""
    if not _AMOUNT.fullmatch(text) or Decimal(text) == 0:
        raise InvalidInput(
            "no-budget-amount",
            "{text} is not an amount: write a number above 0, such as 1200.50",
            text=repr(text),
            field="monthly_amount",
        )
    return Decimal(text)


def set_budget(
    context: FinopsContext, budget: Budget, *, seen: str | None = None, record: Record = unrecorded
) -> bool:
    """Set a project's budget for a measure and currency; False when it was already so.

    Raises `InvalidInput`, or `Stale` when the project's budgets are no longer what was `seen`, a revision.
    """
    if budget.measure not in REPORT_MEASURES:
        raise InvalidInput(
            "not-one-of",
            "{field} must be one of {choices}, not {value}",
            choices=list(REPORT_MEASURES),
            value=repr(budget.measure),
            field="measure",
        )
    if not _CURRENCY.fullmatch(budget.currency):
        raise InvalidInput(
            "no-currency",
            "{currency} is not a currency code such as USD",
            currency=repr(budget.currency),
            field="currency",
        )
    with context.store.transaction() as session:
        session.lock_projects()
        session.project(budget.project_id)
        if seen is not None and seen != revisions.of_budgets(session.budgets(budget.project_id)):
            raise Stale(
                "budgets-changed",
                "the budgets of {project} have changed since they were seen: look at them again",
                project=budget.project_id,
                field="If-Match",
            )
        before = _find(session, budget.project_id, budget.measure, budget.currency)
        changed = session.save_budget(budget, now=context.clock())
        if changed:
            record(session.connection, SET_BUDGET, _name(budget), _shown(before), _shown(budget))
    return changed


def delete_budget(
    context: FinopsContext, project_id: str, measure: str, currency: str, *, record: Record = unrecorded
) -> None:
    """Raises `NotFound`."""
    with context.store.transaction() as session:
        session.lock_projects()
        session.project(project_id)
        before = _find(session, project_id, measure, currency)
        if before is None:
            raise NotFound(
                "no-budget",
                "project {project} has no budget of {measure} in {currency}",
                project=project_id,
                measure=measure,
                currency=currency,
                field="measure",
            )
        session.delete_budget(project_id, measure, currency)
        record(session.connection, DELETE_BUDGET, _name(before), _shown(before), None)


def budget_statuses(
    context: FinopsContext, project_id: str, month: date | None = None
) -> tuple[list[Budget], list[BudgetStatus]]:
    """The project's budgets, and how a published month (None: the newest) stands against them.

    There is no status while nothing is published. Raises `NotFound` for a project, or a month that is not published.
    """
    with context.store.snapshot() as session:
        session.project(project_id)
        budgets = session.budgets(project_id)
        months = session.months(project_id, month)
        if month is not None and not months:
            raise NotFound(
                "month-not-published",
                "project {project} has no published costs for {month}",
                project=project_id,
                month=f"{month:%Y-%m}",
                field="month",
            )
        if not budgets or not months:
            return budgets, []
        published = months[-1]
        costs = session.costs(project_id, shift(published.month, -HISTORY_MONTHS), published.month)
    return budgets, [_status(budget, published, costs) for budget in budgets]


def _status(budget: Budget, published: PublishedMonth, costs: pl.DataFrame) -> BudgetStatus:
    column = REPORT_MEASURES[budget.measure]
    costs = costs.filter(pl.col("currency") == budget.currency)
    actual = costs.filter(pl.col("usage_date") >= published.month).select(
        "usage_date", "currency", amount=pl.col(column)
    )
    spent = sum(actual["amount"].to_list(), ZERO)
    projected = spent
    if published.state is MonthState.OPEN:
        expected, _ = expected_days(published, anomalies.usage_daily(costs, column))
        ends = forecast.month_end(actual, expected, published.month)["projected"].to_list()
        # the forecast begins with the newest day; what that day has cost already is spent all the same
        projected = max([spent, *ends])
    return BudgetStatus(
        budget=budget,
        month=published.month,
        month_state=published.state,
        manifest_version=published.version,
        spent=spent,
        projected=projected,
        share=share_of(spent, budget.monthly_amount),
        state=state_of(budget.monthly_amount, spent=spent, projected=projected),
    )


def _find(session: Session, project_id: str, measure: str, currency: str) -> Budget | None:
    matches = (b for b in session.budgets(project_id) if (b.measure, b.currency) == (measure, currency))
    return next(matches, None)


def _name(budget: Budget) -> str:
    return f"{budget.project_id}/{budget.measure}/{budget.currency}"


def _shown(budget: Budget | None) -> dict[str, str] | None:
    return None if budget is None else {"monthly_amount": f"{budget.monthly_amount:f}"}
