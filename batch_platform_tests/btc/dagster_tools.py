"""What the tests of the btc assets and automation share: the resource, runs in this process, and what they left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import dagster as dg
import pytest

from batch_platform.btc.dagster import assets, definitions
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.btc.jobs import BATCHES
from batch_platform.btc.service import BtcContext
from batch_platform.resources import build_resources
from batch_platform.settings import Settings
from batch_platform_tests.btc.service_tools import Stage

PLAN, TRANSACTIONS, REPORT = (
    assets.btc_adjustment_plan,
    assets.btc_adjustment_transactions,
    assets.btc_adjustment_report,
)
ALL = [PLAN, TRANSACTIONS, REPORT]


class Staged(BtcResource):
    """The resource, its use cases on the stores and the clock of a test."""

    context: ClassVar[BtcContext | None] = None

    @contextmanager
    def open_context(self) -> Iterator[BtcContext]:
        assert self.context is not None
        yield self.context


def resource(
    settings: Settings, stage: Stage, patch: pytest.MonkeyPatch, kind: type[BtcResource] = BtcResource
) -> BtcResource:
    """The resource on a test's own tables, by the first part of their names."""
    patch.setenv("BTC_PROJECT", stage.tables.batches.removesuffix("-local-batch-operations"))
    return kind(postgres=build_resources(settings)["postgres"])


def materialized(
    btc: BtcResource, instance: dg.DagsterInstance, batch_id: str, selected: list[Any] | None = None
) -> dg.ExecuteInProcessResult:
    """A run of some of the assets for one batch; it may fail."""
    instance.add_dynamic_partitions(BATCHES, [batch_id])
    return dg.materialize(
        ALL,
        selection=[asset.key for asset in selected or ALL],
        resources={"btc": btc},
        instance=instance,
        partition_key=batch_id,
        raise_on_error=False,
    )


def executed(
    settings: Settings, btc: BtcResource, instance: dg.DagsterInstance, job: str, config: Any = None
) -> dg.ExecuteInProcessResult:
    """A run of an op job of the domain; it may fail."""
    [declared] = [
        candidate
        for candidate in definitions.DAGSTER.definitions(settings, build_resources(settings)).jobs or []
        if candidate.name == job
    ]
    assert isinstance(declared, dg.JobDefinition)
    run_config = {"ops": config} if config else {}
    return declared.execute_in_process(
        instance=instance, resources={"btc": btc}, run_config=run_config, raise_on_error=False
    )


def shown(ended: dg.ExecuteInProcessResult, asset: Any) -> dict[str, Any]:
    """The metadata of an asset's only materialization."""
    [materialization] = ended.asset_materializations_for_node(asset.op.name)
    return {name: value.value for name, value in materialization.metadata.items()}


def checks(ended: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {evaluation.check_name: evaluation.passed for evaluation in ended.get_asset_check_evaluations()}


def sentences(ended: dg.ExecuteInProcessResult) -> list[str]:
    """Of each step that failed."""
    data = [event.step_failure_data for event in ended.all_events if event.is_step_failure]
    return [str(failed.user_failure_data.description) for failed in data if failed.user_failure_data is not None]


def retried(ended: dg.ExecuteInProcessResult) -> int:
    return sum(event.is_step_up_for_retry for event in ended.all_events)
