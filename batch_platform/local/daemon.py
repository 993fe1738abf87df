"""The detached supervisor of the embedded services: `python -m batch_platform.local.daemon`.

It holds a lock for as long as it lives, publishes what it knows in the state file, and adopts what a killed
predecessor left running. It ends when it is asked to, when its home is removed, or with the process named as
its owner. A home without its state file is being removed: what is written into it then would be left over.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

from batch_platform.core.failures import PlatformError
from batch_platform.core.file_locks import locked
from batch_platform.local import aws, mail, postgres, prices, provision
from batch_platform.local.environment import environment
from batch_platform.local.home import Home, trim_log
from batch_platform.local.processes import LOOPBACK, Process, free_port
from batch_platform.local.programs import Keeper, Program
from batch_platform.local.state import ALL, Service, State

log = logging.getLogger(__name__)


class Daemon:
    """The services of one home, kept running."""

    def __init__(self, home: Home, names: list[str], owner: Process | None) -> None:
        self.home = home
        self.owner = owner
        self._lock = home.supervisor_lock.stat().st_ino
        self.stopping = threading.Event()
        self.state = State.load(home)
        self.state.supervisor = Process.of(os.getpid())
        self.state.dynamodb_backend = aws.backend(home)
        self.state.notices, self.state.restored = [], False
        self.keepers = [self._keeper(name) for name in names if self._has_own_server(name)]
        self._restored: dict[str, Process | None] = {}
        self._published = State()
        self._stamp: tuple[int, int] | None = None

    def run(self) -> None:
        for round_number in itertools.count():
            for keeper in self.keepers:
                keeper.tick()
            self._restore()
            self._publish()
            if round_number % 100 == 0:
                self._trim_logs()
            if self.stopping.wait(0.2 if self._all_ready() else 0.02) or self._orphaned():
                break
        self._stop()

    def _has_own_server(self, name: str) -> bool:
        return name != "dynamodb" or self.state.dynamodb_backend == "dynoxide"

    def _keeper(self, name: str) -> Keeper:
        keeper = Keeper(name=name, prepare=partial(self._prepare, name))
        known = self.state.services.get(name)
        if known and known.process and known.process.alive():
            keeper.adopt(self._describe(name, known.port), known.process)
        return keeper

    def _prepare(self, name: str) -> Program:
        """Ready to start: on the port of last time if that is still free."""
        taken = frozenset(port for other, port in self.state.ports.items() if other != name)
        port = self.state.ports[name] = free_port(self.state.ports.get(name), avoid=taken)
        if name == "postgres":
            return postgres.program(self.home, port)
        owned = {
            "aws": self.home.aws,
            "dynamodb": aws.database(self.home),
            "prices": self.home.prices,
            "mail": self.home.mail,
        }
        return aws.stop_strays(self._describe(name, port), owned[name])

    def _describe(self, name: str, port: int) -> Program:
        describe: dict[str, Callable[[Home, int], Program]] = {
            "postgres": postgres.running,
            "aws": aws.ministack,
            "dynamodb": aws.dynoxide,
            "prices": prices.program,
            "mail": mail.program,
        }
        return describe[name](self.home, port)

    def _all_ready(self) -> bool:
        return all(keeper.phase == "ready" for keeper in self.keepers)

    def _restore(self) -> None:
        """Create what a server lost or never had, after each start: a killed ministack forgets buckets."""
        processes = {keeper.name: keeper.process for keeper in self.keepers}
        if not self._all_ready() or self._restored == processes:
            return
        self._restored = processes
        self.state.notices = []
        self._collect()
        try:
            provision.restore(environment(self.home, self.state))
        except PlatformError as error:
            log.exception("buckets and tables are not as deploy/aws.yaml says")
            self.state.notices.append(f"deploy/aws.yaml is not applied: {error}")
        self.state.restored = True

    def _collect(self) -> None:
        self.state.services = {keeper.name: self._service(keeper) for keeper in self.keepers}
        if self.state.dynamodb_backend == "ministack" and "aws" in self.state.services:
            self.state.services["dynamodb"] = self.state.services["aws"]
            notice = "DynamoDB is served by ministack, because dynoxide could not be installed"
            self.state.notices = sorted({*self.state.notices, notice})

    def _service(self, keeper: Keeper) -> Service:
        port = self.state.ports.get(keeper.name, 0)
        urls = {"postgres": f"postgresql://{postgres.USER}@{LOOPBACK}:{port}", "mail": mail.url(port)}
        return Service(
            phase=keeper.phase,
            port=port,
            url=urls.get(keeper.name, aws.url(port)),
            log=str(self.home.logs / f"{keeper.name}.log"),
            process=keeper.process,
            starts=keeper.starts,
            failures=keeper.failures,
            error=keeper.error,
        )

    def _publish(self) -> None:
        self.state.restored = self.state.restored and self._all_ready()
        self._collect()
        unchanged = self.state == self._published and self._stamp == self._file_stamp()
        if unchanged or not self._has_home():
            return
        self.state.save(self.home)
        self._published = self.state.model_copy(deep=True)
        self._stamp = self._file_stamp()

    def _file_stamp(self) -> tuple[int, int] | None:
        """Changes when anybody else damages the state file, which is then written again."""
        try:
            state = self.home.state.stat()
        except FileNotFoundError:
            return None
        return state.st_ino, state.st_size

    def _trim_logs(self) -> None:
        for path in self.home.logs.glob("*.log"):
            trim_log(path)

    def _has_home(self) -> bool:
        """Not once its removal has begun, nor when it was made anew."""
        try:
            same = self.home.supervisor_lock.stat().st_ino == self._lock
        except FileNotFoundError:
            return False
        return same and (self._stamp is None or self.home.state.exists())

    def _orphaned(self) -> bool:
        """The home is removed, or the owner is gone."""
        return not self._has_home() or (self.owner is not None and not self.owner.alive())

    def _stop(self) -> None:
        started = time.monotonic()
        for keeper in reversed(self.keepers):
            keeper.stop()
        self.state.supervisor = None
        self._publish()
        log.info("stopped in %.1f s", time.monotonic() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description="supervise the embedded services of one home")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--services", nargs="+", choices=ALL, required=True)
    parser.add_argument("--owner", type=int)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    home = Home(arguments.home)
    with locked(home.supervisor_lock, seconds=2):
        owner = Process.of(arguments.owner) if arguments.owner else None
        daemon = Daemon(home, arguments.services, owner)

        def stop(_signum: int, _frame: FrameType | None) -> None:
            daemon.stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        daemon.run()


if __name__ == "__main__":
    main()
