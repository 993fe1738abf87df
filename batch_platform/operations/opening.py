"""How a command opens operations: on the platform that its root has given, with a runner where it needs one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from batch_platform.core.terminal import showing
from batch_platform.operations import platform

if TYPE_CHECKING:
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.dagster.launch import Launcher
    from batch_platform.settings import Settings


@contextmanager
def open_operations(
    settings: Settings, *, runs: bool = False, switches: bool = False, launcher: Launcher | None = None
) -> Iterator[OperationsContext]:
    """The context of this process, its connections closed at the end; with `runs` jobs are run in it, by a `launcher`
    of the caller's if it has one, with `switches` it asks Dagster's code server for schedules and sensors."""
    from batch_platform.core import postgres
    from batch_platform.core.clock import utc_now
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.dagster.launch import InProcessRunner, open_instance
    from batch_platform.operations.dagster.storage import DagsterInstanceStorage
    from batch_platform.operations.dagster.triggers import DagsterTriggers
    from batch_platform.operations.dagster.workspace import open_workspace

    database = settings.database()
    registry = platform.given().registry(settings)
    with showing("loading the jobs"):
        if runs and launcher is None:
            launcher = platform.given().launcher(settings)
        instance = launcher.instance if launcher else open_instance()
    runner = None
    if launcher:
        launcher.end_dead_runs()
        runner = InProcessRunner(launcher)
    storage = DagsterInstanceStorage(instance, registry)
    with ExitStack() as stack:
        triggers = DagsterTriggers(open_workspace(stack)) if switches else None
        pool = postgres.open_pool(database, application_name="batch-platform jobs")
        stack.callback(pool.close)
        yield OperationsContext(
            pool,
            utc_now,
            registry,
            storage,
            runner,
            triggers=triggers,
            waiting=platform.given().waiting(),
            remedies=platform.given().remedies(),
        )
