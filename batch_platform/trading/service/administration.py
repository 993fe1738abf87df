"""Campaigns and what is traded in them, set by administrators: each change with its row in the audit log.

A replay knows of a campaign's settings and tokens from its first instant on. So what orders were judged by is fixed
with the first of them: fees, the highest leverage, a pool's first rate, what an unknown token was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from psycopg import errors

from batch_platform.core import postgres
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.trading.amounts import parse_amount, plain
from batch_platform.trading.model import Campaign, Token
from batch_platform.trading.service import engine, live
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.store import Session

Record = Callable[[postgres.Connection, str, str, Any, Any], None]
"""Records a change in its own transaction: what is done, to what, and the state before and after."""

ADD_CAMPAIGN: Final = "campaign.add"
CHANGE_CAMPAIGN: Final = "campaign.change"
END_CAMPAIGN: Final = "campaign.end"
SET_GRANTS: Final = "campaign.grant"
ADD_TOKEN: Final = "trading-token.add"  # noqa: S105 (an action)
CHANGE_TOKEN: Final = "trading-token.change"  # noqa: S105 (an action)
ADD_POOL: Final = "lst-pool.add"
ADD_INTEREST_RATE: Final = "interest-rate.add"
ADD_FUNDING_RATE: Final = "funding-rate.add"


_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._$+-]{0,62}")


def add_campaign(context: TradingContext, name: str, *, record: Record, dry_run: bool = False, **given: Any) -> Row:
    """A live campaign: `starts_at`, `ends_at`, `swap_fee_bps`, `perp_fee_bps`, `max_trade_usd`. Raises `Conflict`."""
    _check_name(name)
    _check_span(given.get("starts_at"), given.get("ends_at"))
    with context.store.transaction() as session:
        if session.add_campaign(name=name, kind="live", **_given(given)) is None:
            raise Conflict("campaign-exists", "there is a campaign {campaign} already", campaign=name, field="name")
        after = _brief(engine.campaign(session, name))
        record(session.connection, ADD_CAMPAIGN, name, None, after)
        live.undo(dry_run=dry_run)
    return after


def change_campaign(
    context: TradingContext, name: str, *, record: Record, dry_run: bool = False, **given: Any
) -> Row:
    """Its time, fees and limit; what is None stays. Fees and the begin are fixed with the first order.

    Raises `NotFound`, `InvalidInput` for an end before the begin, `Conflict` for what is fixed, or a campaign that is
    over.
    """
    with live.alone(context, name, dry_run=dry_run) as (session, campaign):
        _require_running(context, campaign)
        fixed = [part for part in ("starts_at", "swap_fee_bps", "perp_fee_bps") if given.get(part) is not None]
        if fixed and session.has_orders(campaign.number):
            raise Conflict(
                "trading-has-begun",
                "orders have been placed in campaign {campaign}: {field} is fixed",
                campaign=name,
                field=fixed[0],
            )
        _check_span(given.get("starts_at") or campaign.starts_at, given.get("ends_at") or campaign.ends_at)
        if given.get("ends_at") is not None and given["ends_at"] < _first_end(context, campaign):
            raise InvalidInput("end-has-passed", "the end must be yet to come", field="ends_at")
        session.change_campaign(campaign.number, **given)
        return _changed(session, campaign, CHANGE_CAMPAIGN, record)


def end_campaign(context: TradingContext, name: str, *, record: Record, dry_run: bool = False) -> Row:
    """From the next second on nothing is traded, and what waits expires. Raises `NotFound`, `Conflict`."""
    with live.alone(context, name, dry_run=dry_run) as (session, campaign):
        _require_running(context, campaign)
        ends_at = _first_end(context, campaign)
        if campaign.starts_at is not None and ends_at <= campaign.starts_at:
            raise Conflict("campaign-not-begun", "campaign {campaign} has not begun", campaign=name)
        session.change_campaign(campaign.number, ends_at=ends_at)
        return _changed(session, campaign, END_CAMPAIGN, record)


def set_grants(
    context: TradingContext, name: str, amounts: Mapping[str, str], *, record: Record, dry_run: bool = False
) -> Row:
    """What every player starts with who has not been given it yet, by symbol. Raises `NotFound`, `InvalidInput`."""
    with live.alone(context, name, dry_run=dry_run) as (session, campaign):
        rows = [
            {"token_no": _token(campaign, symbol).number, "amount": _amount(campaign, symbol, text)}
            for symbol, text in amounts.items()
        ]
        before = {symbol: plain(amount) for symbol, amount in session.grants(campaign.number).items()}
        session.set_grants(campaign.number, rows)
        record(session.connection, SET_GRANTS, name, before, dict(amounts))
        return {"campaign": name, "amounts": dict(amounts)}


def add_token(
    context: TradingContext, name: str, symbol: str, *, record: Record, dry_run: bool = False, **given: Any
) -> Row:
    """A token: `address`, `label` (its name), `decimals`, `type`, `icon_url`, `perp_max_leverage`.

    Raises `NotFound`, `InvalidInput` for what is not offered, `Conflict` for one that there is, or that an order has
    named when there was none.
    """
    _check_name(symbol)
    if given["type"] == "lending":
        raise InvalidInput("lending-not-offered", "lending is not offered", field="type")
    with live.alone(context, name, dry_run=dry_run) as (session, campaign):
        if session.is_asked_for(campaign.number, symbol):
            raise Conflict(
                "token-was-refused",
                "orders for {token} were refused before: another symbol is needed",
                token=symbol,
                field="symbol",
            )
        label = given.pop("label")
        try:
            with session.connection.transaction():
                session.add_tokens(campaign.number, [{"symbol": symbol, "name": label, **given}])
        except errors.UniqueViolation:
            raise Conflict(
                "token-exists", "there is a token of this symbol or address already", field="symbol"
            ) from None
        return _recorded(
            session, record, ADD_TOKEN, symbol, None, {"campaign": name, "symbol": symbol, "name": label, **given}
        )


def change_token(
    context: TradingContext,
    name: str,
    symbol: str,
    *,
    record: Record,
    dry_run: bool = False,
    label: str | None = None,
    icon_url: str | None = None,
    perp_max_leverage: int | None = None,
) -> Row:
    """What people see of a token, and its highest leverage until somebody asks for a position on it.

    Raises `NotFound`, `InvalidInput`, `Conflict`.
    """
    with live.alone(context, name, dry_run=dry_run) as (session, campaign):
        token = _token(campaign, symbol)
        if perp_max_leverage is not None and session.is_asked_for(campaign.number, symbol, "perp_open"):
            raise Conflict(
                "leverage-is-fixed",
                "positions on {token} have been asked for: its highest leverage is fixed",
                token=symbol,
                field="perp_max_leverage",
            )
        session.change_token(token.number, name=label, icon_url=icon_url, perp_max_leverage=perp_max_leverage)
        before = {"perp_max_leverage": token.perp_max_leverage}
        after = {"name": label, "icon_url": icon_url, "perp_max_leverage": perp_max_leverage}
        changed = {part: value for part, value in after.items() if value is not None}
        return _recorded(
            session, record, CHANGE_TOKEN, symbol, before, {"campaign": name, "symbol": symbol, **changed}
        )


def add_pool(
    context: TradingContext,
    name: str,
    base: str,
    *,
    lst: str,
    exchange_rate: Decimal,
    record: Record,
    dry_run: bool = False,
) -> Row:
    """A pool of liquid staking, before the campaign's first day: its rate is that of this day.

    Raises `NotFound`, `InvalidInput` for no such token, `Conflict` for a token that has a pool, or a campaign whose
    days are counted already.
    """
    with live.alone(context, name, dry_run=dry_run) as (session, campaign):
        staked, minted = _token(campaign, base), _token(campaign, lst)
        if campaign.day is not None:
            raise Conflict(
                "campaign-has-begun",
                "campaign {campaign} has begun: a pool is added before its first day",
                campaign=name,
                field="base",
            )
        in_pools = (staked.lst_no, staked.base_no, minted.lst_no, minted.base_no)
        if staked == minted or any(number is not None for number in in_pools):
            raise Conflict("pool-exists", "a pool needs two tokens that are in no pool", field="lst")
        rows = [{"base_token_no": staked.number, "lst_token_no": minted.number, "exchange_rate": exchange_rate}]
        session.add_pools(rows)
        after = {"campaign": name, "base": base, "lst": lst, "exchange_rate": plain(exchange_rate)}
        return _recorded(session, record, ADD_POOL, base, None, after)


def add_interest_rate(
    context: TradingContext,
    name: str,
    symbol: str,
    *,
    action: str,
    rate: Decimal,
    effective: date,
    record: Record,
    dry_run: bool = False,
) -> Row:
    """Percent a year from a UTC day on, which must not be accrued yet.

    Raises `NotFound`, `InvalidInput`, `Conflict` for such a day, or one that has its rate.
    """
    with live.alone(context, name, dry_run=dry_run) as (session, campaign):
        token = _token(campaign, symbol)
        if campaign.day is not None and effective < campaign.day:
            raise Conflict("day-accrued", "{day} has borne its interest already", day=effective, field="effective")
        identity = {"id": str(context.new_id(context.clock())), "token_no": token.number, "action_type": action}
        row = {**identity, "interest_rate": rate, "effective_date": effective}
        if not session.add_interest_rates([row]):
            raise _has_rate("effective")
        after = {"campaign": name, "token": symbol, "action": action, "rate": plain(rate)}
        after |= {"effective": effective.isoformat()}
        return _recorded(session, record, ADD_INTEREST_RATE, symbol, None, after)


def add_funding_rate(
    context: TradingContext,
    name: str,
    symbol: str,
    *,
    rate: Decimal,
    at: datetime | None,
    record: Record,
    dry_run: bool = False,
) -> Row:
    """The rate of eight hours from an instant on, not before the newest tick; without one from now on.

    Raises `NotFound`, `InvalidInput`, `Conflict` for an earlier instant, or one that has its rate.
    """
    with live.alone(context, name, dry_run=dry_run) as (session, campaign):
        token = _token(campaign, symbol)
        first = campaign.tick_at
        instant = at or max(moment for moment in (live.whole_second(context.clock()), first) if moment is not None)
        if first is not None and instant < first:
            raise Conflict("funding-applied", "funding has been applied up to the newest tick already", field="at")
        row = {"id": str(context.new_id(context.clock())), "token_no": token.number, "rate": rate, "at": instant}
        if not session.add_funding_rates([{**row, "source": "manual"}]):
            raise _has_rate("at")
        after = {"campaign": name, "token": symbol, "rate": plain(rate), "at": instant.isoformat()}
        return _recorded(session, record, ADD_FUNDING_RATE, symbol, None, after)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "bad-trading-name", "{name} must be letters, digits and . _ $ + -, at most 63", name=repr(name)
        )


def _has_rate(field: str) -> Conflict:
    return Conflict("rate-exists", "there is a rate from then on already", field=field)


def _token(campaign: Campaign, symbol: str) -> Token:
    token = campaign.tokens.get(symbol)
    if token is None:
        raise NotFound("no-token", "no token {token} in campaign {campaign}", token=symbol, campaign=campaign.name)
    return token


def _amount(campaign: Campaign, symbol: str, text: str) -> Decimal:
    try:
        return parse_amount(text, _token(campaign, symbol).decimals)
    except ValueError as error:
        raise InvalidInput("bad-amount", "{token}: {reason}", token=symbol, reason=error.args[0]) from None


def _given(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _check_span(starts_at: datetime | None, ends_at: datetime | None) -> None:
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise InvalidInput("end-before-begin", "the end must be after the begin", field="ends_at")


def _require_running(context: TradingContext, campaign: Campaign) -> None:
    if campaign.ends_at is not None and campaign.ends_at <= _first_end(context, campaign):
        raise Conflict("campaign-over", "campaign {campaign} is over", campaign=campaign.name)


def _first_end(context: TradingContext, campaign: Campaign) -> datetime:
    """The first second after everything that has happened."""
    return live.tick_second(context.clock(), campaign)


def _changed(session: Session, campaign: Campaign, action: str, record: Record) -> Row:
    after = _brief(engine.campaign(session, campaign.name))
    return _recorded(session, record, action, campaign.name, _brief(campaign), after)


def _recorded(session: Session, record: Record, action: str, target: str, before: Any, after: Row) -> Row:
    record(session.connection, action, target, before, after)
    return after


def _brief(campaign: Campaign) -> Row:
    moments = {name: getattr(campaign, name) for name in ("starts_at", "ends_at")}
    numbers = {name: getattr(campaign, name) for name in ("swap_fee_bps", "perp_fee_bps", "max_trade_usd")}
    return {
        "campaign": campaign.name,
        **{name: None if moment is None else moment.isoformat() for name, moment in moments.items()},
        **{name: None if number is None else plain(number) for name, number in numbers.items()},
    }
