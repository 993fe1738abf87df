"""Amortised, true-up and upfront come to unblended: a month is published by that, or keeps what it had."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batch_platform.finops.model import CheckOutcome, Format
from batch_platform.finops.service import publish_month
from batch_platform.finops.service.publish import ChecksFailed
from batch_platform.finops.summary import totals
from batch_platform.web import i18n
from batch_platform_tests.finops.bucket import MONTH, Row, csv_gz, line
from batch_platform_tests.finops.commitments import PLAN_REFUND, RI, SP, R, S, of_rows
from batch_platform_tests.finops.conftest import Project


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
    with project.context.store.transaction() as session:
        published = session.month(project.id, MONTH)
    assert published is not None
    check_japanese(published.checks)
    return next(check for check in published.checks if check.name == name)


def check_japanese(checks: Sequence[CheckOutcome]) -> None:
    """What the month's page shows of its checks to a Japanese reader has no English sentence."""
    with i18n.speaking(i18n.load(["batch_platform.finops.web"])["ja"]):
        sentences = [i18n.translated(check.description) for check in checks]
    assert [text for text in sentences if re.search("[a-z]+ [a-z]+", text)] == []


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
        publish_month(project.context, project.connection, MONTH)
    assert project.payer in failure.value.message
    with project.context.store.transaction() as session:
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
