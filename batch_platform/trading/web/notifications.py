"""What players are told in the app, and whether by mail too."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field

from batch_platform.core.surfaces import writes
from batch_platform.trading.service import notices
from batch_platform.trading.web.api import MISSING, OWNER, WalletPath
from batch_platform.trading.web.context import Acting, CampaignName, Context
from batch_platform.trading.web.players import OwnerOr, wallet_of
from batch_platform.trading.web.portfolios import PAGE, Cursor, Limit
from batch_platform.trading.web.refusals import players_only
from batch_platform.trading.web.wire import Moment
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.answers import From, Sentence, SnakeAnswer
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.strict import QueryBool, SnakeModel, StrictBool

PLAYER: Final = [requires(OwnerOr("trading:administer"))]
Uuid = Annotated[
    str,
    Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", examples=["019f0a5e-1c2d-7a3b-8c4d-5e6f708192a3"]),
]

router = APIRouter(prefix="/api/notifications", tags=["trading"])


class NotificationAnswer(SnakeAnswer):
    """What a player was told, as plain text; `type` is `order-filled`, `order-not-filled`, `position-liquidated` or
    `campaign-ended`."""

    id: Sentence
    type: Annotated[str, From("template")]
    subject: str
    text: str
    created_at: Moment
    read_at: Moment | None


class NotificationsAnswer(SnakeModel):
    """A page, newest first. `next_cursor` goes on after its last row."""

    notifications: list[NotificationAnswer]
    next_cursor: str | None


class ReadRequest(SnakeModel):
    """Those with these ids; without them all."""

    ids: list[Uuid] | None = Field(None, max_length=500)


class ReadAnswer(SnakeModel):
    """How many had not been read."""

    marked: int


class MailsRequest(SnakeModel):
    """Whether notices are sent by mail too."""

    mail_notifications: StrictBool


@router.get("/{wallet_address}", dependencies=OWNER, responses=MISSING)
def list_notifications(
    wallet_address: WalletPath,
    context: Context,
    campaign: CampaignName,
    *,
    unread: Annotated[QueryBool, Query(description="Only those that are not read.")] = False,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Envelope[NotificationsAnswer]:
    """Fills, orders that came to nothing, liquidations and the end of the campaign."""
    rows, following = notices.notices(context, campaign, wallet_address, unread=unread, limit=limit, cursor=cursor)
    return Envelope(
        data=NotificationsAnswer(notifications=[NotificationAnswer.of(row) for row in rows], next_cursor=following)
    )


@router.post("/{wallet_address}/read", dependencies=PLAYER, responses=MISSING)
def mark_read(
    request: Request, wallet_address: WalletPath, body: ReadRequest, context: Context, campaign: CampaignName
) -> Envelope[ReadAnswer]:
    """The player has read these, or all. Again it changes nothing."""
    _require_own(request)
    ids = None if body.ids is None else list(map(UUID, body.ids))
    return Envelope(data=ReadAnswer(marked=notices.mark_read(context, campaign, wallet_address, ids)))


@router.post("/{wallet_address}/mails", dependencies=PLAYER, responses=MISSING)
@writes(notices.SET_MAILS)
def set_mails(
    request: Request, wallet_address: WalletPath, body: MailsRequest, acting: Acting, campaign: CampaignName
) -> Envelope[MailsRequest]:
    """Whether the player is told by mail too, at the address of the registration."""
    _require_own(request)
    record = acting.log.record
    row = notices.set_mails(acting.context, campaign, wallet_address, mails=body.mail_notifications, record=record)
    return Envelope(data=MailsRequest(mail_notifications=row["mails"]))


def _require_own(request: Request) -> None:
    """What the player alone does: no account does it for him."""
    if wallet_of(request) is None:
        raise players_only()
