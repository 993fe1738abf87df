"""Notices go to a real SMTP server over TCP, and what it answers decides what becomes of them."""

from __future__ import annotations

import pytest

from batch_platform.core import postgres
from batch_platform.outbox import service
from batch_platform.outbox.model import Channel, Notice
from batch_platform_tests.outbox.rig import Outbox

A, B, C = "a@example.com", "b@example.com", "c@example.com"


def test_what_is_due_is_sent_once_and_accepted(outbox: Outbox) -> None:
    outbox.add(A, B)
    assert (outbox.deliver(), outbox.deliver()) == (2, 0)
    assert outbox.server.recipients() == [A, B]
    assert outbox.states() == {A: "accepted", B: "accepted"}
    [row, _] = outbox.rows()
    assert (row["subject"], row["attempts"], row["accepted_at"]) == (
        "<山田> & 太郎 様 お支払いを受け付けました",
        1,
        outbox.clock.now,
    )
    [mail, _] = outbox.server.mails()
    assert mail.message_id == row["message_id"]


def test_a_transient_refusal_is_tried_again_ever_later_and_is_a_dead_letter_at_last(outbox: Outbox) -> None:
    outbox.server.rcpt, outbox.server.data = {A: "450 4.2.1 later"}, {B: "451 4.3.0 greylisted"}
    outbox.add(A, B)
    waits = []
    while outbox.deliver():
        row = outbox.rows()[0]
        waits.append(round((row["next_attempt_at"] - outbox.clock.now).total_seconds()))
        outbox.clock.now = max(one["next_attempt_at"] for one in outbox.rows())
        if row["state"] == "failed":
            break
    assert waits[:4] == [30, 60, 120, 240]
    assert len(waits) == outbox.options.retry.max_attempts
    assert outbox.states() == {A: "failed not-taken", B: "failed not-taken"}
    assert [row["detail"] for row in outbox.rows()] == ["450 4.2.1 later", "451 4.3.0 greylisted"]
    assert outbox.deliver() == 0

    context = outbox.worker()
    service.retry(context, str(outbox.rows()[0]["id"]), record=lambda *_: None)
    outbox.server.rcpt = {}
    outbox.deliver()
    assert outbox.states() == {A: "accepted", B: "failed not-taken"}


def test_a_recipient_that_does_not_exist_is_never_written_to_again(outbox: Outbox) -> None:
    outbox.server.rcpt = {A: "550 5.1.1 no such user", B: "550 5.7.1 policy"}
    outbox.server.data = {C: "554 5.6.0 not this content"}
    outbox.add(A, B, C)
    outbox.deliver()
    assert outbox.states() == dict.fromkeys((A, B, C), "bounced refused")
    outbox.server.rcpt = outbox.server.data = {}
    outbox.add(A.upper(), B, C, key="again ")
    outbox.deliver()
    assert outbox.states() == {
        A: "bounced refused",
        A.upper(): "suppressed suppressed",
        B: "accepted",
        C: "accepted",
    }
    found, _ = service.suppressions(outbox.worker(), limit=10)
    assert [(one.recipient, one.reason, one.detail) for one in found] == [(A, "bounce", "550 5.1.1 no such user")]


def test_a_server_that_is_away_costs_an_attempt_and_no_mail(outbox: Outbox) -> None:
    outbox.server.stop()
    outbox.add(A)
    outbox.deliver()
    [row] = outbox.rows()
    assert (row["state"], row["reason"], row["unknown_since"]) == ("pending", "not-taken", None)


def test_advertising_needs_consent_and_is_capped(outbox: Outbox) -> None:
    outbox.consent(A)
    outbox.consent(B)
    outbox.consent(B, granted=False)
    outbox.advertise(A, B, C, key="1 ")
    outbox.advertise(A, key="2 ")
    outbox.advertise(A, key="3 ")
    outbox.add(A, key="receipt ")
    outbox.deliver()
    found = [(row["key"], row["state"], row["reason"]) for row in outbox.rows()]
    assert found == [
        (f"1 {A}", "accepted", None),
        (f"1 {B}", "skipped", "opted-out"),
        (f"1 {C}", "skipped", "no-consent"),
        (f"2 {A}", "accepted", None),
        (f"3 {A}", "skipped", "frequency-cap"),
        (f"receipt {A}", "accepted", None),
    ]
    outbox.clock.pass_by(hours=23)
    outbox.advertise(A, key="4 ")
    outbox.deliver()
    outbox.clock.pass_by(hours=2)
    outbox.advertise(A, key="5 ")
    outbox.deliver()
    assert [row["state"] for row in outbox.rows()[-2:]] == ["skipped", "accepted"]


def test_the_cap_counts_one_recipient_in_any_writing_and_what_may_have_been_sent(outbox: Outbox) -> None:
    outbox.consent(A)
    outbox.advertise(A.upper(), key="1 ")
    outbox.advertise(A, key="2 ")
    context = outbox.worker()
    with context.store.transaction() as session:  # a worker that dies with both in hand
        session.claim(context.owner, context.options, host="example.com", limit=2, now=outbox.clock())
    outbox.server.askable = False
    outbox.clock.pass_by(minutes=1)
    outbox.advertise(A.capitalize(), key="3 ")
    outbox.deliver()
    found = [(row["key"], row["state"], row["reason"]) for row in outbox.rows()]
    assert found == [
        (f"1 {A.upper()}", "pending", "unknown"),
        (f"2 {A}", "pending", "unknown"),
        (f"3 {A.capitalize()}", "skipped", "frequency-cap"),
    ]
    outbox.clock.pass_by(minutes=2)
    outbox.deliver()
    assert outbox.server.recipients() == [A.upper(), A]


def test_domains_ask_what_became_of_their_notices(outbox: Outbox) -> None:
    outbox.add(A)
    outbox.deliver()
    with postgres.transaction(outbox.pool) as connection:
        assert service.states(connection, "shop", [A, B]) == {A: "accepted"}
        assert service.states(connection, "other", [A]) == {}


def test_advertising_without_a_postal_address_is_not_sent(outbox: Outbox) -> None:
    outbox.consent(A)
    outbox.advertise(A)
    outbox.deliver(sender=outbox.options.sender.__class__("x@example.com", "x"))
    assert outbox.states() == {A: "failed not-rendered"}
    assert outbox.rows()[0]["detail"] == "OUTBOX_SENDER_ADDRESS is not set"


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"template": "nothing"}, "not-rendered", "shop/nothing.subject.txt"),
        ({"parameters": {}}, "not-rendered", "'name' is undefined"),
    ],
    ids=["no-template", "no-parameter"],
)
def test_what_cannot_be_rendered_is_a_dead_letter_alone(
    outbox: Outbox, change: dict[str, object], reason: str, detail: str
) -> None:
    outbox.add(A, **change)
    outbox.add(B)
    outbox.deliver()
    assert outbox.states() == {A: f"failed {reason}", B: "accepted"}
    assert detail in outbox.rows()[0]["detail"]


@pytest.mark.parametrize(
    "recipient",
    ["", "nobody", "a@b@c", "a b@example.com", "a@example.com\r\nBcc: all@example.com", "山田@example.com", "a@-\n"],
    ids=["empty", "no-host", "two-hosts", "blank", "header", "japanese", "line"],
)
def test_what_is_no_address_is_a_dead_letter(outbox: Outbox, recipient: str) -> None:
    outbox.add(recipient)
    outbox.deliver()
    assert [row["reason"] for row in outbox.rows()] == ["bad-recipient"]
    assert outbox.server.mails() == []


def test_a_notice_waits_for_its_moment(outbox: Outbox) -> None:
    outbox.add(A, not_before=outbox.clock.now.replace(hour=4))
    assert outbox.deliver() == 0
    outbox.clock.pass_by(hours=1)
    assert outbox.deliver() == 1


def test_a_worker_that_is_told_to_end_gives_back_what_it_has_not_sent(outbox: Outbox) -> None:
    outbox.add(A, B, C)
    asked: list[bool] = []

    def ends() -> bool:
        asked.append(True)
        return len(asked) > 1

    service.deliver(outbox.worker(), outbox.providers(), outbox.files, ends=ends)
    assert outbox.states() == {A: "accepted", B: "pending", C: "pending"}
    assert [row["attempts"] for row in outbox.rows()] == [1, 0, 0]
    outbox.deliver()
    assert outbox.server.recipients() == [A, B, C]


def test_old_notices_are_cleared_and_keep_their_keys(outbox: Outbox) -> None:
    outbox.add(A)
    outbox.deliver()
    outbox.clock.pass_by(days=91)
    outbox.add(B)
    assert service.clear(outbox.worker()) == 1
    row, fresh = outbox.rows()
    assert (row["parameters"], row["subject"], row["body_text"], row["body_html"]) == ({}, None, None, None)
    assert fresh["parameters"] != {}
    outbox.add(A)
    assert len(outbox.rows()) == 2


def test_in_the_app_a_notice_is_read_where_the_domain_shows_it(outbox: Outbox) -> None:
    with postgres.transaction(outbox.pool) as connection:
        given = [Notice(f"n{n}", Channel.IN_APP, "receipt", "wallet", {"name": f"<b>{n}"}) for n in range(3)]
        lost = Notice("lost", Channel.IN_APP, "gone", "wallet")
        service.enqueue(connection, "shop", [*given, lost], at=outbox.clock())
    inbox = service.Inbox("shop", "batch_platform_tests.outbox")
    with postgres.transaction(outbox.pool) as connection:
        page, cursor = inbox.page(connection, "wallet", limit=2)
        rest, end = inbox.page(connection, "wallet", limit=2, cursor=cursor)
        assert inbox.page(connection, "stranger") == ([], None)
    assert sorted(one.subject for one in (*page, *rest)) == [
        *(f"<b>{n} 様 お支払いを受け付けました" for n in range(3)),
        "gone",
    ]
    assert end is None
    with postgres.transaction(outbox.pool) as connection:
        assert service.mark_read(connection, "shop", "stranger", at=outbox.clock()) == 0
        assert service.mark_read(connection, "shop", "wallet", [page[0].id], at=outbox.clock()) == 1
        assert service.mark_read(connection, "shop", "wallet", at=outbox.clock()) == 3
        assert inbox.page(connection, "wallet", unread=True) == ([], None)
    assert outbox.deliver() == 0
