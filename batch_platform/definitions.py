"""Where everything meets: the domains, the resources of this environment, the executor.

Nothing here belongs to one domain; nothing in a domain supplies resources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from batch_platform.btc.dagster import definitions as btc
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.finops.dagster import definitions as finops
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.resources import build_resources
from batch_platform.settings import load_settings
from batch_platform.zengin.dagster import definitions as zengin
from batch_platform.zengin.dagster.resource import ZenginResource

if TYPE_CHECKING:
    from batch_platform.settings import Settings

OWNERS = {"finops": "team:finops", "zengin": "team:zengin", "btc": "team:btc"}


def build_definitions(settings: Settings, **overrides: Any) -> dg.Definitions:
    """All definitions for these settings; `overrides` replace resources by name, in tests."""
    resources: dict[str, Any] = {**build_resources(settings), **overrides}
    resources.setdefault(
        "finops",
        FinopsResource(postgres=resources["postgres"], s3=resources["s3"], still_minutes=settings.cur_still_minutes),
    )
    shared = {name: resources[name] for name in ("postgres", "s3", "dynamodb", "secrets")}
    secret_id = settings.zengin_database_secret_id
    resources.setdefault("zengin", ZenginResource(**shared, env=settings.env, database_secret_id=secret_id))
    tables = {name: resources[name] for name in ("postgres", "s3", "dynamodb")}
    rate = settings.btc_adjustment_rate
    recurring_rate = None if rate is None else f"{rate:f}"
    resources.setdefault(
        "btc", BtcResource(**tables, env=settings.env, project=settings.project, recurring_rate=recurring_rate)
    )
    domains = dg.Definitions.merge(finops.build(settings), zengin.build(settings), btc.build(settings))
    assets = [asset for asset in domains.assets or [] if isinstance(asset, dg.AssetsDefinition)]
    return dg.Definitions(
        assets=[asset.map_asset_specs(_with_owner) for asset in assets],
        asset_checks=domains.asset_checks,
        jobs=domains.jobs,
        sensors=domains.sensors,
        schedules=domains.schedules,
        resources=resources,
        # a step in a process of its own costs seconds; parallelism lives inside SQL and polars
        executor=dg.in_process_executor,
    )


def _with_owner(spec: dg.AssetSpec) -> dg.AssetSpec:
    return spec.replace_attributes(owners=[OWNERS[spec.key.path[0]]])


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster's processes load."""
    return build_definitions(load_settings())
