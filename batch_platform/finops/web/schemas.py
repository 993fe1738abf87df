"""What the finops API tells. Amounts are strings of every digit, instants UTC; an external id is never told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from batch_platform.finops.budgets import BudgetState, BudgetStatus
from batch_platform.finops.model import (
    REPORT_MEASURES,
    Budget,
    CheckOutcome,
    FileStatus,
    Format,
    MonthState,
    PublishedMonth,
    RestatementReason,
)
from batch_platform.finops.report import Report, to_json
from batch_platform.finops.restatement import KEYS
from batch_platform.finops.service import Insight
from batch_platform.web.api.strict import StrictModel

Amount = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["1234.560000000000"])]
"""Plain digits, never a float."""

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["USD"])]
Measure = Literal["unblended", "amortized", "net_unblended", "net_amortized", "billed", "list"]
FormatName = Literal["auto", "cur_legacy", "cur2", "focus"]


class CheckAnswer(StrictModel):
    """An invariant of a published month."""

    name: str
    passed: bool
    blocking: bool
    description: str

    @classmethod
    def of(cls, check: CheckOutcome) -> CheckAnswer:
        return cls(**vars(check))


class MonthAnswer(StrictModel):
    """A published billing month. `totals` has each measure's sum by currency.

    `final_from`: when a closing month whose rows carry no InvoiceId is final, if nothing newer is delivered.
    `formerConnection`: it is of a place or account scope that is no longer the project's, and will be replaced or
    withdrawn.
    """

    month: str
    state: MonthState
    manifest_version: str
    format: Format | None
    line_items: int
    files: int
    delivered_at: datetime
    published_at: datetime
    final_from: datetime | None
    checks: list[CheckAnswer]
    former_connection: bool
    totals: dict[str, dict[str, Amount]]

    @classmethod
    def of(cls, month: PublishedMonth, totals: Iterable[Mapping[str, Any]]) -> MonthAnswer:
        return cls(
            month=f"{month.month:%Y-%m}",
            state=month.state,
            manifest_version=month.version,
            format=month.format,
            line_items=month.row_count,
            files=month.file_count,
            delivered_at=month.delivered_at,
            published_at=month.published_at,
            final_from=month.final_from,
            checks=[CheckAnswer.of(check) for check in month.checks],
            former_connection=month.of_former_connection,
            totals={
                row["currency"]: {name: digits(row[column]) for name, column in REPORT_MEASURES.items()}
                for row in totals
            },
        )


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


class FileAnswer(StrictModel):
    """A file of a delivery and how far it has been read."""

    month: str
    manifest_version: str
    file_no: int
    object_key: str
    size_bytes: int
    status: FileStatus
    attempts: int
    rows: int | None
    error: str | None
    registered_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> FileAnswer:
        plain = ("file_no", "object_key", "size_bytes", "attempts", "registered_at", "finished_at")
        return cls(
            **{name: row[name] for name in plain},
            month=f"{row['billing_month']:%Y-%m}",
            manifest_version=row["version"],
            status=FileStatus(row["status"]),
            rows=row["row_count"],
            error=row["error_message"],
        )


class RequeuedAnswer(StrictModel):
    """A file that waits to be read again."""

    month: str
    object_key: str


class Change(StrictModel):
    """A measure before and after; `difference` = after − before."""

    before: Amount
    after: Amount
    difference: Amount


class RestatementAnswer(StrictModel):
    """Money that changed in a month already final, for one account, service and charge class."""

    month: str
    detected_at: datetime
    reason: RestatementReason
    from_version: str
    to_version: str
    usage_account_id: str
    service: str
    charge_class: str
    currency: Currency
    unblended: Change
    amortized: Change
    net_unblended: Change

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> RestatementAnswer:
        plain = ("detected_at", "from_version", "to_version", *KEYS)
        changes = {
            name: Change(
                before=digits(row[f"{name}_before"]),
                after=digits(row[f"{name}_after"]),
                difference=digits(row[f"{name}_after"] - row[f"{name}_before"]),
            )
            for name in ("unblended", "amortized", "net_unblended")
        }
        values: dict[str, Any] = {name: row[name] for name in plain} | changes
        values["reason"] = RestatementReason(row["reason"])
        return cls(**values, month=f"{row['billing_month']:%Y-%m}")


class AnomalyAnswer(StrictModel):
    """A day on which a service cost far more or less than the median of the days before."""

    date: date
    service: str
    currency: Currency
    amount: Amount
    expected: Amount
    deviation: Amount
    score: Amount
    direction: Literal["spike", "drop"]
    explanation: str


class InsightAnswer(StrictModel):
    """Which costs were looked at; not `upToDate` while they have changed and it is not computed again yet."""

    project_id: str
    month: str
    month_state: MonthState
    manifest_version: str
    measure: Literal["amortized"] = "amortized"
    up_to_date: bool

    @staticmethod
    def about(insight: Insight) -> dict[str, Any]:
        published = insight.published
        return {
            "project_id": published.project_id,
            "month": f"{published.month:%Y-%m}",
            "month_state": published.state,
            "manifest_version": published.version,
            "up_to_date": insight.up_to_date,
        }


class AnomaliesAnswer(InsightAnswer):
    """A month's anomalies in daily usage cost."""

    anomalies: list[AnomalyAnswer]

    @classmethod
    def of(cls, insight: Insight) -> AnomaliesAnswer:
        found = [
            AnomalyAnswer(
                date=row["usage_date"],
                **{name: row[name] for name in ("service", "currency", "direction", "explanation")},
                amount=digits(row["amount"]),
                expected=digits(row["expected"]),
                deviation=digits(row["deviation"]),
                score=digits(row["score"]),
            )
            for row in insight.rows.iter_rows(named=True)
        ]
        return cls(**cls.about(insight), anomalies=found)


class ForecastDay(StrictModel):
    """The expected usage cost of a day; bounds are null without enough history."""

    date: date
    currency: Currency
    amount: Amount
    lower_bound: Amount | None
    upper_bound: Amount | None


class ForecastAnswer(InsightAnswer):
    """The days to come; `backtestError` is the error on past days as a share of the cost, by currency."""

    method: str | None
    backtest_error: dict[str, Amount | None]
    days: list[ForecastDay]

    @classmethod
    def of(cls, insight: Insight) -> ForecastAnswer:
        rows = insight.rows.to_dicts()
        days = [
            ForecastDay(
                date=row["target_date"],
                currency=row["currency"],
                amount=digits(row["amount"]),
                lower_bound=_digits_or_none(row["lower_bound"]),
                upper_bound=_digits_or_none(row["upper_bound"]),
            )
            for row in rows
        ]
        return cls(
            **cls.about(insight),
            method=rows[0]["method"] if rows else None,
            backtest_error={row["currency"]: _digits_or_none(row["backtest_error"]) for row in rows},
            days=days,
        )


class BudgetMonth(StrictModel):
    """A month against the budget: `share` is spent ÷ amount, `projected` what the whole month will have cost."""

    month: str
    month_state: MonthState
    manifest_version: str
    spent: Amount
    projected: Amount
    share: Amount
    state: BudgetState


class BudgetAnswer(StrictModel):
    """A monthly budget and how a month stands; `status` is null while nothing is published."""

    measure: Measure
    currency: Currency
    monthly_amount: Amount
    status: BudgetMonth | None

    @classmethod
    def of(cls, budget: Budget, status: BudgetStatus | None) -> BudgetAnswer:
        month = None
        if status is not None:
            month = BudgetMonth(
                month=f"{status.month:%Y-%m}",
                month_state=status.month_state,
                manifest_version=status.manifest_version,
                state=status.state,
                **{name: digits(getattr(status, name)) for name in ("spent", "projected", "share")},
            )
        return cls(
            measure=cast(Measure, budget.measure),
            currency=budget.currency,
            monthly_amount=digits(budget.monthly_amount),
            status=month,
        )

    @classmethod
    def of_all(cls, budgets: Iterable[Budget], statuses: Iterable[BudgetStatus]) -> list[BudgetAnswer]:
        found = {status.budget: status for status in statuses}
        return [cls.of(budget, found.get(budget)) for budget in budgets]


def costs_answer(reports: list[Report]) -> CostsAnswer:
    """The reports of one `report.build` of a published month."""
    first = reports[0]
    told: list[dict[str, Any]] = [to_json(one) for one in reports]
    return CostsAnswer(
        project_id=first.project_id,
        month=first.month,
        month_state=MonthState(first.state),
        manifest_version=first.manifest_version or "",
        measure=cast(Measure, first.measure),
        group_by=list(first.group_by),
        reports=[CostReport(currency=one["currency"], rows=one["rows"], totals=one["totals"]) for one in told],
    )


def digits(amount: Decimal) -> str:
    return f"{amount:f}"


def _digits_or_none(amount: Decimal | None) -> str | None:
    return None if amount is None else digits(amount)
