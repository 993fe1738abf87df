"""The monitor: one leader, duties that do not stop each other, kills and lost databases that change nothing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL
from sqlalchemy.exc import OperationalError

from batch_platform.operations import monitor as monitors
from batch_platform.operations import notify, service
from batch_platform.operations.alerts import RULES, Rule
from batch_platform.operations.model import Severity
from batch_platform.operations.monitor import Monitor, MonitorOptions
from batch_platform_tests.operations.test_notify import Sink
from batch_platform_tests.operations.world import World, kill
from batch_platform_tests.waiting import PATIENCE, eventually


class Pings(BaseHTTPRequestHandler):
    """The far end of the heartbeat."""

    seen: list[str]
    status = 200

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def pings() -> Iterator[type[Pings]]:
    class Own(Pings):
        seen: list[str] = []  # noqa: RUF012
        port: int

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    Own.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield Own
    server.shutdown()
    server.server_close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.controller.stop()


BROKEN = Rule("broken", Severity.WARNING, SQL("SELECT 1 / 0 AS subject, NULL AS job, '' AS summary"), "mended")


def test_a_failure_is_told_and_its_retry_too(world: World, sink: Sink) -> None:
    watch = Monitor(world.ctx, MonitorOptions(notify.destinations(None, sink.url())))
    world.run("letters", *["transient"] * 3, partition="c")
    assert watch.once() == monitors.Pass(led=True)
    assert watch.once() == monitors.Pass(led=True)
    [letter], _ = service.dead_letters(world.ctx)
    service.retry_dead_letter(world.ctx, letter.id, version=letter.version, by="local:hanako")
    watch.once()
    watch.once()
    what = "write-letters failed for c after 3 attempts: the server is away: password=***"
    assert sink.subjects == [f"[critical] {what}", f"[resolved] {what}"]
    assert world.value("SELECT at > now() - interval '1 min' FROM operations.marks WHERE name = 'monitor pass'")


def test_one_leads_and_another_takes_over(world: World) -> None:
    watch = Monitor(world.ctx, MonitorOptions())
    with world.ctx.store.transaction() as leader:
        assert leader.lead()
        assert watch.once() == monitors.Pass(led=False)
    assert watch.once().led


def test_a_duty_that_fails_stops_no_other_and_no_heartbeat_is_sent(
    world: World, sink: Sink, pings: type[Pings]
) -> None:
    url = f"http://127.0.0.1:{pings.port}/beat"  # type: ignore[attr-defined]
    broken = MonitorOptions(notify.destinations(None, sink.url()), rules=(BROKEN, *RULES), heartbeat_url=url)
    world.run("letters", "permanent", partition="a")
    assert Monitor(world.ctx, broken).once() == monitors.Pass(led=True, failed=("rule broken",))
    assert len(sink.mails) == 1
    assert (pings.seen, world.rows("SELECT 1 FROM operations.marks WHERE name = 'monitor pass'")) == ([], [])


def test_the_heartbeat_goes_out_once_a_minute_and_its_failure_harms_nothing(world: World, pings: type[Pings]) -> None:
    url = f"http://127.0.0.1:{pings.port}/beat?token=geheim"  # type: ignore[attr-defined]
    watch = Monitor(world.ctx, MonitorOptions(heartbeat_url=url))
    for _ in range(3):
        watch.once()
    assert pings.seen == ["/beat?token=geheim"]
    world.clock.pass_by(seconds=61)
    pings.status = 500
    watch.once()
    pings.status = 200
    watch.once()
    assert len(pings.seen) == 3


def test_an_unreachable_far_end_is_not_quoted(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    watch = Monitor(world.ctx, MonitorOptions(heartbeat_url="http://127.0.0.1:1/geheim"))
    assert watch.once() == monitors.Pass(led=True)
    assert "geheim" not in "".join(capfd.readouterr())


def test_the_loop_survives_the_loss_of_its_connections(world: World, databases: tuple[str, str]) -> None:
    stop, watch = threading.Event(), Monitor(world.ctx, MonitorOptions())
    thread = threading.Thread(target=watch.run, args=(stop,), kwargs={"every": 0.05})
    thread.start()
    try:
        last = "SELECT at FROM operations.marks WHERE name = 'monitor pass'"
        eventually(lambda: bool(world.rows(last)))
        others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = ANY(%s)"
        cut = f"SELECT pg_terminate_backend(pid) {others}".encode()
        names = [psycopg.conninfo.conninfo_to_dict(url)["dbname"] for url in databases]
        for _ in range(5):
            with psycopg.connect(databases[0], autocommit=True) as admin:
                admin.execute(cut, [names])
            time.sleep(0.1)
        with psycopg.connect(databases[0]) as reader:
            [[before]] = reader.execute(last.encode()).fetchall()
        eventually(lambda: world.value(last) > before)
    finally:
        stop.set()
        thread.join(PATIENCE)
        eventually(lambda: all_connections_are_new(world))
    assert not thread.is_alive()


def all_connections_are_new(world: World) -> bool:
    """False as long as Dagster's pools find a connection that was cut."""
    try:
        world.instance.wipe()
    except OperationalError:
        return False
    return True


@pytest.mark.faults
def test_a_monitor_killed_again_and_again_doubles_nothing(world: World, sink: Sink) -> None:
    moments = random.Random(5)
    world.run("letters", "permanent", partition="a")
    for partition in "bca":
        process = world.spawn("monitor", sink.url().replace("smtp://", "mailto://") + "&mode=insecure")
        assert process.stdout is not None
        assert "watching\n" in iter(process.stdout.readline, "")  # after Dagster's own warnings
        world.run("letters", "permanent", partition=partition)
        time.sleep(moments.uniform(0, 0.5))
        kill(process)
    watch = Monitor(world.ctx, MonitorOptions(notify.destinations(None, sink.url())))
    # the server may take a moment to notice that the last one's transaction has lost its owner
    eventually(lambda: watch.once().led)
    failures = world.value("SELECT count(*) FROM operations.job_runs WHERE status = 'failure'")
    assert failures == 4
    assert world.value("SELECT count(*) FROM operations.dead_letters") == failures
    assert world.value("SELECT count(*) FROM operations.incidents") == failures
    assert world.value("SELECT count(*) FROM operations.notifications WHERE kind = 'opened'") == failures
    told = "".join(f"{subject}\n{body}" for _, subject, body in sink.mails)
    assert told.count("write-letters failed for") >= failures


def test_a_message_whose_mark_was_lost_is_sent_again(world: World, sink: Sink) -> None:
    """The one case of a doubled notification: killed between the server's answer and the mark."""
    to = notify.destinations(None, sink.url())
    world.run("letters", "permanent", partition="a")
    Monitor(world.ctx, MonitorOptions(to)).once()
    world.execute("UPDATE operations.notifications SET delivered = '{}', sent_at = NULL")
    Monitor(world.ctx, MonitorOptions(to)).once()
    assert len(sink.mails) == 2
    Monitor(world.ctx, MonitorOptions(to, keep_runs=timedelta(days=1))).once()
    assert len(sink.mails) == 2
