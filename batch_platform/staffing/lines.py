"""The lines of `staffing load`: a fact of the SaaS each, known by its identity.

One met again is passed over; another content under the same identity is refused. A line may name rows that are not
there. Prices and counts are whole yen and whole numbers; days are inclusive; moments carry their offset.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from batch_platform.core.json_lines import Day, Name, Strict, Text, storable
from batch_platform.core.messages import Message
from batch_platform.core.numbers import parse_decimal, plain
from batch_platform.staffing.contracts import AllTerms, Discount, Extra, PriceType, Proration
from batch_platform.staffing.due_dates import DEFAULT, Payment
from batch_platform.staffing.ids import IdText
from batch_platform.staffing.instants import Instant
from batch_platform.staffing.registration_numbers import parse_registration_number

Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
Bytes = Annotated[int, Field(ge=0, le=2**62)]


def _decimal_text(value: object) -> object:
    """A number, written as one or as text: kept as its digits, which a database reads exactly."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"{Decimal(value):f}"
    if isinstance(value, str):
        return f"{parse_decimal(value):f}"
    return value


def _not_negative(value: str) -> str:
    if value.startswith("-"):
        raise ValueError(Message("number-negative", "must not be negative"))
    return value


Document = Annotated[dict[str, Any], BeforeValidator(storable)]
"""Kept as it is, and read where it is used."""
Decimals = Annotated[str, BeforeValidator(_decimal_text), AfterValidator(_not_negative)]


def _below_hundred(value: str) -> str:
    if Decimal(value) >= 100:
        raise ValueError(Message("tax-rate-too-high", "must be below 100 percent"))
    return value


TaxPercent = Annotated[Decimals, AfterValidator(_below_hundred)]


def _registration_number(value: object) -> str:
    number = parse_registration_number(value) if isinstance(value, str) else None
    if number is None:
        raise ValueError(Message("registration-number", "must be T and 13 digits"))
    return number.text


RegistrationNumberText = Annotated[str, BeforeValidator(_registration_number)]
"""Of an issuer, in any writing; kept as it is printed."""


class Fact(Strict):
    """One line. `table` is where it is kept, `identity` the columns by which it is known there."""

    table: ClassVar[str]
    identity: ClassVar[tuple[str, ...]]

    def row(self) -> dict[str, Any]:
        """Its columns."""
        return self.model_dump(mode="json", by_alias=False)

    @property
    def warning(self) -> Message | None:
        """What somebody should look at, though it is taken."""
        return None


class IssuerLine(Fact):
    table: ClassVar = "issuers"
    identity: ClassVar = ("registration_number",)

    registration_number: RegistrationNumberText
    name: Name
    tax_rounding: Literal["floor", "half_up", "ceil"]
    number_prefix: Name
    credit_number_prefix: Name | None = None
    address: Text | None = None
    phone: Text | None = None
    bank_account: Text | None = None

    @property
    def warning(self) -> Message | None:
        number = parse_registration_number(self.registration_number)
        if number is None or number.warning is None:
            return None
        return Message(
            "check-digit-mismatch",
            "the check digit of {number} does not match: no corporation has this number",
            number=number.text,
        )

    @model_validator(mode="after")
    def _series_apart(self) -> Self:
        if self.credit_number_prefix == self.number_prefix:
            raise ValueError(Message("prefixes-alike", "credit notes are not numbered as invoices are"))
        return self


class TaxRateLine(Fact):
    """Percent, or None for what is exempt."""

    table: ClassVar = "tax_rates"
    identity: ClassVar = ("category", "valid_from")

    category: Name
    rate: TaxPercent | None
    valid_from: Day
    valid_to: Day | None = None


class CompanyLine(Fact):
    table: ClassVar = "companies"
    identity: ClassVar = ("company_id",)

    company_id: IdText
    name: Name
    email: Text | None = None
    address: Text | None = None
    created_at: Instant | None = None
    closed_at: Instant | None = None


class ContractLine(Fact):
    """Kept as `contracts` reads it again, with what is not said filled in: the same contract is the same row."""

    table: ClassVar = "contracts"
    identity: ClassVar = ("contract_id",)

    contract_id: IdText
    company_id: IdText
    issuer: RegistrationNumberText | None = None
    starts_on: Annotated[Day, Field(validation_alias="start")]
    ends_on: Annotated[Day | None, Field(validation_alias="end")] = None
    terms: AllTerms
    payment: Payment = DEFAULT
    price_type: Annotated[PriceType, Field(strict=False)] = PriceType.NET
    proration: Annotated[Proration, Field(strict=False)] = Proration.DAILY
    discounts: list[Discount] = Field(default_factory=list)
    extras: list[Extra] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, line: object) -> object:
        """Null says as little as nothing."""
        if not isinstance(line, Mapping):
            return line
        return {name: value for name, value in line.items() if value is not None}

    def row(self) -> dict[str, Any]:
        terms = [each.model_dump(mode="json", by_alias=True) for each in self.terms]
        discounts = [{"kind": each.kind, "value": plain(each.value)} for each in self.discounts]
        return {**super().row(), "terms": terms, "discounts": discounts}


class UserLine(Fact):
    table: ClassVar = "users"
    identity: ClassVar = ("user_id",)

    user_id: IdText
    company_id: IdText
    created_at: Instant | None = None
    deleted_at: Instant | None = None


class EngineerLine(Fact):
    table: ClassVar = "engineers"
    identity: ClassVar = ("engineer_id",)

    engineer_id: IdText
    company_id: IdText
    name: Text | None = None
    email: Text | None = None
    skills: list[Text] = Field(default_factory=list)
    created_at: Instant | None = None
    deleted_at: Instant | None = None


class AssignmentLine(Fact):
    """What was known of an assignment from `recorded_at` on."""

    table: ClassVar = "assignments"
    identity: ClassVar = ("assignment_id", "recorded_at")

    assignment_id: IdText
    engineer_id: IdText
    project_id: IdText | None = None
    starts_on: Annotated[Day, Field(validation_alias="start")]
    planned_end: Day | None = None
    actual_end: Day | None = None
    state: Literal["tentative", "confirmed", "cancelled"]
    recorded_at: Instant


class StatusHoldLine(Fact):
    table: ClassVar = "status_holds"
    identity: ClassVar = ("engineer_id", "valid_from")

    engineer_id: IdText
    status: Name
    valid_from: Day
    valid_to: Day | None = None
    reason: Text | None = None


class LoginLine(Fact):
    table: ClassVar = "logins"
    identity: ClassVar = ("id",)

    id: IdText
    user_id: IdText
    company_id: IdText
    at: Instant


class ApiRequestLine(Fact):
    table: ClassVar = "api_requests"
    identity: ClassVar = ("id",)

    id: IdText
    user_id: IdText | None = None
    company_id: IdText
    at: Instant
    feature: Text
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    duration_ms: Decimals | None = None


class ApproachLine(Fact):
    table: ClassVar = "approaches"
    identity: ClassVar = ("id",)

    id: IdText
    company_id: IdText
    sent_at: Instant
    engineer_id: IdText | None = None
    opened_at: Instant | None = None
    replied_at: Instant | None = None


class MailLine(Fact):
    table: ClassVar = "mails"
    identity: ClassVar = ("id",)

    id: IdText
    company_id: IdText
    accepted_at: Instant


class FileLine(Fact):
    table: ClassVar = "files"
    identity: ClassVar = ("id",)

    id: IdText
    company_id: IdText
    name: Text | None = None
    bytes: Bytes
    created_at: Instant | None = None
    deleted_at: Instant | None = None


class SkillSheetEditLine(Fact):
    table: ClassVar = "skill_sheet_edits"
    identity: ClassVar = ("id",)

    id: IdText
    company_id: IdText
    engineer_id: IdText
    at: Instant


class UsageDayLine(Fact):
    """Totals of a company as of the end of a day, from elsewhere: aggregation leaves them as they are."""

    table: ClassVar = "usage_days"
    identity: ClassVar = ("company_id", "date")

    company_id: IdText
    date: Day
    total_users: Count
    total_engineers: Count

    def row(self) -> dict[str, Any]:
        return {**super().row(), "source": "loaded"}


class PeriodicApproachLine(Fact):
    table: ClassVar = "periodic_approaches"
    identity: ClassVar = ("approach_id",)

    approach_id: IdText
    company_id: IdText
    rule: Document
    criteria: Document = Field(default_factory=dict)
    policy: Literal["all", "latest", "skip"]
    grace_minutes: Count = 60
    template: Name


class ExclusionLine(Fact):
    table: ClassVar = "exclusions"
    identity: ClassVar = ("company_id", "engineer_id")

    company_id: IdText
    engineer_id: IdText
    reason: Text | None = None


KINDS: Final[Mapping[str, type[Fact]]] = {
    "issuer": IssuerLine,
    "tax_rate": TaxRateLine,
    "company": CompanyLine,
    "contract": ContractLine,
    "user": UserLine,
    "engineer": EngineerLine,
    "assignment": AssignmentLine,
    "status_hold": StatusHoldLine,
    "login": LoginLine,
    "api_request": ApiRequestLine,
    "approach": ApproachLine,
    "mail": MailLine,
    "file": FileLine,
    "skill_sheet_edit": SkillSheetEditLine,
    "usage_day": UsageDayLine,
    "periodic_approach": PeriodicApproachLine,
    "exclusion": ExclusionLine,
}
"""By the `kind` of a line."""
