"""S3 as it is: bodies that break off, answers that come late or not, and the same money all the same."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.finops.service import FetchStatus, FinopsContext
from batch_platform_tests.fault_proxy import Answer, Before, CutBody, FaultProxy, ForgeETag
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project

pytestmark = pytest.mark.faults

ROWS = 3000
FOREVER = 10**6


@pytest.fixture
def keys(project: Project) -> list[str]:
    """Two files of some 10 kB each, so that a body can break in the middle."""
    files = [
        csv_gz(
            [project.line("Usage", f"{n}.{n:06d}", {"resourceTags/user:n": str(n * n)}) for n in range(part, ROWS, 2)]
        )
        for part in (0, 1)
    ]
    return project.bucket.deliver(MONTH, files)


EXPECTED = sum((Decimal(f"{n}.{n:06d}") for n in range(ROWS)), Decimal(0))


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("after", [0, 1, 5000])
def test_a_body_that_breaks_off_is_read_on(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy, after: int, reset: bool
) -> None:
    project.fetch(context=through_proxy)
    for key in keys:
        proxy.add(CutBody(key, after=after, times=2, reset=reset))
    outcome = project.read(context=through_proxy)
    assert (outcome.done, outcome.rows, outcome.errors, outcome.put_back) == (2, ROWS, [], [])
    assert proxy.count("GET", keys[0]) == 3
    assert project.publish().costs["unblended"].sum() == EXPECTED


def test_a_manifest_that_breaks_off_is_read_on(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    proxy.add(CutBody("Manifest.json", after=20, times=2))
    assert project.fetch(context=through_proxy).status is FetchStatus.REGISTERED
    assert len(project.files()) == 2


def test_a_busy_bucket_delays_and_changes_nothing(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    proxy.add(Answer("Manifest.json", times=2))
    project.fetch(context=through_proxy)
    for key in keys:
        proxy.add(Answer(key, status=500, code="InternalError", times=2))
    assert project.read(context=through_proxy).done == 2
    assert project.publish(context=through_proxy).costs["unblended"].sum() == EXPECTED


def test_a_bucket_that_stays_busy_fails_clearly_and_registers_nothing(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    proxy.add(Answer("Manifest.json", times=FOREVER))
    with pytest.raises(TransientFailure, match=project.bucket.uri(project.bucket.legacy_manifest(MONTH))):
        project.fetch(context=through_proxy)
    assert project.files() == []


def test_a_file_that_stays_broken_returns_to_the_queue_and_stops_no_other(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    project.fetch()
    proxy.add(CutBody(keys[0], after=0, times=FOREVER))
    outcome = project.read(context=through_proxy)
    assert outcome.done == 1
    [sentence] = outcome.put_back
    assert sentence.startswith(f"{project.id}: {project.bucket.uri(keys[0])}: reading stopped at byte 0")
    assert project.statuses() == ["PENDING", "DONE"]
    assert project.files()[0]["error_message"] in sentence
    assert project.publish().published is None
    assert project.run().costs["unblended"].sum() == EXPECTED  # when it is mended


def test_a_file_that_may_not_be_read_is_an_error(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    project.fetch()
    proxy.add(Answer(keys[1], status=403, code="AccessDenied", times=FOREVER))
    outcome = project.read(context=through_proxy)
    assert outcome.errors == [f"{project.id}: {project.bucket.uri(keys[1])}: access denied to GetObject"]
    assert project.statuses() == ["DONE", "ERROR"]
    assert proxy.count("GET", keys[1]) == 1


def test_a_bucket_that_may_not_be_listed_is_told(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    proxy.add(Answer(method="HEAD", status=403, code="AccessDenied", times=FOREVER))
    with pytest.raises(PermanentFailure, match="access denied"):
        project.fetch(context=through_proxy)


def test_a_cache_that_answers_with_another_object_is_found_out(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    project.fetch()
    proxy.add(ForgeETag(keys[0], times=FOREVER))
    outcome = project.read(context=through_proxy)
    assert "overwritten" in outcome.put_back[0]
    assert project.statuses() == ["PENDING", "DONE"]


def test_a_broken_lake_loses_no_money(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    lake = replace(project.context, lake=through_proxy.source(project.connection))
    project.fetch()
    refused = proxy.add(Answer("cur_line_items", method="PUT", times=FOREVER))
    outcome = project.read(context=lake)
    assert (outcome.done, len(outcome.put_back)) == (0, 2)
    assert project.statuses() == ["PENDING", "PENDING"]
    assert refused.seen > 0
    proxy.clear()
    assert project.read(context=lake).done == 2
    proxy.add(CutBody("cur_line_items", after=100, times=3))
    assert project.publish(context=lake).costs["unblended"].sum() == EXPECTED


def test_a_copy_that_a_newer_delivery_clears_away_is_lost_and_no_failure(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    """A reader that is slow between its PUT and its HEAD is overtaken; nothing of its file is at fault."""
    published: list[Decimal] = []

    def overtake() -> None:
        project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "7.25")])], assembly="newer")
        published.append(project.run().costs["unblended"].sum())

    project.bucket.deliver(MONTH, [csv_gz([project.line()])])
    lake = replace(project.context, lake=through_proxy.source(project.connection))
    project.fetch()
    proxy.add(Before("cur_line_items", method="HEAD", action=overtake))
    outcome = project.read(context=lake)
    assert (outcome.done, outcome.lost, outcome.errors, outcome.put_back) == (0, 1, [], [])
    assert project.statuses() == ["SUPERSEDED", "DONE"]
    assert published == [Decimal("7.25")]


def test_a_lake_that_answers_with_other_bytes_is_found_out(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    project.fetch()
    project.read()
    first, second = (file["line_items_key"] for file in project.files())
    lake, bucket = project.context.lake, project.context.lake_bucket
    lake.copy_object(Bucket=bucket, Key=second, CopySource={"Bucket": bucket, "Key": first})
    with pytest.raises(TransientFailure, match=f"{second} was altered"):
        project.publish()


def test_a_publication_that_fails_in_its_last_step_is_made_up_for(
    project: Project, keys: list[str], through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    """The tables are committed, the copy in the lake is not."""
    project.fetch()
    project.read()
    lake = replace(project.context, lake=through_proxy.source(project.connection))
    proxy.add(Answer("cost_summary.parquet", method="PUT", times=FOREVER))
    with pytest.raises(TransientFailure, match=r"cost_summary\.parquet"):
        project.publish(context=lake)
    proxy.clear()
    again = project.publish(context=lake)
    assert (again.changed, again.costs["unblended"].sum()) == (False, EXPECTED)
    key = f"finops/cost_summary/2024-10/{project.id}/cost_summary.parquet"
    assert project.lake(key)
