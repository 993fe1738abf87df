"""The paths and bodies of the real sources, each with its own way to write a price, and the faults of the moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from batch_platform.local.price_server.faults import Fault, Literally, Source, price_of
from batch_platform.local.price_server.market import Market
from batch_platform.local.price_server.tokens import Token

Query = Mapping[str, Sequence[str]]
_APART: Final = {
    "jupiter": Decimal(1),
    "coingecko": Decimal("1.002"),
    "binance": Decimal("0.999"),
    "pyth": Decimal(1),
}
"""No two sources ever say the same."""


class BadRequest(Exception):
    """A request that the source refuses, with the body of its refusal."""


@dataclass(frozen=True)
class Protocol:
    """One path of one source: `body` answers a query with what a token's price has become by the faults."""

    source: Source
    body: Callable[[Market, Query, datetime, list[Fault]], Any]


def jupiter(market: Market, query: Query, at: datetime, faults: list[Fault]) -> Any:
    """Price v3. A mint that is not traded is left out."""
    mints = _listed(query, "ids")
    if not mints or len(mints) > 50:
        raise BadRequest(json.dumps({"error": "ids must hold 1 to 50 mints"}))
    if any(fault.kind == "v2" for fault in faults):
        return _former(market, mints, at)
    entries: dict[str, Any] = {}
    for token in (market.tokens[mint] for mint in mints if mint in market.tokens):
        fault, price = _of(faults, token), _price(market, "jupiter", token, at)
        if price is None or (fault and fault.kind in ("omit", "null")):
            entries |= {token.mint: None} if fault and fault.kind == "null" else {}
            continue
        decimals = token.decimals + (1 if fault and fault.kind == "decimals" else 0)
        entries[token.mint] = {
            "createdAt": "2024-06-05T08:55:25.527Z",
            "liquidity": Literally("1000000.5"),
            "usdPrice": price_of(fault, price),
            "blockId": int(at.timestamp() * 5 // 2),
            "decimals": decimals,
            "priceChange24h": Literally("0.5"),
        }
    return entries


def coingecko(market: Market, query: Query, at: datetime, faults: list[Fault]) -> Any:
    """Simple price, in USD alone."""
    known = {token.coin: token for token in market.tokens.values() if token.coin}
    tokens = {coin: known[coin] for coin in _listed(query, "ids") if coin in known}
    return {
        coin: {"usd": written, "last_updated_at": int(at.timestamp())}
        for coin, token in tokens.items()
        if (written := _written(market, "coingecko", token, at, faults)) is not None
    }


def binance(market: Market, query: Query, at: datetime, faults: list[Fault]) -> Any:
    """Spot prices as text: of the pairs asked for, or of all. One unknown pair spoils the request."""
    pairs = {token.pair: token for token in market.tokens.values() if token.pair}
    symbols = json.loads(query["symbols"][0]) if "symbols" in query else list(pairs)
    if not set(symbols) <= pairs.keys():
        raise BadRequest(json.dumps({"code": -1121, "msg": "Invalid symbol."}))
    return [
        {"symbol": symbol, "price": str(written)}
        for symbol in symbols
        if (written := _written(market, "binance", pairs[symbol], at, faults)) is not None
    ]


def premium_index(market: Market, _query: Query, at: datetime, faults: list[Fault]) -> Any:
    """Funding rates as text, of all perpetual contracts; a jump multiplies the rate."""
    rows = []
    for token in market.tokens.values():
        fault = _of(faults, token)
        if not token.contract or (fault and fault.kind in ("omit", "null")):
            continue
        rows.append(
            {
                "symbol": token.contract,
                "markPrice": f"{market.price(token, at) or 0:f}",
                "lastFundingRate": str(price_of(fault, market.funding_rate(token, at))),
                "nextFundingTime": int(market.next_funding(at).timestamp() * 1000),
                "time": int(at.timestamp() * 1000),
            }
        )
    return rows


def pyth(market: Market, query: Query, at: datetime, faults: list[Fault]) -> Any:
    """Hermes' latest updates: whole numbers with an exponent."""
    known = {token.feed: token for token in market.tokens.values() if token.feed}
    parsed = []
    for feed in (name.removeprefix("0x") for name in query.get("ids[]", ())):
        written = _written(market, "pyth", known[feed], at, faults) if feed in known else None
        if written is not None:
            number = Decimal(written) if isinstance(written, Literally) else Decimal("NaN")
            mantissa = str(int(number.scaleb(8))) if number.is_finite() else "NaN"
            parsed.append({"id": feed, "price": {"price": mantissa, "expo": -8, "publish_time": int(at.timestamp())}})
    return {"parsed": parsed}


PATHS: Final[Mapping[str, Protocol]] = {
    "/price/v3": Protocol("jupiter", jupiter),
    "/api/v3/simple/price": Protocol("coingecko", coingecko),
    "/api/v3/ticker/price": Protocol("binance", binance),
    "/fapi/v1/premiumIndex": Protocol("funding", premium_index),
    "/v2/updates/price/latest": Protocol("pyth", pyth),
}


def encoded(value: Any) -> str:
    """JSON in which `Literally` stands as it is: exact digits, NaN."""
    if isinstance(value, Literally):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(name)}:{encoded(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encoded, value)) + "]"
    return json.dumps(value)


def _former(market: Market, mints: Sequence[str], at: datetime) -> Any:
    """What Jupiter's price v2 answered until it was switched off."""
    traded = [market.tokens[mint] for mint in mints if mint in market.tokens]
    data = {
        token.mint: {"id": token.mint, "type": "derivedPrice", "price": f"{market.price(token, at) or 0:f}"}
        for token in traded
    }
    return {"data": data, "timeTaken": Literally("0.003")}


def _price(market: Market, source: str, token: Token, at: datetime) -> Decimal | None:
    price = market.price(token, at)
    return None if price is None else (price * _APART[source]).normalize()


def _written(market: Market, source: str, token: Token, at: datetime, faults: list[Fault]) -> Any:
    """The price as the body has it; None where it is left out."""
    fault, price = _of(faults, token), _price(market, source, token, at)
    if price is None or (fault and fault.kind in ("omit", "null")):
        return None
    return price_of(fault, price)


def _of(faults: list[Fault], token: Token) -> Fault | None:
    return next((fault for fault in faults if fault.concerns(token.mint)), None)


def _listed(query: Query, name: str) -> list[str]:
    return [entry for text in query.get(name, ()) for entry in text.split(",") if entry]
