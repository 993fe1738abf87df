"""What must hold in a campaign, looked for where it does not."""

from __future__ import annotations

from datetime import datetime

from batch_platform.trading.store.statements import Row, TradingStatements


class Invariants(TradingStatements):
    """Beside the books, which `Records.unbalanced` looks at."""

    def moved_books(self, campaign_no: int, since: datetime, until: datetime) -> list[Row]:
        """Of what was posted in [since, until): accounts that are not as they must be, as of `Records.unbalanced`."""
        return self._rows("moved_books", campaign_no=campaign_no, since=since, until=until)

    def index_differences(self, campaign_no: int, since: datetime, until: datetime) -> list[Row]:
        """Ticks of [since, until) whose funding index does not follow from the tick before."""
        return self._rows("index_differences", campaign_no=campaign_no, since=since, until=until)

    def valued_counts(self, campaign_no: int, at: datetime) -> Row:
        """Of an instant: `players` with a baseline, those `complete`, `incomplete`, and `wrong`: both or neither."""
        [counts] = self._rows("valued_counts", campaign_no=campaign_no, at=at)
        return counts
