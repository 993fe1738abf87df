"""What the finops API tells of costs, commitments and containers. Shares have 4 decimals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from batch_platform.finops import groups
from batch_platform.finops.commitments import total_coverage
from batch_platform.finops.model import REPORT_MEASURES, MonthState
from batch_platform.finops.report import to_json
from batch_platform.finops.service import CostRows, MonthCommitments, SplitCosts
from batch_platform.finops.split import MEASURES
from batch_platform.finops.web.schemas import Amount, Currency, Measure, Version
from batch_platform.web.api.answers import Answer, Digits, From, MonthName

Share = Annotated[Digits, Field(pattern=r"^-?[0-9]+\.[0-9]{4}$", examples=["0.7500"])]
"""Of 1, rounded half-even."""
Filters = Annotated[list[str], From(lambda costs: groups.texts(costs.query.filters))]
"""Those of a query, as they were written."""


class CostReport(Answer):
    """The month's costs in one currency, by group; `currency` is null only for an empty month."""

    currency: Currency | None
    rows: Annotated[
        list[dict[str, str]],
        From(lambda report: to_json(report)["rows"]),
        Field(
            description="A value for each group asked for, and `amount`.",
            examples=[[{"service": "AmazonEC2", "amount": "12.300000000000"}]],
        ),
    ]
    totals: dict[str, Amount]


class CostsAnswer(Answer):
    """A month's costs, one report a currency, and what the figures mean."""

    project_id: str
    month: str
    month_state: Annotated[MonthState, From("state")]
    manifest_version: Annotated[str, From(lambda report: report.manifest_version or "")]
    measure: Measure
    group_by: list[str]
    reports: list[CostReport]


class CostMonth(Answer):
    """A billing month that costs were computed from."""

    month: MonthName
    state: MonthState
    manifest_version: Version


class CostRowsReport(CostReport):
    """Rows of this page, largest amount first; `rowCount` and `totals` are of all rows."""

    row_count: int


def _of_only_month(name: str) -> Callable[[CostRows], Any]:
    return lambda rows: getattr(rows.stamps[0], name) if len(rows.stamps) == 1 and not rows.missing else None


class CostRowsAnswer(Answer):
    """Costs of the days `start` to `end`, both included, one report a currency, and what the figures mean.

    `month`, `monthState` and `manifestVersion` are those of the one month of the answer, null for several. Months of
    the days that are not published stand in `missingMonths`. `nextCursor` is null on the last page.
    """

    project_id: Annotated[str, From("query.project_id")]
    month: Annotated[MonthName | None, From(_of_only_month("month"))]
    month_state: Annotated[MonthState | None, From(_of_only_month("state"))]
    manifest_version: Annotated[str | None, From(_of_only_month("version"))]
    start: Annotated[date, From("query.start")]
    end: Annotated[date, From("query.end")]
    months: Annotated[list[CostMonth], From("stamps")]
    missing_months: Annotated[list[MonthName], From("missing")]
    measure: Annotated[Measure, From("query.measure")]
    group_by: Annotated[list[str], From(lambda rows: [group.text for group in rows.query.groups])]
    filters: Filters
    reports: list[CostRowsReport]
    next_cursor: str | None


class CostKeysAnswer(Answer):
    """The tags and cost categories to group by, as `tag:` and `cost_category:`, in these months."""

    project_id: str
    months: list[MonthName]
    tags: list[str]
    cost_categories: list[str]


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


def _total_coverage(month: MonthCommitments) -> list[CoverageAnswer]:
    return [CoverageAnswer.of(total, service=None) for total in total_coverage(month.commitments.coverage)]


class CommitmentsAnswer(Answer):
    """Utilisation of each commitment and coverage of each service, by the definitions of AWS Cost Explorer."""

    project_id: Annotated[str, From("stamp.project_id")]
    month: Annotated[MonthName, From("stamp.month")]
    month_state: Annotated[MonthState, From("stamp.state")]
    manifest_version: Annotated[str, From("stamp.version")]
    measure: Literal["amortized"] = "amortized"
    commitments: Annotated[list[CommitmentAnswer], From("commitments.uses")]
    coverage: Annotated[list[CoverageAnswer], From("commitments.coverage")]
    total_coverage: Annotated[list[CoverageAnswer], From(_total_coverage)]


class SplitReport(Answer):
    """Containers in one currency. `leftOutOf` are the totals of the same days, which hold none of `totals`."""

    currency: Currency | None
    rows: list[dict[str, str]]
    totals: dict[str, Amount]
    left_out_of: dict[str, Amount]


def _split_reports(split: SplitCosts) -> list[dict[str, Any]]:
    """By currency."""
    measures = {name: name for name in MEASURES}
    totals = {row["currency"]: row for row in split.totals.iter_rows(named=True)}
    outside = {row["currency"]: row for row in split.left_out_of.iter_rows(named=True)}
    rows: dict[str | None, list[dict[str, str]]] = {}
    for row in split.rows.iter_rows(named=True):
        figures = {name: str(row[name]) for name in split.groups} | _amounts(row, measures)
        rows.setdefault(row["currency"], []).append(figures)
    return [
        {
            "currency": currency,
            "rows": rows.get(currency, []),
            "totals": _amounts(totals.get(currency, {}), measures),
            "left_out_of": _amounts(outside.get(currency, {}), REPORT_MEASURES),
        }
        for currency in sorted(totals.keys() | outside.keys(), key=lambda currency: currency or "")
    ]


class SplitAnswer(Answer):
    """What pods and tasks took: `split_cost` of what they were given or used, `unused_cost` their share of the rest.

    They are copies: their machines' own rows stand in every total, and these in none (`inTotals`).
    """

    project_id: Annotated[str, From("query.project_id")]
    start: Annotated[date, From("query.start")]
    end: Annotated[date, From("query.end")]
    months: Annotated[list[CostMonth], From("stamps")]
    group_by: Annotated[list[str], From("groups")]
    filters: Filters
    in_totals: Literal[False] = False
    row_count: int
    reports: Annotated[list[SplitReport], From(_split_reports)]
    next_cursor: str | None


def _amounts(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{row.get(column, Decimal(0)):f}" for name, column in columns.items()}
