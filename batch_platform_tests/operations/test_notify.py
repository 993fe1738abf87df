"""Notifications through a real mail server: once each, again until taken, and without secrets."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg.sql import SQL

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import InvalidInput
from batch_platform.operations import alerts, notify, service
from batch_platform.operations.alerts import Rule
from batch_platform.operations.model import Severity
from batch_platform.registry import build_language
from batch_platform.settings import Settings
from batch_platform_tests.mail_sink import Sink
from batch_platform_tests.operations.world import World

RULE, FAILURE = (
    next(rule for rule in alerts.RULES if rule.name == name) for name in ("queue-backlog", "job-failure")
)


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture
def other() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


ROLE = "role arn:aws:iam::111122223333:role/reports"


def backlog(world: World, *sizes: int) -> None:
    """One incident for each size above a thousand."""
    with world.ctx.store.transaction() as session:
        session.save_queues({f"queue{number}": size for number, size in enumerate(sizes)}, now=world.clock())
    alerts.judge(world.ctx.pool, RULE, now=world.clock())


def test_one_message_for_an_incident_and_one_for_its_end(world: World, sink: Sink) -> None:
    to = notify.destinations(None, sink.url("admin@example.com", "ops@example.com"))
    backlog(world, 2_000)
    assert notify.send(world.ctx, to) == 1
    assert notify.send(world.ctx, to) == 0
    backlog(world, 3_000)
    assert notify.send(world.ctx, to) == 0
    backlog(world, 3)
    assert notify.send(world.ctx, to) == 1
    receivers = {receiver for receivers, _, _ in sink.mails for receiver in receivers}
    assert receivers == {"admin@example.com", "ops@example.com"}
    assert list(dict.fromkeys(sink.subjects)) == [
        "[warning] 2000 runs wait in the queue queue0",
        "[resolved] 3000 runs wait in the queue queue0",
    ]
    body = sink.mails[-1][2]
    assert "the queue is short again" in body
    assert "JST" in body


SAID = {
    "ja": (
        [
            f"[重大] {ROLE} を引き受けられ",
            f"[解消] {ROLE} を",
            "[batch_platform] 新しいインシデント 2 件、解消 0 件、お",
        ],
        ["お知らせ 2 件", "確認すること:", "信頼ポリシー", "発生 20", "解消 20", "キュー queue0", "一度だけ"],
    ),
    "en": (
        [f"[critical] {ROLE} cannot", f"[resolved] {ROLE}", "[batch_platform] 2 new incidents, 0 resolved, 2"],
        ["2 notices", "What to look at:", "trust policy", "Since 20", "Resolved 20", "queue queue0", "Told once"],
    ),
}


@pytest.mark.parametrize("code", SAID)
def test_subject_and_text_are_in_the_language_of_the_setting(world: World, sink: Sink, code: str) -> None:
    subjects, texts = SAID[code]
    settings = Settings.model_validate({"BATCH_PLATFORM_NOTICE_LANGUAGE": code})
    reader = notify.Reader(build_language(settings.notice_language), "https://batch.example.com")
    to = notify.destinations(None, sink.url())
    world.run("letters", "role/reports", partition="a")
    world.sync()
    alerts.judge(world.ctx.pool, FAILURE, now=world.clock())
    assert notify.send(world.ctx, to, reader) == 1
    [letter] = service.dead_letters(world.ctx)[0]
    service.discard_dead_letter(world.ctx, letter.id, version=1, reason="x", by="local:taro")
    alerts.judge(world.ctx.pool, FAILURE, now=world.clock())
    assert notify.send(world.ctx, to, reader) == 1
    backlog(world, 2_000, 2_000)
    alerts.judge(world.ctx.pool, replace(RULE, name="noticed", notice=True), now=world.clock())
    with world.ctx.store.transaction() as session:
        due = len(session.due_notifications(now=world.clock(), limit=9))
    assert notify.send(world.ctx, to, reader) == due
    said = "\n".join(f"{subject}\n{body}" for _, subject, body in sink.mails)
    assert [subject[: len(start)] for subject, start in zip(sink.subjects, subjects, strict=True)] == subjects
    assert [text for text in texts if text not in said] == []
    assert "https://batch.example.com/console/incidents/1\n" in said
    assert f"{world.clock().astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M}" in said
    # not a word of the other language
    foreign = r"[a-z]+ [a-z]+ [a-z]+ [a-z]+" if code == "ja" else "[ぁ-ん]+"
    assert re.findall(foreign, said) == []


def test_several_at_once_are_one_message(world: World, sink: Sink) -> None:
    backlog(world, *[2_000] * 30)
    assert notify.send(world.ctx, notify.destinations(None, sink.url())) == 30
    [(_, subject, body)] = sink.mails
    assert subject == "[batch_platform] 30 new incidents, 0 resolved"
    assert body.count("runs wait in the queue") == 30


def test_a_notice_is_one_message_that_says_so(world: World, sink: Sink) -> None:
    to = notify.destinations(None, sink.url())
    noticed = replace(RULE, name="noticed", severity=Severity.INFO, notice=True)
    with world.ctx.store.transaction() as session:
        session.save_queues({"runs": 2_000}, now=world.clock())
    alerts.judge(world.ctx.pool, noticed, now=world.clock())
    assert notify.send(world.ctx, to) == 1
    for rule in (noticed, replace(noticed, name="noticed too"), replace(noticed, name="and again"), RULE):
        alerts.judge(world.ctx.pool, rule, now=world.clock())
    assert notify.send(world.ctx, to) == 3
    assert notify.send(world.ctx, to) == 0
    assert sink.subjects == [
        "[info] 2000 runs wait in the queue runs",
        "[batch_platform] 1 new incidents, 0 resolved, 2 notices",
    ]
    bodies = [body for _, _, body in sink.mails]
    assert "Told once, at 20" in bodies[0]
    assert "(noticed)" in bodies[0]


@pytest.mark.parametrize("sentence", ["proof " * 400 + "end", "証明" * 400, "x" * 2_000])
def test_a_long_sentence_is_told_in_full_under_a_short_subject(world: World, sink: Sink, sentence: str) -> None:
    statement = SQL("SELECT 'a' AS subject, NULL::text AS job, %(sentence)s::text AS summary")
    rule = Rule("long", Severity.WARNING, statement, "it is short", parameters={"sentence": sentence})
    alerts.judge(world.ctx.pool, rule, now=world.clock())
    assert notify.send(world.ctx, notify.destinations(None, sink.url())) == 1
    [(_, subject, body)] = sink.mails
    told = f"[warning] {sentence}"
    assert (told.startswith(subject.removesuffix("…")), len(subject.encode()) <= 243) == (True, True)
    assert body.splitlines()[0] == told


def test_what_is_refused_is_sent_later_and_only_to_whom_it_is_missing(world: World, sink: Sink, other: Sink) -> None:
    to = notify.destinations(sink.url().replace("smtp://", "mailto://") + "&mode=insecure", other.url())
    assert len(to) == 2
    other.refuse = True
    backlog(world, 2_000)
    assert notify.send(world.ctx, to) == 0
    assert (len(sink.mails), len(other.mails)) == (1, 0)
    attempts, error = world.rows("SELECT attempts, last_error FROM operations.notifications")[0]
    assert attempts == 1
    assert error == f"{to[1].shown} did not take it"
    other.refuse = False
    assert notify.send(world.ctx, to) == 0  # not yet
    world.clock.pass_by(seconds=11)
    assert notify.send(world.ctx, to) == 1
    assert (len(sink.mails), len(other.mails)) == (1, 1)


def test_waits_grow_and_old_news_is_given_up(world: World) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        to = notify.destinations(
            None, f"smtp://127.0.0.1:{closed.getsockname()[1]}?from=a@example.com&to=b@example.com"
        )
        backlog(world, 2_000)
        waits = []
        for _ in range(8):
            now = world.clock()
            notify.send(world.ctx, to)
            [[following]] = world.rows("SELECT next_attempt_at FROM operations.notifications")
            waits.append(round((following - now).total_seconds()))
            world.clock.pass_by(seconds=waits[-1] + 1)
        assert waits == [10, 20, 40, 80, 160, 320, 600, 600]
        world.clock.pass_by(days=3)
        notify.send(world.ctx, to)
        assert world.value("SELECT given_up_at IS NOT NULL FROM operations.notifications")
        world.clock.pass_by(days=1)
        assert notify.send(world.ctx, to) == 0


def test_without_a_destination_nothing_is_lost(world: World, sink: Sink) -> None:
    backlog(world, 2_000)
    assert notify.send(world.ctx, ()) == 0
    assert world.value("SELECT last_error FROM operations.notifications") == "ALERT_URLS is not set"
    world.clock.pass_by(minutes=1)
    assert notify.send(world.ctx, notify.destinations(None, sink.url())) == 1
    assert len(sink.mails) == 1


def test_no_secret_leaves(world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        urls = f"json://user:geheim@127.0.0.1:{port}/geheim, mailto://u:geheim@127.0.0.1:{port}?from=a@x.jp&to=b@x.jp,c@x.jp"
        to = notify.destinations(urls, f"smtp://u:geheim@127.0.0.1:{port}?to=d@x.jp&from=a@x.jp")
        assert len(to) == 3
        assert "geheim" not in repr(to)
        world.execute(
            "INSERT INTO operations.incidents (rule, subject, severity, summary, opened_at) "
            "VALUES ('r', 's', 'critical', 'cannot reach postgresql://u:geheim@db/x', %s)",
            world.clock(),
        )
        world.execute(
            "INSERT INTO operations.notifications (incident_id, kind, created_at, next_attempt_at) "
            "VALUES (1, 'opened', %s, %s)",
            world.clock(),
            world.clock(),
        )
        with caplog.at_level(logging.DEBUG):
            notify.send(world.ctx, to)
    stored = world.value("SELECT to_jsonb(n)::text FROM operations.notifications n")
    said = stored + caplog.text + "".join(capfd.readouterr())
    assert "geheim" not in said
    with world.ctx.store.transaction() as session:
        rows = session.due_notifications(now=world.clock() + timedelta(minutes=1), limit=5)
    assert "geheim" not in "".join(notify.message(rows, notify.IN_ENGLISH))


@pytest.mark.parametrize(
    ("alert_urls", "smtp_url", "field"),
    [
        ("geheim", None, "ALERT_URLS"),
        ("json://ok.example.com geheim://x", None, "ALERT_URLS"),
        (None, "http://geheim?to=a@x.jp", "SMTP_URL"),
        (None, "smtp://?to=geheim", "SMTP_URL"),
    ],
)
def test_a_bad_address_is_named_by_its_setting_and_not_quoted(
    alert_urls: str | None, smtp_url: str | None, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        notify.destinations(alert_urls, smtp_url)
    assert caught.value.field == field
    assert "geheim" not in str(caught.value)


def test_addresses_are_split_and_counted_once() -> None:
    urls = "json://a.example.com,json://b.example.com\n mailto://h.example.com?from=x@x.jp&to=a@x.jp,b@x.jp  json://a.example.com"
    assert [to.url.partition("?")[0] for to in notify.destinations(urls, None)] == [
        "json://a.example.com",
        "json://b.example.com",
        "mailto://h.example.com",
    ]
    assert notify.destinations(None, "smtp://mail.example.com") == ()
    assert notify.destinations("", None) == ()
