"""What the commands print: the JSON of programs, lines and tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from batch_platform.core.terminal import Figure, print_rows, say
from batch_platform.trading import answer
from batch_platform.trading.answer import Json, Row
from batch_platform.trading.instants import instant_text

if TYPE_CHECKING:
    from batch_platform.trading.service.boards import Board
    from batch_platform.trading.service.pnl import Pnl
    from batch_platform.trading.service.portfolio import Portfolio
    from batch_platform.trading.service.verify import Verification


def board_json(board: Board) -> Json:
    """`{ranked, unranked}` of an instant."""
    return {"ranked": [*map(answer.ranked, board.ranked)], "unranked": [*map(answer.unranked, board.unranked)]}


def board(shown: Board) -> None:
    """Ranks, and who has none."""
    if shown.at is None:
        say("no snapshot was taken yet")
        return
    say(f"as of {instant_text(shown.at)}")
    ranked = [
        {
            "rank": row["rank"],
            "player": row["username"],
            "profit %": figure(row["pnl_percentage"]),
            "profit USD": figure(row["pnl_usd"]),
            "value USD": figure(row["total_value_usd"]),
            "TWR %": figure(answer.twr_percentage(row["twr_factor"])),
        }
        for row in shown.ranked
    ]
    print_rows(ranked, empty="nobody is ranked")
    for row in shown.unranked:
        say(f"not ranked: {row['username']} ({row['reason']})")


def snapshots(rows: Sequence[Row]) -> None:
    """Portfolios by instant."""
    table = [
        {
            "at": instant_text(row["at"]),
            "player": row["user"],
            "value USD": figure(row["total_value_usd"]),
            "since the last": figure(row["pnl_from_previous"]),
            "since the start": figure(row["pnl_from_start"]),
            "%": figure(row["pnl_percentage"]),
            "flows USD": figure(row["net_flows_usd"]),
            "TWR %": figure(answer.twr_percentage(row["twr_factor"])),
        }
        for row in rows
    ]
    print_rows(table, empty="no snapshot")


def portfolio_json(seen: Portfolio) -> Json:
    """The specification's fields, and who it is and as of when; `prices_age` is the oldest price's, in seconds."""
    worth = seen.worth
    oldest = worth.oldest_price_at
    names = ("wallet_address", "user", "username", "status", "at")
    of_start = ("pnl_from_start", "pnl_percentage", "net_flows_usd", "baseline_at", "baseline_usd")
    answers = {
        **{name: getattr(seen, name) for name in names},
        "total_value_usd": worth.total,
        **{name: getattr(seen, name) for name in of_start},
        "tokens": worth.tokens,
        "perp_positions": worth.perp_positions,
        "investments": worth.investments,
        "missing": worth.missing,
        "last_updated": worth.last_updated,
        "prices_age": None if oldest is None else int((seen.at - oldest).total_seconds()),
    }
    return dict(answer.json_of(answers))


def portfolio(seen: Portfolio) -> None:
    """What a player has."""
    worth = seen.worth
    state = "" if seen.status == "active" else f", {seen.status}"
    say(f"{seen.username} ({seen.wallet_address}{state}) as of {instant_text(seen.at)}")
    if worth.total is None:
        say(f"value: not known, no good price of {', '.join(worth.missing)}")
    else:
        say(f"value: {figure(worth.total)} USD")
    if seen.pnl_from_start is not None:
        say(f"profit since the start: {figure(seen.pnl_from_start)} USD, {figure(seen.pnl_percentage)} %")
    tokens = [
        {
            "token": row.token,
            "wallet": figure(row.balance),
            "reserved": figure(row.reserved),
            "staked": figure(row.staked),
            "price USD": figure(row.price_usd),
            "age s": row.price_age,
            "value USD": figure(row.value_usd),
        }
        for row in worth.tokens
    ]
    print_rows(tokens, empty="no tokens")
    if worth.investments:
        say("\nstakes")
        print_rows([_stake(row) for row in worth.investments], empty="")
    if worth.perp_positions:
        say("\npositions")
        print_rows([_position(row) for row in worth.perp_positions], empty="")


def _stake(row: Any) -> Row:
    return {
        "id": row.id,
        "kind": row.kind,
        "token": row.token,
        "principal": figure(row.principal),
        "interest": figure(row.accrued_interest),
        "minted": figure(row.minted),
        "of": row.lst_token,
        "since": instant_text(row.started_at),
    }


def _position(row: Any) -> Row:
    return {
        "id": row.id,
        "token": row.token,
        "side": f"{row.direction} x{row.leverage}",
        "quantity": figure(row.quantity),
        "entry": figure(row.entry_price),
        "price": figure(row.price_usd),
        "collateral": figure(row.collateral),
        "funding": figure(row.funding),
        "equity": figure(row.equity),
        "liquidated at": figure(row.liquidation_price),
    }


def pnl_json(shown: Pnl) -> Json:
    """The specification's answer; `summary` is None without a point."""
    points = [
        {"timestamp": point.at, "value": point.value, "pnl_absolute": point.pnl, "pnl_percentage": point.percentage}
        for point in shown.points
    ]
    last = points[-1] if points else None
    summary = last and {
        "initial_value": points[0]["value"],
        "current_value": last["value"],
        "pnl_absolute": last["pnl_absolute"],
        "pnl_percentage": last["pnl_percentage"],
    }
    answers = {
        "wallet_address": shown.wallet_address,
        "period": str(shown.period),
        "data_points": len(points),
        "pnl_data": points,
        "summary": summary,
    }
    return dict(answer.json_of(answers))


def pnl(shown: Pnl) -> None:
    """The points of a chart."""
    table = [
        {
            "at": instant_text(point.at),
            "value USD": figure(point.value),
            "profit USD": figure(point.pnl),
            "%": figure(point.percentage),
        }
        for point in shown.points
    ]
    print_rows(table, empty="there is no value of this period")


def verification_json(verified: Verification) -> Json:
    """`{equal, differences}`; `count` where there are more differences than are told."""
    answers: Json = {"equal": verified.is_equal, "differences": answer.json_of(verified.differences)}
    return answers if verified.count == len(verified.differences) else {**answers, "count": verified.count}


def verification(verified: Verification) -> Iterator[str]:
    """Equal, or what is not."""
    if verified.is_equal:
        yield "equal: everything that is stored is what the facts come to"
        return
    yield f"{verified.count:,} differences"
    for difference in verified.differences:
        yield f"{difference.what}: {_brief(difference.found)}, not {_brief(difference.expected)}"
    if verified.count > len(verified.differences):
        yield f"… and {verified.count - len(verified.differences):,} more"


def _brief(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_brief(part)}" for name, part in value.items() if part is not None)
    return str(value)


def contest(replayed: Json) -> None:
    """What a replay has come to: orders by what became of them, and the last board."""
    for part in ("orders", "positions", "investments"):
        counts = Counter(row["status"] for row in replayed[part].values())
        say(f"{part}: " + (", ".join(f"{number:,} {status}" for status, number in sorted(counts.items())) or "none"))
    say(f"snapshots: {len(replayed['snapshots']):,}, incomplete: {len(replayed['incomplete']):,}")
    if not replayed["leaderboard"]:
        return
    at, last = list(replayed["leaderboard"].items())[-1]
    say(f"leaderboard as of {at}")
    ranked = [
        {
            "rank": row["rank"],
            "player": row["user"],
            "profit %": Figure(row["pnl_percentage"]),
            "profit USD": Figure(row["pnl_usd"]),
        }
        for row in last["ranked"]
    ]
    print_rows(ranked, empty="nobody is ranked")
    for row in last["unranked"]:
        say(f"not ranked: {row['user']} ({row['reason']})")


def figure(value: Decimal | None) -> Figure | None:
    """A number for people: thousands apart, no more zeros than it has."""
    if value is None:
        return None
    text = f"{value:,f}" if value else "0"
    return Figure(text.rstrip("0").rstrip(".") if "." in text else text)
