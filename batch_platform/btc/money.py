"""Satoshi and BTC, rates, and what a rate makes of many balances: integers throughout, exact, by whole columns.

An exact amount is a whole number of ten-billionths of a satoshi (`numerator`), since a rate has 8 decimals and is a
percentage. Int128 holds it for any 64-bit balance at any rate up to `RATE_CEILING`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import polars as pl

from batch_platform.btc.model import SATOSHI, Rounding
from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message
from batch_platform.core.numbers import parse_decimal

RATE_DECIMALS: Final = 8
RATE_CEILING: Final = Decimal(10**9)
"""No confirmation passes a rate beyond this, in percent."""

EXACT_DECIMALS: Final = SATOSHI + RATE_DECIMALS + 2
"""Decimals of an exact amount in BTC: those of a balance, of a rate, and two for the percent."""
DENOMINATOR: Final = 10 ** (RATE_DECIMALS + 2)
"""Parts of a satoshi in which a `numerator` counts."""

_NOT_FINITE: Final = ("nan", "inf", "infinity")
_NO_RATE: Final = Message("rate-no-number", "adjustment_rate must be a number.")
_NO_FINITE_RATE: Final = Message("rate-not-finite", "adjustment_rate must be a finite number.")


def to_btc(satoshi: int) -> Decimal:
    """BTC with exactly 8 decimals."""
    return Decimal(f"{satoshi}e-{SATOSHI}")


def btc_text(satoshi: int) -> str:
    """BTC with exactly 8 decimals as people write it, never 1E-8."""
    return f"{to_btc(satoshi):f}"


def to_satoshi(btc: Decimal, *, field: str = "amount") -> int:
    """Whole satoshi; InvalidInput for what is finer than one, or no number."""
    if not btc.is_finite():
        raise InvalidInput("btc-not-finite", "{field} must be a finite number.", field=field)
    exponent, whole = _whole(btc)
    if whole and exponent < -SATOSHI:
        raise InvalidInput(
            "btc-too-many-decimals",
            "{field} has more than {decimals} decimals: a satoshi cannot be split.",
            decimals=SATOSHI,
            field=field,
        )
    if whole and exponent + len(str(abs(whole))) > EXACT_DECIMALS:
        raise InvalidInput("btc-more-than-exists", "{field} is more BTC than there can be.", field=field)
    return whole * 10 ** (exponent + SATOSHI) if whole else 0


def parse_btc(text: str, *, field: str) -> int:
    """Whole satoshi of BTC as people write it, in plain digits. Raises `InvalidInput`."""
    try:
        return to_satoshi(parse_decimal(text), field=field)
    except ValueError:
        raise InvalidInput(
            "btc-not-in-digits",
            "{field} must be BTC in plain digits such as 12.00000001, not {text}",
            text=text,
            field=field,
        ) from None


def parse_rate(value: str | int | Decimal, *, max_rate: Decimal, confirm_above: str | None = None) -> Decimal:
    """A rate in percent, without trailing zeros: above -100, not 0, at most 8 decimals.

    Beyond `max_rate` either way it must be confirmed: `confirm_above` is then the `rate_text` somebody typed again.
    InvalidInput with field `adjustment_rate` for anything else.
    """
    rate = _number(value)
    if not rate.is_finite():
        raise _refused(_NO_FINITE_RATE)
    exponent, whole = _whole(rate)
    if not whole:
        raise _refused(Message("rate-zero", "adjustment_rate must not be 0."))
    if rate <= -100:
        raise _refused(
            Message("rate-too-low", "adjustment_rate must be above -100: nobody can lose more than everything.")
        )
    if rate > RATE_CEILING:
        raise _refused(
            Message("rate-too-high", "adjustment_rate must be at most {limit}.", limit=f"{RATE_CEILING:,}")
        )
    if exponent < -RATE_DECIMALS:
        raise _refused(
            Message("rate-too-fine", "adjustment_rate must have at most {count} decimals.", count=RATE_DECIMALS)
        )
    canonical = Decimal(f"{whole}e{exponent}")
    text = rate_text(canonical)
    if canonical.copy_abs() > max_rate and (confirm_above or "").strip() != text:
        raise _refused(
            Message(
                "rate-unconfirmed",
                "adjustment_rate is beyond {limit} % and must be confirmed by typing {rate} again.",
                limit=rate_text(max_rate),
                rate=text,
            )
        )
    return canonical


def rate_text(rate: Decimal) -> str:
    """A rate as people write it: plain digits, no trailing zeros, no sign but minus."""
    text = f"{rate:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rate_units(rate: Decimal) -> int:
    """The rate as a whole number of its smallest steps, 10^-8 percent."""
    exponent, whole = _whole(rate)
    if exponent < -RATE_DECIMALS or rate.copy_abs() > RATE_CEILING:
        raise _refused(
            Message(
                "rate-not-exact",
                "adjustment_rate must have at most {count} decimals and be at most {limit}.",
                count=RATE_DECIMALS,
                limit=f"{RATE_CEILING:,}",
            )
        )
    return whole * int(10 ** (exponent + RATE_DECIMALS))


def numerator(rate: Decimal, balance: str = "balance_before") -> pl.Expr:
    """`balance` x `rate` / 100 in ten-billionths of a satoshi, Int128."""
    return pl.col(balance).cast(pl.Int128()) * _int128(rate_units(rate))


def rounded(exact: pl.Expr, rounding: Rounding) -> pl.Expr:
    """Whole satoshi of a `numerator`, Int128."""
    size = _magnitude(exact)
    whole, rest = _parts(size)
    half = DENOMINATOR // 2
    match rounding:
        case Rounding.HALF_EVEN:
            up = (rest > half) | ((rest == half) & (whole % _int128(2) == 1))
        case Rounding.HALF_UP:
            up = rest >= half
        case Rounding.TOWARD_ZERO:
            up = pl.lit(value=False)
    return (whole + up.cast(pl.Int128())) * _sign(exact)


def away_from_zero(exact: pl.Expr) -> pl.Expr:
    """The next whole satoshi of a `numerator`, Int128: the most `largest_remainder` may give."""
    whole, rest = _parts(_magnitude(exact))
    return (whole + (rest > 0).cast(pl.Int128())) * _sign(exact)


def largest_remainder(rows: pl.DataFrame, target_total: int) -> pl.DataFrame:
    """`amount` (Int128, satoshi) beside `rows` (`user_id`, `numerator` of one sign), adding up to `target_total`.

    Each amount is its exact one rounded toward zero, and the largest remainders get one satoshi more, equal ones by
    `user_id`. So none is a whole satoshi away from exact: InvalidInput where the target would take more than that.
    """
    sign = -1 if rows.filter(pl.col("numerator") < 0).height else 1
    whole, rest = _parts(_magnitude(pl.col("numerator")))
    parts = rows.with_columns(_whole=whole, _rest=rest.cast(pl.Int64()))
    least = int(parts.get_column("_whole").sum())
    most = least + parts.filter(pl.col("_rest") > 0).height
    if not least <= target_total * sign <= most:
        low, high = sorted((least * sign, most * sign))
        raise InvalidInput(
            "target-total-unreachable",
            "target_total {total} BTC cannot be met: at this rate the amounts add up to between {low} and {high}.",
            total=btc_text(target_total),
            low=btc_text(low),
            high=btc_text(high),
            field="target_total",
        )
    more = pl.int_range(pl.len(), dtype=pl.Int64()) < target_total * sign - least
    return (
        parts.sort("_rest", "user_id", descending=[True, False])
        .with_columns(amount=(pl.col("_whole") + more.cast(pl.Int128())) * _int128(sign))
        .sort("user_id")
        .drop("_whole", "_rest")
    )


def exact_text(exact: pl.Expr) -> pl.Expr:
    """A `numerator` as BTC: plain decimal text, up to 18 decimals, no trailing zeros."""
    text = _decimal_text(exact, EXACT_DECIMALS)
    return text.str.strip_chars_end("0").str.strip_chars_end(".")


def btc_texts(satoshi: str) -> pl.Expr:
    """A column of satoshi as BTC: plain decimal text with exactly 8 decimals."""
    return _decimal_text(pl.col(satoshi).cast(pl.Int128()), SATOSHI)


def _number(value: str | int | Decimal) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _refused(_NO_RATE)
    if not isinstance(value, str):
        return Decimal(value)
    if value.strip().lstrip("+-").lower() in _NOT_FINITE:
        raise _refused(_NO_FINITE_RATE)
    try:
        return parse_decimal(value)
    except ValueError:
        raise _refused(_NO_RATE) from None


def _whole(number: Decimal) -> tuple[int, int]:
    """The number as (exponent, integer without trailing zeros); no context rounds it."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    kept = text.rstrip("0")
    whole = int(kept or "0")
    return exponent + len(text) - len(kept), -whole if sign else whole


def _refused(why: Message) -> InvalidInput:
    return InvalidInput.of(why, field="adjustment_rate")


def _decimal_text(number: pl.Expr, decimals: int) -> pl.Expr:
    digits = _magnitude(number).cast(pl.String()).str.zfill(decimals + 1)
    minus = pl.when(number < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.concat_str(minus, digits.str.head(-decimals), pl.lit("."), digits.str.tail(decimals))


def _parts(size: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Whole satoshi and the rest of a magnitude."""
    return size // _int128(DENOMINATOR), size % _int128(DENOMINATOR)


def _magnitude(number: pl.Expr) -> pl.Expr:
    # polars cannot negate an Int128
    return number * _sign(number)


def _sign(number: pl.Expr) -> pl.Expr:
    return pl.when(number < 0).then(_int128(-1)).otherwise(_int128(1))


def _int128(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.Int128())
