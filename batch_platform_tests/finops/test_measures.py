"""What each kind of line item costs, in every measure: numbers worked by hand from the AWS formulas."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from batch_platform.finops.model import MEASURES, Format
from batch_platform.finops.summary import totals
from batch_platform_tests.finops.bucket import as_cur2, focus, line
from batch_platform_tests.finops.commitments import (
    PLAN_REFUND,
    RI,
    RI_FEE,
    RI_USED,
    SP,
    SP_FEE,
    SP_USED,
    R,
    S,
    of_rows,
)

NET = {"lineItem/NetUnblendedCost": "0.9"}

Case = tuple[str, str, dict[str, str], str, dict[str, str]]

# type, unblended, further columns, charge class, the measures that are not zero
PLAIN = {"unblended": "4", "billed": "4", "net_unblended": "4", "amortized": "4", "net_amortized": "4"}
CASH = {"unblended": "4", "billed": "4", "net_unblended": "4"}  # paid, but spread over other rows
CASES: list[Case] = [
    ("Usage", "4", {"pricing/publicOnDemandCost": "5"}, "usage", {**PLAIN, "list_cost": "5"}),
    ("Usage", "4", {"lineItem/BlendedCost": "3"}, "usage", {**PLAIN, "blended": "3"}),
    (
        "Usage",
        "4",
        {"lineItem/NetUnblendedCost": "3"},
        "usage",
        {**PLAIN, "net_unblended": "3", "net_amortized": "3"},
    ),
    ("Usage", "4", {"lineItem/NetUnblendedCost": ""}, "usage", PLAIN),
    # figures of other types in a row that does not use them
    ("Usage", "4", {**RI_FEE, **SP_FEE, **RI_USED, R + "ReservationARN": ""}, "usage", {**PLAIN, "list_cost": "2"}),
    ("FlatRateSubscription", "4", {}, "usage", PLAIN),
    ("DiscountedUsage", "0", RI_USED, "usage", {"amortized": "0.75", "net_amortized": "0.75", "list_cost": "2"}),
    (
        "DiscountedUsage",
        "4",
        RI_USED,
        "usage",
        {**CASH, "amortized": "0.75", "net_amortized": "0.75", "list_cost": "2"},
    ),
    (
        "DiscountedUsage",
        "0",
        {**RI_USED, R + "NetEffectiveCost": "0.5"},
        "usage",
        {"amortized": "0.75", "net_amortized": "0.5", "list_cost": "2"},
    ),
    (
        "RIFee",
        "4",
        RI_FEE,
        "commitment_fee",
        {**CASH, "amortized": "4.75", "net_amortized": "4.75", "true_up": "-8"},
    ),
    (
        "RIFee",
        "4",
        {**RI_FEE, R + "NetUnusedAmortizedUpfrontFeeForBillingPeriod": "3", R + "NetUnusedRecurringFee": "1.25"},
        "commitment_fee",
        {**CASH, "amortized": "4.75", "net_amortized": "4.25", "true_up": "-8"},
    ),
    (
        "RIFee",
        "4",
        {**RI_FEE, R + "NetUnusedRecurringFee": "1.25"},  # one net column without the other
        "commitment_fee",
        {**CASH, "amortized": "4.75", "net_amortized": "4.5", "true_up": "-8"},
    ),
    ("Fee", "4", {R + "ReservationARN": RI}, "commitment_fee", {**CASH, "upfront": "4"}),
    ("Fee", "4", {}, "fee", PLAIN),
    (
        "SavingsPlanCoveredUsage",
        "4",
        SP_USED,
        "usage",
        {**CASH, "amortized": "0.6", "net_amortized": "0.6", "list_cost": "1"},
    ),
    (
        "SavingsPlanCoveredUsage",
        "4",
        {**SP_USED, S + "NetSavingsPlanEffectiveCost": "0.55"},
        "usage",
        {**CASH, "amortized": "0.6", "net_amortized": "0.55", "list_cost": "1"},
    ),
    (
        "SavingsPlanNegation",
        "-4",
        {S + "SavingsPlanARN": SP, "pricing/publicOnDemandCost": "9"},
        "usage",
        {"unblended": "-4", "billed": "-4", "net_unblended": "-4"},
    ),
    (
        "SavingsPlanRecurringFee",
        "4",
        SP_FEE,
        "commitment_fee",
        {**CASH, "amortized": "2.5", "net_amortized": "2.5", "true_up": "-4"},
    ),
    (
        # net commitment 6 + 3 = 9, of which a quarter is unused
        "SavingsPlanRecurringFee",
        "4",
        {
            **SP_FEE,
            S + "NetRecurringCommitmentForBillingPeriod": "6",
            S + "NetAmortizedUpfrontCommitmentForBillingPeriod": "3",
        },
        "commitment_fee",
        {**CASH, "amortized": "2.5", "net_amortized": "2.25", "true_up": "-4"},
    ),
    (
        # a third of 1, rounded half up at the twelfth decimal
        "SavingsPlanRecurringFee",
        "4",
        {
            **SP_FEE,
            S + "TotalCommitmentToDate": "3",
            S + "UsedCommitment": "1",
            S + "NetRecurringCommitmentForBillingPeriod": "1",
        },
        "commitment_fee",
        {**CASH, "amortized": "2", "net_amortized": "0.666666666667", "true_up": "-4"},
    ),
    (
        # nothing is committed: nothing can be unused of the net either
        "SavingsPlanRecurringFee",
        "0",
        {
            S + "TotalCommitmentToDate": "0",
            S + "UsedCommitment": "0",
            S + "NetRecurringCommitmentForBillingPeriod": "5",
        },
        "commitment_fee",
        {},
    ),
    (
        # a plan of 50 million yen a month
        "SavingsPlanRecurringFee",
        "4",
        {
            **SP_FEE,
            S + "TotalCommitmentToDate": "50000000",
            S + "UsedCommitment": "10000000.5",
            S + "NetRecurringCommitmentForBillingPeriod": "45000000.25",
        },
        "commitment_fee",
        # 45000000.25 x 39999999.5 / 50000000 = 35999999.7499999975
        {**CASH, "amortized": "39999999.5", "net_amortized": "35999999.7499999975", "true_up": "-4"},
    ),
    (
        # more used than committed: half away from zero
        "SavingsPlanRecurringFee",
        "4",
        {
            **SP_FEE,
            S + "TotalCommitmentToDate": "3",
            S + "UsedCommitment": "5",
            S + "NetRecurringCommitmentForBillingPeriod": "1",
        },
        "commitment_fee",
        {**CASH, "amortized": "-2", "net_amortized": "-0.666666666667", "true_up": "-4"},
    ),
    ("SavingsPlanUpfrontFee", "4", {S + "SavingsPlanARN": SP}, "commitment_fee", {**CASH, "upfront": "4"}),
    (
        "Refund",
        "-4",
        {"lineItem/LineItemDescription": PLAN_REFUND},
        "refund",
        {"unblended": "-4", "billed": "-4", "net_unblended": "-4", "upfront": "-4"},
    ),
    ("Refund", "4", {"lineItem/LineItemDescription": PLAN_REFUND.lower()}, "refund", PLAIN),
    ("Usage", "4", {"lineItem/LineItemDescription": PLAN_REFUND}, "usage", PLAIN),
    ("Refund", "4", {S + "SavingsPlanARN": SP}, "refund", PLAIN),
    ("Refund", "4", {}, "refund", PLAIN),
    ("Refund", "4", {R + "ReservationARN": RI}, "refund", PLAIN),
    ("Credit", "4", {}, "credit", PLAIN),
    ("Tax", "4", {}, "tax", PLAIN),
    *(
        (
            kind,
            "4",
            {"lineItem/NetUnblendedCost": "0"},
            "discount",
            {**PLAIN, "net_unblended": "0", "net_amortized": "0"},
        )
        for kind in ("EdpDiscount", "PrivateRateDiscount", "BundledDiscount", "RiVolumeDiscount", "SppDiscount")
    ),
    ("Discount", "4", {}, "discount", PLAIN),
    ("SomethingNew", "4", {}, "unknown", PLAIN),
    ("usage", "4", {}, "unknown", PLAIN),  # AWS's types are spelled exactly
]


def only_row(folder: Path, row: dict[str, str], format: Format = Format.CUR_LEGACY) -> dict[str, Any]:  # noqa: A002
    [found] = of_rows(folder, [row], format).costs.to_dicts()
    return found


def measures(found: dict[str, Any]) -> dict[str, Decimal]:
    return {name: found[name] for name in MEASURES if found[name] != 0}


@pytest.mark.parametrize(("kind", "cost", "more", "charge_class", "expected"), CASES)
def test_measures_of_cur(
    tmp_path: Path, kind: str, cost: str, more: dict[str, str], charge_class: str, expected: dict[str, str]
) -> None:
    found = only_row(tmp_path, line(kind, cost, more))
    assert found["charge_class"] == charge_class
    assert measures(found) == {name: Decimal(text) for name, text in expected.items() if Decimal(text)}


@pytest.mark.parametrize(("kind", "cost", "more", "charge_class", "expected"), CASES)
def test_measures_of_cur2_are_the_same(
    tmp_path: Path, kind: str, cost: str, more: dict[str, str], charge_class: str, expected: dict[str, str]
) -> None:
    found = only_row(tmp_path, as_cur2(line(kind, cost, more)), Format.CUR2)
    assert found["charge_class"] == charge_class
    assert measures(found) == {name: Decimal(text) for name, text in expected.items() if Decimal(text)}


FOCUS_CASES: list[tuple[str, str, str, dict[str, str], str, str]] = [
    # category, billed, effective, further columns, charge class, upfront
    ("Usage", "4", "3", {}, "usage", "0"),
    ("Usage", "0", "3", {"CommitmentDiscountId": RI, "CommitmentDiscountStatus": "Used"}, "usage", "0"),
    ("Usage", "0", "3", {"CommitmentDiscountId": RI, "CommitmentDiscountStatus": "Unused"}, "commitment_fee", "0"),
    ("Purchase", "4", "0", {"CommitmentDiscountId": RI, "ChargeFrequency": "One-Time"}, "commitment_fee", "4"),
    ("Purchase", "4", "0", {"CommitmentDiscountId": SP, "ChargeFrequency": "Recurring"}, "commitment_fee", "0"),
    ("Purchase", "4", "4", {"ChargeFrequency": "One-Time"}, "fee", "0"),
    ("Purchase", "4", "4", {}, "fee", "0"),
    ("Tax", "4", "4", {}, "tax", "0"),
    ("Credit", "-4", "-4", {}, "credit", "0"),
    ("Adjustment", "-4", "-4", {}, "refund", "0"),
    ("Whatever", "4", "4", {}, "unknown", "0"),
]


@pytest.mark.parametrize(("category", "billed", "effective", "more", "charge_class", "upfront"), FOCUS_CASES)
@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_measures_of_focus(
    tmp_path: Path,
    category: str,
    billed: str,
    effective: str,
    more: dict[str, str],
    charge_class: str,
    upfront: str,
    version: str,
) -> None:
    row = focus(category, billed, effective, {**more, "ListCost": "9"}, version=version)
    found = only_row(tmp_path, row, Format.FOCUS)
    assert found["charge_class"] == charge_class
    assert {name: found[name] for name in MEASURES} == {
        "unblended": Decimal(billed),
        "billed": Decimal(billed),
        "net_unblended": Decimal(billed),
        "blended": 0,
        "amortized": Decimal(effective),
        "net_amortized": Decimal(effective),
        "list_cost": 0 if category == "Purchase" and "CommitmentDiscountId" in more else 9,
        "true_up": 0,
        "upfront": Decimal(upfront),
    }
    assert (found["service"], found["region"]) == ("Amazon Elastic Compute Cloud", "ap-northeast-1")


# what is not counted, and what is told apart


@pytest.mark.parametrize(
    "more",
    [
        {"lineItem/Operation": "EKSPod-EC2"},
        {"lineItem/Operation": "ECSTask-EC2"},
        {"splitLineItem/ParentResourceId": "i-1"},
    ],
)
def test_split_cost_allocation_stays_out_of_totals(tmp_path: Path, more: dict[str, str]) -> None:
    blanks = dict.fromkeys(more, "")
    found = of_rows(tmp_path, [line("Usage", "1", blanks), line("Usage", "2", more), line("Usage", "4", blanks)])
    assert totals(found.costs)["USD"]["unblended"] == 5
    assert (found.row_count, found.split_rows, found.costs["usage_rows"].sum()) == (3, 1, 2)


def test_currencies_are_never_summed(tmp_path: Path) -> None:
    rows = [
        line("Usage", cost, {"lineItem/CurrencyCode": code})
        for cost, code in (("1", "USD"), ("100", "JPY"), ("2", "USD"))
    ]
    found = of_rows(tmp_path, rows)
    assert {code: sums["unblended"] for code, sums in totals(found.costs).items()} == {"JPY": 100, "USD": 3}
    assert found.costs.select("currency", "usage_rows").rows() == [("JPY", 1), ("USD", 2)]


MARKETPLACE = {
    "bill/BillingEntity": "AWS Marketplace",
    "product/ProductName": "Firewall",
    "lineItem/ProductCode": "x9",
}


@pytest.mark.parametrize(
    ("kind", "more", "service"),
    [
        ("Usage", {}, "AmazonEC2"),
        ("Usage", {"product/servicecode": "", "lineItem/ProductCode": "AmazonS3"}, "AmazonS3"),
        ("Usage", {"product/ProductName": "Amazon Elastic Compute Cloud"}, "AmazonEC2"),
        ("Usage", MARKETPLACE, "Firewall"),
        ("Usage", {**MARKETPLACE, "product/servicecode": ""}, "Firewall"),
        ("EdpDiscount", {**MARKETPLACE, "product/servicecode": ""}, "x9"),
        ("PrivateRateDiscount", MARKETPLACE, "AmazonEC2"),
        ("Usage", {**MARKETPLACE, "product/ProductName": ""}, "AmazonEC2"),
        ("Usage", {**MARKETPLACE, "product/ProductName": "", "product/servicecode": ""}, "x9"),
    ],
)
def test_service_names(tmp_path: Path, kind: str, more: dict[str, str], service: str) -> None:
    assert only_row(tmp_path, line(kind, "1", more))["service"] == service


@pytest.mark.parametrize(
    ("more", "region"),
    [
        ({"product/regionCode": "ap-northeast-1", "product/region": "Asia Pacific (Tokyo)"}, "ap-northeast-1"),
        ({"product/regionCode": "", "product/region": "us-east-1"}, "us-east-1"),
        ({}, ""),
    ],
)
def test_regions(tmp_path: Path, more: dict[str, str], region: str) -> None:
    assert only_row(tmp_path, line("Usage", "1", more))["region"] == region


def test_usage_outside_the_period_is_clamped_into_it_and_counted(tmp_path: Path) -> None:
    starts = ["2024-09-30T23:00:00Z", "2024-10-01T00:00:00Z", "2024-10-31T23:00:00Z", "2024-11-01T00:00:00Z", ""]
    found = of_rows(tmp_path, [line("Usage", "1", {"lineItem/UsageStartDate": start}) for start in starts])
    assert found.costs.select(pl.col("usage_date").dt.day(), "usage_rows").rows() == [(1, 3), (31, 2)]
    assert found.out_of_period_rows == 3


@pytest.mark.parametrize(
    "start", ["2024-10-05T03:00:00Z", "2024-10-05 03:00:00+00:00", "2024-10-05T03:00:00.000Z", "2024-10-05"]
)
def test_timestamps_as_aws_and_python_write_them(tmp_path: Path, start: str) -> None:
    found = of_rows(tmp_path, [line("Usage", "1", {"lineItem/UsageStartDate": start})])
    assert found.costs["usage_date"].dt.day().to_list() == [5]
    assert found.out_of_period_rows == 0
