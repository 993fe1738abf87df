"""Dagster's launcher of ECS tasks; each run has the task definition, and so the role, of its domain.

Those task definitions are made by whoever deploys. Dagster's own way, to register one for each image, would let the
daemon hand any role to any run.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster_aws.ecs import EcsRunLauncher
from dagster_aws.ecs.container_context import EcsContainerContext

from batch_platform.core.failures import PermanentFailure
from batch_platform.operations.model import DOMAIN_TAG


class DomainEcsRunLauncher(EcsRunLauncher):
    """Runs `<task_definition_prefix>-<domain>` in its newest revision."""

    def _run_task_kwargs(
        self, run: dg.DagsterRun, image: str | None, container_context: EcsContainerContext
    ) -> dict[str, Any]:
        family = f"{self._task_definition_prefix}-{domain_of(run)}"
        mine = container_context._replace(task_definition_arn=family)
        kwargs: dict[str, Any] = super()._run_task_kwargs(run, image, mine)
        return kwargs


def domain_of(run: dg.DagsterRun) -> str:
    """Whose a run is: by its job's tag, else by the assets that somebody has chosen in Dagster's UI.

    Raises `PermanentFailure` for assets of several domains: no role is made for them.
    """
    declared: str | None = run.tags.get(DOMAIN_TAG)
    if declared is not None:
        return declared
    domains = {key.path[0] for key in (*(run.asset_selection or ()), *_assets_of_checks(run))}
    if len(domains) == 1:
        return str(domains.pop())
    raise PermanentFailure(
        "run-of-no-single-domain",
        "run {run} is of no single domain ({domains}): a task has the role of one",
        run=run.run_id,
        domains=sorted(domains) or "none",
    )


def _assets_of_checks(run: dg.DagsterRun) -> list[dg.AssetKey]:
    return [check.asset_key for check in run.asset_check_selection or ()]
