"""Accounts that change their project: months are computed again, payers exchanged, projects archived."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import Conflict, NotFound
from batch_platform.finops import service
from batch_platform.finops.model import Budget, MonthState
from batch_platform.finops.service import ChecksFailed, FetchStatus, FinopsContext
from batch_platform_tests.fault_proxy import FaultProxy
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project, SteppingClock
from batch_platform_tests.finops.places import Make, catch_up, deliver, restated, state, unblended


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
        [left] = project.context.months_to_aggregate(project.id)
        assert left.month == MONTH
        project.read(context=through_proxy)
        project.publish(context=through_proxy)
        assert unblended(project) == total
        assert all(month.attempts == -1 for month in project.context.months_to_aggregate(project.id))
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
        service.add_project(one.context, replace(one.connection, enabled=True))
    with pytest.raises(Conflict):
        service.add_project(one.context, replace(one.connection, enabled=True), dry_run=True)
    assert not one.context.connection(one.id).enabled
    # narrowed to what is its own it may be polled again
    one.reconnect(enabled=True, account_scope=("9" * 12,))
    catch_up(one)
    assert unblended(one) == 0


def test_work_of_a_disabled_project_is_not_offered(project: Project) -> None:
    def offered() -> bool:
        return project.id in {month.project_id for month in project.context.months_to_aggregate()}

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
    service.compute_anomalies(one.context, one.id, MONTH)
    service.compute_forecast(one.context, one.id, MONTH)
    one.bucket.deliver(MONTH, [csv_gz([one.line("Usage", "2")])], assembly="second")
    one.run()
    service.set_budget(one.context, Budget(one.id, "unblended", "USD", Decimal(9)))
    in_flight = one.connection
    one.fetch()
    assert service.remove_project(one.context, one.id, dry_run=True).months == (MONTH,)
    assert unblended(one) == 2
    assert service.remove_project(one.context, one.id) == service.Removal(one.id, (MONTH,))
    assert service.remove_project(one.context, one.id) == service.Removal(one.id, (MONTH,), changed=False)
    assert left_of(one, pool) == {"finops_archives", "finops_archived_costs"}
    found = one.context.lake.list_objects_v2(Bucket=one.context.lake_bucket, Prefix="finops/")
    assert not [entry["Key"] for entry in found["Contents"] if f"/{one.id}/" in entry["Key"]]
    with pytest.raises(NotFound):
        service.fetch_month(one.context, in_flight, MONTH)
    assert service.publish_month(one.context, in_flight, MONTH).published is None
    assert left_of(one, pool) == {"finops_archives", "finops_archived_costs"}
    with one.context.store.transaction() as session:
        [archived] = session.archived_months(one.id)
    assert (archived["unblended"], archived["state"]) == ({"USD": "2.000000000000"}, "restated")
    # the payer is another project's now
    two.reconnect(bucket=one.bucket.name)
    catch_up(two)
    assert unblended(two) == 2
    # who takes the id begins anew: no month to withdraw, none that was final
    service.remove_project(two.context, two.id)
    clock.now = datetime(2024, 11, 20, tzinfo=UTC)
    service.create_project(one.context, one.connection)
    assert service.fetch_project(one.context, one.connection)[0].status is FetchStatus.REGISTERED
    one.read()
    one.publish()
    assert (unblended(one), state(one), restated(one)) == (2, MonthState.FINAL, [])
    service.create_project(two.context, replace(two.connection, bucket=two.bucket.name))


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
