"""`batch-platform up`: code server, daemon and web beside the services, in the foreground, until it is stopped."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FrameType

from pydantic import BaseModel, ValidationError

from batch_platform.core.failures import Conflict, PermanentFailure, PlatformError
from batch_platform.core.file_locks import is_locked, locked
from batch_platform.core.messages import Message
from batch_platform.kit.workers import Worker
from batch_platform.local import dagster_processes as dagster
from batch_platform.local import services
from batch_platform.local.environment import missing_services
from batch_platform.local.home import Home, trim_log, write_atomically
from batch_platform.local.processes import LOOPBACK, Process, free_port, listen
from batch_platform.local.programs import Keeper, Program
from batch_platform.local.provision import provision
from batch_platform.local.state import supervisor_runs
from batch_platform.local.tools import Progress
from batch_platform.settings import Settings

_GIVE_UP_AFTER = 5


class UpState(BaseModel):
    """The content of up.json: how a later `up` finds what a killed one left."""

    supervisor: Process | None = None
    url: str | None = None
    code_port: int | None = None
    processes: dict[str, Process] = {}

    @classmethod
    def load(cls, home: Home) -> UpState:
        try:
            return cls.model_validate_json((home.root / "up.json").read_bytes())
        except (OSError, ValidationError):
            return cls()

    def save(self, home: Home) -> None:
        write_atomically(home.root / "up.json", self.model_dump_json(indent=2))


def up_runs(home: Home) -> bool:
    return is_locked(home.root / "up.lock")


def run(
    settings: Settings,
    *,
    port: int,
    progress: Progress,
    module: str = "batch_platform.definitions",
    workers: Sequence[Worker] = (),
    entry: str = "from batch_platform.cli import main; main()",
) -> None:
    """Run until SIGINT or SIGTERM, then stop everything in order. `entry` is the command line of the workers."""
    if settings.env != "local":
        raise Conflict("up-elsewhere", "up runs the local environment only: unset BATCH_PLATFORM_ENV")
    home = Home(settings.home).create()
    if up_runs(home):
        raise Conflict(
            "up-runs",
            "up already runs for {home}: {url}",
            home=home.root,
            url=UpState.load(home).url or Message("up-starting", "it is just starting"),
        )
    with locked(home.root / "up.lock", seconds=1):
        _Up(settings, home, progress, module, partial(_workers, home, workers, entry)).run(port)


def workers_of(home: Home) -> dict[str, Process]:
    """The processes of the resident workers that `up` runs, by name."""
    processes = UpState.load(home).processes if up_runs(home) else {}
    return {name: process for name, process in processes.items() if name.startswith("worker-")}


def stop_orphans(home: Home) -> list[str]:
    """End what a killed `up` left running: two Dagster daemons on one storage would do everything twice."""
    orphans = {name: process for name, process in UpState.load(home).processes.items() if process.alive()}
    for process in reversed(orphans.values()):
        process.stop()
    return list(orphans)


def _workers(
    home: Home, workers: Sequence[Worker], entry: str, variables: Callable[[], Mapping[str, str]]
) -> list[Keeper]:
    """A keeper for each process of the resident workers."""

    def prepare(worker: Worker, number: int) -> Program:
        return dagster.worker(home, worker, number, variables(), entry)

    each = [(worker, number) for worker in workers for number in range(1, worker.count + 1)]
    return [Keeper(f"worker-{worker.name}-{number}", partial(prepare, worker, number)) for worker, number in each]


class _Up:
    """One run of `up`."""

    def __init__(
        self,
        settings: Settings,
        home: Home,
        progress: Progress,
        module: str,
        workers: Callable[[Callable[[], Mapping[str, str]]], list[Keeper]],
    ) -> None:
        self.settings, self.home, self.progress, self.module = settings, home, progress, module
        self.workers = workers
        self.stopping = threading.Event()
        self.variables: dict[str, str] = {}
        self.keepers: list[Keeper] = []
        self.state = UpState(code_port=UpState.load(home).code_port)
        self.announced = False
        self.listener: socket.socket | None = None

    def run(self, port: int) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        services_were_up = supervisor_runs(self.home)
        try:
            self.variables = services.ensure_running(self.settings, self.progress)
            for name in stop_orphans(self.home):
                self.progress(f"stopped a {name} that a killed up had left")
            for change in provision(self.settings, {**os.environ, **self.variables}):
                self.progress(f"created {change}")
            self._prepare(port)
            self._loop()
        finally:
            self._stop(stop_services=not services_were_up)

    def _on_signal(self, _signum: int, _frame: FrameType | None) -> None:
        self.stopping.set()

    def _prepare(self, port: int) -> None:
        self.listener = listener = listen(port)
        web_port: int = listener.getsockname()[1]
        if web_port != port:
            self.progress(f"port {port} is taken, the web listens on {web_port}")
        code_port = free_port(self.state.code_port, avoid=frozenset({web_port}))
        dagster.write_workspace(self.home, code_port)
        url = f"http://{LOOPBACK}:{web_port}"
        self.state.supervisor = Process.of(os.getpid())
        self.state.code_port, self.state.url = code_port, url
        public = {"BATCH_PLATFORM_URL": os.environ.get("BATCH_PLATFORM_URL") or url}
        # Asked before each start, so that they see the variables of that moment.
        self.keepers = [
            Keeper("code-server", lambda: dagster.code_server(self.home, code_port, self.variables, self.module)),
            Keeper("daemon", lambda: dagster.daemon(self.home, code_port, self.variables)),
            Keeper("web", lambda: dagster.web(self.home, listener, {**self.variables, **public})),
            *self.workers(lambda: {**self.variables, **public}),
        ]

    def _loop(self) -> None:
        self.progress("starting the Dagster code server and daemon, and the web")
        while not self.stopping.wait(0.2):
            self._keep_services()
            for keeper in self.keepers:
                self._tick(keeper)
                if not self.announced and keeper.name == "code-server" and keeper.phase != "ready":
                    break  # at first the others would only wait for it
            self._publish()
            self._announce()

    def _tick(self, keeper: Keeper) -> None:
        failures = keeper.failures
        keeper.tick()
        if keeper.failures <= failures:
            return
        if keeper.failures > _GIVE_UP_AFTER:
            raise PermanentFailure(
                "program-given-up",
                "{reason}; it failed {failures} times, giving up",
                reason=str(keeper.error),
                failures=keeper.failures,
            )
        self.progress(f"{keeper.error}; starting it again")

    def _keep_services(self) -> None:
        """The services have a supervisor of their own; this one only makes sure that it lives."""
        if supervisor_runs(self.home) or not missing_services():
            return
        try:
            variables = services.ensure_running(self.settings, self.progress)
        except PlatformError as error:
            self.progress(f"the services cannot be started again: {error}")
            return
        if variables != self.variables:
            self.progress("the services have moved to other ports: restarting what uses them")
            self.variables = variables
            for keeper in reversed(self.keepers):
                keeper.stop()

    def _publish(self) -> None:
        processes = {keeper.name: keeper.process for keeper in self.keepers if keeper.process}
        if processes != self.state.processes:
            self.state.processes = processes
            self.state.save(self.home)
            for path in self.home.logs.glob("*.log"):
                trim_log(path)

    def _announce(self) -> None:
        if self.announced or any(keeper.phase != "ready" for keeper in self.keepers):
            return
        self.announced = True
        password = self._first_password()
        self.progress(f"ready: {self.state.url}")
        if password is not None:
            self.progress(password)
        self.progress(f"logs: {self.home.logs}; services: batch-platform services status; stop: ctrl-C")

    def _first_password(self) -> str | None:
        """How to sign in, until somebody has: only the password's hash is kept, so each start makes another one."""
        from batch_platform.core import postgres
        from batch_platform.core.clock import utc_now
        from batch_platform.web.access.service import FIRST_ADMINISTRATOR, ensure_administrator

        if self.settings.oidc_issuer is not None:
            return None
        database = {**os.environ, **self.variables}["DATABASE_URL"]
        pool = postgres.open_pool(database, application_name="batch-platform-up", max_size=1)
        try:
            password = ensure_administrator(pool, secrets.token_bytes, utc_now)
        finally:
            pool.close()
        if password is None:
            return None
        return f"sign in as {FIRST_ADMINISTRATOR} with the password {password} (it is told only here)"

    def _stop(self, *, stop_services: bool) -> None:
        self.progress("stopping")
        for keeper in reversed(self.keepers):
            keeper.stop()
        if self.listener is not None:
            self.listener.close()
        self.state.processes, self.state.supervisor, self.state.url = {}, None, None
        self.state.save(self.home)
        if stop_services:
            services.stop(self.home)
