"""The code locations as the web sees them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from dagster._core.workspace.context import WorkspaceProcessContext as WorkspaceProcessContext
from dagster._core.workspace.context import WorkspaceRequestContext as WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._core.workspace.permissions import PermissionResult, Permissions

from batch_platform.operations.dagster.launch import open_instance
from batch_platform.operations.dagster.pooled import limit_statements

_OPERATING: Final = frozenset(
    {
        Permissions.LAUNCH_PIPELINE_EXECUTION,
        Permissions.LAUNCH_PIPELINE_REEXECUTION,
        Permissions.TERMINATE_PIPELINE_EXECUTION,
        Permissions.LAUNCH_PARTITION_BACKFILL,
        Permissions.CANCEL_PARTITION_BACKFILL,
    }
)
"""What those who operate a domain may do with its jobs and assets: run, run again, backfill and stop."""


class OwnersRequestContext(WorkspaceRequestContext):
    """Read-only, but for runs and backfills of what the given owners have: `team:<domain>`, as the kit declares it.

    Dagster asks for the permission of every job, asset, run and backfill that a mutation names, by its owners.
    """

    def __init__(self, owners: Collection[str], **context: Any) -> None:
        super().__init__(**context, read_only=True)
        self._owners = frozenset(owners)

    def viewer_has_any_owner_definition_permissions(self) -> bool:
        return True

    def permissions_for_owner(self, *, owner: str) -> Mapping[str, PermissionResult]:
        if owner not in self._owners:
            return {}
        return {permission: PermissionResult(enabled=True, disabled_reason=None) for permission in _OPERATING}


def open_workspace(stack: ExitStack) -> WorkspaceProcessContext:
    """Dagster's instance and the code locations of `workspace.yaml` beside its `dagster.yaml`.

    It follows its code servers by itself: one that was replaced is loaded again.
    """
    instance = stack.enter_context(open_instance())
    limit_statements(instance)
    file = Path(instance.root_directory) / "workspace.yaml"
    target = WorkspaceFileTarget([str(file)]) if file.exists() else None
    return stack.enter_context(WorkspaceProcessContext(instance, target))


def read_only(context: WorkspaceRequestContext) -> WorkspaceRequestContext:
    """What Dagster gives those who may look and change nothing."""
    return WorkspaceRequestContext(**_parts(context), read_only=True)


def operating(context: WorkspaceRequestContext, owners: Collection[str]) -> WorkspaceRequestContext:
    """For those who may run what these owners have, and look at everything."""
    return OwnersRequestContext(owners, **_parts(context))


def _parts(context: WorkspaceRequestContext) -> dict[str, Any]:
    return {
        "instance": context.instance,
        "current_workspace": context.get_current_workspace(),
        "process_context": context.process_context,
        "version": context.version,
        "source": context.source,
    }
