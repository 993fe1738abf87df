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
def context(context: FinopsContext, tmp_path: Path) -> FinopsContext:
    return replace(context, scratch=tmp_path)


def costs(context: FinopsContext, project: Project) -> list[Decimal]:
    with line_items(context, project.id, MONTH) as items:
        return [amount for file in items.files for amount in pl.read_parquet(file)["unblended_cost"]]


def folders(context: FinopsContext) -> list[Path]:
    assert context.scratch is not None
    [cache] = context.scratch.iterdir()
    return sorted(cache.iterdir())


def test_files_are_those_of_the_published_version(project: Project, context: FinopsContext) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="1.5")]), csv_gz([project.line(cost="2")])])
    project.run(context=context)
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="7")])], assembly="second")
    project.fetch()
    with line_items(context, project.id, MONTH) as items:
        assert len(items.files) == 2
        assert items.stamp.version == items.published.version
    assert costs(context, project) == [Decimal("1.5"), Decimal("2")]
    project.run(context=context)
    assert costs(context, project) == [Decimal(7)]


def test_kept_files_need_no_lake(project: Project, context: FinopsContext) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="3")])])
    project.run(context=context)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: costs(context, project), range(4))) == [[Decimal(3)]] * 4
    [file] = project.files()
    context.lake.delete_object(Bucket=context.lake_bucket, Key=file["line_items_key"])
    assert costs(context, project) == [Decimal(3)]


@pytest.mark.parametrize("gone", [True, False])
def test_a_lost_file_says_what_to_do(project: Project, context: FinopsContext, gone: bool) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line()])])
    project.run(context=context)
    [file] = project.files()
    place = {"Bucket": context.lake_bucket, "Key": file["line_items_key"]}
    _ = context.lake.delete_object(**place) if gone else context.lake.put_object(**place, Body=b"other bytes")
    with pytest.raises(LineItemsLost, match=f"requeue {project.id} --month 2024-10 --all"):
        costs(context, project)
    assert folders(context) == []


def test_a_month_that_is_replaced_meanwhile_is_read_as_it_is_now(
    project: Project, context: FinopsContext, proxy: FaultProxy, settings: Settings
) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="1")])])
    project.run(context=context)

    def replace_month() -> None:
        project.bucket.deliver(MONTH, [csv_gz([project.line(cost="2")])], assembly="second")
        project.run(context=context)

    proxy.add(Before("cur_line_items", method="HEAD", action=replace_month))
    through_proxy = replace(
        context, lake=aws.client("s3", settings.model_copy(update={"aws_endpoint_url": proxy.url}), attempts=1)
    )
    assert costs(through_proxy, project) == [Decimal(2)]


def test_files_that_are_read_again_are_waited_for(project: Project, context: FinopsContext) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line(cost="1")])])
    project.run(context=context)
    [file] = project.files()
    with context.store.transaction() as session:
        session.reopen(project.id, MONTH, file["version"], file["object_key"])
    assert costs(context, project) == [Decimal(1)]  # the copy in the lake is still the published one
    context.lake.put_object(Bucket=context.lake_bucket, Key=file["line_items_key"], Body=b"half way")
    for folder in folders(context):
        [kept] = folder.iterdir()
        kept.unlink()
    with pytest.raises(TransientFailure, match="being read again"):
        costs(context, project)
    project.read()
    project.publish()
    assert costs(context, project) == [Decimal(1)]


def test_room_is_made_but_never_under_a_reader(make_project: Any, context: FinopsContext) -> None:
    first, second, third = make_project(), make_project(), make_project()
    for one in (first, second, third):
        one.bucket.deliver(MONTH, [csv_gz([one.line()])])
        one.run(context=context)
    small = replace(context, line_items_bytes=1)
    with line_items(small, first.id, MONTH) as held:
        with line_items(small, second.id, MONTH):
            assert len(folders(context)) == 2
        assert pl.read_parquet(held.files[0]).height == 1
    with line_items(small, third.id, MONTH) as held:
        assert folders(context) == [held.files[0].parent]


def test_what_a_killed_process_left_is_removed(project: Project, context: FinopsContext) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line()])])
    project.run(context=context)
    costs(context, project)
    [folder] = folders(context)
    part = folder.parent / ".part-dead"
    part.mkdir()
    (part / "00000.parquet").write_bytes(b"half")
    (folder / "00000.parquet").unlink()
    assert costs(context, project) == [Decimal(1)]
    assert folders(context) == [folder]


def test_an_unpublished_month_is_not_found(project: Project, context: FinopsContext) -> None:
    with pytest.raises(NotFound, match="2024-10"), line_items(context, project.id, MONTH):
        pass
