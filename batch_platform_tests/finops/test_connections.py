"""What is published belongs to a connection: another place or other accounts replace or withdraw it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import Conflict, NotFound, TransientFailure
from batch_platform.finops import service
from batch_platform.finops.model import Budget, Format, MonthState
from batch_platform.finops.service import ChecksFailed, FetchStatus, FinopsContext
from batch_platform.finops.service.withdrawal import withdraw_former
from batch_platform_tests.fault_proxy import Answer, Before, FaultProxy
from batch_platform_tests.finops.bucket import MONTH, CurBucket, File, as_cur2, csv_gz
from batch_platform_tests.finops.conftest import Project, SteppingClock

OLD_MONTH = date(2019, 3, 1)
"""Long before the months that are polled."""

Make = Callable[..., Project]


def deliver(
    project: Project, cost: str, month: date = MONTH, *, bucket: CurBucket | None = None, **more: Any
) -> None:
    line = project.line("Usage", cost, month=month, **more)
    (bucket or project.bucket).deliver(month, [csv_gz([line])])


def unblended(project: Project, month: date = MONTH) -> Decimal | None:
    """What readers see; None for a month that is not published."""
    with project.work.store.transaction() as session:
        published, costs = session.month(project.id, month), session.costs(project.id, month, month)
    assert published is not None or costs.is_empty()
    return None if published is None else sum(costs["unblended"].to_list(), Decimal(0))


def state(project: Project, month: date = MONTH) -> MonthState:
    with project.work.store.transaction() as session:
        published = session.month(project.id, month)
    assert published is not None
    return published.state


def restated(project: Project) -> list[tuple[Any, ...]]:
    with project.work.store.transaction() as session:
        rows = session.restatements(project.id)
    return rows.select("reason", "unblended_before", "unblended_after").rows()


def catch_up(project: Project) -> list[FetchStatus]:
    """Both batches as they are asked for without naming a month."""
    outcomes = service.fetch_project(project.work, project.connection)
    for month in project.work.months_to_aggregate(project.id):
        project.read(month.month)
        project.publish(month.month)
    return [outcome.status for outcome in outcomes]


def elsewhere(project: Project) -> CurBucket:
    return CurBucket(project.bucket.s3, project.bucket.region)


# another place


def test_a_corrected_connection_ends_on_the_new_place_though_its_manifest_is_older(project: Project) -> None:
    right = elsewhere(project)
    deliver(project, "7", bucket=right)
    time.sleep(1.1)  # S3 tells times in seconds
    deliver(project, "1000")
    project.run()
    assert unblended(project) == 1000
    project.reconnect(bucket=right.name)
    assert project.publish().waiting_for == "what is registered is of a former connection; fetch again"
    assert catch_up(project) == [FetchStatus.REGISTERED]
    assert unblended(project) == 7
    assert (state(project), restated(project)) == (MonthState.RESTATED, [("connection_changed", 1000, 7)])
    assert catch_up(project) == [FetchStatus.UNCHANGED]
    # and back: the wrong one is the newer again
    project.reconnect(bucket=project.bucket.name)
    assert catch_up(project) == [FetchStatus.REGISTERED]
    assert unblended(project) == 1000
    assert restated(project)[1:] == [("connection_changed", 7, 1000)]


def test_every_known_month_is_read_again_and_withdrawn_where_the_new_place_lacks_it(project: Project) -> None:
    for month, cost in ((OLD_MONTH, "3"), (MONTH, "5")):
        deliver(project, cost, month)
        project.run(month)
    deliver(project, "9", date(2018, 1, 1))
    project.fetch(date(2018, 1, 1))  # registered, never read
    right = elsewhere(project)
    deliver(project, "4", OLD_MONTH, bucket=right)
    project.reconnect(bucket=right.name)
    assert catch_up(project) == [FetchStatus.ABSENT, FetchStatus.REGISTERED, FetchStatus.WITHDRAWN]
    assert (unblended(project, OLD_MONTH), unblended(project)) == (4, None)
    assert restated(project) == [("connection_changed", 3, 4), ("connection_changed", 5, 0)]
    with project.work.store.transaction() as session:
        [withdrawn] = session.withdrawn_months(project.id)
        [archived] = session.archived_months(project.id)
        assert session.anomalies(project.id, MONTH).is_empty()
    assert (withdrawn.published.month, withdrawn.published.state) == (MONTH, MonthState.FINAL)
    assert withdrawn.detail == f"s3://{right.name}/cur/acme/cur has no 2024-10"
    assert (archived["unblended"], archived["place"]) == (
        {"USD": "5.000000000000"},
        f"s3://{project.bucket.name}/cur/acme/cur (cur_legacy)",
    )
    assert catch_up(project) == []  # and the months are not looked for again
    # a final month that was withdrawn and comes back has changed once more
    deliver(project, "6", bucket=right)
    assert catch_up(project) == [FetchStatus.REGISTERED]
    assert (unblended(project), state(project)) == (6, MonthState.RESTATED)
    assert restated(project)[2:] == [("connection_changed", 0, 6)]
    with project.work.store.transaction() as session:
        assert session.withdrawn_months(project.id) == []


def test_a_dry_run_and_the_sensor_tell_what_a_changed_connection_would_do(project: Project) -> None:
    deliver(project, "5")
    project.run()
    asked: dict[str, str] = {}

    def runs() -> list[str]:
        found = service.discover(project.work, [project.connection], requested=asked, at_most=9)
        asked.update({run.place: run.token or "" for run in found.runs})
        return [run.run_key for run in found.runs]

    project.reconnect(prefix="cur/other")
    [outcome] = service.fetch_all(project.work, [project.connection], dry_run=True)
    assert isinstance(outcome, service.FetchOutcome)
    assert (outcome.status, unblended(project)) == (FetchStatus.WITHDRAWN, 5)
    [key] = runs()
    assert "/withdrawn/" in key
    assert runs() == []
    project.reconnect(prefix="cur/acme")
    project.reconnect(prefix="cur/other")
    assert len({key, *runs()}) == 2  # asked for anew: the place has changed twice since
    assert project.fetch().status is FetchStatus.WITHDRAWN
    project.reconnect(prefix="cur/acme")
    assert len(runs()) == 1
    project.run()
    assert unblended(project) == 5


def test_a_place_that_cannot_be_read_withdraws_nothing(project: Project) -> None:
    deliver(project, "5")
    project.run()
    project.reconnect(bucket="no-such-bucket-anywhere")
    with pytest.raises(NotFound, match="no-such-bucket-anywhere"):
        project.fetch()
    assert unblended(project) == 5
    with project.work.store.transaction() as session:
        [month] = session.months(project.id)
    assert (month.of_former_place, month.of_former_connection) == (True, True)


@pytest.mark.parametrize("fault", ["a file", "a check"])
def test_what_cannot_be_published_from_the_new_place_withdraws_the_former_one(
    project: Project, make_project: Make, fault: str
) -> None:
    deliver(project, "1000")
    project.run()
    right = elsewhere(project)
    right.deliver(MONTH, [File(b"") if fault == "a file" else csv_gz([project.line("Usage", "7")])])
    other = make_project()
    if fault == "a check":
        other.reconnect(bucket=right.name)
        service.disable_project(project.work, project.id)
        other.run()  # has the accounts first
    project.reconnect(bucket=right.name)
    project.fetch()
    project.read()
    if fault == "a file":
        told = project.publish()
        assert told.in_error
        assert (told.waiting_for or "").endswith("; what was published from the former connection is withdrawn")
    else:
        with pytest.raises(ChecksFailed, match=f"is in project {other.id}.*; what was published .* is withdrawn"):
            project.publish()
    assert unblended(project) is None
    other.reconnect(enabled=False)
    right.deliver(MONTH, [csv_gz([project.line("Usage", "7")])], assembly="third")
    project.run()
    assert unblended(project) == 7


@pytest.mark.parametrize("format", [Format.CUR2, Format.AUTO])
def test_from_cur_legacy_to_cur_2(make_project: Make, format: Format) -> None:  # noqa: A002
    project = make_project(Format.CUR_LEGACY if format is Format.CUR2 else Format.AUTO)
    project.bucket.export(MONTH, [csv_gz([as_cur2(project.line("Usage", "8"))])])
    manifest = project.bucket.export_manifest(MONTH)
    body = project.bucket.s3.get_object(Bucket=project.bucket.name, Key=manifest)["Body"].read()
    project.bucket.delete(manifest)
    time.sleep(1.1)
    deliver(project, "7")
    project.run()
    assert unblended(project) == 7
    project.bucket.put(manifest, body)
    deliver(project, "7.5")  # still written, and later than the export
    if format is Format.CUR2:
        project.reconnect(format=Format.CUR2)
    assert catch_up(project) == [FetchStatus.REGISTERED]
    assert (unblended(project), state(project)) == (8, MonthState.RESTATED)
    assert catch_up(project) == [FetchStatus.UNCHANGED]


def test_the_same_deliveries_under_another_name_of_the_place_are_not_read_again(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, "5")
    project.run()
    for change in ({"prefix": "cur/acme/"}, {"format": Format.AUTO}):
        project.reconnect(**change)
        assert project.fetch().status is FetchStatus.REGISTERED
        assert project.read(work=through_proxy).claimed == 0
        project.publish(work=through_proxy)
        with project.work.store.transaction() as session:
            [month] = session.months(project.id)
        assert (month.of_former_place, month.of_former_connection) == (False, False)
        assert project.fetch().status is FetchStatus.UNCHANGED
    assert (unblended(project), state(project), restated(project)) == (5, MonthState.FINAL, [])
    assert proxy.requests == []


def test_what_does_not_change_the_costs_reads_nothing(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, "5")
    project.run()
    project.reconnect(name="Another name", role_arn="arn:aws:iam::123456789012:role/other")
    assert project.fetch(work=through_proxy).status is FetchStatus.UNCHANGED
    assert [request.method for request in proxy.requests] == ["HEAD"]
    assert project.work.months_to_aggregate(project.id) == [
        month for month in project.work.months_to_aggregate(project.id) if month.attempts == -1
    ]


def test_a_withdrawal_that_is_cut_short_is_made_again(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, "5")
    project.run()
    key = project.files()[0]["line_items_key"]
    project.reconnect(prefix="cur/other")
    proxy.add(Answer("", method="POST", status=503, times=9))
    cut_short = replace(project.work, lake=through_proxy.source(project.connection))
    with pytest.raises(TransientFailure):
        project.fetch(work=cut_short)
    assert (unblended(project), restated(project)) == (5, [])
    assert project.fetch().status is FetchStatus.WITHDRAWN
    assert (unblended(project), len(restated(project))) == (None, 1)
    assert project.fetch().status is FetchStatus.ABSENT
    listed = project.work.lake.list_objects_v2(Bucket=project.work.lake_bucket, Prefix=key)
    assert listed["KeyCount"] == 0


# work in flight


def test_work_in_flight_never_brings_the_former_place_back(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    right = elsewhere(project)
    deliver(project, "7", bucket=right)
    deliver(project, "1000")
    late = replace(project, work=through_proxy)
    # a fetch that has read the former place's manifest
    proxy.add(Before(project.bucket.legacy_manifest(MONTH), method="GET", action=lambda: move(project, right)))
    with pytest.raises(TransientFailure, match="connection was changed meanwhile"):
        late.fetch()
    assert project.files() == []
    # a worker that holds a file of it, and a run that would publish it
    move(project, late.bucket)
    deliver(project, "1000")
    project.fetch()
    key = project.files()[0]["object_key"]
    proxy.clear()
    proxy.add(Before(key, method="GET", action=lambda: move(project, right)))
    assert late.read().done == 1
    with pytest.raises(TransientFailure, match="connection was changed meanwhile"):
        withdraw_former(project.work, late.connection, MONTH, reason="")
    assert late.publish().published is None
    assert unblended(project) is None
    project.fetch()
    assert project.read().done == 1
    with pytest.raises(TransientFailure, match="meanwhile"):
        late.publish()
    project.publish()
    assert unblended(project) == 7


def move(project: Project, bucket: CurBucket) -> None:
    service.add_project(project.work, replace(project.connection, bucket=bucket.name))
    project.connection = replace(project.connection, bucket=bucket.name)


def test_files_of_a_former_place_are_not_claimed(project: Project) -> None:
    deliver(project, "1000")
    project.fetch()
    project.reconnect(prefix="cur/other")
    assert (project.read().claimed, project.work.months_to_aggregate(project.id)) == (0, [])
    project.reconnect(prefix="cur/acme")
    project.run()
    assert unblended(project) == 1000


# other accounts


def test_other_accounts_compute_published_months_again_without_reading_a_file(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    other = f"{(int(project.account) + 1) % 10**12:012d}"
    rows = [project.line("Usage", "1"), project.line("Usage", "10", account=other)]
    project.bucket.deliver(MONTH, [csv_gz(rows)])
    project.run()
    assert (unblended(project), state(project)) == (11, MonthState.FINAL)
    seen = []
    for scope, total in (((other,), 10), ((other, project.account), 11), ((project.account,), 1), (None, 11)):
        project.reconnect(account_scope=scope)
        assert project.fetch().status is FetchStatus.UNCHANGED
        [left] = project.work.months_to_aggregate(project.id)
        assert left.month == MONTH
        project.read(work=through_proxy)
        project.publish(work=through_proxy)
        assert unblended(project) == total
        assert all(month.attempts == -1 for month in project.work.months_to_aggregate(project.id))
        seen.append(restated(project)[-1])
    assert proxy.requests == []
    assert [reason for reason, _, _ in seen] == ["connection_changed"] * 4
    assert len(restated(project)) == 4


# whose an account is


def test_two_projects_exchange_a_payer(make_project: Make) -> None:
    one, two = make_project(), make_project()
    for project, cost in ((one, "1"), (two, "2")):
        deliver(project, cost)
        project.run()
    first, second = one.bucket.name, two.bucket.name
    one.reconnect(bucket=second)
    one.fetch()
    one.read()
    with pytest.raises(ChecksFailed, match=f"is in project {two.id}"):
        one.publish()  # it is still the other's
    two.reconnect(bucket=first)
    for project in (two, one):
        catch_up(project)
    assert (unblended(one), unblended(two)) == (2, 1)


def test_a_disabled_project_releases_its_accounts_and_cannot_take_them_back(make_project: Make) -> None:
    one, two = make_project(), make_project()
    deliver(one, "1")
    one.run()
    two.reconnect(bucket=one.bucket.name)
    two.fetch()
    two.read()
    with pytest.raises(ChecksFailed, match=f"is in project {one.id}"):
        two.publish()
    one.reconnect(enabled=False)
    catch_up(two)
    assert (unblended(two), unblended(one)) == (1, 1)
    with pytest.raises(
        Conflict, match=f"account {one.account} of payer {one.payer} is in project {two.id} for 2024-10"
    ):
        service.add_project(one.work, replace(one.connection, enabled=True))
    with pytest.raises(Conflict):
        service.add_project(one.work, replace(one.connection, enabled=True), dry_run=True)
    assert not one.work.connection(one.id).enabled
    # narrowed to what is its own it may be polled again
    one.reconnect(enabled=True, account_scope=("9" * 12,))
    catch_up(one)
    assert unblended(one) == 0


def test_work_of_a_disabled_project_is_not_offered(project: Project) -> None:
    def offered() -> bool:
        return project.id in {month.project_id for month in project.work.months_to_aggregate()}

    project.bucket.deliver(MONTH, [])
    project.fetch()
    assert offered()
    project.reconnect(enabled=False)
    assert not offered()


def test_a_removed_project_is_archived_and_its_payer_moves(
    make_project: Make, pool: postgres.Pool, clock: SteppingClock
) -> None:
    one, two = make_project(), make_project()
    deliver(one, "1.5")
    one.run()
    service.compute_anomalies(one.work, one.id, MONTH)
    service.compute_forecast(one.work, one.id, MONTH)
    one.bucket.deliver(MONTH, [csv_gz([one.line("Usage", "2")])], assembly="second")
    one.run()
    service.set_budget(one.work, Budget(one.id, "unblended", "USD", Decimal(9)))
    in_flight = one.connection
    one.fetch()
    assert service.remove_project(one.work, one.id, dry_run=True).months == (MONTH,)
    assert unblended(one) == 2
    assert service.remove_project(one.work, one.id) == service.Removal(one.id, (MONTH,))
    assert service.remove_project(one.work, one.id) == service.Removal(one.id, (MONTH,), changed=False)
    assert left_of(one, pool) == {"finops_archives", "finops_archived_costs"}
    found = one.work.lake.list_objects_v2(Bucket=one.work.lake_bucket, Prefix="finops/")
    assert not [entry["Key"] for entry in found["Contents"] if f"/{one.id}/" in entry["Key"]]
    with pytest.raises(NotFound):
        service.fetch_month(one.work, in_flight, MONTH)
    assert service.publish_month(one.work, in_flight, MONTH).published is None
    assert left_of(one, pool) == {"finops_archives", "finops_archived_costs"}
    with one.work.store.transaction() as session:
        [archived] = session.archived_months(one.id)
    assert (archived["unblended"], archived["state"]) == ({"USD": "2.000000000000"}, "restated")
    # the payer is another project's now
    two.reconnect(bucket=one.bucket.name)
    catch_up(two)
    assert unblended(two) == 2
    # who takes the id begins anew: no month to withdraw, none that was final
    service.remove_project(two.work, two.id)
    clock.now = datetime(2024, 11, 20, tzinfo=UTC)
    service.create_project(one.work, one.connection)
    assert service.fetch_project(one.work, one.connection)[0].status is FetchStatus.REGISTERED
    one.read()
    one.publish()
    assert (unblended(one), state(one), restated(one)) == (2, MonthState.FINAL, [])
    service.create_project(two.work, replace(two.connection, bucket=two.bucket.name))


def left_of(project: Project, pool: postgres.Pool) -> set[str]:
    """The tables that have a row of the project."""
    with postgres.transaction(pool) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_name) "
            "WHERE columns.table_schema = 'finops' AND column_name = 'project_id' AND table_type = 'BASE TABLE'"
        ).fetchall()
        found = set()
        for (table,) in tables:
            query = f"SELECT count(*) FROM finops.{table} WHERE project_id = %s"
            [[rows]] = connection.execute(query.encode(), [project.id]).fetchall()
            if rows:
                found.add(table)
    return found


def test_the_archive_has_every_column_of_the_costs(pool: postgres.Pool) -> None:
    with postgres.transaction(pool) as connection:
        columns = {
            table: {
                name
                for (name,) in connection.execute(
                    "SELECT column_name FROM information_schema.columns "
                    "WHERE table_schema = 'finops' AND table_name = %s",
                    [table],
                ).fetchall()
            }
            for table in ("finops_cost_summary", "finops_archived_costs")
        }
    assert columns["finops_archived_costs"] == columns["finops_cost_summary"] | {"archive_id"}
