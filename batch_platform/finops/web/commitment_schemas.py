"""What the API tells of commitments and of containers. Amounts are strings of every digit; shares have 4 decimals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from batch_platform.finops import groups
from batch_platform.finops.commitments import CommitmentUse, Coverage, total_coverage
from batch_platform.finops.model import REPORT_MEASURES, MonthState
from batch_platform.finops.service import MonthCommitments, SplitCosts
from batch_platform.finops.split import MEASURES
from batch_platform.finops.web.cost_exports import CostMonth
from batch_platform.finops.web.schemas import Amount, Currency
from batch_platform.web.api.strict import StrictModel

Share = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{4}$", examples=["0.7500"])]
"""Of 1, rounded half-even."""


class CommitmentAnswer(StrictModel):
    """A Savings Plan or reservation in the month; null is what the report does not tell.

    `used` and `unused` make `total`; `utilization` is used / total. `coveredCost` is the amortised cost of the usage
    it covered in this report, `onDemandCost` what that usage costs on demand; `savings` is `onDemandCost` less
    `coveredCost` and `unused`. Fee rows of other accounts' commitments are not in the report: their total is null.
    """

    arn: str
    kind: Literal["savings_plan", "reservation"]
    currency: Currency | None
    used: Amount | None
    unused: Amount | None
    total: Amount | None
    utilization: Share | None
    covered_cost: Amount | None
    on_demand_cost: Amount | None
    savings: Amount | None

    @classmethod
    def of(cls, use: CommitmentUse) -> CommitmentAnswer:
        return cls(
            arn=use.arn,
            kind="savings_plan" if use.kind == "savings_plan" else "reservation",
            currency=use.currency,
            used=_digits(use.used),
            unused=_digits(use.unused),
            total=_digits(use.total),
            utilization=_digits(use.utilisation),
            covered_cost=_digits(use.covered_cost),
            on_demand_cost=_digits(use.on_demand_cost),
            savings=_digits(use.savings),
        )


class CoverageAnswer(StrictModel):
    """A service's usage that commitments covered, and on-demand usage that they could have, at public on-demand cost.

    `coverage` is covered / (covered + onDemand); null where the export tells no usage types. `service` is null in the
    sum of all services.
    """

    service: str | None
    currency: Currency | None
    covered_by_savings_plans: Amount
    covered_by_reservations: Amount
    on_demand: Amount | None
    coverage: Share | None

    @classmethod
    def of(cls, found: Coverage, *, is_total: bool = False) -> CoverageAnswer:
        return cls(
            service=None if is_total else found.service,
            currency=found.currency,
            covered_by_savings_plans=f"{found.by_savings_plans:f}",
            covered_by_reservations=f"{found.by_reservations:f}",
            on_demand=_digits(found.on_demand),
            coverage=_digits(found.share),
        )


class CommitmentsAnswer(StrictModel):
    """Utilisation of each commitment and coverage of each service, by the definitions of AWS Cost Explorer."""

    project_id: str
    month: str
    month_state: MonthState
    manifest_version: str
    measure: Literal["amortized"] = "amortized"
    commitments: list[CommitmentAnswer]
    coverage: list[CoverageAnswer]
    total_coverage: list[CoverageAnswer]

    @classmethod
    def of(cls, found: MonthCommitments) -> CommitmentsAnswer:
        return cls(
            project_id=found.stamp.project_id,
            month=f"{found.stamp.month:%Y-%m}",
            month_state=found.stamp.state,
            manifest_version=found.stamp.version,
            commitments=[CommitmentAnswer.of(use) for use in found.commitments.uses],
            coverage=[CoverageAnswer.of(one) for one in found.commitments.coverage],
            total_coverage=[
                CoverageAnswer.of(one, is_total=True) for one in total_coverage(found.commitments.coverage)
            ],
        )


class SplitReport(StrictModel):
    """Containers in one currency. `leftOutOf` are the totals of the same days, which hold none of `totals`."""

    currency: Currency | None
    rows: list[dict[str, str]]
    totals: dict[str, Amount]
    left_out_of: dict[str, Amount]


class SplitAnswer(StrictModel):
    """What pods and tasks took: `split_cost` of what they were given or used, `unused_cost` their share of the rest.

    They are copies: their machines' own rows stand in every total, and these in none (`inTotals`).
    """

    project_id: str
    start: date
    end: date
    months: list[CostMonth]
    group_by: list[str]
    filters: list[str]
    in_totals: Literal[False] = False
    row_count: int
    reports: list[SplitReport]
    next_cursor: str | None

    @classmethod
    def of(cls, found: SplitCosts, next_cursor: str | None) -> SplitAnswer:
        totals = {row["currency"]: row for row in found.totals.iter_rows(named=True)}
        outside = {row["currency"]: row for row in found.left_out_of.iter_rows(named=True)}
        rows: dict[str | None, list[dict[str, str]]] = {}
        for row in found.rows.iter_rows(named=True):
            told = {name: str(row[name]) for name in found.groups} | _amounts(row, {name: name for name in MEASURES})
            rows.setdefault(row["currency"], []).append(told)
        return cls(
            project_id=found.query.project_id,
            start=found.query.start,
            end=found.query.end,
            months=[
                CostMonth(month=f"{stamp.month:%Y-%m}", state=stamp.state, manifest_version=stamp.version)
                for stamp in found.stamps
            ],
            group_by=list(found.groups),
            filters=groups.texts(found.query.filters),
            row_count=found.row_count,
            reports=[
                SplitReport(
                    currency=currency,
                    rows=rows.get(currency, []),
                    totals=_amounts(totals.get(currency, {}), {name: name for name in MEASURES}),
                    left_out_of=_amounts(outside.get(currency, {}), REPORT_MEASURES),
                )
                for currency in _both(totals, outside)
            ],
            next_cursor=next_cursor,
        )


def _both(*by_currency: Iterable[str | None]) -> list[str | None]:
    return sorted({currency for one in by_currency for currency in one}, key=lambda currency: currency or "")


def _amounts(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{row.get(column, Decimal(0)):f}" for name, column in columns.items()}


def _digits(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
