"""Line items of published months on local disk: the right version, verified, and never gone under a reader."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from batch_platform.core import aws
from batch_platform.core.failures import NotFound, TransientFailure
from batch_platform.finops.service import FinopsContext, LineItemsLost, line_items
from batch_platform.settings import Settings
from batch_platform_tests.fault_proxy import Before, FaultProxy
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project


@pytest.fixture
def work(work: FinopsContext, tmp_path: Path) -> FinopsContext:
    return replace(work, scratch=tmp_path)


def costs(work: FinopsContext, project: Project) -> list[Decimal]:
    with line_items(work, project.id, MONTH) as items:
        return [amount for file in items.files for amount in pl.read_parquet(file)["unblended_cost"]]


def folders(work: FinopsContext) -> list[Path]:
    assert work.scratch is not None
    [cache] = work.scratch.iterdir()
    return sorted(cache.iterdir())


def test_files_are_those_of_the_published_version(project: Project, work: FinopsContext) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="1.5")]), csv_gz([project.line(cost="2")])])
    project.run(work=work)
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="7")])], assembly="second")
    project.fetch()
    with line_items(work, project.id, MONTH) as items:
        assert len(items.files) == 2
        assert items.stamp.version == items.published.version
    assert costs(work, project) == [Decimal("1.5"), Decimal("2")]
    project.run(work=work)
    assert costs(work, project) == [Decimal(7)]


def test_kept_files_need_no_lake(project: Project, work: FinopsContext) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="3")])])
    project.run(work=work)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: costs(work, project), range(4))) == [[Decimal(3)]] * 4
    [file] = project.files()
    work.lake.delete_object(Bucket=work.lake_bucket, Key=file["line_items_key"])
    assert costs(work, project) == [Decimal(3)]


@pytest.mark.parametrize("gone", [True, False])
def test_a_lost_file_says_what_to_do(project: Project, work: FinopsContext, gone: bool) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line()])])
    project.run(work=work)
    [file] = project.files()
    place = {"Bucket": work.lake_bucket, "Key": file["line_items_key"]}
    _ = work.lake.delete_object(**place) if gone else work.lake.put_object(**place, Body=b"other bytes")
    with pytest.raises(LineItemsLost, match=f"requeue {project.id} --month 2024-10 --all"):
        costs(work, project)
    assert folders(work) == []


def test_a_month_that_is_replaced_meanwhile_is_read_as_it_is_now(
    project: Project, work: FinopsContext, proxy: FaultProxy, settings: Settings
) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="1")])])
    project.run(work=work)

    def replace_month() -> None:
        project.bucket.deliver(MONTH, [csv_gz([project.line(cost="2")])], assembly="second")
        project.run(work=work)

    proxy.add(Before("cur_line_items", method="HEAD", action=replace_month))
    through_proxy = replace(
        work, lake=aws.client("s3", settings.model_copy(update={"aws_endpoint_url": proxy.url}), attempts=1)
    )
    assert costs(through_proxy, project) == [Decimal(2)]


def test_files_that_are_read_again_are_waited_for(project: Project, work: FinopsContext) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="1")])])
    project.run(work=work)
    [file] = project.files()
    with work.store.transaction() as session:
        session.reopen(project.id, MONTH, file["version"], file["object_key"])
    assert costs(work, project) == [Decimal(1)]  # the copy in the lake is still the published one
    work.lake.put_object(Bucket=work.lake_bucket, Key=file["line_items_key"], Body=b"half way")
    for folder in folders(work):
        [kept] = folder.iterdir()
        kept.unlink()
    with pytest.raises(TransientFailure, match="being read again"):
        costs(work, project)
    project.read()
    project.publish()
    assert costs(work, project) == [Decimal(1)]


def test_room_is_made_but_never_under_a_reader(make_project: Any, work: FinopsContext) -> None:
    first, second, third = make_project(), make_project(), make_project()
    for one in (first, second, third):
        one.bucket.deliver(MONTH, [csv_gz([one.line()])])
        one.run(work=work)
    small = replace(work, line_items_bytes=1)
    with line_items(small, first.id, MONTH) as held:
        with line_items(small, second.id, MONTH):
            assert len(folders(work)) == 2
        assert pl.read_parquet(held.files[0]).height == 1
    with line_items(small, third.id, MONTH) as held:
        assert folders(work) == [held.files[0].parent]


def test_what_a_killed_process_left_is_removed(project: Project, work: FinopsContext) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line()])])
    project.run(work=work)
    costs(work, project)
    [folder] = folders(work)
    part = folder.parent / ".part-dead"
    part.mkdir()
    (part / "00000.parquet").write_bytes(b"half")
    (folder / "00000.parquet").unlink()
    assert costs(work, project) == [Decimal(1)]
    assert folders(work) == [folder]


def test_an_unpublished_month_is_not_found(project: Project, work: FinopsContext) -> None:
    with pytest.raises(NotFound, match="2024-10"), line_items(work, project.id, MONTH):
        pass
