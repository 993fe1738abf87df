"""The resident worker on the platform's own services, what is watched of it, and the templates of all domains."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.kit.workers import Life
from batch_platform.operations import alerts
from batch_platform.outbox.alerts import GAUGES, RULES
from batch_platform.outbox.model import Channel, Notice
from batch_platform.outbox.opening import mailbox
from batch_platform.outbox.service import enqueue
from batch_platform.outbox.templates import Templates
from batch_platform.outbox.worker import run
from batch_platform.registry import build_templates, build_workers
from batch_platform.settings import Settings
from batch_platform_tests.outbox.rig import NOW, TEMPLATES, Outbox


class Rounds(Life):
    """Ends as soon as a round had nothing to do."""

    def wait(self, seconds: float) -> bool:
        return seconds > 0


def test_the_worker_sends_by_the_local_sink(
    pool: postgres.Pool, provisioned: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch_platform.operations.platform.given", Given)
    with postgres.transaction(pool) as connection:
        notices = [Notice(f"{n}", Channel.MAIL, "receipt", f"{n}@example.com", {"name": "山田"}) for n in range(60)]
        enqueue(connection, "shop", notices, at=utc_now())
    run(provisioned, Rounds())
    with postgres.transaction(pool) as connection:
        rows = connection.execute("SELECT state, message_id FROM outbox.notices").fetchall()
    assert {state for state, _ in rows} == {"accepted"}
    assert all(mailbox(provisioned).has(message_id) for _, message_id in rows)
    assert {found.message_id for found in mailbox(provisioned).newest(100)} >= {found for _, found in rows}


class Given:
    """The platform as its command line gives it, with the templates of these tests."""

    def templates(self) -> dict[str, str]:
        return TEMPLATES


def test_every_platform_runs_it() -> None:
    assert ("REALTIME_002", "notification-delivery") in {(worker.id, worker.name) for worker in build_workers()}


def test_every_template_of_every_domain_can_be_previewed() -> None:
    templates = Templates(build_templates())
    for domain, name in templates.names():
        for channel in Channel:
            said = templates.render(domain, name, templates.sample(domain, name), channel=channel)
            assert said.subject
            assert said.text.strip()


def test_a_backlog_and_dead_letters_are_told(outbox: Outbox) -> None:
    outbox.add(*(f"{number}@example.com" for number in range(1_000)))
    outbox.add("later@example.com", not_before=NOW + timedelta(hours=1))
    backlog, failed, undelivered = RULES

    def wrong(rule: alerts.Rule, **time: int) -> list[tuple[Any, ...]]:
        values = {**rule.parameters, "now": NOW + timedelta(**time)}
        with postgres.transaction(outbox.pool) as connection:
            rows = connection.execute(rule.statement, values).fetchall()
        return [(subject, job, rule.sentence_of(summary)) for subject, job, summary in rows]

    assert (wrong(backlog), wrong(failed)) == ([], [])
    assert wrong(backlog, hours=1) == [("outbox", None, "1001 notices wait to be sent")]
    with postgres.transaction(outbox.pool) as connection:
        connection.execute("UPDATE outbox.notices SET state = 'failed' WHERE number <= 2")
        figures = {
            gauge.name: connection.execute(gauge.statement, {"now": NOW + timedelta(minutes=5)}).fetchall()
            for gauge in GAUGES
        }
        connection.execute(
            "UPDATE outbox.notices SET state = CASE number WHEN 4 THEN 'suppressed' ELSE 'bounced' END,"
            " category = CASE number WHEN 5 THEN 'advertising' ELSE category END, settled_at = %s"
            " WHERE number BETWEEN 3 AND 5",
            [NOW],
        )
    assert wrong(failed) == [("shop", None, "notices of shop could not be sent: 2 dead letters")]
    assert wrong(undelivered) == [("shop", None, "notices of shop that did not arrive within 24 hours: 2")]
    assert wrong(undelivered, hours=24) == []
    assert figures == {
        "batch_queue_size": [("outbox", 998)],
        "batch_queue_oldest_seconds": [("outbox", 300)],
        "batch_queue_dead_letters": [("outbox", 2)],
    }
