"""Signs of life: who of the platform's parts lives, as the monitor asks them and as workers say themselves.

The monitor cannot tell of its own death, nor of PostgreSQL's: `HEARTBEAT_URL` does, and once they are back a notice
says how long nothing was watched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from batch_platform.core.failures import PlatformError
from batch_platform.core.known_errors import failure_of
from batch_platform.core.logs import in_one_line
from batch_platform.core.messages import Message, kept
from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore
from batch_platform.operations.store import with_messages

if TYPE_CHECKING:
    from batch_platform.core.clock import Clock
    from batch_platform.core.postgres import Pool

Probe = Callable[[], None]
"""Returns when all is well, raises when not."""

MONITOR: Final = "monitor"
PATIENCE: Final = timedelta(seconds=90)
"""What gave no sign of life for longer is held to be dead."""

SAY_EVERY: Final = timedelta(seconds=15)
_ANSWER_SECONDS: Final = 3.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Component:
    """A part of the platform; `kind` is monitor, service or worker. `error`: why it did not answer at last."""

    name: str
    kind: str
    alive_at: datetime | None
    registered_at: datetime
    error: str | None

    def state(self, now: datetime) -> str:
        """`alive`, `silent`, or `never` seen; one that has just been declared has its time."""
        if self.alive_at is not None and self.alive_at >= now - PATIENCE and self.error is None:
            return "alive"
        return "silent" if self.alive_at is not None else "never"


class Session(BaseSession):
    """The statements of one transaction."""

    _sql = load("batch_platform.operations.sql")

    def register(self, kinds: Mapping[str, str], *, now: datetime) -> None:
        """The parts that are declared now, with their kinds; others are forgotten."""
        self._run("forget_components", names=list(kinds))
        self._run("register_components", names=list(kinds), kinds=list(kinds.values()), now=now)

    def save_signs(self, signs: Mapping[str, str | None], *, now: datetime) -> None:
        """Who lives, and of the others why they did not answer."""
        messages = [kept(error) for error in signs.values()]
        self._run(
            "save_signs",
            names=list(signs),
            errors=list(signs.values()),
            messages=messages,
            patience=PATIENCE,
            now=now,
        )

    def components(self) -> list[Component]:
        """The monitor first, then services and workers."""
        return [Component(**with_messages(row, "error")) for row in self._rows("components")]


class HealthStore(BaseStore[Session]):
    """Opens transactions on the signs of life."""

    _session = Session


class Rounds:
    """Asks services, each in a thread of its own: one that hangs holds up nobody and is not asked a second time."""

    def __init__(self, probes: Mapping[str, Probe], workers: Sequence[str]) -> None:
        self._probes = dict(probes)
        self._kinds = {
            MONITOR: "monitor",
            **dict.fromkeys(probes, "service"),
            **{f"worker {name}": "worker" for name in workers},
        }
        self._executor = ThreadPoolExecutor(max(1, len(probes)), thread_name_prefix="signs-of-life")
        self._running: dict[str, Future[None]] = {}

    def make(self, pool: Pool, clock: Clock) -> None:
        """Ask all and write down who answered."""
        for name, probe in self._probes.items():
            running = self._running.get(name)
            if running is None or running.done():
                self._running[name] = self._executor.submit(probe)
        signs = {MONITOR: None, **{name: self._answer(name) for name in self._probes}}
        with HealthStore(pool).transaction() as session:
            session.register(self._kinds, now=clock())
            session.save_signs(signs, now=clock())

    def _answer(self, name: str) -> str | None:
        try:
            self._running[name].result(_ANSWER_SECONDS)
        except NoAnswer:
            return Message("no-answer-in-time", "no answer in {seconds} s", seconds=f"{_ANSWER_SECONDS:g}")
        except Exception as error:  # noqa: BLE001 (a probe may fail in any way: that is its answer)
            known = failure_of(error)
            return known.message if known else in_one_line(error)
        return None


def components(pool: Pool) -> list[Component]:
    """Every part of the platform, the monitor first."""
    with HealthStore(pool).transaction() as session:
        return session.components()


class WorkerSigns:
    """A resident worker's own signs of life, a few times a minute; a database that is away troubles it not."""

    def __init__(self, database_url: str, worker: str, clock: Clock) -> None:
        self._database_url = database_url
        self._name = f"worker {worker}"
        self._clock = clock
        self._said_at: datetime | None = None

    def _pool(self) -> Pool:
        from batch_platform.core import postgres

        return postgres.open_pool(self._database_url, application_name="batch-platform worker", max_size=1, timeout=5)

    def __call__(self) -> None:
        now = self._clock()
        if self._said_at is not None and now < self._said_at + SAY_EVERY:
            return
        self._said_at = now
        try:
            with closing(self._pool()) as pool, HealthStore(pool).transaction() as session:
                session.save_signs({self._name: None}, now=now)
        except PlatformError as error:
            _log.warning("sign_of_life_lost", worker=self._name, reason=error.message)
