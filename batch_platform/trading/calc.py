"""The rules as a calculator: one object of JSON in, one answer out, by the functions that the jobs use.

An object holds exactly the fields of its model; its `kind` may stand there too.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from batch_platform.core.failures import InvalidInput
from batch_platform.core.json_lines import Day, JsonObject, Strict, Text, bad_line, checked
from batch_platform.core.messages import Message
from batch_platform.trading import acceptance, retention, series
from batch_platform.trading.amounts import (
    MAX_TOKEN_DECIMALS,
    AnyNumber,
    Bps,
    Price,
    plain,
    require_multiple,
)
from batch_platform.trading.instants import Instant, instant_text
from batch_platform.trading.model import Refusal
from batch_platform.trading.series import Period
from batch_platform.trading.swaps import quote


def _not_negative(amount: Decimal) -> Decimal:
    if amount < 0:
        raise ValueError(Message("below-zero", "must not be below 0"))
    return amount


class SwapToken(Strict):
    """A side of a swap: decimals, and USD for one token."""

    decimals: Annotated[int, Field(ge=0, le=MAX_TOKEN_DECIMALS)]
    price: Price


class Swap(Strict):
    """`amount` of the token given, an exact multiple of its smallest unit."""

    kind: Literal["swap"] = "swap"
    token_from: SwapToken
    token_to: SwapToken
    amount: Annotated[AnyNumber, AfterValidator(_not_negative)]
    fee_bps: Bps = Decimal(0)


class SeriesRow(Strict):
    """A snapshot; `net_flows_usd` are all flows since the baseline."""

    at: Instant
    total_value_usd: AnyNumber
    net_flows_usd: AnyNumber


class Series(Strict):
    """The snapshots of somebody, in any order, as of `at`."""

    kind: Literal["series"] = "series"
    rows: list[SeriesRow]
    period: Annotated[Period, Field(strict=False)]
    at: Instant


class Prune(Strict):
    """Snapshots as user and moment, in any order, in the partition of a day."""

    kind: Literal["prune"] = "prune"
    date: Day
    rows: list[Annotated[tuple[Text, Instant], Field(strict=False)]]


def swap(number: int, value: JsonObject) -> dict[str, Any]:
    """`{status: filled, amount_out, fee}`, or `{status: rejected, reason}`."""
    line = checked(Swap, number, value)
    try:
        require_multiple(line.amount, line.token_from.decimals)
    except ValueError as error:
        raise bad_line(number, error.args[0], field="amount") from None
    outcome = quote(
        line.amount,
        price_from=line.token_from.price,
        price_to=line.token_to.price,
        decimals_to=line.token_to.decimals,
        fee_bps=line.fee_bps,
    )
    if isinstance(outcome, Refusal):
        return {"status": "rejected", "reason": outcome.value}
    return {"status": "filled", "amount_out": plain(outcome.amount_out), "fee": plain(outcome.fee)}


def pnl_series(number: int, value: JsonObject) -> dict[str, Any]:
    """`{pnl_data: [{timestamp, value, pnl_absolute, pnl_percentage}]}` by time; empty for an empty window."""
    line = checked(Series, number, value)
    rows: dict[datetime, series.Row] = {}
    for place, given in enumerate(line.rows):
        row = series.Row(given.at, given.total_value_usd, given.net_flows_usd)
        if rows.setdefault(row.at, row) != row:
            raise bad_line(number, Message("moment-twice", "another row has this moment"), field=f"rows.{place}.at")
    data = [
        {
            "timestamp": instant_text(point.at),
            "value": plain(point.value),
            "pnl_absolute": plain(point.pnl),
            "pnl_percentage": plain(point.percentage),
        }
        for point in series.points(rows.values(), line.period, line.at)
    ]
    return {"pnl_data": data}


def prune(number: int, value: JsonObject) -> dict[str, Any]:
    """`{kept: [[user, ts]]}`, in the order of the rows."""
    line = checked(Prune, number, value)
    return {"kept": [[user, instant_text(at)] for user, at in retention.kept(line.rows, line.date)]}


def prices(number: int, value: JsonObject) -> dict[str, Any]:
    """`{rows, refused}` by mint, or `{failed: reason}`: what `acceptance` makes of a source's answer."""
    try:
        return acceptance.calc(value)
    except InvalidInput as error:
        raise bad_line(number, error.message) from None
    except RecursionError:
        raise bad_line(number, Message("line-too-deep", "is nested too deeply"), field="body") from None
