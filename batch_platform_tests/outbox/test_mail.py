"""Mails by their bytes, the links in them, and what stands in advertising."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.outbox import links
from batch_platform.outbox.mail import checked_number, mail_bytes
from batch_platform.outbox.model import Channel, Rendered
from batch_platform.outbox.templates import Templates
from batch_platform_tests.outbox.rig import KEY, SENDER, TEMPLATES

AT = datetime(2026, 11, 30, 3, tzinfo=UTC)
LONG = "お支払いを受け付けました。" * 40
NUMBER = 2**40 + 7


def mail(text: str = LONG, *, html: str | None = f"<p>{LONG}</p>", unsubscribe: str | None = None) -> bytes:
    return mail_bytes(
        Rendered(f"ご利用明細\nのお知らせ {LONG}", text, html),
        sender=SENDER,
        recipient="a@example.com",
        message_id="<019ad0c5-1111-7000-8000-000000000000@batch.example.co.jp>",
        at=AT,
        unsubscribe=unsubscribe,
    )


def test_the_same_notice_is_the_same_bytes_which_any_server_takes() -> None:
    raw = mail(unsubscribe=links.link("https://batch.example.co.jp", KEY, NUMBER))
    assert raw == mail(unsubscribe=links.link("https://batch.example.co.jp", KEY, NUMBER))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert raw.count(b"Content-Transfer-Encoding: base64") == 2
    assert b"8bit" not in raw
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    text = parsed.get_body(("plain",))
    assert text is not None
    assert text.get_content().strip() == LONG
    assert parsed["Subject"] == f"ご利用明細 のお知らせ {LONG}"
    assert b"\r\nMessage-ID: <019ad0c5-1111-7000-8000-000000000000@batch.example.co.jp>\r\n" in b"\r\n" + raw
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in raw


def test_the_link_to_decline_stands_in_the_header_as_it_is() -> None:
    link = links.link("https://batch.example.co.jp", KEY, NUMBER)
    [header] = re.findall(rb"\r\nList-Unsubscribe:(.*?)\r\n(?=\S)", mail(unsubscribe=link), re.DOTALL)
    assert header.split() == [f"<{link}>".encode()]
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in mail(unsubscribe=link)
    assert b"List-Unsubscribe" not in mail()


def test_the_longest_address_that_links_may_have() -> None:
    longest = "https://" + "h" * (links.LONGEST - 2 - len("https://") - len("/u?") - 20)
    link = links.link(longest, KEY, NUMBER)
    assert len(f"<{link}>") == links.LONGEST
    assert f"<{link}>".encode() in mail(unsubscribe=link)
    with pytest.raises(InvalidInput, match="BATCH_PLATFORM_URL is too long"):
        links.link(longest + "h", KEY, NUMBER)


def test_a_link_is_read_by_its_own_key_alone() -> None:
    token = links.link("https://x.example", KEY, NUMBER).partition("?")[2]
    assert links.read(KEY, token) == NUMBER
    first, last = ("A" if letter != "A" else "B" for letter in (token[0], token[-1]))
    for bad in (first + token[1:], token[:-1] + last, token[:-1], token + "A", "", "é" * 20):
        with pytest.raises(NotFound):
            links.read(KEY, bad)
    with pytest.raises(NotFound):
        links.read(b"another key", token)


def test_numbers_are_written_as_in_e164() -> None:
    assert checked_number("+819012345678") == "+819012345678"
    for bad in ("09012345678", "+0901234567", "+81 90 1234 5678", "+８１９０１２３４５６７８", "+819012345678\n"):
        with pytest.raises(InvalidInput):
            checked_number(bad)


def test_values_are_escaped_in_html_and_stand_as_they_are_in_text() -> None:
    templates = Templates(TEMPLATES)
    said = templates.render("shop", "receipt", {"name": "<b>&"}, channel=Channel.MAIL)
    assert said.html is not None
    assert "&lt;b&gt;&amp; 様" in said.html
    assert "<strong>受け付け</strong>" in said.html
    assert said.text == "<b>& 様\n\nお支払いを受け付けました。\n"
    assert said.subject == "<b>& 様 お支払いを受け付けました"


def test_advertising_names_its_sender_and_the_way_out() -> None:
    link = links.link("https://batch.example.co.jp", KEY, NUMBER)
    parameters = {"name": "山田"}
    said = Templates(TEMPLATES).render(
        "shop", "receipt", parameters, channel=Channel.MAIL, sender=SENDER, unsubscribe=link
    )
    for part in (said.text, said.html or ""):
        for needed in (SENDER.name, SENDER.postal_address or "", link):
            assert needed in part
    text = Templates(TEMPLATES).render(
        "shop", "receipt", parameters, channel=Channel.SMS, sender=SENDER, unsubscribe=link
    )
    assert (text.html, link in text.text, SENDER.name in text.text) == (None, True, True)
