"""Batch B: a month becomes visible whole, once, and the same again; what was published stays until then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import NotFound, PermanentFailure, TransientFailure
from batch_platform.finops import service
from batch_platform.finops.model import PublishedMonth
from batch_platform.finops.service import FinopsContext
from batch_platform_tests.fault_proxy import Before, FaultProxy
from batch_platform_tests.finops.bucket import MONTH, File, csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.months import costs, deliver, stored

TABLES = ("finops_months", "finops_cost_summary", "finops_cost_service_monthly", "finops_restatements")


def published(project: Project, month: date = MONTH) -> PublishedMonth | None:
    with project.context.store.transaction() as session:
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
    prefixes = (f"finops/cost_summary/2024-10/{project.id}/", project.context.line_items_prefix(project.id, MONTH))

    def lake() -> dict[str, bytes]:
        found = [
            entry["Key"]
            for prefix in prefixes
            for entry in project.context.lake.list_objects_v2(Bucket=project.context.lake_bucket, Prefix=prefix)[
                "Contents"
            ]
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
    prefix = project.context.line_items_prefix(project.id, MONTH)
    listed = project.context.lake.list_objects_v2(Bucket=project.context.lake_bucket, Prefix=prefix)["Contents"]
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
    project.publish(context=replace(through_proxy, lake=through_proxy.source(project.connection)))
    assert project.publish().costs["unblended"].to_list() == [2]


@pytest.mark.parametrize("damage", ["deleted", "overwritten"])
def test_line_items_lost_from_the_lake_are_read_again(project: Project, damage: str) -> None:
    deliver(project, "1")
    project.fetch()
    project.read()
    [file] = project.files()
    place = {"Bucket": project.context.lake_bucket, "Key": file["line_items_key"]}
    if damage == "deleted":
        project.context.lake.delete_object(**place)
    else:
        project.context.lake.put_object(**place, Body=b"something else")
    with pytest.raises(TransientFailure, match=file["line_items_key"]):
        project.publish()
    assert project.run().costs["unblended"].to_list() == [1]  # as the message says: the file was put back


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
    assert project.context.months_to_aggregate(project.id) == []  # nothing helps but a requeue or a new delivery


def test_a_file_at_fault_can_be_requeued(project: Project) -> None:
    keys = project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "x")]), csv_gz([project.line()])])
    project.fetch()
    project.read()
    message = project.files()[0]["error_message"]
    assert message
    would = service.requeue(project.context, project.id, None, dry_run=True)
    assert would == [{"project_id": project.id, "month": "2024-10", "object_key": keys[0]}]
    assert project.statuses() == ["ERROR", "DONE"]
    assert service.requeue(project.context, project.id, keys[0]) == would
    assert project.statuses() == ["PENDING", "DONE"]
    assert project.files()[0]["error_message"] is None
    assert [month.month for month in project.context.months_to_aggregate(project.id)] == [MONTH]
    assert project.read().errors
    assert project.files()[0]["error_message"] == message
    with pytest.raises(NotFound, match="nothing-of-the-kind"):
        service.requeue(project.context, project.id, "nothing-of-the-kind")


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
