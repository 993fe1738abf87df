"""Old Dagster runs go, with their events; the ledger and what Dagster needs to know of its assets stay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg

from batch_platform.operations import retention
from batch_platform.operations.retention import purge_dagster_runs
from batch_platform_tests.operations.world import World, dagster_execute


def aged(world: World, *run_ids: str, days: int = 100) -> None:
    for run_id in run_ids:
        change = f"UPDATE runs SET create_timestamp = create_timestamp - interval '{days} days' WHERE run_id = %s"
        dagster_execute(world, change, run_id)


def left(world: World) -> set[str]:
    return {run.run_id for run in world.instance.get_runs()}


def test_old_runs_go_and_the_newest_of_each_partition_stays(world: World) -> None:
    older, newer, other = (world.run("letters", partition=letter) for letter in "aab")
    failed = world.run("letters", "permanent", partition="c")
    without_assets = world.run("plain")
    going = world.unfinished(status=dg.DagsterRunStatus.STARTED).run_id
    young = world.run("plain")
    world.sync()
    aged(world, older, newer, other, failed, without_assets, going)
    assert purge_dagster_runs(world.ctx) == 3
    assert left(world) == {newer, other, going, young}
    assert world.instance.all_logs(older) == []
    key = dg.AssetKey("lettered")
    for letter in "ab":
        filters = dg.AssetRecordsFilter(key, asset_partitions=[letter])
        assert world.instance.fetch_materializations(filters, limit=1).records
    world.sync()
    assert world.value("SELECT count(*) FROM operations.job_runs") == 7


def test_it_goes_on_where_it_stopped_and_rests_for_a_day(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(retention, "_BATCH", 2)
    kept = world.run("letters", partition="a")
    old = [world.unfinished(status=dg.DagsterRunStatus.SUCCESS).run_id for _ in range(6)]
    aged(world, kept, *old)
    assert purge_dagster_runs(world.ctx, batches=1) == 1
    assert purge_dagster_runs(world.ctx, batches=1) == 2
    assert purge_dagster_runs(world.ctx) == 3
    assert left(world) == {kept}
    late = world.unfinished(status=dg.DagsterRunStatus.SUCCESS).run_id
    aged(world, late)
    assert purge_dagster_runs(world.ctx) == 0
    world.clock.pass_by(days=1)
    assert purge_dagster_runs(world.ctx, older_than=timedelta(days=200)) == 0
    world.clock.pass_by(days=1)
    assert purge_dagster_runs(world.ctx) == 1
