"""When a month is final that no invoice tells of: FOCUS 1.0, and reports whose InvoiceId is blank in every row."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from batch_platform.finops import service
from batch_platform.finops.model import Format, MonthState, PublishedMonth
from batch_platform.finops.months import final_without_invoices
from batch_platform_tests.finops.bucket import MONTH, OPEN_MONTH, File, as_cur2, csv_gz, parquet
from batch_platform_tests.finops.conftest import Project, SteppingClock

TEN_DAYS = timedelta(days=10)


def published(project: Project, month: date = MONTH) -> PublishedMonth:
    with project.context.store.transaction() as session:
        found = session.month(project.id, month)
    assert found is not None
    return found


def aggregate(project: Project) -> list[date]:
    """Batch B over this project; the months it worked on."""
    worked_on = []
    for offered in project.context.months_to_aggregate(project.id):
        project.read(offered.month)
        project.publish(offered.month)
        service.compute_anomalies(project.context, project.id, offered.month)
        service.compute_forecast(project.context, project.id, offered.month)
        worked_on.append(offered.month)
    return worked_on


def deliver(project: Project, *costs: str, month: date = MONTH) -> None:
    """A version of FOCUS 1.0 with a row a cost."""
    rows = [project.focus("Usage", cost, month=month, version="1.0") for cost in costs]
    project.bucket.export(month, [csv_gz(rows)], execution=f"of {costs}")
    project.run(month)
    aggregate(project)


@pytest.fixture
def focus(make_project: Callable[..., Project], clock: SteppingClock) -> Project:
    """A month of FOCUS 1.0, published the moment it was delivered."""
    project = make_project(Format.FOCUS)
    deliver(project, "1")
    clock.now = published(project).delivered_at
    return project


def test_it_is_final_when_it_has_stood_unchanged_for_ten_days(focus: Project, clock: SteppingClock) -> None:
    closing = published(focus)
    assert (closing.state, closing.final_from) == (MonthState.CLOSING, closing.delivered_at + TEN_DAYS)
    clock.now = closing.delivered_at + TEN_DAYS - timedelta(milliseconds=10)
    assert aggregate(focus) == []
    clock.now = closing.delivered_at + TEN_DAYS
    assert aggregate(focus) == [MONTH]
    final = published(focus)
    assert (final.state, final.final_from, final.version) == (MonthState.FINAL, None, closing.version)
    assert aggregate(focus) == []
    assert not focus.run().changed


def test_a_newer_version_starts_the_ten_days_again(focus: Project, clock: SteppingClock) -> None:
    first = published(focus)
    deliver(focus, "2")
    second = published(focus)
    assert (second.state, second.final_from) == (MonthState.CLOSING, second.delivered_at + TEN_DAYS)
    assert second.delivered_at > first.delivered_at
    with focus.context.store.transaction() as session:
        assert session.restatements(focus.id).height == 0


def test_a_change_after_that_is_a_restatement(focus: Project, clock: SteppingClock) -> None:
    clock.now = published(focus).delivered_at + TEN_DAYS
    aggregate(focus)
    deliver(focus, "3")
    assert published(focus).state is MonthState.RESTATED
    with focus.context.store.transaction() as session:
        kept = session.restatements(focus.id)
    assert kept.select("unblended_before", "unblended_after").rows() == [(1, 3)]


@pytest.mark.parametrize(("cost", "state"), [("1", "final"), ("3", "restated")])
def test_a_month_that_nobody_looked_at_for_ten_days_was_final_all_the_same(
    focus: Project, clock: SteppingClock, cost: str, state: str
) -> None:
    """The platform stood still meanwhile; what counts is when AWS delivered."""
    with focus.context.store.transaction() as session:
        early = published(focus).delivered_at - TEN_DAYS
        session.connection.execute(
            "UPDATE finops.finops_months SET final_from = %s WHERE project_id = %s", [early, focus.id]
        )
    deliver(focus, cost)
    assert published(focus).state == state


def test_it_is_asked_for_once_a_day_until_it_is_done(focus: Project, clock: SteppingClock) -> None:
    clock.now = published(focus).delivered_at + TEN_DAYS
    [first] = focus.context.months_to_aggregate(focus.id)
    clock.pass_by(timedelta(hours=1))
    [again] = focus.context.months_to_aggregate(focus.id)
    clock.pass_by(timedelta(days=1))
    [tomorrow] = focus.context.months_to_aggregate(focus.id)
    assert first.attempts == again.attempts != tomorrow.attempts
    found = service.discover(focus.context, [focus.connection], requested={}, at_most=5)
    [run] = found.runs
    assert run.run_key.endswith(f"/{tomorrow.version}/{tomorrow.attempts}")
    focus.reconnect(enabled=False)
    assert not [month for month in focus.context.months_to_aggregate() if month.project_id == focus.id]


def test_an_unread_newer_version_comes_first(focus: Project, clock: SteppingClock) -> None:
    clock.now = published(focus).delivered_at + TEN_DAYS
    focus.bucket.export(MONTH, [csv_gz([focus.focus("Usage", "5", version="1.0")])], execution="newer")
    focus.fetch()
    [offered] = focus.context.months_to_aggregate(focus.id)
    assert offered.attempts >= 0


def test_an_open_month_does_not_become_final_by_itself(focus: Project) -> None:
    deliver(focus, "1", month=OPEN_MONTH)
    assert (published(focus, OPEN_MONTH).state, published(focus, OPEN_MONTH).final_from) == (MonthState.OPEN, None)


# what counts as no invoice


def typed(dtype: pl.DataType | type[pl.DataType]) -> Callable[[list[dict[str, str]]], File]:
    """Rows of CUR 2.0 as Parquet whose invoice ids are of another type than text."""

    def make(rows: list[dict[str, str]]) -> File:
        body = io.BytesIO()
        text = pl.Series("bill_invoice_id", [row["bill_invoice_id"] for row in rows], dtype=pl.String)
        pl.read_parquet(parquet(rows).body).with_columns(text.cast(dtype)).write_parquet(body)
        return File(body.getvalue(), "snappy.parquet")

    return make


MAKERS: Mapping[str, Callable[[list[dict[str, str]]], File]] = {
    "csv": csv_gz,
    "text": typed(pl.String),
    "dictionary": typed(pl.Categorical),
    "enum": typed(pl.Enum(["", "777"])),
    "binary": typed(pl.Binary),
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    ("invoices", "state", "by_time"),
    [(["", ""], "closing", True), (["777", ""], "closing", False), (["777", "777"], "final", False)],
)
def test_a_blank_invoice_is_none_whatever_its_type(
    make_project: Callable[..., Project],
    clock: SteppingClock,
    kind: str,
    invoices: list[str],
    state: str,
    by_time: bool,
) -> None:
    project = make_project(Format.CUR2)
    rows = [as_cur2(project.line("Usage", "1", {"bill/InvoiceId": invoice})) for invoice in invoices]
    project.bucket.export(MONTH, [MAKERS[kind](rows)])
    project.run()
    found = published(project)
    assert (found.state, found.final_from is not None) == (state, by_time)
    clock.now = found.delivered_at + TEN_DAYS
    project.publish()
    assert published(project).state == ("final" if by_time else state)


def test_invoices_of_accounts_that_are_left_out_tell_that_there_are_invoices(project: Project) -> None:
    other = f"{(int(project.account) + 1) % 10**12:012d}"
    rows = [project.line("Usage", "1", {"bill/InvoiceId": ""}), project.line("Usage", "1", account=other)]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.reconnect(account_scope=(project.account,))
    project.run()
    assert (published(project).state, published(project).final_from) == (MonthState.CLOSING, None)
    project.reconnect(account_scope=(other,))
    project.publish()
    assert published(project).state is MonthState.FINAL


def test_a_project_that_keeps_no_row_of_an_invoiced_report_is_final(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line()])])
    project.reconnect(account_scope=("999999999999",))
    project.run()
    assert (published(project).row_count, published(project).state) == (0, MonthState.FINAL)


def test_a_month_without_a_row_is_final_after_ten_days_too(project: Project, clock: SteppingClock) -> None:
    project.bucket.deliver(MONTH, [csv_gz([], list(project.line()))])
    project.run()
    assert published(project).state is MonthState.CLOSING
    clock.now = published(project).delivered_at + TEN_DAYS
    project.publish()
    assert published(project).state is MonthState.FINAL


def test_the_ten_days_begin_at_the_end_of_the_month_at_the_earliest() -> None:
    end = datetime(2024, 11, 1, tzinfo=UTC)
    for delivered, final in ((end - timedelta(days=3), end), (end, end), (end + TEN_DAYS, end + TEN_DAYS)):
        found = final_without_invoices(MONTH, delivered_at=delivered, invoiced_rows=0)
        assert found == final + TEN_DAYS
    assert final_without_invoices(MONTH, delivered_at=end, invoiced_rows=1) is None
