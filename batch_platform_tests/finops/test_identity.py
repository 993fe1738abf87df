"""Commitments that an organisation shares: what a report proves of them, and what each account of it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_platform.finops.model import MEASURES, CheckOutcome, Format
from batch_platform.finops.normalize import normalise_csv
from batch_platform.finops.service.publish import ChecksFailed
from batch_platform.finops.summary import MonthSummary, summarise, totals
from batch_platform_tests.finops.bucket import MONTH, OPEN_MONTH, Row, csv_gz, csv_text, line
from batch_platform_tests.finops.conftest import Project

R = "reservation/"
S = "savingsPlan/"
TRUE_UP = "reservation_amortized_upfront_fee_for_billing_period"
Line = Callable[..., dict[str, str]]


def reservation(owner: str) -> str:
    return f"arn:aws:ec2:ap-northeast-1:{owner}:reserved-instances/1"


def plan(owner: str) -> str:
    return f"arn:aws:savingsplans::{owner}:savingsplan/1"


def reservation_fee(line: Line, owner: str, **place: Any) -> dict[str, str]:
    """A month of it: 31 recurring, 62 paid long ago; 23.25 of the 93 is unused, so 69.75 is used."""
    figures = {
        R + "ReservationARN": reservation(owner),
        R + "AmortizedUpfrontFeeForBillingPeriod": "62",
        R + "UnusedAmortizedUpfrontFeeForBillingPeriod": "15.5",
        R + "UnusedRecurringFee": "7.75",
    }
    return line("RIFee", "31", figures, account=owner, **place)


def reserved(line: Line, owner: str, account: str, cost: str, **place: Any) -> dict[str, str]:
    figures = {R + "ReservationARN": reservation(owner), R + "EffectiveCost": cost}
    return line("DiscountedUsage", "0", figures, account=account, **place)


def plan_fee(line: Line, owner: str, **place: Any) -> dict[str, str]:
    """A month of it: 50 recurring, 50 paid long ago; 80 of the 100 is used."""
    figures = {
        S + "SavingsPlanARN": plan(owner),
        S + "TotalCommitmentToDate": "100",
        S + "UsedCommitment": "80",
        S + "AmortizedUpfrontCommitmentForBillingPeriod": "50",
        S + "NetRecurringCommitmentForBillingPeriod": "47.0000000001",
    }
    return line("SavingsPlanRecurringFee", "50", figures, account=owner, **place)


def covered(line: Line, owner: str, account: str, cost: str, **place: Any) -> list[dict[str, str]]:
    arn = {S + "SavingsPlanARN": plan(owner)}
    on_demand = str(2 * Decimal(cost))
    return [
        line("SavingsPlanCoveredUsage", on_demand, {**arn, S + "SavingsPlanEffectiveCost": cost}, account=account)
        | place,
        line("SavingsPlanNegation", f"-{on_demand}", arn, account=account) | place,
    ]


@dataclass(frozen=True)
class Organisation:
    """An account that owns a reservation and a plan, and one that uses most of both."""

    line: Line
    owner: str
    user: str

    @property
    def rows(self) -> list[dict[str, str]]:
        return [
            reservation_fee(self.line, self.owner),
            reserved(self.line, self.owner, self.owner, "9.75"),
            reserved(self.line, self.owner, self.user, "60"),
            plan_fee(self.line, self.owner),
            *covered(self.line, self.owner, self.owner, "20.5"),
            *covered(self.line, self.owner, self.user, "59.5"),
            self.line("Usage", "3", account=self.owner),
            self.line("Usage", "4", account=self.user),
        ]

    def of(self, account: str) -> list[dict[str, str]]:
        """That member account's own report."""
        return [row for row in self.rows if row["lineItem/UsageAccountId"] == account]


@pytest.fixture
def organisation(project: Project) -> Organisation:
    return Organisation(project.line, project.account, f"{(int(project.account) + 1) % 10**12:012d}")


def verdict(project: Project, rows: Sequence[Row], *more: Sequence[Row]) -> CheckOutcome:
    """Of the month as published. Raises `ChecksFailed`."""
    project.bucket.deliver(MONTH, [csv_gz(part) for part in (rows, *more)], assembly=f"a{len(project.files())}")
    published = project.run().published
    assert published is not None
    return next(check for check in published.checks if check.name == "amortisation_identity")


# what a report can prove


def test_the_user_of_a_shared_commitment_has_no_fee_rows(project: Project, organisation: Organisation) -> None:
    found = verdict(project, organisation.of(organisation.user))
    assert (found.passed, found.blocking) == (False, False)
    named = f"the fee rows of {reservation(organisation.owner)}, {plan(organisation.owner)} are not in the report"
    assert found.description == f"not provable, {named}; residual {project.payer}: 119.500000000000 USD"
    with project.context.store.transaction() as session:
        costs = totals(session.costs(project.id, MONTH, MONTH))["USD"]
    assert (costs["unblended"], costs["amortized"]) == (4, Decimal("123.5"))  # 60 + 59.5 + 4


def test_the_owner_of_a_shared_commitment_lacks_the_usage_of_others(
    project: Project, organisation: Organisation
) -> None:
    found = verdict(project, organisation.of(organisation.owner))
    assert (found.passed, found.blocking) == (False, False)
    named = f"usage of {reservation(organisation.owner)}, {plan(organisation.owner)} by other accounts is not in"
    assert found.description.startswith(f"not provable, {named} the report; ")


def test_a_plan_of_which_no_usage_is_delivered_proves_nothing(project: Project, organisation: Organisation) -> None:
    rows = [plan_fee(project.line, organisation.owner), project.line("Usage", "1", account=organisation.user)]
    assert verdict(project, rows).description.startswith(
        f"not provable, usage of {plan(organisation.owner)} by other"
    )


def test_the_whole_organisation_is_proven_whatever_the_project_keeps(
    project: Project, organisation: Organisation
) -> None:
    for scope in (None, (organisation.owner,), (organisation.user,), ("999999999999",)):
        project.reconnect(account_scope=scope)
        assert verdict(project, organisation.rows) == CheckOutcome(
            "amortisation_identity", True, True, "holds for every payer and currency"
        )


def test_fees_in_another_payers_books_prove_nothing(project: Project, organisation: Organisation) -> None:
    rows = [row for row in organisation.rows if row["lineItem/LineItemType"] != "RIFee"]
    elsewhere = reservation_fee(project.line, organisation.owner, payer=project.payer[::-1])
    found = verdict(project, [*rows, elsewhere])
    assert f"the fee rows of {reservation(organisation.owner)} are not" in found.description
    assert f"usage of {reservation(organisation.owner)} by other accounts is not" in found.description


@pytest.mark.parametrize("scope", [False, True])
@pytest.mark.parametrize("index", [1, 2, 4, 5, 6, 7])
def test_a_row_that_is_lost_from_a_whole_report_blocks(
    project: Project, organisation: Organisation, index: int, scope: bool
) -> None:
    """Also where the project keeps only the account that the row is not of."""
    rows = organisation.rows
    lost = rows.pop(index)["lineItem/UsageAccountId"]
    if scope:
        kept = organisation.owner if lost == organisation.user else organisation.user
        project.reconnect(account_scope=(kept,))
    with pytest.raises(ChecksFailed, match=f"amortisation_identity: residual {project.payer}: "):
        verdict(project, rows)


def test_what_is_wrong_beside_an_unproven_commitment_still_blocks(
    project: Project, organisation: Organisation
) -> None:
    mine = organisation.of(organisation.user)
    fee = reservation_fee(project.line, organisation.user) | {R + "ReservationARN": reservation("1") + "23"}
    used = reserved(project.line, organisation.user, organisation.user, "69.75")
    used |= {R + "ReservationARN": fee[R + "ReservationARN"]}
    assert "not provable" in verdict(project, [*mine, fee, used]).description
    with pytest.raises(ChecksFailed, match="residual"):
        verdict(project, [*mine, fee, used | {R + "EffectiveCost": "69.76"}])


def test_an_owner_that_covers_more_than_was_used_blocks(project: Project, organisation: Organisation) -> None:
    rows = organisation.of(organisation.owner)
    rows += [reserved(project.line, organisation.owner, organisation.owner, "70")]
    with pytest.raises(ChecksFailed, match="residual"):
        verdict(project, [row for row in rows if S + "SavingsPlanARN" not in row])


def test_a_column_that_is_missing_proves_nothing(project: Project, organisation: Organisation) -> None:
    name = R + "AmortizedUpfrontFeeForBillingPeriod"
    rows = [{key: text for key, text in row.items() if key != name} for row in organisation.rows]
    found = verdict(project, rows)
    assert (found.passed, found.blocking) == (False, False)
    assert found.description.startswith(f"not provable, column {TRUE_UP} is missing; residual {project.payer}: 62.0")
    # never negative, it cannot be what is lacking here
    rows[2][R + "EffectiveCost"] = "-10"
    with pytest.raises(ChecksFailed, match="residual"):
        verdict(project, rows)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (R + "EffectiveCost", "reservation_effective_cost"),
        (R + "UnusedRecurringFee", "reservation_unused_recurring_fee"),
        (S + "SavingsPlanEffectiveCost", "savings_plan_savings_plan_effective_cost"),
        (S + "TotalCommitmentToDate", "savings_plan_total_commitment_to_date"),
        (S + "UsedCommitment", "savings_plan_used_commitment"),
        (
            S + "AmortizedUpfrontCommitmentForBillingPeriod",
            "savings_plan_amortized_upfront_commitment_for_billing_period",
        ),
    ],
)
def test_whichever_column_is_missing_it_is_named_or_its_rows_count_as_charged(
    project: Project, organisation: Organisation, column: str, told: str
) -> None:
    rows = [{key: text for key, text in row.items() if key != column} for row in organisation.rows]
    found = verdict(project, rows)
    assert (found.passed, found.blocking) == (False, False)
    assert f"column {told} is missing" in found.description or "carry no amortisation figures" in found.description


def test_a_column_that_is_missing_in_one_file_counts_where_its_rows_are(
    project: Project, organisation: Organisation
) -> None:
    name = R + "AmortizedUpfrontFeeForBillingPeriod"
    fee, *rest = organisation.rows
    without = {key: text for key, text in fee.items() if key != name}
    assert verdict(project, [fee], rest).passed
    assert (
        f"column {TRUE_UP} is missing" in verdict(project, [without], [{**row, name: ""} for row in rest]).description
    )
    rest[1][R + "EffectiveCost"] = "61"
    with pytest.raises(ChecksFailed, match="residual"):
        verdict(project, [fee], rest)


def test_a_broken_identity_of_an_open_month_only_warns(project: Project) -> None:
    fee = {R + "ReservationARN": reservation("1"), R + "UnusedRecurringFee": "11"}
    fee |= {R + "AmortizedUpfrontFeeForBillingPeriod": "0", R + "UnusedAmortizedUpfrontFeeForBillingPeriod": "0"}
    project.bucket.deliver(OPEN_MONTH, [csv_gz([project.line("RIFee", "10", fee, month=OPEN_MONTH)])])
    published = project.run(OPEN_MONTH).published
    assert published is not None
    [found] = [check for check in published.checks if not check.passed]
    assert (found.name, found.blocking) == ("amortisation_identity", False)
    assert "still open" in found.description
    project.bucket.deliver(MONTH, [csv_gz([project.line("RIFee", "10", fee)])])
    with pytest.raises(ChecksFailed, match="residual"):
        project.run()


def test_many_commitments_are_counted_rather_than_listed(project: Project) -> None:
    rows = [reserved(project.line, str(owner), project.account, "1") for owner in range(5)]
    described = verdict(project, rows).description
    assert described.count("arn:aws:ec2") == 3
    assert ", +2 are not in the report" in described


# what each account costs


def test_owner_and_user_add_up_to_the_whole(
    project: Project, organisation: Organisation, make_project: Callable[..., Project]
) -> None:
    project.bucket.deliver(MONTH, [csv_gz(organisation.rows)])
    whole = totals(project.run().costs)["USD"]
    assert (whole["unblended"], whole["amortized"]) == (88, 200)  # 31 + 50 + 7; 93 + 100 + 7
    project.reconnect(account_scope=(organisation.owner,))
    parts = [totals(project.run().costs)["USD"]]
    other = make_project()
    other.bucket.deliver(MONTH, [csv_gz(organisation.rows)])
    other.reconnect(account_scope=(organisation.user,))
    parts.append(totals(other.run().costs)["USD"])
    assert [part["amortized"] for part in parts] == [Decimal("76.5"), Decimal("123.5")]
    assert {measure: sum(part[measure] for part in parts) for measure in MEASURES} == whole


ACCOUNTS = ("200000000001", "200000000002", "200000000003")
PAYER = "100000000001"
amounts = st.decimals(min_value=0, max_value=10**6, places=10)
shares = st.lists(st.tuples(st.sampled_from((*ACCOUNTS, PAYER)), amounts), min_size=1, max_size=4)


@st.composite
def organisations(draw: st.DrawFn) -> list[dict[str, str]]:
    """Rows of a month of up to four commitments, used in part by any account, and of something else by everybody."""
    rows = [line("Usage", str(draw(amounts)), account=account) for account in (*ACCOUNTS, PAYER)]
    for number in range(draw(st.integers(1, 4))):
        owner = draw(st.sampled_from((*ACCOUNTS, PAYER)))
        used, upfront, unused, more = draw(shares), draw(amounts), draw(amounts), draw(amounts)
        total = sum((cost for _, cost in used), unused)
        net = {} if draw(st.booleans()) else {"lineItem/NetUnblendedCost": str(draw(amounts))}
        if draw(st.booleans()):
            arn = {R + "ReservationARN": f"arn:aws:rds:ap-northeast-1:{owner}:ri:{number}"}
            fee = {
                **arn,
                R + "AmortizedUpfrontFeeForBillingPeriod": str(upfront),
                R + "UnusedAmortizedUpfrontFeeForBillingPeriod": str(unused),
                R + "UnusedRecurringFee": "0",
                R + "NetUnusedRecurringFee": str(more),
            }
            rows += [line("Fee", str(more), {**arn, **net}, account=owner)]
            rows += [line("RIFee", str(total - upfront), {**fee, **net}, account=owner)]
            rows += [
                line("DiscountedUsage", "0", {**arn, R + "EffectiveCost": str(cost)}, account=account)
                for account, cost in used
            ]
        else:
            arn = {S + "SavingsPlanARN": f"arn:aws:savingsplans::{owner}:savingsplan/{number}"}
            fee = {
                **arn,
                S + "TotalCommitmentToDate": str(total),
                S + "UsedCommitment": str(total - unused),
                S + "AmortizedUpfrontCommitmentForBillingPeriod": str(upfront),
                S + "NetRecurringCommitmentForBillingPeriod": str(more) if net else "",
            }
            rows += [line("SavingsPlanUpfrontFee", str(more), {**arn, **net}, account=owner)]
            rows += [line("SavingsPlanRecurringFee", str(total - upfront), {**fee, **net}, account=owner)]
            for account, cost in used:
                figures = {**arn, S + "SavingsPlanEffectiveCost": str(cost), S + "NetSavingsPlanEffectiveCost": ""}
                rows.append(line("SavingsPlanCoveredUsage", str(cost + more), figures, account=account))
                rows.append(line("SavingsPlanNegation", str(-cost - more), arn, account=account))
    return rows


def summary_of(rows: list[dict[str, str]], accounts: tuple[str, ...] | None = None) -> MonthSummary:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scratch").mkdir()
        (folder / "source.csv").write_bytes(csv_text(rows))
        header = list(dict.fromkeys(column for row in rows for column in row))
        _, frame = normalise_csv(folder / "source.csv", header=header, where="s3://b/k")
        frame.sink_parquet(folder / "rows.parquet")
        return summarise(
            [folder / "rows.parquet"],
            month=MONTH,
            format=Format.CUR_LEGACY,
            accounts=accounts,
            scratch=folder / "scratch",
        )


@settings(max_examples=8, deadline=None)
@given(organisations(), st.sets(st.sampled_from((*ACCOUNTS, PAYER))), st.data())
def test_any_two_parts_add_up_and_prove_what_the_whole_proves(
    rows: list[dict[str, str]], left: set[str], data: st.DataObject
) -> None:
    whole = summary_of(rows)
    right = {*ACCOUNTS, PAYER} - left
    parts = [summary_of(rows, tuple(sorted(part))) for part in (left, right)]
    for measure in (*MEASURES, "usage_rows"):
        assert sum(part.costs[measure].sum() for part in parts) == whole.costs[measure].sum()
    assert sum(part.row_count for part in parts) == whole.row_count
    assert [part.identity for part in parts] == [whole.identity] * 2
    assert not whole.identity.broken
    # the report of one member, as AWS delivers it to that account
    member = data.draw(st.sampled_from(ACCOUNTS))
    mine = summary_of([row for row in rows if row["lineItem/UsageAccountId"] == member])
    assert not mine.identity.broken or mine.identity.unproven()
    # a cent too much, in any row that spreads a commitment
    spread = [at for at, row in enumerate(rows) if row.get(R + "EffectiveCost") or row.get(S + "UsedCommitment")]
    at = data.draw(st.sampled_from(spread))
    column = R + "EffectiveCost" if rows[at].get(R + "EffectiveCost") else S + "UsedCommitment"
    wrong = summary_of(
        [*rows[:at], {**rows[at], column: str(Decimal(rows[at][column]) + Decimal("0.01"))}, *rows[at + 1 :]]
    )
    assert wrong.identity.broken
    assert wrong.identity.unproven() is None
