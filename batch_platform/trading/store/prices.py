"""Questions to the sources of prices, what came of them, and who waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from batch_platform.trading.store.statements import Row, TradingStatements, rows_of


class Prices(TradingStatements):
    """Rows are as their tables have them."""

    def priced_tokens(
        self, campaign_no: int, symbols: Sequence[str] | None = None, *, jumps_after: datetime
    ) -> list[Row]:
        """Tokens with prices of their own, of these symbols or all, each with its newest accepted price.

        `has_jumped` says whether a price of it was refused for a jump after an instant.
        """
        given = None if symbols is None else list(symbols)
        return self._rows("priced_tokens", campaign_no=campaign_no, symbols=given, jumps_after=jumps_after)

    def newest_observed(self, campaign_no: int) -> dict[int, datetime]:
        """When the newest accepted price of each token was seen by its source."""
        return {row["token_no"]: row["observed_at"] for row in self._rows("newest_observed", campaign_no=campaign_no)}

    def add_fetches(
        self,
        campaign_no: int,
        *,
        at: datetime,
        kind: str,
        fetches: Sequence[Row],
        refusals: Sequence[Row],
        tick_at: datetime | None = None,
    ) -> None:
        """What sources have answered: a row each with `source`, `accepted` and `failed`, and the refused prices."""
        self._run(
            "add_fetches",
            campaign_no=campaign_no,
            at=at,
            kind=kind,
            fetches=rows_of(fetches),
            refusals=rows_of(refusals),
            tick_at=tick_at,
        )

    def fetched_of_tick(self, campaign_no: int, at: datetime) -> Row:
        """What came of the looks that became a tick: `accepted`, `refused` by reason, `failed`."""
        [row] = self._rows("fetched_of_tick", campaign_no=campaign_no, at=at)
        return row

    def newest_jump(self, token_no: int) -> Row | None:
        """The newest price of a token that was refused for a jump."""
        return next(iter(self._rows("newest_jump", token_no=token_no)), None)

    # who waits

    def take_flight(self, campaign_no: int, *, now: datetime, ends_at: datetime) -> int | None:
        """The number of a flight that is the caller's alone until then; None while another one lasts."""
        rows = self._rows("take_flight", campaign_no=campaign_no, now=now, ends_at=ends_at)
        return rows[0]["number"] if rows else None

    def end_flight(self, campaign_no: int, number: int, now: datetime) -> None:
        """The next one may be taken, unless it has been."""
        self._run("end_flight", campaign_no=campaign_no, number=number, now=now)

    def wishes(self, campaign_no: int) -> list[Row]:
        """Tokens that somebody wants a fresh price of; `is_awaited` by an order."""
        return self._rows("wishes", campaign_no=campaign_no)

    def drop_wishes(self, campaign_no: int, before: datetime) -> None:
        """Forget what was wished before an instant and no order waits for."""
        self._run("drop_wishes", campaign_no=campaign_no, before=before)

    def put_off_wishes(self, campaign_no: int, *, begun_at: datetime, now: datetime) -> None:
        """What was due when a flight began and is still wished is tried again later."""
        self._run("put_off_wishes", campaign_no=campaign_no, begun_at=begun_at, now=now)

    def campaigns_at_work(self, *, now: datetime, overdue: datetime) -> list[Row]:
        """Live campaigns with prices wished, orders accepted before `overdue`, or orders beyond their end."""
        return self._rows("campaigns_at_work", now=now, overdue=overdue)

    def held_tokens(self, campaign_no: int, now: datetime, user_no: int | None = None) -> list[Row]:
        """Tokens that players who look hold, with their last prices; `is_own` where this player does."""
        return self._rows("held_tokens", campaign_no=campaign_no, now=now, user_no=user_no)

    # funding

    def tokens_with_rate(self, campaign_no: int, source: str, begin: datetime, end: datetime) -> set[int]:
        """Tokens that have a funding rate of a source in [begin, end)."""
        rows = self._rows("tokens_with_rate", campaign_no=campaign_no, source=source, begin=begin, end=end)
        return {row["token_no"] for row in rows}
