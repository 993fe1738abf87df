"""Mail by SES and SMS by SNS. Neither can be asked whether it took something: what ends unknown is sent again.

The clients are made with one attempt each: a try that botocore repeats by itself could send twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from batch_platform.core.aws_failures import aws_failures
from batch_platform.core.failures import PlatformError
from batch_platform.core.logs import mask_text
from batch_platform.outbox.model import Attempt, Category, Reason

_LONGEST: Final = 500
_REFUSED: Final = frozenset({"BadRequestException", "MessageRejected", "InvalidParameter", "InvalidParameterValue"})
_SMS_TYPES: Final = {Category.TRANSACTIONAL: "Transactional", Category.ADVERTISING: "Promotional"}
_UNVERIFIED: Final = "not verified"  # the sender, which is ours to mend: SES calls that a rejected message too
_NOT_REACHED: Final = frozenset({"ConnectTimeoutError", "EndpointConnectionError", "NoCredentialsError"})


class SesProvider:
    """Gives mails to SES, which writes a Message-ID of its own in place of ours and answers with it."""

    def __init__(self, client: Any, *, sender: str, configuration_set: str | None = None) -> None:
        self._client = client
        self._sender = sender
        self._events = {} if configuration_set is None else {"ConfigurationSetName": configuration_set}

    def accepted(self, _message_id: str) -> bool | None:
        """It cannot be asked."""
        return None

    def send(self, recipient: str, content: bytes, *, category: Category, holds: Callable[[], bool]) -> Attempt:
        """Give a mail to SES; `holds` is asked right before."""
        return _attempt(
            lambda: self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [recipient]},
                Content={"Raw": {"Data": content}},
                EmailTags=[{"Name": "category", "Value": category.value}],
                **self._events,
            ),
            holds,
        )

    def close(self) -> None:
        """The client is the process's."""


class SnsProvider:
    """Gives SMS to SNS."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def accepted(self, _message_id: str) -> bool | None:
        """It cannot be asked."""
        return None

    def send(self, recipient: str, content: bytes, *, category: Category, holds: Callable[[], bool]) -> Attempt:
        """Give a text to SNS; `holds` is asked right before."""
        kind = {"DataType": "String", "StringValue": _SMS_TYPES[category]}  # else it is the account's default
        return _attempt(
            lambda: self._client.publish(
                PhoneNumber=recipient, Message=content.decode(), MessageAttributes={"AWS.SNS.SMS.SMSType": kind}
            ),
            holds,
        )

    def close(self) -> None:
        """The client is the process's."""


@dataclass(frozen=True)
class QueuedEvent:
    """A message of the queue; `times` counts how often it was received."""

    handle: str
    body: str
    times: int


class EventQueue:
    """The SQS queue into which SES puts what became of mails, by SNS or directly."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def receive(self) -> list[QueuedEvent]:
        """Up to ten messages; those that are not removed come again."""
        with aws_failures("the queue of SES events"):
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10, AttributeNames=["ApproximateReceiveCount"]
            )
        return [
            QueuedEvent(
                message["ReceiptHandle"], message["Body"], int(message["Attributes"]["ApproximateReceiveCount"])
            )
            for message in answer.get("Messages", ())
        ]

    def remove(self, events: Sequence[QueuedEvent]) -> None:
        """They have been written down."""
        entries = [{"Id": str(number), "ReceiptHandle": event.handle} for number, event in enumerate(events)]
        if entries:
            with aws_failures("the queue of SES events"):
                self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)


def _attempt(send: Callable[[], Any], holds: Callable[[], bool]) -> Attempt:
    if not holds():
        return Attempt(lost=True)
    try:
        with aws_failures("the notice"):
            return Attempt(taken=True, provider_id=send()["MessageId"])
    except PlatformError as failure:
        detail = mask_text(str(failure.message))[:_LONGEST]
        cause = failure.__cause__
        answer = getattr(cause, "response", None)
        if answer is None and type(cause).__name__ not in _NOT_REACHED:
            return Attempt(reason=Reason.UNKNOWN, detail=detail, unknown=True)
        code = (answer or {}).get("Error", {}).get("Code", "")
        if code in _REFUSED and _UNVERIFIED not in detail:
            return Attempt(reason=Reason.REFUSED, detail=detail)
        return Attempt(reason=Reason.NOT_TAKEN, detail=detail)
