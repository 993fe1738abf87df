"""Cells without the number, the currency or the period that they must hold name their row and column."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from batch_platform.finops.model import Format
from batch_platform_tests.finops.bucket import MONTH, csv_gz, csv_text, csv_zip
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.delivered import refusal

USED = {
    "DiscountedUsage": ["reservation/EffectiveCost", "reservation/NetEffectiveCost"],
    "RIFee": [
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
        "reservation/UnusedRecurringFee",
        "reservation/AmortizedUpfrontFeeForBillingPeriod",
        "reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod",
        "reservation/NetUnusedRecurringFee",
    ],
    "SavingsPlanCoveredUsage": ["savingsPlan/SavingsPlanEffectiveCost", "savingsPlan/NetSavingsPlanEffectiveCost"],
    "SavingsPlanRecurringFee": [
        "savingsPlan/TotalCommitmentToDate",
        "savingsPlan/UsedCommitment",
        "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod",
        "savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod",
        "savingsPlan/NetRecurringCommitmentForBillingPeriod",
    ],
}
CASES = [(kind, column) for kind, columns in USED.items() for column in columns]


@pytest.mark.parametrize(("kind", "column"), CASES)
def test_a_used_money_cell_that_is_no_number_names_row_and_column(project: Project, kind: str, column: str) -> None:
    good = project.line("Usage", "1", {column: "convertible"})
    told = refusal(project, csv_gz([good, good, project.line(kind, "1", {column: "None"})]))
    assert told == f"row 3, column {column}: not a number, in a row of type {kind}, which uses it"


@pytest.mark.parametrize("column", ["lineItem/UnblendedCost", "lineItem/NetUnblendedCost"])
@pytest.mark.parametrize(
    "text", ["None", "NULL", "convertible", "1,5", "1_000", "inf", "nan", "1e30", "５", " 1", "0x1"]
)
def test_a_cost_that_is_no_number_is_refused(project: Project, column: str, text: str) -> None:
    told = refusal(project, csv_gz([project.line(), project.line("Usage", "1", {column: text})]))
    assert told == f"row 2, column {column}: not a number"


@pytest.mark.parametrize(
    "column",
    [
        "lineItem/UnblendedCost",
        "lineItem/LineItemType",
        "lineItem/CurrencyCode",
        "lineItem/UsageAccountId",
        "bill/PayerAccountId",
    ],
)
def test_a_blank_in_a_column_every_row_needs_is_refused(project: Project, column: str) -> None:
    told = refusal(project, csv_gz([project.line(), project.line(), project.line("Usage", "1", {column: ""})]))
    assert told == f"row 3, column {column}: blank"


@pytest.mark.parametrize("text", ["usd", "US", "None", "USDT", "$"])
def test_a_currency_is_three_capital_letters(project: Project, text: str) -> None:
    told = refusal(project, csv_gz([project.line(), project.line("Usage", "1", {"lineItem/CurrencyCode": text})]))
    assert told == "row 2, column lineItem/CurrencyCode: not a currency code"


@pytest.mark.parametrize("text", ["2024-09-01T00:00:00Z", "2024-11-01T00:00:00Z", "", "None"])
def test_a_row_of_another_billing_period_is_refused(project: Project, text: str) -> None:
    told = refusal(project, csv_gz([project.line("Usage", "1", {"bill/BillingPeriodStartDate": text})]))
    assert told == "row 1, column bill/BillingPeriodStartDate: not of the billing period 2024-10"


def test_of_two_faults_the_first_row_is_named(project: Project) -> None:
    bad = [project.line("Usage", "x"), project.line("Usage", "1", {"lineItem/CurrencyCode": ""})]
    assert refusal(project, csv_gz([project.line(), *reversed(bad)])).startswith(
        "row 2, column lineItem/CurrencyCode"
    )


@pytest.mark.parametrize("column", ["BilledCost", "EffectiveCost", "ListCost"])
def test_focus_money_that_is_no_number_is_refused(make_project: Callable[..., Project], column: str) -> None:
    project = make_project(Format.FOCUS)
    project.bucket.export(MONTH, [csv_gz([project.focus(), project.focus("Usage", "1", "1", {column: "None"})])])
    project.fetch()
    project.read()
    assert project.files()[0]["error_message"].endswith(f"row 2, column {column}: not a number")


def test_cells_without_a_number_where_none_is_used_are_counted_by_column(project: Project) -> None:
    more = {"reservation/EffectiveCost": "convertible", "savingsPlan/UsedCommitment": "None"}
    also = {"reservation/EffectiveCost": "NULL", "savingsPlan/UsedCommitment": ""}
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "1", more), project.line("Tax", "1", also)])])
    outcome = project.run()
    assert project.files()[0]["stats"]["failed_cells"] == {
        "reservation/EffectiveCost": 2,
        "savingsPlan/UsedCommitment": 1,
    }
    assert outcome.published is not None
    [check] = [check for check in outcome.published.checks if check.name == "money_cells_readable"]
    assert check.description.endswith("reservation/EffectiveCost 2, savingsPlan/UsedCommitment 1")


def test_a_column_only_a_later_zip_member_has_is_checked_too(project: Project) -> None:
    later = [project.line("Usage", "1", {"reservation/EffectiveCost": "1"})]
    later.append(project.line("DiscountedUsage", "0", {"reservation/EffectiveCost": "None"}))
    told = refusal(project, csv_zip(csv_text([project.line()]), csv_text(later)))
    assert told.startswith("row 3, column reservation/EffectiveCost: not a number")
