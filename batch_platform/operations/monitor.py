"""The watchman: every few seconds it copies runs, judges deadlines and rules, and sends what is to be told.

It uses neither Dagster's queue nor its daemon, whose silence it must notice. One process leads at a time, by a lock
that goes with its transaction; every duty may be repeated, so a killed or doubled monitor changes nothing.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from batch_platform.core.logs import in_one_line
from batch_platform.core.retry import Below
from batch_platform.operations import (
    alerts,
    backfills,
    deadlines,
    ledger,
    notify,
    pauses,
    retention,
    retries,
    waiting,
)
from batch_platform.operations.alerts import RULES, Rule
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.health import Rounds
from batch_platform.operations.notify import IN_ENGLISH, Destination, Reader

EVERY_SECONDS: Final = 5.0
_MARK: Final = "monitor pass"

_HEARTBEAT_SECONDS: Final = 5.0
_DAEMON_RETRIES_WITHIN: Final = timedelta(minutes=1)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class MonitorOptions:
    """What a monitor is to do: whom to tell, and in which language; by which rules, whose signs of life it takes, how
    long runs stay.
    """

    destinations: Sequence[Destination] = ()
    reader: Reader = IN_ENGLISH
    rules: Sequence[Rule] = RULES
    heartbeat_url: str | None = None
    heartbeat_every: timedelta = timedelta(minutes=1)
    rounds: Rounds | None = None
    keep_runs: timedelta = retention.KEEP_RUNS
    random: Below = random.randrange


@dataclass(frozen=True)
class Pass:
    """What one pass did. `led` is false when another monitor was at work; `failed` names the duties that failed."""

    led: bool
    failed: tuple[str, ...] = ()


class Monitor:
    """One monitor. `run` is made for a thread of the web process or for a command of its own."""

    def __init__(self, ctx: OperationsContext, options: MonitorOptions) -> None:
        self._ctx = ctx
        self._options = options
        self._last_heartbeat: datetime | None = None

    def run(self, stop: threading.Event, *, every: float = EVERY_SECONDS) -> None:
        """Pass after pass until `stop` is set; a database that is away is waited for."""
        while not stop.is_set():
            try:
                self.once()
            except Exception as error:  # noqa: BLE001 (the loop must outlive whatever its surroundings do)
                _log.warning("monitor_pass_failed", reason=in_one_line(error))
            stop.wait(every)

    def once(self) -> Pass:
        """One pass of all duties. Raises only what hinders the whole pass, such as a database that is away."""
        with self._ctx.store.transaction() as leader:
            if not leader.lead():
                return Pass(led=False)
            failed = tuple(name for name, duty in self._duties() if not _done(name, duty))
        if not failed:
            with self._ctx.store.transaction() as session:
                session.set_mark(_MARK, self._ctx.clock())
            self._heartbeat()
        return Pass(led=True, failed=failed)

    def _duties(self) -> list[tuple[str, Callable[[], object]]]:
        ctx, options = self._ctx, self._options
        known = (*options.rules, *waiting.REMINDERS)
        return [
            ("register jobs", self._register),
            ("copy runs", lambda: ledger.sync(ctx)),
            ("ask again", lambda: retries.ask_again(ctx)),
            ("go on with backfills", lambda: backfills.advance_all(ctx)),
            ("retry forgotten runs", self._retry_forgotten),
            ("judge deadlines", lambda: deadlines.judge(ctx)),
            ("catch up after pauses", lambda: pauses.catch_up(ctx)),
            ("signs of life", self._make_rounds),
            ("measure queues", self._measure),
            ("close unknown rules", lambda: alerts.close_unknown(ctx.pool, known, now=ctx.clock())),
            *((f"rule {rule.name}", self._judging(rule)) for rule in options.rules),
            ("remind of what waits", lambda: waiting.remind(ctx)),
            ("notify", lambda: notify.send(ctx, options.destinations, options.reader, random=options.random)),
            ("purge", lambda: retention.purge_dagster_runs(ctx, older_than=options.keep_runs)),
        ]

    def _register(self) -> None:
        with self._ctx.store.transaction() as session:
            session.save_jobs(list(self._ctx.registry), now=self._ctx.clock())

    def _make_rounds(self) -> None:
        if self._options.rounds is not None:
            self._options.rounds.make(self._ctx.pool, self._ctx.clock)

    def _retry_forgotten(self) -> None:
        if self._ctx.runner is not None:
            self._ctx.runner.retry_forgotten(ended_before=self._ctx.clock() - _DAEMON_RETRIES_WITHIN)

    def _measure(self) -> None:
        sizes = self._ctx.dagster.queue_sizes()
        with self._ctx.store.transaction() as session:
            session.save_queues(sizes, now=self._ctx.clock())

    def _judging(self, rule: Rule) -> Callable[[], object]:
        return lambda: alerts.judge(self._ctx.pool, rule, now=self._ctx.clock())

    def _heartbeat(self) -> None:
        """Tell the far end that a whole pass was made; its silence is noticed there, so a failure is only logged."""
        import httpx

        url, now = self._options.heartbeat_url, self._ctx.clock()
        last = self._last_heartbeat
        if url is None or (last is not None and now < last + self._options.heartbeat_every):
            return
        try:
            httpx.get(url, timeout=_HEARTBEAT_SECONDS).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:  # their texts quote the URL, which may hold a token
            _log.warning("heartbeat_failed", reason=type(error).__name__)
            return
        self._last_heartbeat = now


def _done(name: str, duty: Callable[[], object]) -> bool:
    """Whether a duty was done; one that fails stops no other."""
    try:
        duty()
    except Exception as error:  # noqa: BLE001 (told in the log, by the missing heartbeat and by the gauge of passes)
        _log.warning("monitor_duty_failed", duty=name, reason=in_one_line(error))
        return False
    return True
