"""The code locations as the web sees them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from dagster._core.workspace.context import WorkspaceProcessContext as WorkspaceProcessContext
from dagster._core.workspace.context import WorkspaceRequestContext as WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget

from batch_platform.operations.dagster.launch import open_instance
from batch_platform.operations.dagster.pooled import limit_statements


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
    return WorkspaceRequestContext(
        instance=context.instance,
        current_workspace=context.get_current_workspace(),
        process_context=context.process_context,
        version=context.version,
        source=context.source,
        read_only=True,
    )
