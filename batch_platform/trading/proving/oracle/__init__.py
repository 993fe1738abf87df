"""What a contest must come to, computed a second time: fractions, event by event, one dictionary a user.

Imports nothing of what it checks, and shares no rule with it but the words of the specification.

exact       decimals as fractions: read, rounded, written
lines       the lines of a contest, made events in their order
market      what belongs to nobody: days, prices, the funding index, LST rates
perps       one position: its equity, funding, liquidation
books       who holds what: wallets, reservations, positions, investments
exchange    orders: accepted, refused, filled, expired
board       what players are worth: baselines, flows, snapshots, ranks
play        one pass through time, every event in its order
answer      the whole of it, as `trading replay --json` says it

Where the specification is silent, the oracle holds:

- A line with an `at` is timed, a rate of funding too: interest and LST rates start on the day of the first one, and
  the end is the last one.
- Only a tick that prices a token counts as one; two lines of one instant are one tick; prices of LSTs are left out.
- Every flow but the first grant counts in `net_flows_usd`, also one before the grant or of the same tick.
- While a flow waits for its value, the tokens of it (amounts of 0 left out) are among the user's missing ones.
- A value at the start of 0 leaves rows without a percentage, and a factor that has been lost stays lost.
- An LST that would be redeemed for 0 is not: `amount_too_small`. Without a rate, interest is 0.
- Who is disqualified goes on trading. Another player's position is not open, another player's investment not active.
- Equity and penalty are exact, never rounded: only money that moves is.
- There is a funding index for each token with perps, 0 before its second tick.
- An LST whose derived price is 0 after rounding has none. Text that is no number is an `invalid_amount` of an order.
- Nothing of a user happens before the instant of its `user` line; a flow that would leave less than 0 is a bad line.
- Every registered user has balances, be they none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from batch_platform.trading.proving.oracle.answer import answer
from batch_platform.trading.proving.oracle.lines import BadLine, read
from batch_platform.trading.proving.oracle.play import play

__all__ = ["BadLine", "replay"]


def replay(lines: Iterable[str], until: str | None = None) -> dict[str, Any]:
    """What `trading replay --json` must answer to these lines, those later than `until` left out.

    Instants are `YYYY-MM-DDTHH:MM:SSZ`. Raises `BadLine` for what cannot be understood or contradicts another line.
    """
    return answer(play(read(lines, until)))
