"""One partition's materialization is forgotten by Dagster, the rest stays, and it can be made again."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from sqlalchemy.exc import IntegrityError

from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.operations import partitions
from batch_platform_tests.operations.world import LETTERS, World, dagster_execute

ASSET = "lettered"
KEY = dg.AssetKey(ASSET)
REASON = "made from a file that was withdrawn"


def shown(world: World) -> set[str]:
    """What Dagster's asset page shows as materialized."""
    value = get_and_update_asset_status_cache_value(world.instance, KEY, LETTERS)
    return set(value.deserialize_materialized_partition_subsets(LETTERS).get_partition_keys()) if value else set()


def newest(world: World) -> str | None:
    """The partition of the asset's newest materialization."""
    event = world.instance.get_latest_materialization_event(KEY)
    return event.asset_materialization.partition if event and event.asset_materialization else None


def test_only_that_partition_is_missing_until_it_is_made_again(world: World) -> None:
    first, second = (world.run("letters", partition="a") for _ in range(2))
    world.run("letters", partition="b")
    world.run("letters", partition="a")
    assert (shown(world), newest(world)) == ({"a", "b"}, "a")
    before = partitions.wipeable(world.ctx, ASSET, "a", reason=REASON)
    assert [made.run_id for made in before.materializations][1:] == [second, first]
    assert world.ctx.dagster.wipe(ASSET, "a") == 3
    assert (shown(world), newest(world)) == ({"b"}, "b")
    assert world.instance.get_materialized_partitions(KEY) == {"b"}
    assert partitions.partition(world.ctx, ASSET, "a").materializations == []
    again = world.run("letters", partition="a")
    assert (shown(world), newest(world)) == ({"a", "b"}, "a")
    assert [made.run_id for made in partitions.partition(world.ctx, ASSET, "a").materializations] == [again]


def test_the_last_one_and_a_failure_are_forgotten_too(world: World) -> None:
    world.run("letters", partition="a")
    world.run("letters", "permanent", partition="a")
    assert world.ctx.dagster.wipe(ASSET, "a") == 1
    value = get_and_update_asset_status_cache_value(world.instance, KEY, LETTERS)
    assert value is None or not value.serialized_failed_partition_subset
    assert shown(world) == set()


@pytest.fixture
def torn(world: World) -> Iterator[None]:
    """The last statement of a wipe fails."""
    dagster_execute(world, "ALTER TABLE asset_keys ADD CONSTRAINT torn CHECK (last_materialization IS NOT NULL)")
    yield
    dagster_execute(world, "ALTER TABLE asset_keys DROP CONSTRAINT torn")


def test_nothing_is_half_forgotten(world: World, request: pytest.FixtureRequest) -> None:
    world.run("letters", partition="a")
    request.getfixturevalue("torn")
    with pytest.raises(IntegrityError):
        world.ctx.dagster.wipe(ASSET, "a")
    assert (shown(world), len(partitions.partition(world.ctx, ASSET, "a").materializations)) == ({"a"}, 1)


@pytest.mark.parametrize(
    "tags",
    [
        {"dagster/partition": "b"},
        {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"},
        {},  # a run of several places at once
    ],
)
def test_a_run_that_may_make_it_is_not_overtaken(world: World, tags: dict[str, str]) -> None:
    world.run("letters", partition="a")
    world.run("letters", partition="b")
    going = world.unfinished("letters", status=dg.DagsterRunStatus.STARTED, tags=tags)
    with pytest.raises(Conflict, match=going.run_id):
        partitions.wipeable(world.ctx, ASSET, "b", reason=REASON)
    if "dagster/partition" in tags:
        assert partitions.wipeable(world.ctx, ASSET, "a", reason=REASON)
    world.instance.report_run_canceled(going)
    assert partitions.wipeable(world.ctx, ASSET, "b", reason=REASON)
    world.unfinished("plain", status=dg.DagsterRunStatus.STARTED)  # of a job that does not make the asset
    assert partitions.wipeable(world.ctx, ASSET, "b", reason=REASON)


def test_what_cannot_be_wiped_is_refused_by_name(world: World) -> None:
    with pytest.raises(NotFound, match="no job makes an asset nothing"):
        partitions.wipeable(world.ctx, "nothing", "a", reason=REASON)
    with pytest.raises(Conflict, match="no materialization of the partition a"):
        partitions.wipeable(world.ctx, ASSET, "a", reason=REASON)
    with pytest.raises(InvalidInput) as refused:
        partitions.wipeable(world.ctx, ASSET, "a", reason=" ")
    assert refused.value.field == "reason"
