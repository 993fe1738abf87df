"""SES and SNS as the emulator speaks them, and what their refusals come to."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from structlog.testing import capture_logs

from batch_platform.core import aws, postgres
from batch_platform.core.failures import InvalidInput
from batch_platform.outbox import service
from batch_platform.outbox.events import read
from batch_platform.outbox.model import Attempt, Category, Channel, Notice, Reason
from batch_platform.outbox.opening import providers
from batch_platform.outbox.settings import OutboxSettings
from batch_platform.outbox.store.aws import EventQueue, SesProvider, SnsProvider
from batch_platform.outbox.store.smtp import SmtpProvider
from batch_platform.settings import Settings
from batch_platform_tests.outbox.rig import OPTIONS, SENDER, Outbox

A = "a@example.com"
NUMBER = "+819012345678"


def test_ses_and_sns_take_notices(outbox: Outbox, settings: Settings) -> None:
    client = aws.client("sesv2", settings, attempts=1)
    client.create_email_identity(EmailIdentity=SENDER.address)
    by_ses = settings.model_copy(update={"mail_backend": "ses"}).having(OutboxSettings(OUTBOX_SENDER=SENDER.address))
    outbox.add(A)
    with postgres.transaction(outbox.pool) as connection:
        sms = Notice("sms", Channel.SMS, "receipt", NUMBER, {"name": "山田"})
        bad = Notice("bad", Channel.SMS, "receipt", "090-1234-5678", {"name": "山田"})
        service.enqueue(connection, "shop", [sms, bad], at=outbox.clock())
    service.deliver(outbox.worker(), providers(by_ses), outbox.files)
    assert outbox.states() == {A: "accepted", NUMBER: "accepted", "090-1234-5678": "failed bad-recipient"}
    mailed, _, texted = outbox.rows()
    kept = httpx.get(f"{settings.aws_endpoint_url}/_ministack/ses/messages", trust_env=False).json()
    [mail] = [
        one for found in kept["messages"].values() for one in found if one["MessageId"] == mailed["provider_id"]
    ]
    assert (mail["To"], mail["Source"]) == ([A], SENDER.address)
    assert texted["provider_id"]


def test_ses_is_told_the_category_and_where_its_events_go(settings: Settings) -> None:
    client = aws.client("sesv2", settings, attempts=1)
    client.create_email_identity(EmailIdentity=SENDER.address)
    own = OutboxSettings(OUTBOX_SENDER=SENDER.address, OUTBOX_SES_CONFIGURATION_SET="batch")
    provider = providers(settings.model_copy(update={"mail_backend": "ses"}).having(own))[Channel.MAIL]
    told: list[Any] = []

    def listen(request: Any, **_: Any) -> None:
        told.append(json.loads(request.body))

    client.meta.events.register("before-send.sesv2.SendEmail", listen)
    try:
        raw = b"Subject: x\r\n\r\nx"
        assert provider.send(A, raw, category=Category.ADVERTISING, holds=lambda: True).taken
    finally:
        client.meta.events.unregister("before-send.sesv2.SendEmail", listen)
    assert told == [
        {
            "FromEmailAddress": SENDER.address,
            "Destination": {"ToAddresses": [A]},
            "Content": {"Raw": {"Data": b64encode(raw).decode()}},
            "EmailTags": [{"Name": "category", "Value": "advertising"}],
            "ConfigurationSetName": "batch",
        }
    ]


def test_sms_are_texts_of_their_category(outbox: Outbox, settings: Settings) -> None:
    with postgres.transaction(outbox.pool) as connection:
        given = {"channel": Channel.SMS, "template": "receipt", "parameters": {"name": "山田"}}
        due = Notice("due", recipient="+819000000001", **given)
        offer = Notice("offer", recipient="+819000000002", category=Category.ADVERTISING, **given)
        unasked = Notice("unasked", recipient="+819000000003", category=Category.ADVERTISING, **given)
        service.enqueue(connection, "shop", [due, offer, unasked], at=outbox.clock())
        service.consent(
            connection, "shop", offer.recipient, granted=True, source="form", at=outbox.clock(), channel=Channel.SMS
        )
    with capture_logs() as logged:
        service.deliver(outbox.worker(), providers(settings), outbox.files)
    assert outbox.states() == {
        due.recipient: "accepted",
        offer.recipient: "accepted",
        unasked.recipient: "skipped no-consent",
    }
    address = f"{settings.aws_endpoint_url}/_ministack/sns/sms-messages"
    kept = httpx.get(address, params={"region": settings.aws_region}, trust_env=False).json()["sms_messages"]
    kinds = {
        number: texts[-1]["MessageAttributes"]["AWS.SNS.SMS.SMSType"]["StringValue"] for number, texts in kept.items()
    }
    assert (kinds[due.recipient], kinds[offer.recipient]) == ("Transactional", "Promotional")
    assert unasked.recipient not in kept
    assert OPTIONS.link_url in kept[offer.recipient][-1]["Message"]
    assert OPTIONS.link_url not in kept[due.recipient][-1]["Message"]
    assert "+8190" not in str(logged)


def test_an_unverified_sender_is_ours_to_mend(outbox: Outbox, settings: Settings) -> None:
    client = aws.client("sesv2", settings, attempts=1)
    provider = SesProvider(client, sender="nobody@unverified.example")
    attempt = provider.send(A, b"Subject: x\r\n\r\nx", category=Category.TRANSACTIONAL, holds=lambda: True)
    assert attempt.reason is Reason.NOT_TAKEN


def answering(error: Exception) -> Any:
    class Client:
        def send_email(self, **_: Any) -> Mapping[str, str]:
            raise error

    return Client()


def refused(code: str, text: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "SendEmail")


@pytest.mark.parametrize(
    ("error", "reason", "unknown"),
    [
        (refused("MessageRejected", "contains a virus"), Reason.REFUSED, False),
        (refused("MessageRejected", "Email address is not verified"), Reason.NOT_TAKEN, False),
        (refused("AccountSuspendedException", "suspended"), Reason.NOT_TAKEN, False),
        (refused("TooManyRequestsException", "slow down", 429), Reason.NOT_TAKEN, False),
        (ConnectTimeoutError(endpoint_url="https://ses"), Reason.NOT_TAKEN, False),
        (ReadTimeoutError(endpoint_url="https://ses"), Reason.UNKNOWN, True),
    ],
    ids=["content", "sender", "account", "throttled", "no-connection", "no-answer"],
)
def test_what_ses_says_decides(error: Exception, reason: Reason, unknown: bool) -> None:
    provider = SesProvider(answering(error), sender=SENDER.address)
    attempt = provider.send(A, b"", category=Category.TRANSACTIONAL, holds=lambda: True)
    assert (attempt.taken, attempt.reason, attempt.unknown, attempt.dead) == (False, reason, unknown, False)


@pytest.mark.parametrize("kind", [SesProvider, SnsProvider])
def test_nothing_is_given_to_aws_by_who_does_not_hold_it(kind: Callable[..., Any]) -> None:
    given = {"sender": SENDER.address} if kind is SesProvider else {}
    provider = kind(None, **given)
    assert provider.send(A, b"", category=Category.TRANSACTIONAL, holds=lambda: False) == Attempt(lost=True)
    assert provider.accepted("<1@example.com>") is None


def test_without_a_mail_backend_nothing_starts(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="SMTP_URL"):
        providers(settings.model_copy(update={"smtp_url": None}))
    with pytest.raises(InvalidInput, match="SMTP_URL"):
        SmtpProvider("mail.example.com:25", sender=SENDER.address)


def told(kind: str, provider_id: str, **more: Any) -> str:
    return json.dumps({"eventType": kind, "mail": {"messageId": provider_id}, **more})


def test_ses_tells_later_what_became_of_mails(outbox: Outbox, settings: Settings) -> None:
    recipients = ["delivered@example.com", "gone@example.com", "full@example.com", "angry@example.com"]
    outbox.add(*recipients)
    outbox.deliver()
    with postgres.transaction(outbox.pool) as connection:
        connection.execute("UPDATE outbox.notices SET provider_id = 'ses-' || split_part(recipient, '@', 1)")
    client = aws.client("sqs", settings)
    url = client.create_queue(QueueName="ses-events", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    queue = EventQueue(client, url)
    gone = {"bounceType": "Permanent", "bouncedRecipients": [{"diagnosticCode": "smtp; 550 5.1.1 unknown"}]}
    full = {"bounceType": "Transient", "bouncedRecipients": [{"status": "4.2.2"}]}
    bodies = [
        told("Delivery", "ses-delivered"),
        told("Delivery", "ses-gone"),
        json.dumps({"Type": "Notification", "Message": told("Bounce", "ses-gone", bounce=gone)}),
        json.dumps({"notificationType": "Bounce", "mail": {"messageId": "ses-full"}, "bounce": full}),
        told("Delivery", "ses-angry"),
        told("Complaint", "ses-angry", complaint={}),
        told("Open", "ses-angry"),
        "no event",
        told("Delivery", "ses-not-yet-known"),
    ]
    for body in bodies:
        client.send_message(QueueUrl=url, MessageBody=body)
    context = outbox.worker()
    for _ in range(20):
        service.take_events(context, queue)
    assert outbox.states() == {
        "delivered@example.com": "delivered",
        "gone@example.com": "bounced refused",
        "full@example.com": "bounced refused",
        "angry@example.com": "delivered",
    }
    details = {row["recipient"]: row["detail"] for row in outbox.rows()}
    assert details["gone@example.com"] == "Permanent smtp; 550 5.1.1 unknown"
    found, _ = service.suppressions(context, limit=10)
    assert [(one.recipient, one.reason) for one in found] == [
        ("angry@example.com", "complaint"),
        ("gone@example.com", "bounce"),
    ]
    assert queue.receive() == []  # what nobody knows was given up after a few times


@pytest.mark.parametrize(
    "body",
    ["", "[]", "1", "{}", '{"mail": 1}', '{"eventType": "Bounce", "mail": {"messageId": "x"}}'],
    ids=["empty", "list", "number", "nothing", "no-mail", "no-bounce"],
)
def test_what_is_no_event_is_none(body: str) -> None:
    assert read(body) is None
