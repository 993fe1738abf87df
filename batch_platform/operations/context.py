"""What the use cases of operations work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_platform.core.failures import PermanentFailure
from batch_platform.operations.remedies import REMEDIES
from batch_platform.operations.store import OperationsStore

if TYPE_CHECKING:
    from batch_platform.core.clock import Clock
    from batch_platform.core.postgres import Pool
    from batch_platform.operations.costs import Costs
    from batch_platform.operations.gauges import Gauge
    from batch_platform.operations.model import Registry
    from batch_platform.operations.movements import Movement
    from batch_platform.operations.runner import DagsterStorage, Runner, Triggers
    from batch_platform.operations.waiting_lists import WaitingList


@dataclass(frozen=True)
class OperationsContext:
    """`runner` is None where runs cannot be started: a scrape, a monitor without a workspace.

    `triggers` is None where Dagster's code locations are not open. `gauges` are what domains add to the metrics,
    `waiting` the lists of what waits for people, `movements` what domains move by day, `costs` what they cost,
    `remedies` what is to be looked at by the ids of failures.
    """

    pool: Pool
    clock: Clock
    registry: Registry
    dagster: DagsterStorage
    runner: Runner | None = None
    gauges: tuple[Gauge, ...] = ()
    triggers: Triggers | None = None
    waiting: tuple[WaitingList, ...] = ()
    movements: tuple[Movement, ...] = ()
    remedies: Mapping[str, str] = field(default_factory=lambda: REMEDIES)
    costs: tuple[Costs, ...] = ()

    @property
    def store(self) -> OperationsStore:
        return OperationsStore(self.pool)

    def require_runner(self) -> Runner:
        """Raises `PermanentFailure` where there is none."""
        if self.runner is None:
            raise PermanentFailure(
                "no-runner", "this process cannot start or stop runs: ask the web, or use the command line"
            )
        return self.runner
