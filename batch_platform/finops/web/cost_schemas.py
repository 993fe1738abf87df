"""What the finops API tells of costs, commitments and containers. Shares have 4 decimals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BeforeValidator, Field

from batch_platform.finops import groups
from batch_platform.finops.commitments import total_coverage
from batch_platform.finops.model import REPORT_MEASURES, MonthState
from batch_platform.finops.report import Report, to_json
from batch_platform.finops.service import CostKeys, CostRows, MonthCommitments, SplitCosts
from batch_platform.finops.split import MEASURES
from batch_platform.finops.web.schemas import Amount, Answer, Currency, From, Measure, MonthName, Version, digits
from batch_platform.web.api.strict import StrictModel

Share = Annotated[str, BeforeValidator(digits), Field(pattern=r"^-?[0-9]+\.[0-9]{4}$", examples=["0.7500"])]
"""Of 1, rounded half-even."""


class CostReport(StrictModel):
    """The month's costs in one currency, by group; `currency` is null only for an empty month."""

    currency: Currency | None
    rows: Annotated[
        list[dict[str, str]],
        Field(
            description="A value for each group asked for, and `amount`.",
            examples=[[{"service": "AmazonEC2", "amount": "12.300000000000"}]],
        ),
    ]
    totals: dict[str, Amount]


class CostsAnswer(StrictModel):
    """A month's costs, one report a currency, and what the figures mean."""

    project_id: str
    month: str
    month_state: MonthState
    manifest_version: str
    measure: Measure
    group_by: list[str]
    reports: list[CostReport]

    @classmethod
    def of(cls, reports: Sequence[Report]) -> CostsAnswer:
        """The reports of one `report.build` of a published month."""
        first = reports[0]
        return cls(
            project_id=first.project_id,
            month=first.month,
            month_state=MonthState(first.state),
            manifest_version=first.manifest_version or "",
            measure=cast(Measure, first.measure),
            group_by=list(first.group_by),
            reports=[CostReport(**_figures(report)) for report in reports],
        )


class CostMonth(Answer):
    """A billing month that costs were computed from."""

    month: MonthName
    state: MonthState
    manifest_version: Version


class CostRowsReport(CostReport):
    """Rows of this page, largest amount first; `rowCount` and `totals` are of all rows."""

    row_count: int


class CostRowsAnswer(StrictModel):
    """Costs of the days `start` to `end`, both included, one report a currency, and what the figures mean.

    `month`, `monthState` and `manifestVersion` are those of the one month of the answer, null for several. Months of
    the days that are not published stand in `missingMonths`. `nextCursor` is null on the last page.
    """

    project_id: str
    month: str | None
    month_state: MonthState | None
    manifest_version: str | None
    start: date
    end: date
    months: list[CostMonth]
    missing_months: list[str]
    measure: Measure
    group_by: list[str]
    filters: list[str]
    reports: list[CostRowsReport]
    next_cursor: str | None

    @classmethod
    def of(cls, rows: CostRows, next_cursor: str | None = None) -> CostRowsAnswer:
        query = rows.query
        months = [CostMonth.of(stamp) for stamp in rows.stamps]
        only = months[0] if len(months) == 1 and not rows.missing else None
        return cls(
            project_id=query.project_id,
            month=only.month if only else None,
            month_state=only.state if only else None,
            manifest_version=only.manifest_version if only else None,
            start=query.start,
            end=query.end,
            months=months,
            missing_months=[f"{month:%Y-%m}" for month in rows.missing],
            measure=cast(Measure, query.measure),
            group_by=[group.text for group in query.groups],
            filters=groups.texts(query.filters),
            reports=[CostRowsReport(**_figures(page), row_count=page.row_count) for page in rows.reports],
            next_cursor=next_cursor,
        )


class CostKeysAnswer(Answer):
    """The tags and cost categories to group by, as `tag:` and `cost_category:`, in these months."""

    project_id: str
    months: list[MonthName]
    tags: list[str]
    cost_categories: list[str]

    @classmethod
    def of_keys(cls, project_id: str, months: Sequence[date], keys: CostKeys) -> Self:
        return cls.of(keys, project_id=project_id, months=months)


class CommitmentAnswer(Answer):
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
    utilization: Annotated[Share | None, From("utilisation")]
    covered_cost: Amount | None
    on_demand_cost: Amount | None
    savings: Amount | None


class CoverageAnswer(Answer):
    """A service's usage that commitments covered, and on-demand usage that they could have, at public on-demand cost.

    `coverage` is covered / (covered + onDemand); null where the export tells no usage types. `service` is null in the
    sum of all services.
    """

    service: str | None
    currency: Currency | None
    covered_by_savings_plans: Annotated[Amount, From("by_savings_plans")]
    covered_by_reservations: Annotated[Amount, From("by_reservations")]
    on_demand: Amount | None
    coverage: Annotated[Share | None, From("share")]


class CommitmentsAnswer(Answer):
    """Utilisation of each commitment and coverage of each service, by the definitions of AWS Cost Explorer."""

    project_id: str
    month: MonthName
    month_state: Annotated[MonthState, From("state")]
    manifest_version: Version
    measure: Literal["amortized"] = "amortized"
    commitments: list[CommitmentAnswer]
    coverage: list[CoverageAnswer]
    total_coverage: list[CoverageAnswer]

    @classmethod
    def of_month(cls, month: MonthCommitments) -> Self:
        coverage = month.commitments.coverage
        return cls.of(
            month.stamp,
            commitments=[CommitmentAnswer.of(use) for use in month.commitments.uses],
            coverage=[CoverageAnswer.of(service) for service in coverage],
            total_coverage=[CoverageAnswer.of(total, service=None) for total in total_coverage(coverage)],
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
    def of(cls, split: SplitCosts, next_cursor: str | None = None) -> SplitAnswer:
        measures = {name: name for name in MEASURES}
        totals = {row["currency"]: row for row in split.totals.iter_rows(named=True)}
        outside = {row["currency"]: row for row in split.left_out_of.iter_rows(named=True)}
        rows: dict[str | None, list[dict[str, str]]] = {}
        for row in split.rows.iter_rows(named=True):
            figures = {name: str(row[name]) for name in split.groups} | _amounts(row, measures)
            rows.setdefault(row["currency"], []).append(figures)
        return cls(
            project_id=split.query.project_id,
            start=split.query.start,
            end=split.query.end,
            months=[CostMonth.of(stamp) for stamp in split.stamps],
            group_by=list(split.groups),
            filters=groups.texts(split.query.filters),
            row_count=split.row_count,
            reports=[
                SplitReport(
                    currency=currency,
                    rows=rows.get(currency, []),
                    totals=_amounts(totals.get(currency, {}), measures),
                    left_out_of=_amounts(outside.get(currency, {}), REPORT_MEASURES),
                )
                for currency in sorted(totals.keys() | outside.keys(), key=lambda currency: currency or "")
            ],
            next_cursor=next_cursor,
        )


def _figures(report: Report) -> dict[str, Any]:
    figures = to_json(report)
    return {name: figures[name] for name in ("currency", "rows", "totals")}


def _amounts(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{row.get(column, Decimal(0)):f}" for name, column in columns.items()}
