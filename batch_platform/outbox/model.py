"""What a notice is: channels, categories, states, and what a domain hands over; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


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


@dataclass(frozen=True)
class Notice:
    """What a domain tells somebody.

    `key`         names the fact and whom it is told to, such as `liquidation <position> mail`: the same gives one row
    `template`    one of the domain's templates, which is rendered with `parameters` when it is sent
    `recipient`   a mail address, a number in E.164, or in the app an id that the domain looks its notices up by
    `parameters`  plain JSON; decimals and moments become text
    `not_before`  the earliest moment at which it is sent
    """

    key: str
    channel: Channel
    template: str
    recipient: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    category: Category = Category.TRANSACTIONAL
    not_before: datetime | None = None
