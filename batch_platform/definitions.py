"""Where everything meets for Dagster: the domains, the resources of this environment, the executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from batch_platform import domains
from batch_platform.resources import build_resources

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build_definitions(settings: Settings, **overrides: Any) -> dg.Definitions:
    """All definitions for these settings; `overrides` replace resources by name, in tests."""
    resources = {**build_resources(settings), **overrides}
    rooms = [domain.dagster() for domain in domains.DOMAINS if domain.dagster]
    built = dg.Definitions.merge(*(room.definitions(settings, resources) for room in rooms))
    assets = [asset for asset in built.assets or [] if isinstance(asset, dg.AssetsDefinition)]
    return dg.Definitions(
        assets=[asset.map_asset_specs(_of_its_domain) for asset in assets],
        asset_checks=built.asset_checks,
        jobs=built.jobs,
        sensors=built.sensors,
        schedules=built.schedules,
        resources={**(built.resources or {}), **resources},
        # a step in a process of its own costs seconds; parallelism lives inside SQL and polars
        executor=dg.in_process_executor,
    )


def _of_its_domain(spec: dg.AssetSpec) -> dg.AssetSpec:
    """In the group of the domain, which is the first part of the key, and its team's."""
    domain = spec.key.path[0]
    return spec.replace_attributes(owners=[f"team:{domain}"], group_name=domain)


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster's processes load."""
    return build_definitions(domains.load_settings())
