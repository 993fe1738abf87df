"""Batch B: a month becomes visible whole, once, and the same again; what was published stays until then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import InvalidInput, NotFound, PermanentFailure, TransientFailure
from batch_platform.finops import service
from batch_platform.finops.model import Connection, Format, MonthState, PublishedMonth
from batch_platform.finops.months import state_of
from batch_platform.finops.service import FinopsContext
from batch_platform.finops.service.publish import ChecksFailed
from batch_platform_tests.fault_proxy import Before, FaultProxy
from batch_platform_tests.finops.bucket import MONTH, OPEN_MONTH, File, csv_gz
from batch_platform_tests.finops.conftest import Project

TABLES = ("finops_months", "finops_cost_summary", "finops_cost_service_monthly", "finops_restatements")


def deliver(project: Project, *costs: str, assembly: str = "first", month: date = MONTH, **more: str) -> list[str]:
    """One file a cost."""
    files = [csv_gz([project.line("Usage", cost, more, month=month)]) for cost in costs]
    return project.bucket.deliver(month, files, assembly=assembly)


def stored(project: Project, pool: postgres.Pool, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table as they lie on disk: with the transaction that wrote them and their place."""
    query = f"SELECT xmin::text, ctid::text, t::text FROM finops.{table} t WHERE project_id = %s ORDER BY ctid"
    with postgres.transaction(pool) as connection:
        return connection.execute(query.encode(), [project.id]).fetchall()


def costs(project: Project, month: date = MONTH) -> pl.DataFrame:
    with project.work.store.transaction() as session:
        return session.costs(project.id, month, month)


def published(project: Project, month: date = MONTH) -> PublishedMonth | None:
    with project.work.store.transaction() as session:
        return session.month(project.id, month)


# whole or not at all


def test_half_a_month_is_never_visible(project: Project) -> None:
    deliver(project, "1", "2", "4")
    project.fetch()
    for done in (1, 2):
        assert project.read(limit=1).claimed == 1
        assert project.statuses().count("DONE") == done
        outcome = project.publish()
        assert outcome.published is None
        assert outcome.waiting_for == f"{3 - done} files not read yet"
        assert (costs(project).height, published(project)) == (0, None)
    assert project.read(limit=1).done == 1
    assert project.publish().costs["unblended"].sum() == 7
    assert costs(project)["unblended"].sum() == 7


def test_half_of_a_newer_version_leaves_the_older_one_standing(project: Project) -> None:
    deliver(project, "1")
    project.run()
    deliver(project, "2", "4", assembly="second")
    project.fetch()
    project.read(limit=1)
    assert project.publish().published is None
    assert costs(project)["unblended"].to_list() == [1]


def test_split_files_neither_replace_each_other_nor_count_twice(project: Project) -> None:
    deliver(project, *["0.1"] * 7)
    assert project.run().costs["unblended"].to_list() == [Decimal("0.7")]
    assert project.publish().costs["unblended"].to_list() == [Decimal("0.7")]


def test_nothing_delivered_is_nothing_published(project: Project) -> None:
    outcome = project.publish()
    assert (outcome.published, outcome.waiting_for, outcome.in_error) == (None, "nothing is delivered", False)


def test_a_newer_version_replaces_the_whole_month(project: Project) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "1", day=day) for day in range(1, 20)])])
    project.run()
    assert costs(project).height == 19
    deliver(project, "5", assembly="second")
    project.run()
    assert costs(project).select("unblended", "usage_rows").rows() == [(5, 1)]


def test_both_tables_say_what_they_were_computed_from(project: Project, pool: postgres.Pool) -> None:
    deliver(project, "1", "2")
    outcome = project.run()
    assert outcome.published is not None
    with postgres.transaction(pool) as connection:
        for table in ("finops_cost_summary", "finops_cost_service_monthly"):
            query = f"SELECT manifest_version, unblended FROM finops.{table} WHERE project_id = %s"
            rows = connection.execute(query.encode(), [project.id]).fetchall()
            assert rows == [(outcome.published.version, Decimal(3))]


def test_the_billing_month_does_not_come_from_usage_dates(project: Project) -> None:
    outside = {"lineItem/UsageStartDate": "2024-09-30T23:00:00Z"}
    after = {"lineItem/UsageStartDate": "2024-11-02T00:00:00Z"}
    rows = [project.line("Usage", "1", outside), project.line("Usage", "2"), project.line("Usage", "4", after)]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    outcome = project.run()
    assert outcome.costs.select("usage_date", "unblended").rows() == [
        (date(2024, 10, 1), 1),
        (date(2024, 10, 5), 2),
        (date(2024, 10, 31), 4),
    ]
    assert outcome.published is not None
    [check] = [check for check in outcome.published.checks if check.name == "usage_in_period"]
    assert (check.passed, check.blocking) == (False, False)
    assert check.description.startswith("2 rows")


# again


def test_publishing_again_changes_no_row(project: Project, pool: postgres.Pool) -> None:
    deliver(project, "1", "2")
    first = project.run()
    assert first.changed
    before = {
        table: stored(project, pool, table) for table in (*TABLES, "finops_billing_manifests", "finops_billing_files")
    }
    again = project.run()
    assert not again.changed
    assert again.costs.equals(first.costs)
    assert {table: stored(project, pool, table) for table in before} == before


def test_a_month_computed_again_from_its_source_is_byte_identical(project: Project) -> None:
    """The same delivery, read anew by another worker: the same line items, the same cost frame."""
    keys = deliver(project, "1.5", "2e-7")
    project.run()
    prefixes = (f"finops/cost_summary/2024-10/{project.id}/", project.work.line_items_prefix(project.id, MONTH))

    def lake() -> dict[str, bytes]:
        found = [
            entry["Key"]
            for prefix in prefixes
            for entry in project.work.lake.list_objects_v2(Bucket=project.work.lake_bucket, Prefix=prefix)["Contents"]
        ]
        return {key: project.lake(key) for key in found}

    before = lake()
    assert len(before) == 3
    deliver(project, "9", assembly="other")
    project.run()
    assert lake().keys() != before.keys()
    project.bucket.write_manifest(MONTH, keys)
    project.run()
    assert lake() == before


def test_line_items_of_versions_that_no_longer_count_leave_the_lake(project: Project) -> None:
    deliver(project, "1")
    project.run()
    [old] = [file["line_items_key"] for file in project.files()]
    deliver(project, "2", assembly="second")
    project.run()
    new = [file["line_items_key"] for file in project.files() if file["status"] == "DONE"]
    prefix = project.work.line_items_prefix(project.id, MONTH)
    listed = project.work.lake.list_objects_v2(Bucket=project.work.lake_bucket, Prefix=prefix)["Contents"]
    assert [entry["Key"] for entry in listed] == new
    assert old not in new


def test_tidying_the_lake_leaves_a_newer_version_alone(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    """A newer delivery is registered and read while the last steps of an older publication run."""
    deliver(project, "1")
    project.fetch()
    project.read()

    def newer() -> None:
        deliver(project, "2", assembly="second")
        project.fetch()
        project.read()

    proxy.add(Before("cost_summary.parquet", method="PUT", action=newer))
    project.publish(work=replace(through_proxy, lake=through_proxy.source(project.connection)))
    assert project.publish().costs["unblended"].to_list() == [2]


@pytest.mark.parametrize("damage", ["deleted", "overwritten"])
def test_line_items_lost_from_the_lake_are_read_again(project: Project, damage: str) -> None:
    deliver(project, "1")
    project.fetch()
    project.read()
    [file] = project.files()
    place = {"Bucket": project.work.lake_bucket, "Key": file["line_items_key"]}
    if damage == "deleted":
        project.work.lake.delete_object(**place)
    else:
        project.work.lake.put_object(**place, Body=b"something else")
    with pytest.raises(TransientFailure, match=file["line_items_key"]):
        project.publish()
    assert project.run().costs["unblended"].to_list() == [1]  # as the message says: the file was put back


# states


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
    with project.work.store.transaction() as session:
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
    with project.work.store.transaction() as session:
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
    with project.work.store.transaction() as session:
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


def test_a_file_at_fault_stops_neither_its_month_nor_another_project(
    project: Project, make_project: Callable[..., Project]
) -> None:
    other = make_project()
    good, bad = csv_gz([project.line("Usage", "1")]), csv_gz([project.line("Usage", "None")])
    keys = project.bucket.deliver(MONTH, [good, bad, good])
    deliver(other, "5")
    project.fetch()
    other.fetch()
    done = {place.id: place.read() for place in (project, other)}
    [error] = done[project.id].errors
    assert error == f"{project.id}: {project.bucket.uri(keys[1])}: row 1, column lineItem/UnblendedCost: not a number"
    assert project.statuses() == ["DONE", "ERROR", "DONE"]
    outcome = project.publish()
    assert (outcome.published, outcome.in_error) == (None, True)
    assert project.bucket.uri(keys[1]) in (outcome.waiting_for or "")
    assert other.publish().costs["unblended"].to_list() == [5]
    assert project.work.months_to_aggregate(project.id) == []  # nothing helps but a requeue or a new delivery


def test_a_file_at_fault_can_be_requeued(project: Project) -> None:
    keys = project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "x")]), csv_gz([project.line()])])
    project.fetch()
    project.read()
    message = project.files()[0]["error_message"]
    assert message
    would = service.requeue(project.work, project.id, None, dry_run=True)
    assert would == [{"project_id": project.id, "month": "2024-10", "object_key": keys[0]}]
    assert project.statuses() == ["ERROR", "DONE"]
    assert service.requeue(project.work, project.id, keys[0]) == would
    assert project.statuses() == ["PENDING", "DONE"]
    assert project.files()[0]["error_message"] is None
    assert [month.month for month in project.work.months_to_aggregate(project.id)] == [MONTH]
    assert project.read().errors
    assert project.files()[0]["error_message"] == message
    with pytest.raises(NotFound, match="nothing-of-the-kind"):
        service.requeue(project.work, project.id, "nothing-of-the-kind")


def test_a_new_delivery_heals_a_month_in_error(project: Project) -> None:
    project.bucket.deliver(MONTH, [File(b"")])
    assert project.run().in_error
    deliver(project, "1", assembly="second")
    assert project.run().costs["unblended"].to_list() == [1]
    assert project.statuses() == ["SUPERSEDED", "DONE"]
    assert project.files()[0]["error_message"]  # kept, to be looked up


def test_files_of_several_formats_are_no_month(project: Project) -> None:
    files = [csv_gz([project.line()]), csv_gz([project.focus()])]
    project.bucket.deliver(MONTH, files)
    project.fetch()
    project.read()
    with pytest.raises(PermanentFailure, match="its files mix cur_legacy, focus"):
        project.publish()


# accounts


def test_an_account_of_another_project_blocks(project: Project, make_project: Callable[..., Project]) -> None:
    other = make_project()
    deliver(project, "1")
    project.run()
    rows = [other.line("Usage", "2"), other.line("Usage", "2", account=project.account, payer=project.payer)]
    other.bucket.deliver(MONTH, [csv_gz(rows)])
    with pytest.raises(
        ChecksFailed, match=f"account {project.account} of payer {project.payer} is in project {project.id}"
    ):
        other.run()
    assert costs(other).height == 0
    assert costs(project)["unblended"].to_list() == [1]


def test_the_same_account_of_another_payer_or_month_does_not_block(
    project: Project, make_project: Callable[..., Project]
) -> None:
    other = make_project()
    deliver(project, "1")
    project.run()
    other.bucket.deliver(MONTH, [csv_gz([other.line("Usage", "2", account=project.account)])])
    assert other.run().published is not None
    third = make_project()
    month = date(2024, 9, 1)
    third.bucket.deliver(
        month, [csv_gz([third.line("Usage", "2", account=project.account, payer=project.payer, month=month)])]
    )
    assert third.run(month).published is not None


def test_two_projects_share_a_payer_by_their_scopes(make_project: Callable[..., Project]) -> None:
    left = make_project()
    right = make_project()
    accounts = [left.account, right.account]
    for place in (left, right):
        rows = [
            place.line("Usage", cost, account=account, payer=left.payer)
            for account, cost in zip(accounts, "12", strict=True)
        ]
        place.bucket.deliver(MONTH, [csv_gz(rows)])
    left.reconnect(account_scope=(left.account,))
    right.reconnect(account_scope=(right.account,))
    assert left.run().costs.select("usage_account_id", "unblended").rows() == [(left.account, 1)]
    assert right.run().costs.select("usage_account_id", "unblended").rows() == [(right.account, 2)]


def test_a_vanished_column_is_a_warning(project: Project) -> None:
    deliver(project, "1", **{"resourceTags/user:team": "a"})
    project.run()
    deliver(project, "1", assembly="second")
    outcome = project.run()
    assert outcome.published is not None
    [check] = [check for check in outcome.published.checks if check.name == "columns_kept"]
    assert (check.passed, check.blocking, check.description) == (False, False, "vanished: resourceTags/user:team")


# connections


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("project_id", "Has Capitals"),
        ("project_id", ""),
        ("bucket", "B!"),
        ("report_name", ""),
        ("report_name", "a/b"),
        ("role_arn", "arn:aws:iam::1:role/x"),
        ("external_id", "secret-without-a-role"),
    ],
)
def test_a_malformed_connection_names_its_field(work: FinopsContext, field: str, value: str) -> None:
    good = Connection("good-id", "n", "bucket", "p", "r", "ap-northeast-1")
    with pytest.raises(InvalidInput) as failure:
        service.add_project(work, replace(good, **{field: value}))
    assert failure.value.field == field
    assert "secret" not in failure.value.message


def test_adding_the_same_connection_again_changes_nothing(project: Project, pool: postgres.Pool) -> None:
    rows = stored(project, pool, "finops_project_connections")
    assert service.add_project(project.work, project.connection) is False
    assert stored(project, pool, "finops_project_connections") == rows
    assert service.add_project(project.work, replace(project.connection, name="Other"), dry_run=True) is True
    assert stored(project, pool, "finops_project_connections") == rows
    assert service.add_project(project.work, replace(project.connection, name="Other")) is True
    assert project.work.connection(project.id).name == "Other"
