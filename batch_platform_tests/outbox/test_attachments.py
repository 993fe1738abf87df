"""Attachments are references: fetched from S3 at each attempt, sent only as they were handed over."""

from __future__ import annotations

import email
import email.policy
import hashlib
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from batch_platform.core import aws, postgres
from batch_platform.outbox import service
from batch_platform.outbox.mail import mail_bytes
from batch_platform.outbox.model import Attachment, Channel, Notice, Rendered
from batch_platform.outbox.service import delivery
from batch_platform.outbox.store.files import Files
from batch_platform.settings import Settings
from batch_platform_tests.outbox.rig import NOW, SENDER, Outbox

A, B = "a@example.com", "b@example.com"
BUCKET = "outbox-attachments"
PDF = b"%PDF-1.7\n\x00\xff" + bytes(range(256)) * 40
NAME = "請求書_株式会社髙島𠮷_2026年10月.pdf"
INVOICE = Attachment(BUCKET, "invoices/1.pdf", hashlib.sha256(PDF).hexdigest(), NAME, "application/pdf")
MISSING = replace(INVOICE, key="invoices/none.pdf")


@pytest.fixture(scope="session")
def s3(provisioned: Settings) -> Any:
    client = aws.client("s3", provisioned)
    client.create_bucket(
        Bucket=BUCKET,
        CreateBucketConfiguration={"LocationConstraint": provisioned.aws_region},  # type: ignore[typeddict-item]
    )
    client.put_object(Bucket=BUCKET, Key=INVOICE.key, Body=PDF)
    return client


@pytest.mark.usefixtures("s3")
def test_every_attempt_sends_the_same_bytes(outbox: Outbox) -> None:
    given: list[bytes] = []
    take = outbox.server.handle_DATA

    async def refuse_once(server: Any, session: Any, envelope: Any) -> str:
        given.append(envelope.content)
        return await take(server, session, envelope) if len(given) > 1 else "451 4.3.0 later"

    outbox.server.handle_DATA = refuse_once  # type: ignore[method-assign]
    outbox.add(A, attachments=[INVOICE, replace(INVOICE, filename="b.pdf")])
    outbox.deliver()
    outbox.clock.pass_by(minutes=1)
    outbox.deliver()
    assert outbox.states() == {A: "accepted"}
    assert given[0] == given[1]
    [mail] = outbox.server.mails()
    assert [(one.filename, one.content_type, one.content) for one in mail.attachments] == [
        (NAME, "application/pdf", PDF),
        ("b.pdf", "application/pdf", PDF),
    ]
    assert "<strong>受け付け</strong>" in (mail.html or "")
    assert "お支払いを受け付けました" in mail.text


@pytest.mark.parametrize(
    ("attachment", "said"),
    [
        (MISSING, f"the attachment {NAME} is not there: s3://{BUCKET}/invoices/none.pdf"),
        (replace(INVOICE, bucket="outbox-no-bucket"), "s3://outbox-no-bucket/invoices/1.pdf"),
        (replace(INVOICE, sha256="0" * 64), f"the attachment {NAME} is not what was handed over"),
    ],
    ids=["key", "bucket", "content"],
)
@pytest.mark.usefixtures("s3")
def test_what_is_not_there_or_has_changed_is_a_dead_letter_that_names_it(
    outbox: Outbox, attachment: Attachment, said: str
) -> None:
    outbox.add(A, attachments=[INVOICE, attachment])
    outbox.add(B)
    outbox.deliver()
    assert outbox.states() == {A: "failed bad-attachment", B: "accepted"}
    assert said in outbox.rows()[0]["detail"]
    assert outbox.server.recipients() == [B]


def test_a_dead_letter_is_sent_when_its_attachment_is_there(outbox: Outbox, s3: Any) -> None:
    late = replace(INVOICE, key="invoices/late.pdf")
    outbox.add(A, attachments=[late])
    outbox.deliver()
    s3.put_object(Bucket=BUCKET, Key=late.key, Body=PDF)
    [row] = outbox.rows()
    service.retry(outbox.worker(), str(row["id"]), record=lambda *_: None)
    outbox.deliver()
    assert outbox.states() == {A: "accepted"}
    assert outbox.server.mails()[0].attachments[0].content == PDF


@pytest.mark.usefixtures("s3")
def test_attachments_are_no_larger_together_than_a_mail_may_be(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "ATTACHED_BYTES", 2 * len(PDF) - 1)
    outbox.add(A, attachments=[INVOICE])
    outbox.add(B, attachments=[INVOICE, INVOICE])
    outbox.deliver()
    assert outbox.states() == {A: "accepted", B: "failed bad-attachment"}
    assert INVOICE.key in outbox.rows()[1]["detail"]


def test_while_s3_is_away_a_mail_waits(outbox: Outbox, provisioned: Settings) -> None:
    away = provisioned.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:9"})
    outbox.files = Files(aws.client("s3", away, attempts=1))
    outbox.add(A, attachments=[INVOICE])
    outbox.deliver()
    assert outbox.states() == {A: "pending not-taken"}


@pytest.mark.parametrize(
    ("channel", "attachment"),
    [
        (Channel.SMS, INVOICE),
        (Channel.IN_APP, INVOICE),
        (Channel.MAIL, replace(INVOICE, sha256="")),
        (Channel.MAIL, replace(INVOICE, content_type="pdf")),
    ],
    ids=["sms", "in-app", "no-hash", "no-type"],
)
def test_what_no_mail_can_carry_is_not_handed_over(
    pool: postgres.Pool, channel: Channel, attachment: Attachment
) -> None:
    notice = Notice("a", channel, "receipt", A, attachments=[attachment])
    with pytest.raises(psycopg.errors.CheckViolation), postgres.transaction(pool) as connection:
        service.enqueue(connection, "shop", [notice], at=NOW)


def test_a_name_is_no_more_than_a_name() -> None:
    odd = replace(INVOICE, filename="../a\r\nBcc: all@example.com\x00/" + NAME * 5)
    raw = mail_bytes(
        Rendered("x", "x", "<p>x</p>"),
        sender=SENDER,
        recipient=A,
        message_id="<1@example.com>",
        at=NOW,
        attached=[(odd, PDF)],
    )
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert parsed["Bcc"] is None
    [part] = parsed.iter_attachments()  # type: ignore[attr-defined]
    assert part.get_filename() == ".._a Bcc: all@example.com__" + NAME * 5
    assert part.get_payload(decode=True) == PDF
