"""Programs and the keepers that start them, watch them, and start them again when they die."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from batch_platform.local.processes import Process

log = logging.getLogger(__name__)

Phase = Literal["waiting", "starting", "ready"]


@dataclass(frozen=True)
class Program:
    """One command line, ready to start."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    port: int
    ready: Callable[[], bool]
    user: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    descriptors: tuple[int, ...] = ()
    """Open files that the program is to inherit, under the same numbers."""

    def start(self) -> Process:
        """Start in a session of its own: it outlives its supervisor, which finds it again and adopts it."""
        with self.log.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603 - programs of this package
                self.command,
                env=dict(self.environment),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.descriptors,
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
            )
        # Liveness is read from /proc, for children and adopted processes alike.
        child.returncode = 0
        process = Process.of(child.pid)
        return process or Process(pid=child.pid, started="gone")


@dataclass(frozen=True)
class Patience:
    """How long a keeper waits; tests shorten it."""

    start: float = 120
    silent: float = 60
    probe: float = 5
    settled: float = 30
    longest_pause: float = 30


@dataclass
class Keeper:
    """Keeps one program running. `prepare` is asked before each start, so that a taken port can change."""

    name: str
    prepare: Callable[[], Program]
    patience: Patience = field(default_factory=Patience)
    program: Program | None = None
    process: Process | None = None
    phase: Phase = "waiting"
    starts: int = 0
    failures: int = 0
    error: str | None = None
    _since: float = 0
    _answered: float = 0
    _probed: float = 0
    _next: float = 0

    def adopt(self, program: Program, process: Process) -> None:
        """Go on with a process that an earlier supervisor started."""
        log.info("%s: adopted process %d", self.name, process.pid)
        self.program, self.process, self.phase = program, process, "starting"
        self._since = self._answered = time.monotonic()

    def tick(self) -> None:
        now = time.monotonic()
        if self.process is None:
            if now >= self._next:
                self._start(now)
        elif not self._alive():
            self._failed(f"stopped; see {self._log}", now)
        elif self.phase == "starting":
            self._await_ready(now)
        elif now - self._probed > self.patience.probe:
            self._probe(now)

    def stop(self) -> None:
        if self.process is not None and self.program is not None:
            log.info("%s: stopping process %d", self.name, self.process.pid)
            self.process.stop(self.program.stop_signal)
        self.process, self.phase = None, "waiting"

    @property
    def _log(self) -> str:
        return str(self.program.log) if self.program else "the supervisor's log"

    def _alive(self) -> bool:
        assert self.process is not None
        with suppress(ChildProcessError):  # an adopted process is not our child
            os.waitpid(self.process.pid, os.WNOHANG)
        return self.process.alive()

    def _start(self, now: float) -> None:
        self.starts += 1
        self._since = self._answered = now
        try:
            self.program = self.prepare()
            self.process = self.program.start()
        except Exception as error:
            log.info("%s: cannot be started", self.name, exc_info=True)
            self._failed(f"cannot be started: {error}", now)
            return
        self.phase = "starting"
        log.info("%s: started process %d on port %d", self.name, self.process.pid, self.program.port)

    def _await_ready(self, now: float) -> None:
        assert self.program is not None
        if self.program.ready():
            log.info("%s: ready after %.1f s", self.name, now - self._since)
            self.phase, self.error = "ready", None
            self._since = self._answered = self._probed = time.monotonic()
        elif now - self._since > self.patience.start:
            self._give_up(f"not ready after {self.patience.start:.0f} s; see {self._log}", now)

    def _probe(self, now: float) -> None:
        assert self.program is not None
        if self.program.ready():
            self._answered = now
            if now - self._since > self.patience.settled:
                self.failures = 0
        elif now - self._answered > self.patience.silent:
            self._give_up(f"silent for {self.patience.silent:.0f} s; see {self._log}", now)
        self._probed = time.monotonic()

    def _give_up(self, reason: str, now: float) -> None:
        self.stop()
        self._failed(reason, now)

    def _failed(self, reason: str, now: float) -> None:
        """The first restart is immediate; the pause doubles while the program keeps dying."""
        log.info("%s: %s", self.name, reason)
        self.error = f"{self.name} {reason}"
        self.process, self.phase = None, "waiting"
        pause = 0.0 if self.failures == 0 else min(0.5 * 2**self.failures, self.patience.longest_pause)
        self.failures += 1
        self._next = now + pause
