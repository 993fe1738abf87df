"""What the finops API tells. Amounts are strings of every digit, instants UTC; an external id is never told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from batch_platform.finops.budgets import BudgetState
from batch_platform.finops.model import ArchiveReason, FileStatus, Format, MonthState, RestatementReason
from batch_platform.finops.service.projects import TestStep
from batch_platform.web.api.answers import Answer, Digits, From, MonthName, Sentence

OWN_CREDENTIALS = "no role is named: the bucket is read with the platform's own credentials, a stop-gap"


Amount = Annotated[Digits, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["1234.560000000000"])]

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
    has_external_id: Annotated[bool, From(lambda project: project.external_id is not None)]
    account_scope: list[str] | None
    enabled: bool
    without_manifest: bool
    warnings: Annotated[list[str], From(lambda project: [] if project.role_arn else [OWN_CREDENTIALS])]


class ConnectionStepAnswer(Answer):
    """One step of a connection test; the first that fails is the last."""

    name: Sentence
    passed: bool
    detail: Sentence


class TestAnswer(Answer):
    """Whether the project's role, bucket, newest manifest and files can be read."""

    __test__ = False

    project_id: str
    passed: bool
    steps: list[ConnectionStepAnswer]

    @classmethod
    def of_steps(cls, project_id: str, steps: Sequence[TestStep]) -> Self:
        answers = [ConnectionStepAnswer.of(step) for step in steps]
        return cls(project_id=project_id, passed=all(step.passed for step in steps), steps=answers)


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


class MonthCheckAnswer(Answer):
    """An invariant of a published month.

    `descriptionId` is what `description` is about, stable between releases; null where only a sentence is known.
    """

    name: str
    passed: bool
    blocking: bool
    description: str
    description_id: Annotated[str | None, From("description.id")] = None


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
    checks: list[MonthCheckAnswer]
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


class Change(Answer):
    """A measure before and after; `difference` = after − before."""

    before: Amount
    after: Amount
    difference: Amount


def _change_of(measure: str) -> Callable[[Mapping[str, Any]], dict[str, Decimal]]:
    def change(row: Mapping[str, Any]) -> dict[str, Decimal]:
        before, after = row[f"{measure}_before"], row[f"{measure}_after"]
        return {"before": before, "after": after, "difference": after - before}

    return change


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
    unblended: Annotated[Change, From(_change_of("unblended"))]
    amortized: Annotated[Change, From(_change_of("amortized"))]
    net_unblended: Annotated[Change, From(_change_of("net_unblended"))]


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

    project_id: Annotated[str, From("published.project_id")]
    month: Annotated[MonthName, From("published.month")]
    month_state: Annotated[MonthState, From("published.state")]
    manifest_version: Annotated[str, From("published.version")]
    measure: Literal["amortized"] = "amortized"
    up_to_date: bool


class AnomaliesAnswer(InsightAnswer):
    """A month's anomalies in daily usage cost."""

    anomalies: Annotated[list[AnomalyAnswer], From(lambda insight: insight.rows.to_dicts())]


class ForecastDay(Answer):
    """The expected usage cost of a day; bounds are null without enough history."""

    date: Annotated[date, From("target_date")]
    currency: Currency
    amount: Amount
    lower_bound: Amount | None
    upper_bound: Amount | None


class ForecastAnswer(InsightAnswer):
    """The days to come; `backtestError` is the error on past days as a share of the cost, by currency."""

    method: Annotated[str | None, From(lambda insight: next(iter(insight.rows["method"]), None))]
    backtest_error: Annotated[
        dict[str, Amount | None], From(lambda insight: dict(insight.rows.select("currency", "backtest_error").rows()))
    ]
    days: Annotated[list[ForecastDay], From(lambda insight: insight.rows.to_dicts())]


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
