"""Which prices of a source's answer become ticks, and the one reason why each other one does not.

An answer fails as a whole (`Failed`: nothing changes) or is judged token by token (`Accepted`). The order in which a
price's faults are looked for is that of `PriceRefusal`, after the numbers are read exactly and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import Any, Final

from batch_platform.core.failures import InvalidInput
from batch_platform.core.numbers import parse_decimal
from batch_platform.trading import quotes
from batch_platform.trading.amounts import FUNDING_RATE_DECIMALS, MAX_FUNDING_RATE, PRICE_DECIMALS, plain
from batch_platform.trading.quotes import UNSTATED, Quote, Unreadable

JUMP: Final = 10
"""A price beyond this many times the last accepted one, or below that part of it, has jumped."""
AGREEMENT: Final = Decimal("0.05")
"""By which share of its own price a second source may differ and still confirm a jump."""

_EXACT: Final = Context(prec=700, Emin=-999_999, Emax=999_999, rounding=ROUND_HALF_EVEN)
_LARGEST_EXPONENT: Final = 308  # of a double: what exceeds it reads as infinity everywhere else


class PriceRefusal(StrEnum):
    """Why a token's price is refused, in the order of looking; `over_cap` is of funding rates alone, `late` said when
    an accepted price comes to its tick."""

    OMITTED = "omitted"
    SHAPE = "shape"
    NOT_A_NUMBER = "not_a_number"
    DECIMALS_MISMATCH = "decimals_mismatch"
    NOT_POSITIVE = "not_positive"
    JUMP = "jump"
    OVER_CAP = "over_cap"
    LATE = "late"


@dataclass(frozen=True)
class Failed:
    """No price of the answer counts. `reason`: http_N, not_json, shape; or timeout, connection,
    busy, too_large where none came."""

    reason: str


@dataclass(frozen=True)
class Accepted:
    """Every known mint is in one of the two. `rows`: USD for one whole token, at most 18 decimals.

    `refused_prices` are the prices, rounded, that were refused although they are numbers; `observed` says when the
    source saw a price, where it says so.
    """

    rows: Mapping[str, Decimal]
    refused: Mapping[str, PriceRefusal]
    refused_prices: Mapping[str, Decimal] = field(default_factory=dict)
    observed: Mapping[str, datetime] = field(default_factory=dict)


Reader = Callable[[Any], Mapping[str, Quote | None]]
"""From a source's JSON to its quotes by mint, None for a token it says nothing of. Raises `Unreadable`."""


def accept(
    status: int,
    body: bytes | str,
    *,
    tokens: Mapping[str, int],
    last_accepted: Mapping[str, Decimal],
    second_source: Mapping[str, Decimal],
    read: Reader | None = None,
) -> Accepted | Failed:
    """Judge an HTTP answer. `tokens`: decimals of each known mint; `last_accepted`, `second_source`: USD by mint.

    `read` is the source's protocol, Jupiter's price v3 by default.
    """
    if status != 200:
        return Failed(f"http_{status}")
    try:
        document = quotes.read_json(body)
        read_quotes = read(document) if read else quotes.jupiter(document, tokens)
    except Unreadable as error:
        return Failed(str(error))
    return judge(read_quotes, tokens=tokens, last_accepted=last_accepted, second_source=second_source)


def judge(
    by_mint: Mapping[str, Quote | None],
    *,
    tokens: Mapping[str, int],
    last_accepted: Mapping[str, Decimal],
    second_source: Mapping[str, Decimal],
) -> Accepted:
    """Judge each known mint's quote by itself."""
    rows: dict[str, Decimal] = {}
    refused: dict[str, PriceRefusal] = {}
    refused_prices: dict[str, Decimal] = {}
    for mint, decimals in tokens.items():
        price, refusal = _judged(by_mint.get(mint), decimals, last_accepted.get(mint), second_source.get(mint))
        if refusal is not None:
            refused[mint] = refusal
        if price is not None:
            (rows if refusal is None else refused_prices)[mint] = price
    observed = {mint: quote.observed_at for mint, quote in by_mint.items() if quote and quote.observed_at}
    return Accepted(rows, refused, refused_prices, observed)


def accept_funding(status: int, body: bytes | str, contracts: Mapping[str, str]) -> Accepted | Failed:
    """Judge a premium index: of each mint of `contracts` the rate per 8 hours, at most 12 decimals, in `rows`."""
    if status != 200:
        return Failed(f"http_{status}")
    try:
        by_mint = quotes.funding(quotes.read_json(body), contracts)
    except Unreadable as error:
        return Failed(str(error))
    judged = {mint: _judged_rate(quote) for mint, quote in by_mint.items()}
    return Accepted(
        {mint: rate for mint, rate in judged.items() if isinstance(rate, Decimal)},
        {mint: refusal for mint, refusal in judged.items() if isinstance(refusal, PriceRefusal)},
    )


def rounded(number: Decimal, decimals: int = PRICE_DECIMALS) -> Decimal:
    """A price as it is kept: at most 18 decimals, half-even, no trailing zeros."""
    return _EXACT.normalize(_EXACT.quantize(number, Decimal(1).scaleb(-decimals)))


def has_jumped(price: Decimal, last: Decimal) -> bool:
    """More than ten times the last accepted price, or less than a tenth of it; exactly that is no jump."""
    return price > _EXACT.multiply(last, Decimal(JUMP)) or _EXACT.multiply(price, Decimal(JUMP)) < last


def confirms(second: Decimal, price: Decimal) -> bool:
    """Whether a second source's price lies within 5 % of itself of this price, the bound included."""
    return _EXACT.subtract(price, second).copy_abs() <= _EXACT.multiply(second, AGREEMENT)


def calc(line: Mapping[str, Any]) -> dict[str, Any]:
    """One line of `trading calc prices`: `{source, tokens, status, body, last_accepted, second_source}`.

    `body` is the answer in Jupiter's protocol, as text or as the JSON that `quotes.read_json` reads; prices are
    decimals as text. Answers `{rows: {mint: price}, refused: {mint: reason}}` or `{failed: reason}`. Raises
    `InvalidInput` for a line that is none.
    """
    tokens = {mint: _whole(value, f"tokens.{mint}") for mint, value in _object(line, "tokens").items()}
    status, body = _whole(line.get("status"), "status"), line.get("body")
    answer = accept(
        status,
        body if isinstance(body, str) else "{}",
        tokens=tokens,
        last_accepted=_prices(line, "last_accepted"),
        second_source=_prices(line, "second_source"),
        read=lambda read: quotes.jupiter(read if isinstance(body, str) else quotes.exact(body), tokens),
    )
    if isinstance(answer, Failed):
        return {"failed": answer.reason}
    return {
        "rows": {mint: plain(price) for mint, price in answer.rows.items()},
        "refused": {mint: str(reason) for mint, reason in answer.refused.items()},
    }


def _judged(
    quote: Quote | None, decimals: int, last: Decimal | None, second: Decimal | None
) -> tuple[Decimal | None, PriceRefusal | None]:
    if quote is None:
        return None, PriceRefusal.OMITTED
    if not isinstance(quote.price, Decimal):
        return None, PriceRefusal.SHAPE
    if not quote.price.is_finite() or quote.price.adjusted() > _LARGEST_EXPONENT:
        return None, PriceRefusal.NOT_A_NUMBER
    price = rounded(quote.price)
    if quote.decimals is not UNSTATED and (not isinstance(quote.decimals, Decimal) or quote.decimals != decimals):
        return price, PriceRefusal.DECIMALS_MISMATCH
    if price <= 0:
        return price, PriceRefusal.NOT_POSITIVE
    if last is not None and has_jumped(price, last) and not (second is not None and confirms(second, price)):
        return price, PriceRefusal.JUMP
    return price, None


def _judged_rate(quote: Quote | None) -> Decimal | PriceRefusal:
    if quote is None:
        return PriceRefusal.OMITTED
    if not isinstance(quote.price, Decimal):
        return PriceRefusal.SHAPE
    if not quote.price.is_finite():
        return PriceRefusal.NOT_A_NUMBER
    if quote.price.copy_abs() > MAX_FUNDING_RATE:
        return PriceRefusal.OVER_CAP
    return rounded(quote.price, FUNDING_RATE_DECIMALS)


def _object(line: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = line.get(field, {})
    if not isinstance(value, Mapping):
        raise InvalidInput("not-an-object", "{field} must be an object", field=field)
    return value


def _prices(line: Mapping[str, Any], field: str) -> dict[str, Decimal]:
    """Decimals as text; null is none."""
    prices = {}
    for mint, text in _object(line, field).items():
        if text is None:
            continue
        try:
            prices[mint] = parse_decimal(text)
        except (ValueError, AttributeError):  # digits of another kind, or no text
            raise InvalidInput(
                "decimal-as-text", "{field} must be a decimal as text", field=f"{field}.{mint}"
            ) from None
    return prices


def _whole(value: Any, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != value // 1:
        raise InvalidInput("whole-number", "{field} must be a whole number", field=field)
    return int(value)
