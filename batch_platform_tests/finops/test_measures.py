"""What each kind of line item costs, in every measure: numbers worked by hand from the AWS formulas."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_platform.finops.model import MEASURES, Format
from batch_platform.finops.normalize import normalise_csv
from batch_platform.finops.service import publish_month
from batch_platform.finops.service.publish import ChecksFailed
from batch_platform.finops.summary import MonthSummary, summarise, totals
from batch_platform_tests.finops.bucket import MONTH, Row, as_cur2, csv_gz, csv_text, focus, line
from batch_platform_tests.finops.conftest import Project

RI = "arn:aws:ec2:ap-northeast-1:200000000001:reserved-instances/0b9c"
SP = "arn:aws:savingsplans::200000000001:savingsplan/7f1d"

R = "reservation/"
S = "savingsPlan/"
RI_USED = {R + "ReservationARN": RI, R + "EffectiveCost": "0.75", "pricing/publicOnDemandCost": "2"}
RI_FEE = {
    R + "ReservationARN": RI,
    R + "UnusedAmortizedUpfrontFeeForBillingPeriod": "3.25",
    R + "UnusedRecurringFee": "1.5",
    R + "AmortizedUpfrontFeeForBillingPeriod": "8",
}
SP_USED = {S + "SavingsPlanARN": SP, S + "SavingsPlanEffectiveCost": "0.6", "pricing/publicOnDemandCost": "1"}
SP_FEE = {
    S + "SavingsPlanARN": SP,
    S + "TotalCommitmentToDate": "10",
    S + "UsedCommitment": "7.5",
    S + "AmortizedUpfrontCommitmentForBillingPeriod": "4",
}
PLAN_REFUND = "Refund for one-time fee for Savings Plan ID: 7f1d"
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


def of_rows(folder: Path, rows: list[dict[str, str]], format: Format = Format.CUR_LEGACY) -> MonthSummary:  # noqa: A002
    """What the rows add up to, each read from CSV text as a delivered file is."""
    source, target = folder / "source.csv", folder / "rows.parquet"
    source.write_bytes(csv_text(rows))
    header = list(dict.fromkeys(name for row in rows for name in row))
    layout, frame = normalise_csv(source, header=header, where="s3://b/k")
    assert layout.format is format
    frame.sink_parquet(target)
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return summarise([target], month=MONTH, format=format, accounts=None, scratch=scratch)


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


# figures that are not there: month by month, type and cost with its figures -> amortised, net amortised

BARE = "lineItem/NetUnblendedCost"
MISSING: dict[str, tuple[list[tuple[str, str, dict[str, str]]], str, str, int]] = {
    "a cancelled plan": (
        [
            ("SavingsPlanUpfrontFee", "8760", {S + "SavingsPlanARN": SP}),
            ("Refund", "-8760", {"lineItem/LineItemDescription": PLAN_REFUND}),
            ("Usage", "100", {}),
        ],
        *("100", "100", 0),
    ),
    "the refund a month later": (
        [("Refund", "-8760", {"lineItem/LineItemDescription": PLAN_REFUND}), ("Usage", "100", {})],
        *("100", "100", 0),
    ),
    "no plan columns at all, and a plan cancelled": (
        [
            ("Usage", "10", {}),
            ("SavingsPlanUpfrontFee", "50", {}),
            ("SavingsPlanCoveredUsage", "10", {}),
            ("SavingsPlanNegation", "-10", {}),
            ("SavingsPlanRecurringFee", "7", {}),
            ("Refund", "-50", {"lineItem/LineItemDescription": PLAN_REFUND}),
        ],
        *("17", "17", 2),
    ),
    "what a plan covers tells no cost, its fees do": (
        [
            ("SavingsPlanCoveredUsage", "12", {S + "SavingsPlanARN": SP}),
            ("SavingsPlanNegation", "-12", {S + "SavingsPlanARN": SP}),
            ("SavingsPlanRecurringFee", "7", SP_FEE),
        ],
        *("7", "7", 1),
    ),
    "one covered row of two tells no cost": (
        [
            ("SavingsPlanCoveredUsage", "12", {S + "SavingsPlanARN": SP}),
            ("SavingsPlanCoveredUsage", "1", SP_USED),
            ("SavingsPlanNegation", "-13", {S + "SavingsPlanARN": SP}),
            ("SavingsPlanRecurringFee", "7", SP_FEE),
        ],
        *("15.1", "15.1", 1),  # 12 + 0.6 + 2.5
    ),
    "fees without figures of what usage is spread over": (
        [
            ("SavingsPlanCoveredUsage", "1", SP_USED),
            ("SavingsPlanNegation", "-1", {S + "SavingsPlanARN": SP}),
            ("SavingsPlanRecurringFee", "7", {S + "SavingsPlanARN": SP}),
            ("DiscountedUsage", "0", RI_USED),
            ("RIFee", "4", {R + "ReservationARN": RI}),
        ],
        *("1.35", "1.35", 2),  # 0.6 + 0.75
    ),
    "no usage, and a fee without figures": (
        [("SavingsPlanRecurringFee", "7", {S + "SavingsPlanARN": SP}), ("RIFee", "4", {R + "ReservationARN": RI})],
        *("11", "11", 2),
    ),
    "no figures of reservations": (
        [
            ("Fee", "1200", {R + "ReservationARN": RI}),
            ("RIFee", "31", {R + "ReservationARN": RI}),
            ("DiscountedUsage", "0", {R + "ReservationARN": RI}),
            ("Usage", "1", {}),
        ],
        *("1232", "1232", 2),
    ),
    "plans without figures beside reservations with them": (
        [
            ("RIFee", "4", RI_FEE),
            ("DiscountedUsage", "0", RI_USED),
            ("SavingsPlanCoveredUsage", "10", {}),
            ("SavingsPlanNegation", "-10", {}),
            ("SavingsPlanRecurringFee", "7", {}),
        ],
        *("12.5", "12.5", 2),  # 4.75 + 0.75 + 7
    ),
    "a plan paid up front, of whose net only that part is told": (
        [
            (
                "SavingsPlanRecurringFee",
                "0",
                {
                    **SP_FEE,
                    S + "AmortizedUpfrontCommitmentForBillingPeriod": "10",
                    S + "NetAmortizedUpfrontCommitmentForBillingPeriod": "9",
                },
            ),
            ("SavingsPlanCoveredUsage", "12", {**SP_USED, S + "NetSavingsPlanEffectiveCost": "0.5"}),
        ],
        *("3.1", "2.75", 0),  # a quarter is unused: of 10, and of 9
    ),
    "a plan paid in part, of whose net only that part is told": (
        [("SavingsPlanRecurringFee", "6", {**SP_FEE, S + "NetAmortizedUpfrontCommitmentForBillingPeriod": "2"})],
        *("2.5", "2", 0),  # 10 - 4 are recurring: a quarter of 6 + 2
    ),
    "discounts without a net cost beside net costs": (
        [("Usage", "100", {BARE: "90"}), ("EdpDiscount", "-10", {}), ("SppDiscount", "-3", {BARE: "-1"})],
        *("87", "89", 0),
    ),
    "discounts where nobody tells a net cost": (
        [("Usage", "100", {BARE: ""}), ("EdpDiscount", "-10", {BARE: ""})],
        *("90", "90", 0),
    ),
}


@pytest.mark.parametrize("kind", MISSING)
def test_figures_that_are_not_there(tmp_path: Path, kind: str) -> None:
    rows, amortized, net_amortized, unamortized = MISSING[kind]
    found = of_rows(tmp_path, [line(*row) for row in rows])
    sums = totals(found.costs)["USD"]
    assert (sums["amortized"], sums["net_amortized"]) == (Decimal(amortized), Decimal(net_amortized))
    assert found.unamortized_rows == unamortized
    if kind.startswith(("no ", "a cancelled", "the refund", "what a plan")):
        assert sums["amortized"] + sums["true_up"] + sums["upfront"] == sums["unblended"]


def test_derived_net_figures_are_counted(tmp_path: Path) -> None:
    more = {**SP_FEE, S + "NetRecurringCommitmentForBillingPeriod": "6"}
    rows = [line("SavingsPlanRecurringFee", "6", more), line("SavingsPlanRecurringFee", "6", SP_FEE), line()]
    assert of_rows(tmp_path, rows).derived_net_rows == 1


amounts = st.decimals(min_value=0, max_value=10**11, places=12)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(amounts, amounts, amounts.filter(bool)), min_size=1, max_size=30))
def test_the_derived_share_is_exact(cases: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    cases = [(whole, *sorted((used, total))) for whole, used, total in cases]
    rows = []
    for number, (whole, used, total) in enumerate(cases):
        figures = {
            S + "TotalCommitmentToDate": f"{total:f}",
            S + "UsedCommitment": f"{used:f}",
            S + "NetRecurringCommitmentForBillingPeriod": f"{whole:f}",
            "lineItem/ProductCode": f"{number:03d}",
            "product/servicecode": "",
        }
        rows.append(line("SavingsPlanRecurringFee", "0", figures))
    with TemporaryDirectory() as folder:
        found = of_rows(Path(folder), rows).costs.sort("service")["net_amortized"].to_list()
    with localcontext(prec=200):
        expected = [
            (whole * (total - used) / total).quantize(Decimal("1e-12"), ROUND_HALF_UP) for whole, used, total in cases
        ]
    assert found == expected


def test_unknown_types_are_counted(tmp_path: Path) -> None:
    found = of_rows(tmp_path, [line("New"), line("New"), line("Other"), line("Usage")])
    assert found.unknown_types == {"New": 2, "Other": 1}


# the identity: amortised + true-up + upfront = unblended


def month_of_commitments() -> list[Row]:
    """A month with everything AWS sells in advance.

    Reservation: 1200 paid up front for 12 months (100 a month) and 31 recurring; 3/4 of it used.
    Plan: 600 paid up front for 12 months (50 a month) and 50 recurring; 80 of its 100 used, at 160 on demand.
    A second plan is bought for 240, and the fee of one that was cancelled, 36, is refunded.
    """
    ri = {R + "ReservationARN": RI}
    sp = {S + "SavingsPlanARN": SP}
    return [
        line("Fee", "1200", ri),
        line(
            "RIFee",
            "31",
            {
                **ri,
                R + "AmortizedUpfrontFeeForBillingPeriod": "100",
                R + "UnusedAmortizedUpfrontFeeForBillingPeriod": "25",
                R + "UnusedRecurringFee": "7.75",
            },
        ),
        line("DiscountedUsage", "0", {**ri, R + "EffectiveCost": "60.1234567891"}, day=3),
        line("DiscountedUsage", "0", {**ri, R + "EffectiveCost": "38.1265432109"}, day=4),
        line("SavingsPlanUpfrontFee", "240", {S + "SavingsPlanARN": SP + "-2"}),
        line(
            "SavingsPlanRecurringFee",
            "50",
            {
                **sp,
                S + "TotalCommitmentToDate": "100",
                S + "UsedCommitment": "80",
                S + "AmortizedUpfrontCommitmentForBillingPeriod": "50",
            },
        ),
        line("SavingsPlanCoveredUsage", "100.5", {**sp, S + "SavingsPlanEffectiveCost": "50.25"}, day=6),
        line("SavingsPlanCoveredUsage", "59.5", {**sp, S + "SavingsPlanEffectiveCost": "29.75"}, day=7),
        line("SavingsPlanNegation", "-100.5", sp, day=6),
        line("SavingsPlanNegation", "-59.5", sp, day=7),
        line("Refund", "-36", {"lineItem/LineItemDescription": PLAN_REFUND}),
        line("Usage", "17.000000000001"),
        line("Usage", "5", {"lineItem/Operation": "EKSPod-EC2"}),
        line("Tax", "1.7"),
        line("Credit", "-3"),
        line("EdpDiscount", "-0.85"),
    ]


def test_the_identity_holds_to_the_last_digit(tmp_path: Path) -> None:
    sums = totals(of_rows(tmp_path, month_of_commitments()).costs)["USD"]
    assert sums["unblended"] == Decimal("1499.850000000001")  # 1200+31+240+50-36+17.000000000001+1.7-3-0.85
    assert sums["upfront"] == 1404
    assert sums["true_up"] == -150
    assert sums["amortized"] == Decimal("245.850000000001")  # 100+31 + 100 + 17.000000000001+1.7-3-0.85
    assert sums["amortized"] + sums["true_up"] + sums["upfront"] == sums["unblended"]


def owned_by(project: Project, rows: list[Row]) -> list[dict[str, str]]:
    place = {"bill/PayerAccountId": project.payer, "lineItem/UsageAccountId": project.account}
    return [{**row, **place} for row in rows]


def check(project: Project, name: str) -> Any:
    with project.work.store.transaction() as session:
        published = session.month(project.id, MONTH)
    assert published is not None
    return next(check for check in published.checks if check.name == name)


def test_a_month_whose_identity_holds_is_published(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz(owned_by(project, month_of_commitments()))])
    assert project.run().published is not None
    assert check(project, "amortisation_identity").passed
    assert check(project, "amortisation_identity").blocking


@pytest.mark.parametrize("index", [1, 2, 6, 8])
def test_a_broken_identity_blocks_and_keeps_the_month_before(project: Project, index: int) -> None:
    """Without any one row that spreads or uses a commitment the parts do not make the whole."""
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "42")])])
    project.run()
    rows = owned_by(project, month_of_commitments())
    del rows[index]
    project.bucket.deliver(MONTH, [csv_gz(rows)], assembly="second")
    project.fetch()
    project.read()
    with pytest.raises(ChecksFailed, match="amortisation_identity: residual") as failure:
        publish_month(project.work, project.connection, MONTH)
    assert project.payer in failure.value.message
    with project.work.store.transaction() as session:
        assert session.costs(project.id, MONTH, MONTH)["unblended"].to_list() == [42]
        month = session.month(project.id, MONTH)
    assert month is not None
    assert month.row_count == 1


def test_what_cannot_be_proven_is_a_warning(project: Project) -> None:
    """A reservation without its amortisation figures, as small tools and old exports deliver it."""
    rows = [
        project.line("DiscountedUsage", "0", {R + "ReservationARN": RI}),
        project.line("RIFee", "31", {R + "ReservationARN": RI}),
    ]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    assert project.run().published is not None
    verdict = check(project, "amortisation_identity")
    assert (verdict.passed, verdict.blocking) == (False, False)
    assert "not provable, 2 commitment rows" in verdict.description


def test_two_payers_do_not_balance_each_other(project: Project) -> None:
    """+1 and -1 in two payers' books is no balance."""
    more = {R + "ReservationARN": RI, R + "UnusedAmortizedUpfrontFeeForBillingPeriod": "0"}
    rows = [
        project.line("RIFee", "10", {**more, R + "UnusedRecurringFee": "11"}),
        project.line("RIFee", "10", {**more, R + "UnusedRecurringFee": "9"}, payer=project.payer[::-1] + "0"),
    ]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    with pytest.raises(ChecksFailed, match="residual"):
        project.run()


def test_half_a_digit_a_row_is_tolerated_and_more_is_not(project: Project) -> None:
    """AWS rounds every row to ten decimals, so the parts of a commitment may miss its whole by as much."""
    ri = {R + "ReservationARN": RI}
    fee = {**ri, R + "UnusedAmortizedUpfrontFeeForBillingPeriod": "0", R + "UnusedRecurringFee": "0"}

    def deliver(cost: str, assembly: str) -> Callable[[], object]:
        rows = [
            project.line("RIFee", cost, fee),
            project.line("DiscountedUsage", "0", {**ri, R + "EffectiveCost": "1"}),
        ]
        project.bucket.deliver(MONTH, [csv_gz(rows)], assembly=assembly)
        return project.run

    assert deliver("1.0000000001", "a")()
    run = deliver("1.00000000011", "b")
    with pytest.raises(ChecksFailed, match="residual"):
        run()


def test_focus_has_no_identity_to_break(make_project: Callable[..., Project]) -> None:
    project = make_project(Format.FOCUS)
    project.bucket.export(MONTH, [csv_gz([project.focus("Purchase", "100", "3", {"CommitmentDiscountId": RI})])])
    assert project.run().published is not None
    assert "not applicable" in check(project, "amortisation_identity").description


def test_an_unknown_type_is_a_warning_and_its_money_counts(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line("BrandNew", "7"), project.line("Usage", "1")])])
    assert project.run().costs["unblended"].sum() == 8
    verdict = check(project, "line_item_types_known")
    assert (verdict.passed, verdict.blocking, verdict.description) == (False, False, "unknown: BrandNew 1 rows")
