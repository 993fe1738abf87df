"""A month is open, closed, final, restated: by its end, its invoice and its money."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from batch_platform.core import postgres
from batch_platform.finops.model import Format, MonthState, PublishedMonth
from batch_platform.finops.months import state_of
from batch_platform_tests.finops.bucket import MONTH, OPEN_MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.months import costs, deliver, stored


def test_a_month_that_runs_is_open(project: Project) -> None:
    deliver(project, "1", month=OPEN_MONTH)
    outcome = project.run(OPEN_MONTH)
    assert outcome.published is not None
    assert outcome.published.state is MonthState.OPEN


def test_a_month_that_ended_closes_and_becomes_final_with_its_last_invoice(project: Project) -> None:
    deliver(project, "1", "2", **{"bill/InvoiceId": ""})
    assert (outcome := project.run()).published is not None
    assert outcome.published.state is MonthState.CLOSING
    deliver(project, "1", "3", assembly="second")
    final = project.run()
    assert final.published is not None
    assert final.published.state is MonthState.FINAL
    assert final.restated.height == 0  # what was not final may change


@pytest.mark.parametrize(
    ("cost", "more", "state"),
    [
        ("0", {}, "final"),
        ("0", {"lineItem/NetUnblendedCost": ""}, "final"),
        ("0.000000000001", {}, "closing"),
        ("-1", {"lineItem/NetUnblendedCost": "0"}, "closing"),
        ("0", {"lineItem/NetUnblendedCost": "1"}, "closing"),
    ],
)
def test_a_row_that_costs_something_needs_its_invoice(
    project: Project, cost: str, more: dict[str, str], state: str
) -> None:
    rows = [project.line(), project.line("Tax", cost, {"bill/InvoiceId": "", **more})]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    outcome = project.run()
    assert outcome.published is not None
    assert outcome.published.state == state


def test_split_allocation_needs_no_invoice(project: Project) -> None:
    split = {"bill/InvoiceId": "", "splitLineItem/ParentResourceId": "i-1"}
    project.bucket.deliver(MONTH, [csv_gz([project.line(), project.line("Usage", "5", split)])])
    outcome = project.run()
    assert outcome.published is not None
    assert outcome.published.state is MonthState.FINAL


def test_a_final_month_that_changes_is_restated_and_the_difference_kept(
    project: Project, pool: postgres.Pool
) -> None:
    deliver(project, "10", "1")
    first = project.run()
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "12"), project.line("Credit", "-1")])], assembly="b")
    second = project.run()
    assert first.published is not None
    assert second.published is not None
    assert second.published.state is MonthState.RESTATED
    columns = ["charge_class", "unblended_before", "unblended_after"]
    changed = [("credit", 0, -1), ("usage", 11, 12)]
    assert second.restated.select(columns).rows() == changed
    with project.context.store.transaction() as session:
        kept = session.restatements(project.id)
    assert kept.select(columns).rows() == changed
    assert set(kept["from_version"]) == {first.published.version}
    assert set(kept["to_version"]) == {second.published.version}
    before = stored(project, pool, "finops_restatements")
    again = project.run()
    assert not again.changed
    assert again.restated.height == 0
    assert stored(project, pool, "finops_restatements") == before


def test_a_final_month_delivered_again_with_the_same_money_stays_final(project: Project) -> None:
    deliver(project, "10", "1")
    project.run()
    deliver(project, "11", assembly="second")
    outcome = project.run()
    assert outcome.published is not None
    assert (outcome.published.state, outcome.restated.height) == (MonthState.FINAL, 0)


def test_every_restatement_is_kept(project: Project) -> None:
    for assembly, cost in (("a", "1"), ("b", "2"), ("c", "4")):
        deliver(project, cost, assembly=assembly)
        outcome = project.run()
    assert outcome.published is not None
    assert outcome.published.state is MonthState.RESTATED
    with project.context.store.transaction() as session:
        kept = session.restatements(project.id)
    assert kept.select("unblended_before", "unblended_after").rows() == [(1, 2), (2, 4)]


def test_a_month_is_never_restated_without_a_restatement(project: Project) -> None:
    """Its account scope changes what a final month costs, with nothing new from AWS."""
    rows = [project.line("Usage", "1"), project.line("Usage", "2", account=project.account[::-1] + "0")]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.run()
    project.reconnect(account_scope=(project.account,))
    outcome = project.publish()
    assert costs(project)["unblended"].to_list() == [1]
    assert outcome.published is not None
    with project.context.store.transaction() as session:
        kept = session.restatements(project.id)
    assert (outcome.published.state is MonthState.RESTATED) == (kept.height > 0)


def test_a_final_month_that_becomes_empty_is_restated(project: Project) -> None:
    deliver(project, "3")
    project.run()
    project.bucket.deliver(MONTH, [csv_gz([], list(project.line()))], assembly="second")
    outcome = project.run()
    assert outcome.restated.select("unblended_before", "unblended_after").rows() == [(3, 0)]
    assert costs(project).height == 0


ENDED = datetime(2024, 11, 1, tzinfo=UTC)
NO_DIFFERENCE = pl.DataFrame({"usage_account_id": []})
DIFFERENCE = pl.DataFrame({"usage_account_id": ["1"]})


def before(state: MonthState) -> PublishedMonth:
    return PublishedMonth("p", MONTH, state, "v", Format.CUR_LEGACY, 1, 1, ENDED, ENDED, ())


@pytest.mark.parametrize(
    ("delivered", "rows", "uninvoiced", "known", "difference", "state"),
    [
        (ENDED - timedelta(microseconds=1), 5, 0, None, NO_DIFFERENCE, "open"),
        (ENDED - timedelta(microseconds=1), 5, 0, "open", DIFFERENCE, "open"),
        (ENDED, 5, 1, None, NO_DIFFERENCE, "closing"),
        (ENDED, 0, 0, None, NO_DIFFERENCE, "closing"),
        (ENDED, 5, 0, None, NO_DIFFERENCE, "final"),
        (ENDED, 5, 0, "open", DIFFERENCE, "final"),
        (ENDED, 5, 0, "closing", DIFFERENCE, "final"),
        (ENDED, 5, 1, "final", NO_DIFFERENCE, "final"),
        (ENDED, 5, 0, "final", DIFFERENCE, "restated"),
        (ENDED, 5, 0, "restated", DIFFERENCE, "restated"),
        (ENDED, 5, 0, "restated", NO_DIFFERENCE, "restated"),
    ],
)
def test_month_states(
    delivered: datetime, rows: int, uninvoiced: int, known: str | None, difference: pl.DataFrame, state: str
) -> None:
    found = state_of(
        MONTH,
        delivered_at=delivered,
        row_count=rows,
        uninvoiced_rows=uninvoiced,
        version="newer",
        before=None if known is None else before(MonthState(known)),
        difference=difference,
    )
    assert found == state


# faults stay where they are


def test_a_final_month_of_the_same_version_stays_final() -> None:
    known = before(MonthState.FINAL)
    found = state_of(
        MONTH,
        delivered_at=ENDED,
        row_count=5,
        uninvoiced_rows=0,
        version=known.version,
        before=known,
        difference=DIFFERENCE,
    )
    assert found == "final"
