"""A campaign's facts as they were given, and the records that were made of them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Final

from batch_platform.trading.store.statements import Row, TradingStatements

PARTS: Final = (
    "balances",
    "orders",
    "positions",
    "investments",
    "flows",
    "users",
    "prices",
    "ticks",
    "lst_rates",
    "interest",
    "postings",
    "snapshots",
    "incomplete",
)
"""What is recorded of a campaign beside what was given."""


class Records(TradingStatements):
    """Names instead of numbers, so that a replay's rows are the same."""

    def given(self, part: str, campaign_no: int) -> list[Row]:
        """One of tokens, pools, users, flows, ticks, orders, in the order of a contest's lines."""
        return self._rows(f"given_{part}", campaign_no=campaign_no)

    def first_rates_day(self, campaign_no: int) -> date | None:
        """The UTC day on which rates of liquid staking begin."""
        day: date | None = self._value("first_rates_day", campaign_no=campaign_no)
        return day

    def rates_of_day(self, campaign_no: int, day: date) -> dict[str, Decimal]:
        """Rates of liquid staking tokens on a day."""
        rows = self._rows("rates_of_day", campaign_no=campaign_no, day=day)
        return {row["lst"]: row["exchange_rate"] for row in rows}

    def recorded(self, part: str, campaign_no: int, since: date, until: date) -> dict[tuple[str, ...], Row]:
        """The records of one of `PARTS` by the names people know them by; of days, those from `since` to `until`."""
        rows = self._rows(f"recorded_{part}", campaign_no=campaign_no, since=since, until=until)
        return {tuple(row.pop("key")): row for row in rows}

    def misjudged(self, campaign_no: int, campaign: str, decisions: Collection[str]) -> list[Row]:
        """Players of a live campaign who stand otherwise than the newest of these decisions in the audit log says."""
        given = {"campaign": campaign, "decisions": list(decisions)}
        return self._rows("misjudged", campaign_no=campaign_no, **given)

    def unbalanced(self, campaign_no: int) -> list[Row]:
        """Accounts that are not what was posted to them: `user, token, account, expected, found`."""
        return self._rows("books", campaign_no=campaign_no)
