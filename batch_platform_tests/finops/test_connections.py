"""What is published belongs to a connection: another place or other accounts replace or withdraw it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date

import pytest

from batch_platform.core.failures import NotFound, TransientFailure
from batch_platform.finops import service
from batch_platform.finops.model import Format, MonthState
from batch_platform.finops.service import ChecksFailed, FetchStatus, FinopsContext
from batch_platform.finops.service.withdrawal import withdraw_former
from batch_platform_tests.fault_proxy import Answer, Before, FaultProxy
from batch_platform_tests.finops.bucket import MONTH, CurBucket, File, as_cur2, csv_gz
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.places import Make, catch_up, deliver, restated, state, unblended

OLD_MONTH = date(2019, 3, 1)
"""Long before the months that are polled."""


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
    with project.context.store.transaction() as session:
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
    with project.context.store.transaction() as session:
        assert session.withdrawn_months(project.id) == []


def test_a_dry_run_and_the_sensor_tell_what_a_changed_connection_would_do(project: Project) -> None:
    deliver(project, "5")
    project.run()
    asked: dict[str, str] = {}

    def runs() -> list[str]:
        found = service.discover(project.context, [project.connection], requested=asked, at_most=9)
        asked.update({run.place: run.token or "" for run in found.runs})
        return [run.run_key for run in found.runs]

    project.reconnect(prefix="cur/other")
    [outcome] = service.fetch_all(project.context, [project.connection], dry_run=True)
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
    with project.context.store.transaction() as session:
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
        service.disable_project(project.context, project.id)
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
        assert project.read(context=through_proxy).claimed == 0
        project.publish(context=through_proxy)
        with project.context.store.transaction() as session:
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
    assert project.fetch(context=through_proxy).status is FetchStatus.UNCHANGED
    assert [request.method for request in proxy.requests] == ["HEAD"]
    assert project.context.months_to_aggregate(project.id) == [
        month for month in project.context.months_to_aggregate(project.id) if month.attempts == -1
    ]


def test_a_withdrawal_that_is_cut_short_is_made_again(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, "5")
    project.run()
    key = project.files()[0]["line_items_key"]
    project.reconnect(prefix="cur/other")
    proxy.add(Answer("", method="POST", status=503, times=9))
    cut_short = replace(project.context, lake=through_proxy.source(project.connection))
    with pytest.raises(TransientFailure):
        project.fetch(context=cut_short)
    assert (unblended(project), restated(project)) == (5, [])
    assert project.fetch().status is FetchStatus.WITHDRAWN
    assert (unblended(project), len(restated(project))) == (None, 1)
    assert project.fetch().status is FetchStatus.ABSENT
    listed = project.context.lake.list_objects_v2(Bucket=project.context.lake_bucket, Prefix=key)
    assert listed["KeyCount"] == 0


# work in flight


def test_work_in_flight_never_brings_the_former_place_back(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    right = elsewhere(project)
    deliver(project, "7", bucket=right)
    deliver(project, "1000")
    late = replace(project, context=through_proxy)
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
        withdraw_former(project.context, late.connection, MONTH, reason="")
    assert late.publish().published is None
    assert unblended(project) is None
    project.fetch()
    assert project.read().done == 1
    with pytest.raises(TransientFailure, match="meanwhile"):
        late.publish()
    project.publish()
    assert unblended(project) == 7


def move(project: Project, bucket: CurBucket) -> None:
    service.add_project(project.context, replace(project.connection, bucket=bucket.name))
    project.connection = replace(project.connection, bucket=bucket.name)


def test_files_of_a_former_place_are_not_claimed(project: Project) -> None:
    deliver(project, "1000")
    project.fetch()
    project.reconnect(prefix="cur/other")
    assert (project.read().claimed, project.context.months_to_aggregate(project.id)) == (0, [])
    project.reconnect(prefix="cur/acme")
    project.run()
    assert unblended(project) == 1000
