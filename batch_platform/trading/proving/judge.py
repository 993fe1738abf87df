"""The oracle's answer to the facts that are there, against what the engine has made of them, and the books."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from batch_platform.proving.ground import START
from batch_platform.trading import answer
from batch_platform.trading.instants import parse_instant
from batch_platform.trading.proving import oracle
from batch_platform.trading.proving.ground import CAMPAIGN, Ground
from batch_platform.trading.proving.play import FETCHED
from batch_platform.trading.service import TradingContext, boards, contests, engine

NAMED: Final = 8
"""So many differences are told of each kind."""

_OFF_BALANCE: Final = """
SELECT coalesce(b.user_no, m.user_no), coalesce(b.token_no, m.token_no), b.balance, m.wallet, b.reserved, m.reserved,
       b.staked, m.staked
FROM user_balances AS b
FULL JOIN (
    SELECT user_no, token_no, sum(wallet) AS wallet, sum(reserved) AS reserved, sum(staked) AS staked
    FROM postings GROUP BY user_no, token_no
) AS m USING (user_no, token_no)
WHERE (b.balance, b.reserved, b.staked) IS DISTINCT FROM (m.wallet, m.reserved, m.staked)
"""
_OFF_MARGIN: Final = """
SELECT coalesce(m.user_no, p.user_no), m.margin, p.collateral
FROM (SELECT user_no, sum(margin) AS margin FROM postings GROUP BY user_no) AS m
FULL JOIN (
    SELECT user_no, sum(collateral) AS collateral FROM perp_positions WHERE status = 'open' GROUP BY user_no
) AS p USING (user_no)
WHERE coalesce(m.margin, 0) <> coalesce(p.collateral, 0)
"""
_OFF_RESERVED: Final = """
SELECT coalesce(b.user_no, o.user_no), coalesce(b.token_no, o.token_no), b.reserved, o.reserved
FROM user_balances AS b
FULL JOIN (
    SELECT user_no, token_no, sum(reserved) AS reserved FROM orders
    WHERE status = 'pending' AND reserved > 0 GROUP BY user_no, token_no
) AS o USING (user_no, token_no)
WHERE coalesce(b.reserved, 0) <> coalesce(o.reserved, 0)
"""


def differences(ground: Ground, *, orders: Iterable[str], windows: int) -> list[str]:
    """Everything that is otherwise than it must be; empty when all is equal.

    `orders` are the ids of those that were placed, each once; `windows` counts the scheduled ticks.
    """
    expected = oracle.replay(ground.lines())
    with ground.worker(lambda: START) as context:
        with context.store.snapshot() as session:
            there = contests.answered(session, engine.campaign(session, CAMPAIGN).number)
        there["leaderboard"] = {at: _board(context, at) for at in expected["leaderboard"]}
    _thin(expected)
    wrong = [difference for part in expected for difference in _part(part, there[part], expected[part])]
    missing = sorted(set(orders) - set(there["orders"]))
    wrong += [f"order {order} is not there" for order in missing[:NAMED]]
    [(ticks,)] = ground.rows("SELECT count(*) FROM ticks WHERE window_at IS NOT NULL")
    wrong += [] if ticks == windows else [f"{ticks} scheduled ticks, not {windows}"]
    [(fetched,)] = ground.rows("SELECT count(DISTINCT at) FROM price_ticks WHERE source NOT IN ('given', 'derived')")
    wrong += [] if fetched == len(FETCHED) else [f"{fetched} fetched ticks, not {len(FETCHED)}"]
    [(looks,)] = ground.rows("SELECT count(*) FROM price_fetches")
    wrong += [] if looks == 0 else [f"{looks} looks at sources are a month old"]
    for name, statement in (("balance", _OFF_BALANCE), ("margin", _OFF_MARGIN), ("reserved", _OFF_RESERVED)):
        wrong += [f"{name} is not the sum of its postings: {row}" for row in ground.rows(statement)[:NAMED]]
    return wrong


def _board(context: TradingContext, at: str) -> Any:
    """Of an instant, whether its rows were thinned or not."""
    board = boards.leaderboard(context, CAMPAIGN, at=parse_instant(at))
    return {"ranked": [*map(answer.ranked, board.ranked)], "unranked": [*map(answer.unranked, board.unranked)]}


def _thin(expected: Any) -> None:
    """What stays after a month: of three hours each player's last row, and why he had none since."""
    last = {(row["user"], _three_hours(row["at"])): row["at"] for row in expected["snapshots"]}
    expected["snapshots"] = [
        row for row in expected["snapshots"] if last[row["user"], _three_hours(row["at"])] == row["at"]
    ]
    expected["incomplete"] = [
        row for row in expected["incomplete"] if last.get((row["user"], _three_hours(row["at"])), "") < row["at"]
    ]


def _three_hours(at: str) -> tuple[str, int]:
    return at[:10], int(at[11:13]) // 3


def _part(name: str, there: Any, expected: Any) -> list[str]:
    if there == expected:
        return []
    if isinstance(expected, list):
        rows = [
            (place, have, need)
            for place, (have, need) in enumerate(zip(there, expected, strict=False))
            if have != need
        ]
        wrong = [f"{name} {place}: {have}, not {need}" for place, have, need in rows[:NAMED]]
        return wrong or [f"{name}: {len(there)} rows, not {len(expected)}"]
    keys = [key for key in sorted({*there, *expected}) if there.get(key) != expected.get(key)]
    return [f"{name} {key}: {there.get(key)}, not {expected.get(key)}" for key in keys[:NAMED]]
