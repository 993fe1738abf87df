"""How operations asks Dagster for runs and reads what became of them; who does it is chosen by whoever builds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

if TYPE_CHECKING:
    from batch_platform.operations.log_lines import LogLine
    from batch_platform.operations.model import Launch, Run, Step


PRIORITY_TAG: Final = "dagster/priority"
"""Where Dagster's queue finds the priority of a run; without it, or what is no whole number, it is 0."""


class Runner(Protocol):
    """Starts and stops runs."""

    def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
        """Ask for a run, its dynamic partitions added before, and return its id.

        With a `run_id` (a UUID) a second call meets the run of the first one, also when the first was killed
        half-way: that is how nothing is asked for twice.
        """
        ...

    def cancel(self, run_id: str, *, requested_by: str) -> None:
        """Stop a run that has not ended. Raises `NotFound`, or `Conflict` when it has."""
        ...

    def retry_forgotten(self, *, ended_before: datetime) -> int:
        """Start retries that were promised to runs ended before then, and not started; how many."""
        ...


class Triggers(Protocol):
    """Dagster's schedules and sensors: switched on and off, and asked what they would launch."""

    def switch(self, trigger: str, *, on: bool) -> None:
        """Raises `NotFound` for a name that Dagster does not know, `TransientFailure` while it does not answer."""
        ...

    def launches(self, schedule: str, at: datetime) -> list[Launch]:
        """What the schedule asks for at a moment, evaluated anew. Raises as `switch` does."""
        ...


@dataclass(frozen=True)
class Facts:
    """What Dagster alone knows of a run."""

    steps: tuple[Step, ...]
    steps_total: int
    messages: tuple[LogLine, ...]
    dry_run_rows: tuple[Mapping[str, Any], ...] | None
    dry_run_summary: str | None


@dataclass(frozen=True)
class Tick:
    """One look of a schedule or sensor; `at` is the moment it was due for (schedules) or happened (sensors)."""

    at: datetime
    status: Literal["started", "success", "skipped", "failure"]
    error: str | None

    @property
    def good(self) -> bool:
        """Whether it looked and was not hindered; that it found nothing to do is as good."""
        return self.status in ("success", "skipped")


@dataclass(frozen=True)
class TriggerState:
    """A schedule or sensor as Dagster's storage has it."""

    name: str
    running: bool
    ticks: tuple[Tick, ...]  # oldest first

    @property
    def error(self) -> str | None:
        """Why its last look failed; None when it did not."""
        ended = [tick for tick in self.ticks if tick.status != "started"]
        return ended[-1].error if ended else None


@dataclass(frozen=True)
class Materialization:
    """That a partition of an asset was made; by no run where a program has reported it."""

    run_id: str | None
    at: datetime


@dataclass(frozen=True)
class QueuedRun:
    """A run that waits in Dagster's queue. The highest priority is started first, of the same the oldest."""

    run: Run
    priority: int


class DagsterStorage(Protocol):
    """Reads of Dagster's storage, in values of our own, and the little that is changed there."""

    def changed_runs(self, *, updated_after: datetime | None, after_run: str | None, limit: int) -> RunPage:
        """Runs changed since, in the order of their creation, the page after `after_run`; without outcomes."""
        ...

    def outcome(self, run_id: str) -> tuple[int, str | None]:
        """The most attempts any step of an ended run took, and why it failed: what its events say."""
        ...

    def runs(self, run_ids: Sequence[str]) -> list[Run]:
        """Those that Dagster still has, without outcomes; one of no job stands under its Dagster job."""
        ...

    def facts(self, run_id: str) -> Facts | None:
        """None when Dagster has purged the run."""
        ...

    def triggers(self, since: Mapping[str, datetime]) -> dict[str, TriggerState]:
        """The named schedules and sensors that Dagster knows, with their ticks since the given moments."""
        ...

    def queue_sizes(self) -> dict[str, int]:
        """How many runs wait, by the name of the queue."""
        ...

    def materializations(self, asset: str, partition: str) -> list[Materialization]:
        """Of one partition of an asset, newest first."""
        ...

    def at_work(self, asset: str, partition: str) -> str | None:
        """A run that has not ended and may yet materialize the partition."""
        ...

    def wipe(self, asset: str, partition: str) -> int:
        """Forget all that is said of the partition, at once; how many materializations that were."""
        ...

    def queue(self, run_id: str | None = None) -> list[QueuedRun]:
        """The queued runs, or this one of them, in the order in which they are started."""
        ...

    def prioritize(self, run_id: str, priority: int) -> bool:
        """Give a queued run another priority; whether it was queued still."""
        ...

    def purge(self, *, created_before: datetime, limit: int, after_run: str | None) -> tuple[int, str | None]:
        """Delete a batch of ended runs with their events; how many, and where to go on (None: done)."""
        ...


@dataclass(frozen=True)
class RunPage:
    """One page of Dagster's runs: those of registered jobs, and where the next page begins."""

    runs: tuple[Run, ...]
    newest_update: datetime | None
    next_after: str | None
