"""Workers race, are killed, are paused and lose their connection: with a sink that can be asked, one mail each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from batch_platform.core.clock import utc_now
from batch_platform.outbox import service
from batch_platform.outbox.model import State
from batch_platform.settings import Settings
from batch_platform_tests.outbox.rig import Outbox
from batch_platform_tests.waiting import eventually

pytestmark = pytest.mark.faults

A, B = "a@example.com", "b@example.com"


@contextmanager
def worker(outbox: Outbox, settings: Settings, *, lease: float = 60) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, on the real clock."""
    program = (sys.executable, "-m", "batch_platform_tests.outbox.worker_process")
    command = [*program, str(outbox.server.port), str(lease)]
    with subprocess.Popen(command, env={**os.environ, "TEST_DATABASE": settings.database()}) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def real(outbox: Outbox) -> Outbox:
    """The outbox on the real clock, as the worker processes are."""
    outbox.clock = utc_now  # type: ignore[assignment]
    outbox.options = outbox.options.__class__(
        outbox.options.sender, outbox.options.link_url, resend_after=timedelta(seconds=0.2)
    )
    return outbox


def settled(outbox: Outbox) -> Callable[[], bool]:
    return lambda: all(row["state"] == "accepted" for row in outbox.rows())


def work_together(outbox: Outbox, *, limit: int) -> list[int]:
    """Four workers at once until nothing is due; how many notices each claimed."""
    start = threading.Barrier(4)

    def work(_: int) -> int:
        context, providers, done = outbox.worker(), outbox.providers(), 0
        start.wait()
        while claimed := service.deliver(context, providers, outbox.files, limit=limit):
            done += claimed
        return done

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, range(4)))


def test_workers_send_nothing_twice(outbox: Outbox) -> None:
    recipients = [f"r{number}@example.com" for number in range(60)]
    outbox.add(*recipients)
    assert sum(work_together(outbox, limit=3)) == 60
    assert outbox.server.recipients() == sorted(recipients)


def test_workers_do_not_pass_the_cap_together(outbox: Outbox) -> None:
    recipients = [f"r{number}@example.com" for number in range(10)]
    for recipient in recipients:
        outbox.consent(recipient)
        for number in range(8):
            outbox.advertise(recipient, key=f"{number} ")
    work_together(outbox, limit=1)
    assert outbox.server.recipients() == sorted(recipients * 2)


def test_killed_after_the_server_took_the_mail_and_before_it_is_kept(real: Outbox, settings: Settings) -> None:
    real.add(A, B)
    with worker(real, settings) as process:
        real.server.taken = process.kill  # within DATA, before the answer
        eventually(lambda: process.poll() is not None)
    assert [row["state"] for row in real.rows()] == ["sending", "sending"]
    real.server.taken = lambda: None
    with worker(real, settings):
        eventually(settled(real))
    assert real.server.recipients() == [A, B]


def test_killed_before_the_server_took_the_mail(real: Outbox, settings: Settings) -> None:
    real.add(A)
    with worker(real, settings) as process:

        class Killing(dict[str, str]):
            def __contains__(self, _: object) -> bool:
                process.kill()
                return False

        real.server.rcpt = Killing()
        eventually(lambda: process.poll() is not None)
    real.server.rcpt = {}
    [row] = real.rows()
    assert (row["state"], real.server.mails()) == ("sending", [])
    with worker(real, settings):
        eventually(settled(real))
    assert real.server.recipients() == [A]


def test_paused_for_longer_than_its_lease_a_worker_sends_nothing_more(real: Outbox, settings: Settings) -> None:
    real.add(A, B)
    with worker(real, settings, lease=1) as process:

        class Pausing(dict[str, str]):
            def __contains__(self, _: object) -> bool:
                os.kill(process.pid, signal.SIGSTOP)
                return False

        real.server.rcpt = Pausing()
        eventually(lambda: stopped(process.pid))
        real.server.rcpt = {}
        with worker(real, settings):
            eventually(settled(real))
        fences = [row["fence"] for row in real.rows()]
        os.kill(process.pid, signal.SIGCONT)
        real.add("c@example.com")
        eventually(settled(real))
    assert [row["fence"] for row in real.rows()][:2] == fences
    assert real.server.recipients() == [A, B, "c@example.com"]


def test_a_connection_lost_after_the_mail_was_given(outbox: Outbox) -> None:
    """The server has it, but nobody heard it say so."""
    cut: list[Any] = []
    take = outbox.server.handle_DATA

    async def lose(server: Any, session: Any, envelope: Any) -> str:
        await take(server, session, envelope)
        if not cut:
            cut.append(server.transport.abort())
        return "250 unheard"

    outbox.server.handle_DATA = lose  # type: ignore[method-assign]
    outbox.add(A)
    outbox.deliver()
    assert outbox.states() == {A: "pending unknown"}
    outbox.clock.pass_by(minutes=2)
    outbox.deliver()
    assert (outbox.states(), outbox.server.recipients()) == ({A: "accepted"}, [A])


def test_a_server_that_cannot_be_asked_gets_it_again_after_the_stated_time(outbox: Outbox) -> None:
    """At least once: this is what the console says of SES and of other servers than the sink."""
    outbox.server.askable = False
    outbox.add(A)
    context = outbox.worker()
    with context.store.transaction() as session:
        session.claim(context.owner, context.options, host="example.com", limit=1, now=outbox.clock())
    outbox.clock.pass_by(minutes=1)
    outbox.deliver()
    assert outbox.states() == {A: "pending unknown"}
    outbox.clock.pass_by(minutes=1, seconds=59)
    assert (outbox.deliver(), outbox.server.mails()) == (0, [])
    outbox.clock.pass_by(seconds=1)
    assert (outbox.deliver(), outbox.server.recipients()) == (1, [A])


def test_a_late_worker_writes_nothing(outbox: Outbox) -> None:
    outbox.add(A)
    late = outbox.worker()
    with late.store.transaction() as session:
        [notice] = session.claim(late.owner, late.options, host="example.com", limit=1, now=outbox.clock())
    outbox.clock.pass_by(minutes=1)
    outbox.deliver()
    with late.store.transaction() as session:
        assert not session.hold(notice, until=outbox.clock() + timedelta(hours=1), now=outbox.clock())
        assert not session.settle(notice, State.ACCEPTED, now=outbox.clock(), attempts=1)
    assert outbox.states() == {A: "pending unknown"}


def stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"
