"""Funding rates of a live campaign, from the source, once in eight hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from batch_platform.trading.acceptance import Failed
from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine, live
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.sources.fetch import Sources
from batch_platform.trading.store import Session

PERIOD: Final = timedelta(hours=8)
"""What a rate is of, and how often there is a new one."""
SOURCE: Final = "funding"
"""As it stands beside the rates."""
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class FundingOutcome:
    """What came of a look: new rates `at` an instant, refused tokens by symbol, or why the source has none at all."""

    at: datetime | None = None
    added: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    failed: str | None = None


def period_of(at: datetime) -> datetime:
    """The begin of the eight hours that hold an instant: 00:00, 08:00 or 16:00 UTC."""
    return at - (at - _BEGINNING) % PERIOD


def missing(context: TradingContext, name: str) -> list[str]:
    """Tokens with a perpetual future that have no rate of these eight hours yet, by symbol. Raises `NotFound`."""
    with context.store.snapshot() as session:
        rows = _missing(session, engine.campaign(session, name), period_of(context.clock()))
    return [row["symbol"] for row in rows]


def fetch(context: TradingContext, sources: Sources, name: str) -> FundingOutcome:
    """The present rates of all perpetual futures that have none of these eight hours; a second run adds nothing.

    A rate holds from now on, or from the newest tick where that is later. One that is missing or beyond the cap is no
    row: the former one holds, and an incident tells of it. Raises `NotFound`, `Conflict`.
    """
    period = period_of(context.clock())
    with context.store.snapshot() as session:
        campaign = engine.campaign(session, name)
        over = campaign.ends_at is not None and context.clock() >= campaign.ends_at
        rows = _missing(session, campaign, period)
    if over or not rows:
        return FundingOutcome(failed="over" if over else None)
    names = {row["address"]: row["sources"][SOURCE] for row in rows if SOURCE in row["sources"]}
    answer = sources.calling({SOURCE: names}).funding_rates([row["address"] for row in rows])
    with live.alone(context, name) as (session, campaign):
        at = max(live.whole_second(context.clock()), campaign.tick_at or _BEGINNING)
        if isinstance(answer, Failed):
            fetched = {"source": SOURCE, "accepted": 0, "failed": answer.reason}
            session.add_fetches(campaign.number, at=at, kind="funding", fetches=[fetched], refusals=[])
            return FundingOutcome(failed=f"{SOURCE} {answer.reason}")
        new = {row["token_no"] for row in _missing(session, campaign, period)}
        rates, refusals, refused = [], [], {}
        for row in rows:
            about = {"token_no": row["token_no"], "at": at, "source": SOURCE}
            if (reason := answer.refused.get(row["address"])) is not None:
                refusals.append({**about, "reason": reason})
                refused[row["symbol"]] = str(reason)
            elif row["token_no"] in new:
                rates.append({**about, "id": context.new_id(at), "rate": answer.rows[row["address"]]})
        added = session.add_funding_rates(rates)
        fetched = {"source": SOURCE, "accepted": added}
        session.add_fetches(campaign.number, at=at, kind="funding", fetches=[fetched], refusals=refusals)
        return FundingOutcome(at if added else None, added, refused)


def _missing(session: Session, campaign: Campaign, period: datetime) -> list[Row]:
    has_rate = session.tokens_with_rate(campaign.number, SOURCE, period, period + PERIOD)
    tokens = session.priced_tokens(campaign.number, jumps_after=period)
    return [row for row in tokens if row["perp_max_leverage"] is not None and row["token_no"] not in has_rate]
