"""Players of a live campaign: registered once, granted once, corrected by administrators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from psycopg import errors

from batch_platform.core import postgres
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.trading.amounts import parse_multiple, plain
from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine, live
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.store import Session

Record = Callable[[postgres.Connection, str, str, Any, Any], None]
"""Records a change in its own transaction: what is done, to what, and the state before and after."""

REGISTER: Final = "player.register"
MOVE: Final = "player.move"
STATUSES: Final = {"disqualified": "player.disqualify", "active": "player.reinstate"}
"""What the audit log calls it that a player gets this status."""


@dataclass(frozen=True)
class Profile:
    """What a player tells of himself; amounts in USD. `mails`: he wants notices by mail too."""

    username: str | None = None
    email: str | None = None
    trade_style: str | None = None
    total_asset_usd: Decimal | None = None
    crypto_investment_usd: Decimal | None = None
    mails: bool = False


def player(context: TradingContext, name: str, wallet: str) -> Row:
    """A player as registered. Raises `NotFound`."""
    with context.store.snapshot() as session:
        row = session.player(engine.campaign(session, name).number, wallet)
    if row is None:
        raise live.no_player(wallet)
    return row


def register(
    context: TradingContext,
    name: str,
    wallet: str,
    profile: Profile = Profile(),
    *,
    record: Record | None = None,
) -> tuple[Row, bool]:
    """The player of a verified wallet, and whether he is new: he gets what every player starts with once.

    Raises `NotFound`, and `Conflict` for an email that another player has, or a campaign that is over.
    """
    with live.acting(context, name) as (session, campaign):
        now = context.clock()  # within the lock: who takes a snapshot has waited for it
        known = session.player(campaign.number, wallet)
        if known is not None:
            return known, False
        if campaign.ends_at is not None and now >= campaign.ends_at:
            raise Conflict("campaign-over", "campaign {campaign} is over", campaign=name)
        at = live.flow_second(now, campaign)
        engine.advance(session, campaign, at)
        row = {
            "id": context.new_id(now),
            "username": profile.username or wallet[:8],
            "wallet_address": wallet,
            "email": profile.email,
            "trade_style": profile.trade_style,
            "total_asset_usd": profile.total_asset_usd,
            "crypto_investment_usd": profile.crypto_investment_usd,
            "mails": profile.mails,
            "at": at,
        }
        try:
            with session.connection.transaction():
                [user_no] = session.add_users(campaign.number, [row]).values()
        except errors.UniqueViolation as violation:
            if violation.diag.constraint_name == "idx_users_email":
                raise Conflict("email-taken", "another player has this email address", field="email") from None
        else:
            _grant(session, campaign, [engine.flow_row(campaign, user_no, at, "initial", _grants(session, campaign))])
            if record is not None:
                record(session.connection, REGISTER, wallet, None, {"id": row["id"], "username": row["username"]})
        return session.player(campaign.number, wallet) or {}, True


def distribute(context: TradingContext, name: str, *, dry_run: bool = False) -> int:
    """Grant every player of a campaign what he has not been granted; how many there were."""
    with live.alone(context, name) as (session, campaign):
        now = context.clock()
        players, amounts = session.without_grant(campaign.number), _grants(session, campaign)
        if dry_run or not amounts:
            return len(players) if amounts else 0
        flows = [
            engine.flow_row(
                campaign,
                player["user_no"],
                live.flow_second(now, campaign, player["acted_at"]),
                "initial",
                amounts,
            )
            for player in players
        ]
        _grant(session, campaign, flows)
        return len(flows)


def move(
    context: TradingContext,
    name: str,
    wallet: str,
    flow: str,
    amounts: Mapping[str, str],
    *,
    reason: str,
    record: Record,
    request_key: str | None = None,
    dry_run: bool = False,
) -> Row:
    """A deposit, or a correction, of signed amounts by symbol, by an administrator who says why.

    Under the same `request_key` the flow of the first time is given again.
    Raises `NotFound`, `InvalidInput` for a token there is not or an amount finer than its token, `Conflict` for more
    than the player has.
    """
    with live.acting(context, name, dry_run=dry_run) as (session, campaign):
        now = context.clock()
        player = live.player(session, campaign, wallet)
        if request_key is not None:
            known = session.flow_of_key(player["user_no"], request_key)
            if known is not None:
                return known
        given = {symbol: _amount(campaign, symbol, text) for symbol, text in amounts.items()}
        at = live.flow_second(now, campaign, player["acted_at"])
        row = engine.flow_row(campaign, player["user_no"], at, flow, given, reason)
        row["request_key"] = request_key
        try:
            [done] = session.add_flows(campaign.number, [row])
        except errors.CheckViolation:
            raise Conflict("flow-beyond-balance", "player {wallet} has less than that", wallet=wallet) from None
        after = {"campaign": name, "flow": flow, "amounts": given, "reason": reason}
        record(session.connection, MOVE, wallet, None, after)
        return {"flow_no": done["flow_no"], "at": at, "flow": flow, "amounts": given, "reason": reason}


def set_status(
    context: TradingContext,
    name: str,
    wallet: str,
    status: str,
    *,
    reason: str,
    record: Record,
    dry_run: bool = False,
) -> Row:
    """`active` or `disqualified`: who is disqualified is valued and not listed. Raises `NotFound`, `Conflict`."""
    with live.acting(context, name, dry_run=dry_run) as (session, campaign):
        player = live.player(session, campaign, wallet)
        if not session.set_status(campaign.number, wallet, status, context.clock()):
            raise Conflict("player-has-status", "the player is {status} already", status=status)
        after = {"campaign": name, "status": status, "reason": reason}
        record(session.connection, STATUSES[status], wallet, {"status": player["status"]}, after)
        return {**player, "status": status}


def _grants(session: Session, campaign: Campaign) -> dict[str, str]:
    return {symbol: plain(amount) for symbol, amount in session.grants(campaign.number).items()}


def _grant(session: Session, campaign: Campaign, flows: list[Row]) -> None:
    if flows and flows[0]["amounts"]:
        session.add_flows(campaign.number, flows)


def _amount(campaign: Campaign, symbol: str, text: str) -> str:
    token = campaign.tokens.get(symbol)
    if token is None:
        raise NotFound("no-token", "no token {token} in campaign {campaign}", token=symbol, campaign=campaign.name)
    try:
        return plain(parse_multiple(text, token.decimals))
    except ValueError as error:
        raise InvalidInput("bad-amount", "{token}: {reason}", token=symbol, reason=error.args[0]) from None
