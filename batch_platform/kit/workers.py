"""Resident workers: what a domain runs for as long as the platform runs, each in a process of its own.

`make up` starts and watches as many as are declared; elsewhere `batch-platform workers run NAME` is such a process.
Any number may run: whoever needs to be alone takes a lease (`core.leases`).
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from batch_platform.core.clock import utc_now
from batch_platform.core.failures import NotFound
from batch_platform.core.terminal import print_json, print_rows
from batch_platform.kit.options import Json

if TYPE_CHECKING:
    from batch_platform.settings import Settings

SILENT_AFTER: Final = 60.0
"""Seconds after which a worker that says nothing is held to hang."""


class Life:
    """What a worker lives by: it waits here between its rounds, and ends when it is told to."""

    def __init__(self, heartbeat: Path | None = None, tell: Callable[[], None] = lambda: None) -> None:
        self._stop = threading.Event()
        self._heartbeat = heartbeat
        self._tell = tell
        self.alive()

    def alive(self) -> None:
        """Say so; a round that takes longer than half a minute says it in between."""
        if self._heartbeat is not None:
            self._heartbeat.parent.mkdir(parents=True, exist_ok=True)
            self._heartbeat.touch()
        self._tell()

    def wait(self, seconds: float) -> bool:
        """Wait for the next round, at most half a minute; whether to end instead."""
        self.alive()
        return self._stop.wait(min(seconds, SILENT_AFTER / 2))

    def end(self, *_: Any) -> None:
        """Let the present round be the last."""
        self._stop.set()


@dataclass(frozen=True)
class Worker:
    """`run` returns soon after `Life.wait` has said to end. What it raises ends the process; it is started again.

    `id` is that of the batch which it is in a specification, None for one of our own.
    """

    name: str
    description: str
    run: Callable[[Settings, Life], None]
    count: int = 1
    id: str | None = None


def is_alive(heartbeat: Path) -> bool:
    """Whether the worker of this heartbeat has said so lately."""
    try:
        return time.time() - heartbeat.stat().st_mtime < SILENT_AFTER
    except OSError:
        return False


def commands(workers: Callable[[], Sequence[Worker]], load_settings: Callable[[], Settings]) -> typer.Typer:
    """`batch-platform workers …` over the workers of all domains."""
    app = typer.Typer()

    @app.command("list")
    def list_workers(as_json: Json = False) -> None:
        """List the workers that the domains declare."""
        rows = [
            {"id": worker.id, "name": worker.name, "count": worker.count, "description": worker.description}
            for worker in workers()
        ]
        if as_json:
            print_json(rows)
        else:
            print_rows(rows, empty="no worker is declared")

    @app.command("run")
    def run_worker(
        name: Annotated[str, typer.Argument(metavar="NAME", help="The worker, or its id; see `workers list`.")],
        heartbeat: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Touched while it works, for whoever watches it.")
        ] = None,
    ) -> None:
        """Run one worker in this process until it is told to end (SIGTERM or ctrl-C)."""
        worker = next((declared for declared in workers() if name in (declared.name, declared.id)), None)
        if worker is None:
            raise NotFound("unknown-worker", "no worker {name}; see `batch-platform workers list`", name=name)
        from batch_platform.operations.health import WorkerSigns

        settings = load_settings()
        life = Life(heartbeat, WorkerSigns(settings.database(), worker.name, utc_now))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, life.end)
        worker.run(settings, life)

    return app
