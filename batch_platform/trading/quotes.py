"""What each source's JSON says of a token, before anybody judges it. Numbers are read exactly, never as doubles.

The protocols: Jupiter price v3, CoinGecko simple/price, Binance ticker/price and premiumIndex, Pyth Hermes v2.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

UNSTATED: Final = object()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PYTH_EXPONENTS: Final = range(-30, 31)
_NOT_A_NUMBER: Final = Decimal("NaN")


class Unreadable(ValueError):
    """The whole answer is of no use; as text it is the reason, `not_json` or `shape`."""


@dataclass(frozen=True)
class Quote:
    """A source's word on one token, USD for one whole token.

    `price` and `decimals` are what stood in the JSON: any value of `read_json`, `price` None where there was none.
    `decimals` is `UNSTATED` where the protocol has none. `observed_at` is None where the source does not say when.
    """

    price: Any
    decimals: Any = UNSTATED
    observed_at: datetime | None = None


def read_json(body: bytes | str) -> Any:
    """JSON with every number a `Decimal`, the literals NaN and Infinity too. Raises `Unreadable`."""
    try:
        return json.loads(body, parse_float=_number, parse_int=_number, parse_constant=_number)
    except (ValueError, RecursionError):
        raise Unreadable("not_json") from None


def exact(document: Any) -> Any:
    """JSON that was read elsewhere, its whole numbers as `read_json` has them. Raises `TypeError` for a double."""
    if isinstance(document, Mapping):
        return {name: exact(value) for name, value in document.items()}
    if isinstance(document, list):
        return [exact(value) for value in document]
    if isinstance(document, int) and not isinstance(document, bool):
        return Decimal(document)
    if document is None or isinstance(document, str | bool | Decimal):
        return document
    raise TypeError(f"a {type(document).__name__} is no exact number")


def jupiter(document: Any, mints: Collection[str]) -> Mapping[str, Quote | None]:
    """Price v3: `{mint: {usdPrice, decimals, blockId, priceChange24h}}`; a mint that is null or absent is None.

    `createdAt` is the birth of the token, so no answer says when its price was seen. Raises `Unreadable`.
    """
    entries = _entries(document, mints)
    return {mint: None if entry is None else _of(entry, "usdPrice", "decimals") for mint, entry in entries.items()}


def coingecko(document: Any, coins: Mapping[str, str]) -> Mapping[str, Quote | None]:
    """simple/price: `{coin: {usd, last_updated_at}}`, the time in Unix seconds. `coins` has the coin of each mint.

    Raises `Unreadable`.
    """
    entries = _entries(document, coins.values())
    return {mint: _coingecko_quote(entries[coin]) for mint, coin in coins.items()}


def binance(document: Any, pairs: Mapping[str, str]) -> Mapping[str, Quote | None]:
    """ticker/price: `[{symbol, price}]`, prices as text, USDT taken for USD. `pairs` has the symbol of each mint.

    Raises `Unreadable`.
    """
    prices = _rows(document, "symbol", "price")
    return {mint: Quote(_text(prices[symbol])) if symbol in prices else None for mint, symbol in pairs.items()}


def funding(document: Any, contracts: Mapping[str, str]) -> Mapping[str, Quote | None]:
    """premiumIndex: `[{symbol, lastFundingRate}]`, a share of the notional per 8 hours as text, in `price`.

    `contracts` has the symbol of each mint. Raises `Unreadable`.
    """
    rates = _rows(document, "symbol", "lastFundingRate")
    return {mint: Quote(_text(rates[symbol])) if symbol in rates else None for mint, symbol in contracts.items()}


def pyth(document: Any, feeds: Mapping[str, str]) -> Mapping[str, Quote | None]:
    """Hermes v2: `{parsed: [{id, price: {price, expo, publish_time}}]}`, the price is `price * 10**expo`.

    Raises `Unreadable`.
    """
    parsed = document.get("parsed") if isinstance(document, Mapping) else None
    prices = _rows(parsed, "id", "price")
    return {mint: _pyth_quote(prices[feed]) if feed in prices else None for mint, feed in feeds.items()}


def _number(digits: str) -> Decimal:
    """Beyond the exponents that `Decimal` knows a number is none, or nothing."""
    try:
        return Decimal(digits)
    except InvalidOperation:
        return Decimal(0) if "e-" in digits.lower() else _NOT_A_NUMBER


def _entries(document: Any, names: Collection[str]) -> dict[str, Any]:
    """What an object says under these names. One that has none of them is another protocol's, unless it is empty."""
    if not isinstance(document, Mapping) or (document and not any(name in document for name in names)):
        raise Unreadable("shape")
    return {name: document.get(name) for name in names}


def _of(entry: Any, price: str, decimals: str) -> Quote:
    return Quote(entry.get(price), entry.get(decimals)) if isinstance(entry, Mapping) else Quote(None)


def _coingecko_quote(entry: Any) -> Quote | None:
    if entry is None:
        return None
    fields = entry if isinstance(entry, Mapping) else {}
    return Quote(fields.get("usd"), observed_at=_instant(fields.get("last_updated_at")))


def _rows(document: Any, key: str, value: str) -> dict[str, Any]:
    if not isinstance(document, list):
        raise Unreadable("shape")
    rows = [row for row in document if isinstance(row, Mapping) and isinstance(row.get(key), str)]
    if document and not rows:
        raise Unreadable("shape")
    return {row[key]: row.get(value) for row in rows}


def _text(value: Any) -> Any:
    """A number that the protocol writes as text; anything else stays what it is."""
    if not isinstance(value, str):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _pyth_quote(price: Any) -> Quote:
    fields = price if isinstance(price, Mapping) else {}
    mantissa, exponent = _text(fields.get("price")), fields.get("expo")
    if not isinstance(mantissa, Decimal) or not isinstance(exponent, Decimal) or exponent not in _PYTH_EXPONENTS:
        return Quote(None)
    return Quote(Decimal(f"{mantissa}e{exponent}"), observed_at=_instant(fields.get("publish_time")))


def _instant(seconds: Any) -> datetime | None:
    """Unix seconds as an instant, None for what is none."""
    if not isinstance(seconds, Decimal) or not 0 <= seconds < 2**40:
        return None
    return _EPOCH + timedelta(seconds=int(seconds))
