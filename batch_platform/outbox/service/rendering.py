"""What a notice says: its template with its parameters, and below advertising who sends it and how to decline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from batch_platform.core.failures import InvalidInput
from batch_platform.outbox import links
from batch_platform.outbox.model import Category, Channel, Rendered
from batch_platform.outbox.service.context import OutboxContext

NO_NOTICE: Final = 0
"""The number of none: a preview's link is signed and declines nothing."""


def render(
    context: OutboxContext,
    domain: str,
    template: str,
    parameters: Mapping[str, Any],
    *,
    channel: Channel,
    category: Category,
    number: int,
) -> Rendered:
    """Rendered as it is sent. `number` is the notice's, for the link in advertising.

    Raises `PermanentFailure` that says what the template lacks, and `InvalidInput` for a setting that is missing.
    """
    sender = context.options.sender
    if category is Category.ADVERTISING and sender.postal_address is None:
        raise InvalidInput("variable-not-set", "{field} is not set", field="OUTBOX_SENDER_ADDRESS")
    unsubscribe = link(context, category, number)
    return context.templates.render(
        domain, template, parameters, channel=channel, sender=sender, unsubscribe=unsubscribe
    )


def link(context: OutboxContext, category: Category, number: int) -> str | None:
    """Where advertising is declined, None for all else. Raises `InvalidInput` where our address is too long."""
    if category is Category.TRANSACTIONAL:
        return None
    return links.link(context.options.link_url, context.key, number)
