"""Numbers of trading against Python's own decimal, at sizes where its default context rounds."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batch_platform.trading import amounts

WIDE = Context(prec=400)

decimals = st.decimals(allow_nan=False, allow_infinity=False, places=18) | st.integers(-(10**60), 10**60).map(
    lambda units: Decimal(f"{units}e-30")
)
scales = st.integers(0, 18)


@given(decimals, scales)
@example(Decimal("0.5"), 0)
@example(Decimal("1.5"), 0)
@example(Decimal("2.5"), 0)
@example(Decimal("-0.5"), 0)
@example(Decimal("-1.5"), 0)
@example(Decimal("0.000000005"), 8)
@example(Decimal("12345678901234567890123456789012345678901234567890.0000000000000000005"), 18)
def test_each_rounding_is_that_of_a_wide_context(value, scale):
    quantum = Decimal(1).scaleb(-scale)
    for rounding, mode in (
        (amounts.floored, ROUND_FLOOR),
        (amounts.ceiled, ROUND_CEILING),
        (amounts.half_even, ROUND_HALF_EVEN),
    ):
        assert rounding(value, scale) == value.quantize(quantum, rounding=mode, context=WIDE)
        assert rounding(Fraction(value), scale) == rounding(value, scale)


@given(st.fractions(), scales)
def test_fractions_without_a_last_digit_are_rounded_as_told(value, scale):
    unit = Fraction(1, 10**scale)
    floor, ceiling, near = (
        Fraction(rounding(value, scale)) for rounding in (amounts.floored, amounts.ceiled, amounts.half_even)
    )
    assert floor <= value < floor + unit
    assert ceiling - unit < value <= ceiling
    assert abs(value - near) <= unit / 2


@given(decimals)
@example(Decimal("-0"))
@example(Decimal("-0.000"))
@example(Decimal("1E+40"))
@example(Decimal("1E-18"))
@example(Decimal("100"))
@example(Decimal("100.00"))
def test_plain_digits_read_back_and_have_one_writing(value):
    text = amounts.plain(value)
    assert Decimal(text) == value
    assert "e" not in text.lower()
    assert text != "-0"
    assert "." not in text or text[-1] not in "0."
    assert amounts.parse_number(text) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "1_000",
        "１",
        "٣",
        "1e3",
        "1E3",
        "NaN",
        "Infinity",
        "+1",
        ".5",
        "5.",
        "1,5",
        "0x1",
        "--1",
        "1.2.3",
        "9" * 1_001,
        1,
        1.5,
        True,
        None,
        Decimal(1),
        ["1"],
    ],
    ids=lambda value: repr(value)[:20],
)
def test_only_plain_digits_as_text_are_numbers(value):
    with pytest.raises(ValueError, match="must be a number"):
        amounts.parse_number(value)


def test_digits_beyond_the_scale_are_refused_and_never_rounded():
    assert amounts.parse_amount("1.500000", 6) == amounts.parse_amount("1.50000000000", 6) == Decimal("1.5")
    assert amounts.parse_amount("3", 0) == 3
    huge = "9" * 900 + ".000001"
    assert amounts.plain(amounts.parse_amount(huge, 6)) == huge
    for text, scale in (("0.0000001", 6), ("1.5", 0), ("1.0000000000000000001", 18)):
        with pytest.raises(ValueError, match=f"must have at most {scale} decimals"):
            amounts.parse_amount(text, scale)
    for text in ("0", "0.000", "-1", "-0"):
        with pytest.raises(ValueError, match="must be above 0"):
            amounts.parse_amount(text, 6)


def test_prices_keep_eighteen_decimals_half_even():
    assert amounts.parse_price("0.1234567890123456785") == Decimal("0.123456789012345678")
    assert amounts.parse_price("0.1234567890123456775") == Decimal("0.123456789012345678")
    assert amounts.parse_price("0.12345678901234567850000000000001") == Decimal("0.123456789012345679")
    for text in ("0", "-1", "0.0000000000000000005"):
        with pytest.raises(ValueError, match="must be above 0"):
            amounts.parse_price(text)
    assert amounts.parse_price("0.00000000000000000050001") == Decimal("1e-18")


def test_rates_are_as_fine_and_as_far_as_allowed():
    assert amounts.parse_funding_rate("-0.32") == Decimal("-0.32")
    assert amounts.parse_funding_rate("0.000000000001") == Decimal("1e-12")
    for text in ("0.320000000001", "-0.33", "0.0000000000001"):
        with pytest.raises(ValueError, match="must"):
            amounts.parse_funding_rate(text)
    assert amounts.parse_yearly_rate("6.12345") == Decimal("6.12345")
    for text in ("6.123456", "-100"):
        with pytest.raises(ValueError, match="must"):
            amounts.parse_yearly_rate(text)
    assert amounts.parse_bps("12.5") == Decimal("12.5")
    for text in ("-1", "10000.1"):
        with pytest.raises(ValueError, match="basis points"):
            amounts.parse_bps(text)


@given(st.integers(-(10**40), 10**40), st.integers(0, 30), st.integers(0, 30))
def test_exact_keeps_every_digit(units, twos, fives):
    value = Fraction(units, 2**twos * 5**fives)
    assert Fraction(amounts.exact(value)) == value


def test_what_has_no_last_digit_is_not_exact():
    with pytest.raises(ValueError, match="no last digit"):
        amounts.exact(Fraction(1, 3))
