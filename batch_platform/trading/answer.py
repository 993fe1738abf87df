"""What a contest has come to, as JSON: amounts in plain digits, instants to the second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from batch_platform.trading.amounts import USD_DECIMALS, exact, half_even, plain
from batch_platform.trading.instants import instant_text

Row = Mapping[str, Any]
Json = dict[str, Any]

RESULTS: Final = {
    "swap": "amount_out",
    "liquid_stake": "minted",
    "unstake": "paid",
    "perp_close": "payout",
}
"""What the result of a filled order is called, by kind."""


def text(value: object) -> Any:
    """Decimals and instants as text; other values as they are."""
    match value:
        case Decimal():
            return plain(value)
        case datetime():
            return instant_text(value)
        case date():
            return value.isoformat()
        case _:
            return value


def json_of(value: object) -> Any:
    """The same of dataclasses, mappings and lists, down to their leaves."""
    if is_dataclass(value):
        return {part.name: json_of(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {name: json_of(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [json_of(part) for part in value]
    return text(value)


def order(row: Row) -> Json:
    """Of columns `kind, status, reason, settled_at, result, fee`."""
    answer: Json = {"status": row["status"]}
    if row["reason"] is not None:
        answer["reason"] = row["reason"]
    if row["status"] == "filled":
        answer["filled_at"] = text(row["settled_at"])
        if row["kind"] in RESULTS:
            answer[RESULTS[row["kind"]]] = text(row["result"])
        if row["kind"] == "swap":
            answer["fee"] = text(row["fee"])
    return answer


def position(row: Row) -> Json:
    """Of the columns of `perp_positions`; an open one with funding, equity and liquidation price as of the end."""
    names = ["status", "direction", "leverage", "entry_price", "quantity", "collateral", "opened_at", "open_fee"]
    names += ["liquidation_price_at_open", "funding", "equity"]
    values = {**row, "direction": "long" if row["side"] == 1 else "short"}
    if row["status"] == "open":
        names += ["liquidation_price"]
    else:
        values["realized_pnl"] = exact(Fraction(row["payout"]) - Fraction(row["collateral"]))
        names += ["exit_price", "payout", "realized_pnl", "closed_at"]
        names += ["close_fee"] if row["status"] == "closed" else ["penalty", "bad_debt"]
    return {name: text(values[name]) for name in names}


def investment(row: Row) -> Json:
    """Of columns `kind, token, principal, status, accrued_interest, minted, paid`."""
    names = ["kind", "token", "principal", "status"]
    names += ["accrued_interest"] if row["kind"] == "staking" else ["minted"]
    names += [] if row["status"] == "active" else ["paid"]
    return {name: text(row[name]) for name in names}


def snapshot(row: Row) -> Json:
    """Of the columns of `portfolio_snapshots`, with `user` and `at`."""
    names = [
        "user",
        "at",
        "total_value_usd",
        "pnl_from_previous",
        "pnl_from_start",
        "pnl_percentage",
        "net_flows_usd",
    ]
    return {**{name: text(row[name]) for name in names}, "twr_percentage": text(twr_percentage(row["twr_factor"]))}


def twr_percentage(factor: Decimal | None) -> Decimal | None:
    """100 * (factor - 1), 8 decimals half to even."""
    return None if factor is None else half_even(100 * (Fraction(factor) - 1), USD_DECIMALS)


def incomplete(row: Row) -> Json:
    """Of columns `user, at, missing`."""
    return {"user": row["user"], "at": text(row["at"]), "missing": ",".join(row["missing"])}


def ranked(row: Row) -> Json:
    """Of columns `rank, user, pnl_percentage, pnl_usd`."""
    return {name: text(row[name]) for name in ("rank", "user", "pnl_percentage", "pnl_usd")}


def unranked(row: Row) -> Json:
    """Of columns `user, reason`."""
    return {"user": row["user"], "reason": row["reason"]}


def boards(instants: Iterable[Row], listed: Iterable[Row], others: Iterable[Row]) -> Json:
    """The board of every instant, of rows with `at`."""
    answer: Json = {text(row["at"]): {"ranked": [], "unranked": []} for row in instants}
    for row in listed:
        answer[text(row["at"])]["ranked"].append(ranked(row))
    for row in others:
        answer[text(row["at"])]["unranked"].append(unranked(row))
    return answer


def balances(rows: Iterable[Row]) -> Json:
    """Of columns `user, token, balance`; a user without any has a row without token."""
    answer: defaultdict[str, Json] = defaultdict(dict)
    for row in rows:
        answer[row["user"]] |= {} if row["token"] is None else {row["token"]: text(row["balance"])}
    return dict(answer)
