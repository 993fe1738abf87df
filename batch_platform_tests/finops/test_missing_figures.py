"""Figures of commitments that a report lacks are derived, exactly, and counted."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_platform.finops.summary import totals
from batch_platform_tests.finops.bucket import line
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
