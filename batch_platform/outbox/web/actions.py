"""What people do with notices, each declared once for API, command line and console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from batch_platform.kit.actions import Action, Nothing, Targets
from batch_platform.kit.session import Session
from batch_platform.outbox import service
from batch_platform.outbox.model import Channel, StoredNotice, Suppression
from batch_platform.outbox.service import OutboxContext
from batch_platform.web.api.strict import StrictModel, Text
from batch_platform.web.i18n import N_

PERMISSION: Final = "outbox:operate"


class Recipient(StrictModel):
    """Whom it is about."""

    recipient: Text = Field(min_length=1, max_length=320, description="A mail address, or a number in E.164.")
    channel: Literal["mail", "sms"] = Field(default="mail", description="mail or sms.")


class SuppressRequest(Recipient):
    """Whom nothing is to be sent to, and why."""

    detail: Text | None = Field(default=None, max_length=500, description="Why; it stands in the list.")


def _look_at_letter(session: Session[OutboxContext], targets: Targets, _given: Nothing) -> StoredNotice:
    [notice_id] = targets
    return service.retryable(session.context, notice_id)


def _retry(session: Session[OutboxContext], targets: Targets, _given: Nothing) -> StoredNotice:
    [notice_id] = targets
    return service.retry(session.context, notice_id, record=session.log.record)


def _look_at_recipient(
    session: Session[OutboxContext], _targets: Targets, given: SuppressRequest
) -> Suppression | None:
    return service.suppressible(session.context, Channel(given.channel), given.recipient)


def _suppress(session: Session[OutboxContext], _targets: Targets, given: SuppressRequest) -> Suppression:
    return service.suppress(
        session.context,
        Channel(given.channel),
        given.recipient,
        detail=given.detail,
        by=session.by,
        record=session.log.record,
    )


def _look_at_suppression(session: Session[OutboxContext], _targets: Targets, given: Recipient) -> Suppression:
    return service.suppressed(session.context, Channel(given.channel), given.recipient)


def _unsuppress(session: Session[OutboxContext], _targets: Targets, given: Recipient) -> Suppression:
    return service.unsuppress(session.context, Channel(given.channel), given.recipient, record=session.log.record)


RETRY: Final = Action(
    name="notice.retry", permission=PERMISSION, input=Nothing, look=_look_at_letter, do=_retry, recorded=True
)
SUPPRESS: Final = Action(
    name="suppression.add",
    permission=PERMISSION,
    input=SuppressRequest,
    look=_look_at_recipient,
    do=_suppress,
    recorded=True,
)
UNSUPPRESS: Final = Action(
    name="suppression.remove",
    permission=PERMISSION,
    input=Recipient,
    look=_look_at_suppression,
    do=_unsuppress,
    recorded=True,
)
DECLINE: Final = "consent.decline"
"""By the link of a notice: whoever has it needs no account."""

ACTIONS: Final[Mapping[str, str]] = {
    RETRY.name: N_("%(who)s sends the notice %(target)s once more"),
    SUPPRESS.name: N_("%(who)s stops notices to %(target)s"),
    UNSUPPRESS.name: N_("%(who)s lets notices to %(target)s go out again"),
    DECLINE: N_("%(who)s declines advertising for %(target)s"),
}
"""By their names in the audit log, with the sentence that is read there."""
