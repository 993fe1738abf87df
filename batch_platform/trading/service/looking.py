"""What every look at a player shares: which campaign, which player, and as of when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from batch_platform.core.failures import NotFound
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.live import whole_second
from batch_platform.trading.store import Session


@dataclass(frozen=True)
class Look:
    """A player's row, in a campaign, as of an instant."""

    campaign_no: int
    player: Row
    at: datetime

    @property
    def user_no(self) -> int:
        """The player's number."""
        return int(self.player["user_no"])


def look(context: TradingContext, session: Session, campaign: str, wallet: str, at: datetime | None) -> Look:
    """At a player by wallet, which in a loaded contest is his id. Raises `NotFound`.

    Without an instant it is that of the newest facts: a loaded contest's end, else now.
    """
    row = session.player_in(campaign, wallet)
    if row is None:
        raise no_campaign(campaign)
    if row["user_no"] is None:
        raise NotFound("unknown-player", "no player {wallet}", wallet=wallet, field="wallet_address")
    return Look(row["campaign_no"], row, at or newest(context, row, row["acted_at"]))


def newest(context: TradingContext, campaign: Row, acted_at: datetime | None = None) -> datetime:
    """The instant at which all facts of a campaign, and of a player, have happened."""
    if campaign["kind"] == "loaded" and campaign["last_at"] is not None:
        return campaign["last_at"]  # type: ignore[no-any-return]
    known = (whole_second(context.clock()), campaign["tick_at"], acted_at)
    return max(moment for moment in known if moment is not None)


def no_campaign(campaign: str) -> NotFound:
    """For a name that no campaign has."""
    return NotFound("unknown-campaign", "no campaign {campaign}", campaign=campaign, field="campaign")
