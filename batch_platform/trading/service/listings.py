"""Tokens, prices, rates, pools and campaigns, as whole lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.looking import newest, no_campaign
from batch_platform.trading.store import Session
from batch_platform.trading.valuation import quote


def tokens(context: TradingContext, campaign: str, *, addresses: Sequence[str] | None = None) -> list[Row]:
    """Tokens, of these addresses or all, each with `price_usd`, `last_updated` and `price_age` in seconds.

    `is_good` is False where the price is too old to count, or there is none. Raises `NotFound`.
    """
    with _of(context, campaign) as (session, row):
        rows, now = session.token_list(row["campaign_no"], addresses), newest(context, row)
    return [_aged(token, now) for token in rows]


def prices(context: TradingContext, campaign: str, *, addresses: Sequence[str] | None = None) -> list[Row]:
    """The tokens that have a price. Raises `NotFound`."""
    names = ("symbol", "address", "price_usd", "last_updated", "price_age", "is_good", "observed_at", "source")
    return [
        {name: token[name] for name in names}
        for token in tokens(context, campaign, addresses=addresses)
        if token["price_usd"] is not None
    ]


def rates(context: TradingContext, campaign: str) -> tuple[list[Row], list[Row]]:
    """Interest rates (percent a year, from a day on) and funding rates (of 8 hours, from an instant on).

    Raises `NotFound`.
    """
    with _of(context, campaign) as (session, row):
        return session.rate_list(row["campaign_no"]), session.funding_rate_list(row["campaign_no"])


def pools(context: TradingContext, campaign: str) -> list[Row]:
    """Pools of liquid staking: what one LST is worth in base tokens, on the first day and now. Raises `NotFound`."""
    with _of(context, campaign) as (session, row):
        return session.pool_list(row["campaign_no"], newest(context, row).astimezone(UTC).date())


def campaigns(context: TradingContext) -> list[Row]:
    """All campaigns with how many play, the oldest first."""
    with context.store.snapshot() as session:
        return session.campaign_list()


@contextmanager
def _of(context: TradingContext, name: str) -> Iterator[tuple[Session, Row]]:
    with context.store.snapshot() as session:
        row = session.campaign(name)
        if row is None:
            raise no_campaign(name)
        yield session, row


def _aged(token: Row, now: datetime) -> Row:
    price = quote(token["price_usd"], token["last_updated"], now)
    return {**token, "price_age": price.age, "is_good": price.is_good}
