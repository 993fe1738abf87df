"""What the finops API tells. Amounts are strings of every digit, instants UTC; an external id is never told.

A model whose fields are those of a frozen value, a row or a frame's row is made from it by `of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field

from batch_platform.finops.budgets import BudgetState, BudgetStatus
from batch_platform.finops.model import (
    ArchiveReason,
    Budget,
    Connection,
    FileStatus,
    Format,
    MonthState,
    RestatementReason,
)
from batch_platform.finops.service import Insight
from batch_platform.finops.service.projects import TestStep
from batch_platform.web.api.strict import StrictModel

OWN_CREDENTIALS = "no role is named: the bucket is read with the platform's own credentials, a stop-gap"


@dataclass(frozen=True)
class From:
    """What the source of an answer calls a field."""

    name: str


class Answer(StrictModel):
    """Made from the attributes of a value, or from a row."""

    @classmethod
    def of(cls, source: object, /, **more: Any) -> Self:
        """`more` are fields that the source does not have; those with a default are taken from `more` alone."""
        values = dict(more)
        for name, field in cls.model_fields.items():
            if name not in more and field.is_required():
                own = next((part.name for part in field.metadata if isinstance(part, From)), name)
                values[name] = source[own] if isinstance(source, Mapping) else getattr(source, own)
        return cls.model_validate(values, strict=False, from_attributes=True)


def digits(amount: object) -> object:
    """Every digit of a Decimal; anything else as it is."""
    return f"{amount:f}" if isinstance(amount, Decimal) else amount


def _month(value: object) -> object:
    return f"{value:%Y-%m}" if isinstance(value, date) else value


Amount = Annotated[
    str, BeforeValidator(digits), Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["1234.560000000000"])
]
"""Plain digits, never a float."""

MonthName = Annotated[str, BeforeValidator(_month)]
"""YYYY-MM."""

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["USD"])]
Measure = Literal["unblended", "amortized", "net_unblended", "net_amortized", "billed", "list"]
FormatName = Literal["auto", "cur_legacy", "cur2", "focus"]
Version = Annotated[str, From("version")]


class ProjectAnswer(Answer):
    """Where a project's reports lie. The external id is never told, only whether there is one."""

    project_id: str
    name: str
    bucket: str
    prefix: str
    report_name: str
    region: str
    format: Format
    role_arn: str | None
    has_external_id: bool
    account_scope: list[str] | None
    enabled: bool
    without_manifest: bool
    warnings: list[str]

    @classmethod
    def of_project(cls, project: Connection) -> Self:
        warnings = [] if project.role_arn else [OWN_CREDENTIALS]
        return cls.of(project, has_external_id=project.external_id is not None, warnings=warnings)


class StepAnswer(Answer):
    """One step of a connection test; the first that fails is the last."""

    name: str
    passed: bool
    detail: str


class TestAnswer(StrictModel):
    """Whether the project's role, bucket, newest manifest and files can be read."""

    __test__ = False

    project_id: str
    passed: bool
    steps: list[StepAnswer]

    @classmethod
    def of(cls, project_id: str, steps: Iterable[TestStep]) -> TestAnswer:
        answers = [StepAnswer.of(step, name=str(step.name), detail=str(step.detail)) for step in steps]
        return cls(project_id=project_id, passed=all(step.passed for step in answers), steps=answers)


class RemovalAnswer(Answer):
    """A project that is removed (or would be, in a dry run), and its published months, which are archived."""

    project_id: str
    archived_months: Annotated[list[MonthName], From("months")]
    dry_run: bool


class ArchivedMonth(Answer):
    """A month that left the cost tables; null month: a removed project that had none. `unblended` is by currency."""

    archive_id: int
    project_id: str
    month: Annotated[MonthName | None, From("billing_month")]
    reason: ArchiveReason
    detail: str
    archived_at: datetime
    month_state: Annotated[MonthState | None, From("state")]
    manifest_version: Annotated[str | None, From("version")]
    place: str | None
    unblended: dict[str, Amount]


class CheckAnswer(StrictModel):
    """An invariant of a published month."""

    name: str
    passed: bool
    blocking: bool
    description: str


class MonthAnswer(Answer):
    """A published billing month. `totals` has each measure's sum by currency.

    `final_from`: when a closing month whose rows carry no InvoiceId is final, if nothing newer is delivered.
    `formerConnection`: it is of a place or account scope that is no longer the project's, and will be replaced or
    withdrawn.
    """

    month: MonthName
    state: MonthState
    manifest_version: Version
    format: Format | None
    line_items: Annotated[int, From("row_count")]
    files: Annotated[int, From("file_count")]
    delivered_at: datetime
    published_at: datetime
    final_from: datetime | None
    checks: list[CheckAnswer]
    former_connection: Annotated[bool, From("of_former_connection")]
    totals: dict[str, dict[str, Amount]]


class ProjectMonthAnswer(MonthAnswer):
    """A month among those of several projects."""

    project_id: str


class FileAnswer(Answer):
    """A file of a delivery and how far it has been read."""

    month: Annotated[MonthName, From("billing_month")]
    manifest_version: Version
    file_no: int
    object_key: str
    size_bytes: int
    status: FileStatus
    attempts: int
    rows: Annotated[int | None, From("row_count")]
    error: Annotated[str | None, From("error_message")]
    registered_at: datetime
    finished_at: datetime | None


class ProjectFileAnswer(FileAnswer):
    """A file among those of several projects."""

    project_id: str


class RequeuedAnswer(Answer):
    """A file that waits to be read again."""

    month: str
    object_key: str


class ProjectRequeuedAnswer(RequeuedAnswer):
    """A file among those of several projects."""

    project_id: str


class Change(StrictModel):
    """A measure before and after; `difference` = after − before."""

    before: Amount
    after: Amount
    difference: Amount


class RestatementAnswer(Answer):
    """Money that changed in a month already final, for one account, service and charge class."""

    month: Annotated[MonthName, From("billing_month")]
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
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        def change(name: str) -> dict[str, Decimal]:
            before, after = row[f"{name}_before"], row[f"{name}_after"]
            return {"before": before, "after": after, "difference": after - before}

        return cls.of(row, **{name: change(name) for name in ("unblended", "amortized", "net_unblended")})


class AnomalyAnswer(Answer):
    """A day on which a service cost far more or less than the median of the days before."""

    date: Annotated[date, From("usage_date")]
    service: str
    currency: Currency
    amount: Amount
    expected: Amount
    deviation: Amount
    score: Amount
    direction: Literal["spike", "drop"]
    explanation: str


class InsightAnswer(Answer):
    """Which costs were looked at; not `upToDate` while they have changed and it is not computed again yet."""

    project_id: str
    month: MonthName
    month_state: Annotated[MonthState, From("state")]
    manifest_version: Version
    measure: Literal["amortized"] = "amortized"
    up_to_date: bool


class AnomaliesAnswer(InsightAnswer):
    """A month's anomalies in daily usage cost."""

    anomalies: list[AnomalyAnswer]

    @classmethod
    def of_insight(cls, insight: Insight) -> Self:
        anomalies = [AnomalyAnswer.of(row) for row in insight.rows.iter_rows(named=True)]
        return cls.of(insight.published, up_to_date=insight.up_to_date, anomalies=anomalies)


class ForecastDay(Answer):
    """The expected usage cost of a day; bounds are null without enough history."""

    date: Annotated[date, From("target_date")]
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
    def of_insight(cls, insight: Insight) -> Self:
        rows = insight.rows.to_dicts()
        return cls.of(
            insight.published,
            up_to_date=insight.up_to_date,
            method=rows[0]["method"] if rows else None,
            backtest_error={row["currency"]: row["backtest_error"] for row in rows},
            days=[ForecastDay.of(row) for row in rows],
        )


class BudgetMonth(Answer):
    """A month against the budget: `share` is spent ÷ amount, `projected` what the whole month will have cost."""

    month: MonthName
    month_state: MonthState
    manifest_version: str
    spent: Amount
    projected: Amount
    share: Amount
    state: BudgetState


class BudgetAnswer(Answer):
    """A monthly budget and how a month stands; `status` is null while nothing is published."""

    measure: Measure
    currency: Currency
    monthly_amount: Amount
    status: BudgetMonth | None

    @classmethod
    def of_budget(cls, budget: tuple[Budget, BudgetStatus | None]) -> Self:
        return cls.of(budget[0], status=BudgetMonth.of(budget[1]) if budget[1] else None)
