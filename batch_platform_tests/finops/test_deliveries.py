"""Batch A: which delivery counts, what one poll costs, and what moves meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from batch_platform.core import objects
from batch_platform.core.aws_failures import ObjectMoved
from batch_platform.core.failures import NotFound, PermanentFailure, TransientFailure
from batch_platform.finops import service
from batch_platform.finops.model import Format, ManifestStatus
from batch_platform.finops.service import FetchStatus, FinopsContext
from batch_platform.web import i18n
from batch_platform_tests.fault_proxy import Answer, Before, FaultProxy
from batch_platform_tests.finops.bucket import MONTH, File, as_cur2, csv_gz
from batch_platform_tests.finops.conftest import Project, SteppingClock


def deliver(project: Project, *costs: str, assembly: str = "first", month: date = MONTH) -> list[str]:
    """One file a cost."""
    files = [csv_gz([project.line("Usage", cost, month=month)]) for cost in costs]
    return project.bucket.deliver(month, files, assembly=assembly)


# one poll


def test_an_unchanged_manifest_costs_one_head_and_no_bytes(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, "1", "2")
    assert project.fetch(context=through_proxy).status is FetchStatus.REGISTERED
    assert proxy.count("GET") > 0
    proxy.clear()
    assert project.fetch(context=through_proxy).status is FetchStatus.UNCHANGED
    assert [(request.method, request.path) for request in proxy.requests] == [
        ("HEAD", f"/{project.bucket.name}/{project.bucket.legacy_manifest(MONTH)}")
    ]


def test_an_unchanged_export_costs_one_head_too(
    make_project: Callable[..., Project], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    project = make_project(Format.CUR2)
    project.bucket.export(MONTH, [csv_gz([as_cur2(project.line())])])
    project.fetch(context=through_proxy)
    proxy.clear()
    assert project.fetch(context=through_proxy).status is FetchStatus.UNCHANGED
    assert [request.method for request in proxy.requests] == ["HEAD"]


def test_an_unchanged_export_of_a_connection_that_finds_out_its_format_costs_one_head_too(
    make_project: Callable[..., Project], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    project = make_project(Format.AUTO)
    project.bucket.export(MONTH, [csv_gz([as_cur2(project.line())])])
    project.fetch(context=through_proxy)
    proxy.clear()
    assert project.fetch(context=through_proxy).status is FetchStatus.UNCHANGED
    assert [request.method for request in proxy.requests] == ["HEAD"]


def test_a_published_month_stays_unchanged(project: Project, through_proxy: FinopsContext, proxy: FaultProxy) -> None:
    deliver(project, "1")
    assert project.run().published is not None
    assert project.fetch(context=through_proxy).status is FetchStatus.UNCHANGED
    assert [request.method for request in proxy.requests] == ["HEAD"]


def test_a_month_without_a_manifest_is_absent(project: Project) -> None:
    project.bucket.put(f"{project.bucket.folder(MONTH)}/first/cur-1.csv.gz", b"not listed anywhere")
    assert project.fetch().status is FetchStatus.ABSENT
    assert project.files() == []


def test_only_listed_objects_count(project: Project) -> None:
    keys = deliver(project, "1", "2")
    project.bucket.put(keys[0].replace("cur-1", "cur-9"), csv_gz([project.line("Usage", "100")]).body)
    project.bucket.write_manifest(MONTH, keys[:1])
    assert project.run().costs["unblended"].to_list() == [1]


def test_files_are_registered_in_the_order_of_the_manifest_with_what_the_bucket_says_of_them(
    project: Project,
) -> None:
    keys = deliver(project, "1", "22", "333")
    project.bucket.write_manifest(MONTH, keys[::-1])
    assert project.fetch().files == 3
    assert [(file["file_no"], file["object_key"]) for file in project.files()] == list(enumerate(keys[::-1]))
    for file in project.files():
        stored = objects.head(project.bucket.s3, project.bucket.name, file["object_key"])
        assert stored is not None
        assert (file["etag"], file["size_bytes"], file["status"]) == (stored.etag, stored.size, "PENDING")


def test_a_listing_of_more_than_one_page_is_read_to_its_end(project: Project) -> None:
    folder = f"{project.bucket.folder(MONTH)}/first"
    with ThreadPoolExecutor(8) as pool:
        keys = list(
            pool.map(lambda number: project.bucket.put(f"{folder}/cur-{number:05d}.csv.gz", b"x"), range(1005))
        )
    project.bucket.write_manifest(MONTH, keys)
    outcome = project.fetch()
    assert (outcome.status, outcome.files, outcome.missing) == (FetchStatus.REGISTERED, 1005, ())
    assert [file["object_key"] for file in project.files()] == keys


def test_a_failed_listing_is_never_a_month_without_files(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, "1")
    proxy.add(Answer(f"/{project.bucket.name}", status=503, nth=2))
    with pytest.raises(TransientFailure, match="listing s3://"):
        project.fetch(context=through_proxy)
    assert project.files() == []
    assert project.fetch(context=through_proxy).files == 1


def test_which_months_are_polled(project: Project, clock: SteppingClock) -> None:
    clock.now = datetime(2024, 11, 30, 23, 59, tzinfo=UTC)
    for month in (date(2023, 10, 1), date(2023, 11, 1), MONTH, date(2024, 11, 1)):
        deliver(project, "1", month=month)
    project.bucket.put(f"{project.bucket.base}/readme/x", b"")
    months = [outcome.month for outcome in service.fetch_project(project.context, project.connection)]
    assert months == [date(2023, 11, 1), MONTH, date(2024, 11, 1)]  # this month and the twelve before


def test_a_bucket_that_is_gone_is_told(make_project: Callable[..., Project]) -> None:
    project = make_project()
    project.connection = replace(project.connection, bucket="no-such-bucket-anywhere")
    with pytest.raises(NotFound, match="no-such-bucket-anywhere"):
        service.fetch_project(project.context, project.connection)


def test_a_manifest_of_another_month_is_refused(project: Project) -> None:
    keys = deliver(project, "1")
    project.bucket.write_manifest(MONTH, keys, billingPeriod={"start": "20240901T000000.000Z"})
    with pytest.raises(
        PermanentFailure, match=f"{project.bucket.uri(project.bucket.legacy_manifest(MONTH))}: .*20240901"
    ):
        project.fetch()


# waiting


def test_a_manifest_whose_files_are_not_all_there_waits(project: Project) -> None:
    keys = deliver(project, "1", "2")
    body = project.bucket.s3.get_object(Bucket=project.bucket.name, Key=keys[1])["Body"].read()
    project.bucket.delete(keys[1])
    outcome = project.fetch()
    assert (outcome.status, outcome.missing) == (FetchStatus.WAITING, (keys[1],))
    assert project.files() == []
    told = project.publish()
    assert (told.published, told.in_error) == (None, False)
    assert told.waiting_for == "files that the manifest lists are not delivered yet"
    assert project.fetch().status is FetchStatus.WAITING  # asked again, though the manifest is the same
    project.bucket.put(keys[1], body)
    assert project.fetch().status is FetchStatus.REGISTERED
    assert project.run().costs["unblended"].sum() == 3


def test_a_month_that_waits_keeps_what_was_published(project: Project) -> None:
    deliver(project, "1")
    project.run()
    keys = project.bucket.file_keys(MONTH, [File(b"")], "second")
    project.bucket.write_manifest(MONTH, keys, assembly="second")
    assert project.fetch().status is FetchStatus.WAITING
    project.read()
    project.publish()
    with project.context.store.transaction() as session:
        assert session.costs(project.id, MONTH, MONTH)["unblended"].to_list() == [1]


def test_discovery_tells_what_waits_and_what_is_new(project: Project, make_project: Callable[..., Project]) -> None:
    other = make_project()
    deliver(project, "1")
    other.bucket.write_manifest(MONTH, other.bucket.file_keys(MONTH, [File(b"")], "first"))
    found = service.discover(project.context, [project.connection, other.connection], requested={}, at_most=10)
    assert [(run.project_id, run.month) for run in found.runs] == [(project.id, MONTH)]
    [waiting] = found.waiting
    assert waiting.startswith(f"{other.id}/2024-10: 1 files not delivered yet")
    assert found.errors == ()
    asked = {run.place: run.token or "" for run in found.runs}
    assert service.discover(project.context, [project.connection], requested=asked, at_most=10).runs == ()


def test_a_project_that_cannot_be_read_stops_no_other(project: Project, make_project: Callable[..., Project]) -> None:
    broken = make_project()
    broken.connection = replace(broken.connection, bucket="no-such-bucket-anywhere")
    deliver(project, "1")
    found = service.discover(project.context, [broken.connection, project.connection], requested={}, at_most=10)
    assert [run.project_id for run in found.runs] == [project.id]
    [error] = found.errors
    assert error.startswith(f"{broken.id}: ")


def test_the_run_key_names_the_content(project: Project) -> None:
    def key() -> str:
        [run] = service.discover(project.context, [project.connection], requested={}, at_most=10).runs
        return run.run_key

    keys = deliver(project, "1")
    first = key()
    assert key() == first
    project.bucket.write_manifest(MONTH, keys, columns=[])  # another manifest of the same content
    assert key() == first
    project.bucket.put(keys[0], csv_gz([project.line("Usage", "2")]).body)
    assert key() != first


def test_what_is_late_is_told(project: Project, make_project: Callable[..., Project], clock: SteppingClock) -> None:
    never = make_project()
    deliver(project, "1")
    project.run()
    clock.now = datetime.now(UTC)
    told = service.late_deliveries(project.context)
    assert f"{never.id}: nothing published yet" in told
    assert not any(sentence.startswith(project.id) for sentence in told)
    clock.pass_by(timedelta(days=4))
    assert any(
        sentence.startswith(f"{project.id}: last delivery 20")
        for sentence in service.late_deliveries(project.context)
    )


# what moves


def test_a_key_that_is_overwritten_under_the_same_name_is_seen(project: Project) -> None:
    [key] = deliver(project, "1")
    assert project.run().costs["unblended"].sum() == 1
    project.bucket.put(key, csv_gz([project.line("Usage", "5")]).body)
    project.bucket.write_manifest(MONTH, [key], columns=[])  # of the same assembly
    assert project.fetch().status is FetchStatus.REGISTERED
    assert project.statuses() == ["DONE", "PENDING"]
    assert {file["object_key"] for file in project.files()} == {key}
    assert project.run().costs["unblended"].sum() == 5
    assert project.statuses() == ["SUPERSEDED", "DONE"]


def test_an_export_that_overwrites_its_files_is_seen(make_project: Callable[..., Project]) -> None:
    project = make_project(Format.CUR2)
    for cost in ("1", "5"):
        project.bucket.export(MONTH, [csv_gz([as_cur2(project.line("Usage", cost))])], execution=cost)
        assert [str(amount) for amount in project.run().costs["unblended"]] == [f"{cost}.000000000000"]


def test_a_newer_assembly_supersedes_the_files_of_the_older(project: Project) -> None:
    deliver(project, "1", "2")
    project.fetch()
    deliver(project, "4", assembly="second")
    project.fetch()
    assert project.statuses() == ["SUPERSEDED", "SUPERSEDED", "PENDING"]
    assert project.run().costs["unblended"].sum() == 4


def test_a_manifest_that_moves_while_it_is_read_is_read_again(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, "1")
    manifest = project.bucket.legacy_manifest(MONTH)
    moved = proxy.add(Before(manifest, action=lambda: deliver(project, "2", "3", assembly="second")))
    outcome = project.fetch(context=through_proxy)
    assert moved.seen == 2
    assert outcome.files == 2
    assert project.run().costs["unblended"].sum() == 5


def test_a_manifest_that_moves_while_the_bucket_is_listed_is_read_again(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, "1")

    def second_head() -> None:
        deliver(project, "2", "3", assembly="second")

    moved = proxy.add(Before(project.bucket.legacy_manifest(MONTH), method="HEAD", nth=2, action=second_head))
    assert project.fetch(context=through_proxy).files == 2
    assert moved.seen == 3
    assert [file["object_key"].split("/")[-2] for file in project.files()] == ["second", "second"]


def test_a_manifest_that_never_stands_still_is_given_up_for_now(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    assemblies = iter(range(1000))
    deliver(project, "1")
    manifest = project.bucket.legacy_manifest(MONTH)
    proxy.add(Before(manifest, times=1000, action=lambda: deliver(project, "1", assembly=f"a{next(assemblies)}")))
    with pytest.raises(TransientFailure, match="keeps changing"):
        project.fetch(context=through_proxy)
    assert project.files() == []


def test_an_object_swapped_between_registration_and_reading_is_not_read(project: Project) -> None:
    keys = deliver(project, "1", "2")
    project.fetch()
    project.bucket.put(keys[1], csv_gz([project.line("Usage", "1000")]).body)
    outcome = project.read()
    assert outcome.done == 1
    [sentence] = outcome.put_back
    assert project.bucket.uri(keys[1]) in sentence
    assert "overwritten" in sentence
    assert project.statuses() == ["DONE", "PENDING"]
    waits = project.publish()
    assert waits.published is None
    [error] = [file["error_message"] for file in project.files() if file["error_message"]]
    with i18n.speaking(i18n.load(["batch_platform.web", "batch_platform.finops.web"])["ja"]):
        assert i18n.translated(error).endswith("上書きされました(GetObject)。")
        assert i18n.translated(waits.waiting_for) == "まだ読み込まれていないファイルが 1 件あります"


def test_the_reader_asks_for_the_recorded_etag(project: Project) -> None:
    [key] = deliver(project, "1")
    stored = objects.head(project.bucket.s3, project.bucket.name, key)
    assert stored is not None
    project.bucket.put(key, csv_gz([project.line("Usage", "9")]).body)
    with pytest.raises(ObjectMoved, match="overwritten"):
        objects.read_bytes(project.bucket.s3, stored, limit=10**6)


def test_an_object_deleted_between_registration_and_reading_waits_for_the_next_delivery(project: Project) -> None:
    [key] = deliver(project, "1")
    project.fetch()
    project.bucket.delete(key)
    assert project.read().put_back
    assert project.statuses() == ["PENDING"]


def test_a_manifest_that_moves_after_its_files_were_read_is_not_published(project: Project) -> None:
    deliver(project, "1")
    project.fetch()
    project.read()
    deliver(project, "2", assembly="second")
    with pytest.raises(TransientFailure, match="the manifest moved"):
        project.publish()
    with project.context.store.transaction() as session:
        assert session.costs(project.id, MONTH, MONTH).height == 0
    assert project.run().costs["unblended"].sum() == 2


def test_a_delivery_registered_while_an_older_one_is_published_wins(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, "1")
    project.fetch()
    project.read()

    def overtake() -> None:
        deliver(project, "2", assembly="second")
        project.fetch()

    # the newer one is registered after the manifest was looked at a last time, in the middle of the publication
    context = replace(through_proxy, lake=through_proxy.source(project.connection))
    proxy.add(Before("/finops/cur_line_items/", action=overtake))
    with pytest.raises(TransientFailure, match=r"newer delivery|manifest moved"):
        project.publish(context=context)
    assert project.run().costs["unblended"].sum() == 2


def test_an_older_delivery_never_comes_back_over_a_newer_one(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    """A fetch that was overtaken between its reading and its writing."""
    deliver(project, "1")
    manifest = project.bucket.legacy_manifest(MONTH)
    connection = project.connection
    older = service.fetch.read_delivery(project.context, connection, MONTH)
    assert older is not None
    with project.context.store.transaction() as session:
        newer = replace(
            older,
            assembly_id="newer",
            manifest=replace(older.manifest, last_modified=older.manifest.last_modified + timedelta(hours=1)),
        )
        session.save_delivery(newer, now=project.context.clock())
    outcome = project.fetch()
    assert (outcome.status, outcome.version) == (FetchStatus.UNCHANGED, newer.version)
    assert manifest == older.manifest.key


# versions


def test_the_same_delivery_twice_is_one_version(project: Project) -> None:
    keys = deliver(project, "1")
    first = project.fetch()
    project.read()
    project.bucket.write_manifest(MONTH, keys, columns=[{"category": "x", "name": "y"}])
    again = project.fetch()
    assert again.version == first.version
    assert project.statuses() == ["DONE"]
    assert project.publish().costs["unblended"].to_list() == [1]
    assert project.fetch().status is FetchStatus.UNCHANGED


def test_a_version_that_comes_back_is_published_again(project: Project) -> None:
    first_keys = deliver(project, "1", assembly="a")
    a = project.run()
    deliver(project, "2", assembly="b")
    b = project.run()
    project.bucket.write_manifest(MONTH, first_keys, assembly="a")
    back = project.run()
    assert a.published is not None
    assert b.published is not None
    assert back.published is not None
    assert back.published.version == a.published.version != b.published.version
    assert back.costs.equals(a.costs)
    with project.context.store.transaction() as session:
        assert session.costs(project.id, MONTH, MONTH)["unblended"].to_list() == [1]
        newest = session.newest_version(project.id, MONTH)
    assert newest is not None
    assert (newest.version, newest.status) == (a.published.version, ManifestStatus.PUBLISHED)
    assert sorted(project.statuses()) == ["DONE", "SUPERSEDED"]


def test_a_version_that_comes_back_before_it_was_replaced_needs_no_second_reading(project: Project) -> None:
    first_keys = deliver(project, "1", assembly="a")
    a = project.run()
    deliver(project, "2", assembly="b")
    project.fetch()
    project.bucket.write_manifest(MONTH, first_keys, assembly="a")
    assert project.fetch().status is FetchStatus.REGISTERED
    assert project.read().claimed == 0
    back = project.publish()
    assert a.published is not None
    assert back.published is not None
    assert back.published.version == a.published.version
    service.compute_anomalies(project.context, project.id, MONTH)
    service.compute_forecast(project.context, project.id, MONTH)
    assert project.context.months_to_aggregate(project.id) == []


# connections


def test_a_connection_is_tested_without_writing(project: Project, clock: SteppingClock) -> None:
    [empty] = [step for step in service.test_project(project.context, project.id) if not step.passed]
    assert "nothing delivered since 2023-11" in empty.detail
    keys = deliver(project, "1", "2")
    assert [step.passed for step in service.test_project(project.context, project.id)] == [True, True, True]
    project.bucket.delete(keys[0])
    failed = service.test_project(project.context, project.id)[-1]
    assert (failed.name, failed.passed, failed.detail) == ("files", False, "1 of 2 files of 2024-10 are there")
    assert project.files() == []


def test_a_connection_test_names_a_broken_manifest(project: Project) -> None:
    project.bucket.put(project.bucket.legacy_manifest(MONTH), json.dumps({}).encode())
    failed = service.test_project(project.context, project.id)[-1]
    assert not failed.passed
    assert "neither reportKeys nor dataFiles" in failed.detail


def test_a_bucket_that_does_not_exist_is_no_empty_month(project: Project) -> None:
    elsewhere = replace(project.connection, bucket="there-is-no-such-bucket")
    with pytest.raises(NotFound, match="there-is-no-such-bucket"):
        service.fetch_month(project.context, elsewhere, MONTH)
