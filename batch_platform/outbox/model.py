"""What a notice is: channels, categories, states, what a domain hands over and what becomes of it; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from batch_platform.core.retry import RetryConfig


class Channel(StrEnum):
    """How a notice reaches people."""

    MAIL = "mail"
    IN_APP = "in_app"
    SMS = "sms"


class Category(StrEnum):
    """Advertising needs consent, can be declined by its link, and is capped; what a contract brings about is not."""

    TRANSACTIONAL = "transactional"
    ADVERTISING = "advertising"


class State(StrEnum):
    """pending -> sending -> accepted -> delivered | bounced.

    The provider takes a notice (`accepted`); a transient failure makes it `pending` again, and at last `failed`, a
    dead letter. `suppressed` and `skipped` were never sent: nothing may reach the recipient, or not this.
    """

    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    SKIPPED = "skipped"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a notice is where it is."""

    NOT_TAKEN = "not-taken"
    """The provider was away or refused for now: it is tried again."""
    UNKNOWN = "unknown"
    """Nobody knows whether the provider took it: it is asked before the next attempt."""
    REFUSED = "refused"
    BAD_RECIPIENT = "bad-recipient"
    NOT_RENDERED = "not-rendered"
    BAD_ATTACHMENT = "bad-attachment"
    """What is to go with it is not there, or not what was handed over."""
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no-consent"
    OPTED_OUT = "opted-out"
    FREQUENCY_CAP = "frequency-cap"
    VETOED = "vetoed"
    """Its domain did not want it any more when it was to be sent."""
    NOT_JUDGED = "not-judged"
    """What the domain is asked by failed."""


class SuppressionReason(StrEnum):
    """Why nothing is sent to an address or number any more."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    MANUAL = "manual"


@dataclass(frozen=True)
class Attachment:
    """What goes with a mail: an object of S3, fetched at each attempt and sent if it has this SHA-256 (hex).

    `filename` is what the reader sees, in any writing; `content_type` such as `application/pdf`.
    """

    bucket: str
    key: str
    sha256: str
    filename: str
    content_type: str


@dataclass(frozen=True)
class Notice:
    """What a domain tells somebody.

    `key`         names the fact and whom it is told to, such as `liquidation <position> mail`: the same gives one row
    `template`    one of the domain's templates, which is rendered with `parameters` when it is sent
    `recipient`   a mail address, a number in E.164, or in the app an id that the domain looks its notices up by
    `parameters`  plain JSON; decimals and moments become text
    `not_before`  the earliest moment at which it is sent
    `attachments` what goes with a mail; other channels carry none
    """

    key: str
    channel: Channel
    template: str
    recipient: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    category: Category = Category.TRANSACTIONAL
    not_before: datetime | None = None
    attachments: Sequence[Attachment] = ()


@dataclass(frozen=True)
class StoredNotice:
    """A row of `outbox.notices`."""

    id: UUID
    number: int
    domain: str
    key: str
    channel: Channel
    category: Category
    template: str
    parameters: Mapping[str, Any]
    attachments: Sequence[Attachment]
    recipient: str
    state: State
    reason: Reason | None
    detail: str | None
    subject: str | None
    body_text: str | None
    body_html: str | None
    message_id: str | None
    provider_id: str | None
    attempts: int
    next_attempt_at: datetime
    unknown_since: datetime | None
    lease_owner: str | None
    lease_until: datetime | None
    fence: int
    created_at: datetime
    attempted_at: datetime | None
    accepted_at: datetime | None
    settled_at: datetime | None
    read_at: datetime | None
    cleared_at: datetime | None


@dataclass(frozen=True)
class Suppression:
    """Somebody nothing is sent to."""

    channel: Channel
    recipient: str
    reason: SuppressionReason
    detail: str | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class Rendered:
    """What a notice says."""

    subject: str
    text: str
    html: str | None


@dataclass(frozen=True)
class Sender:
    """Who the notices are from; `postal_address` stands in advertising, which is not sent without it."""

    address: str
    name: str
    postal_address: str | None = None


@dataclass(frozen=True)
class Attempt:
    """What a provider made of one notice: taken, refused for good (`reason`), or not taken for now.

    `unknown`: the connection ended after the notice was given to it and before it answered. `dead`: the recipient
    does not exist, so nothing else may be sent there. `lost`: another worker has it, nothing was given to anybody.
    """

    taken: bool = False
    reason: Reason | None = None
    detail: str | None = None
    provider_id: str | None = None
    unknown: bool = False
    dead: bool = False
    lost: bool = False


RETRY: Final = RetryConfig(
    max_attempts=12,
    backoff="exponential",
    base_delay=timedelta(seconds=30),
    max_delay=timedelta(hours=1),
)
"""Transient failures: again after 30 s, 1, 2, 4 … minutes; about five and a half hours until it is a dead letter."""


@dataclass(frozen=True)
class Options:
    """How notices are sent.

    `resend_after`         how long after an attempt of unknown end a notice is sent again at the earliest
    `lease`                how long a worker has a notice before another may take it
    `advertising_per_day`  advertising one recipient gets within 24 hours, at most
    """

    sender: Sender
    link_url: str
    resend_after: timedelta = timedelta(minutes=2)
    lease: timedelta = timedelta(minutes=1)
    advertising_per_day: int = 3
    retention: timedelta = timedelta(days=90)
    retry: RetryConfig = RETRY
