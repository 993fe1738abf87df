"""Money against Python's own decimal: every amount, rate and text, at any size a balance can have."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, localcontext

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batch_platform.btc.model import Rounding
from batch_platform.btc.money import (
    RATE_CEILING,
    away_from_zero,
    btc_text,
    btc_texts,
    exact_text,
    largest_remainder,
    numerator,
    parse_btc,
    parse_rate,
    rate_text,
    rate_units,
    rounded,
    to_btc,
    to_satoshi,
)
from batch_platform.core.failures import InvalidInput

MODES = {
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.TOWARD_ZERO: ROUND_DOWN,
}
WIDE = Context(prec=80)
SUPPLY = 21_000_000 * 10**8
HUNDRED = Decimal(100)

balances = st.integers(0, SUPPLY) | st.integers(0, 200) | st.integers(-(2**63) + 1, 2**63 - 1)
rates = st.integers(-(10**10) + 1, 10**17).filter(bool).map(lambda units: Decimal(f"{units}e-8")) | st.sampled_from(
    [Decimal(text) for text in ("5", "-3", "50", "-50", "0.5", "2.5", "-99.99999999", "0.00000001", "1000000000")]
)


def exact(balance: int, rate: Decimal) -> Decimal:
    """Satoshi as a Decimal of 80 digits, more than any product here has."""
    return WIDE.multiply(Decimal(balance), WIDE.scaleb(rate, -2))


def column(values: list[int], rate: Decimal, expression) -> list:
    frame = pl.DataFrame({"balance_before": values}, schema={"balance_before": pl.Int64()})
    return frame.select(expression(numerator(rate)).alias("found"))["found"].to_list()


@given(st.lists(balances, max_size=8), rates, st.sampled_from(list(Rounding)))
@example([1, 2, 3, 10, 30, 50, -1, -3], Decimal(50), Rounding.HALF_EVEN)
@example([1, 2, 3, 10, 30, 50, -1, -3], Decimal(-50), Rounding.HALF_UP)
@example([SUPPLY, 2_099_999_997_690_000], Decimal("999999999.99999999"), Rounding.HALF_EVEN)
def test_amounts_are_those_of_decimal(values, rate, rounding):
    found = column(values, rate, lambda exact_: rounded(exact_, rounding))
    assert found == [int(exact(value, rate).to_integral_value(MODES[rounding], WIDE)) for value in values]


@given(st.lists(balances, max_size=8), rates)
def test_the_next_satoshi_is_the_most_an_amount_can_be(values, rate):
    assert column(values, rate, away_from_zero) == [
        int(exact(value, rate).to_integral_value("ROUND_UP", WIDE)) for value in values
    ]


@given(st.lists(balances, max_size=8), rates)
@example([1], Decimal("0.00000001"))
@example([SUPPLY], Decimal(10))
@example([0, 5], Decimal(-3))
def test_exact_texts_are_exact_and_plain(values, rate):
    texts = column(values, rate, exact_text)
    for value, text in zip(values, texts, strict=True):
        with localcontext(WIDE):
            assert Decimal(text) == exact(value, rate).scaleb(-8)
        assert "E" not in text
        assert not text.startswith("-0") or text.startswith("-0.")
        assert not ("." in text and text.endswith(("0", ".")))


def test_exact_texts_read_like_this():
    assert column([1, 123_456_789, 0, SUPPLY], Decimal("-3.5"), exact_text) == [
        "-0.00000000035",
        "-0.04320987615",
        "0",
        "-735000",
    ]


@given(st.integers(-(2**63) + 1, 2**63 - 1))
@example(1)
@example(-1)
@example(0)
def test_btc_and_satoshi_are_the_same_amount(satoshi):
    text = btc_text(satoshi)
    assert to_satoshi(Decimal(text)) == to_satoshi(to_btc(satoshi)) == satoshi
    assert len(text.partition(".")[2]) == 8
    assert "E" not in text
    frame = pl.DataFrame({"satoshi": [satoshi]}, schema={"satoshi": pl.Int64()})
    assert frame.select(btc_texts("satoshi")).item() == text


def test_more_digits_than_a_context_has_are_kept():
    assert to_satoshi(Decimal("123456789012345678.12345678")) == 12345678901234567812345678
    assert to_satoshi(Decimal("1.0000000000000000000000000000000000000000")) == 10**8
    assert to_satoshi(Decimal("0e-30")) == 0
    assert to_satoshi(Decimal("2e3")) == 2000 * 10**8


@pytest.mark.parametrize(
    "text", ["1_0", "１０", "1e2", "５", "", " ", "+", ".", "1,5", "0x10", "٣", "\u30005", "NaN", "9" * 65]
)
def test_btc_is_written_in_plain_digits(text):
    with pytest.raises(InvalidInput, match="sum must be BTC in plain digits"):
        parse_btc(text, field="sum")


@pytest.mark.parametrize(
    ("text", "satoshi"), [("10", 10**9), ("-0.00000001", -1), ("+5.0", 5 * 10**8), (" .5 ", 5 * 10**7)]
)
def test_btc_reads_like_this(text, satoshi):
    assert parse_btc(text, field="sum") == satoshi


@pytest.mark.parametrize("text", ["0.000000001", "1.1234567890123", "1e-400000", "1e400000", "NaN", "-Infinity"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        to_satoshi(Decimal(text), field="balance")
    assert refused.value.field == "balance"
    assert len(refused.value.message) < 100


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("-100", "above -100"),
        (-100, "above -100"),
        (Decimal("-100.00000001"), "above -100"),
        ("-1e999999999", "must be a number"),
        ("0", "not be 0"),
        (0, "not be 0"),
        ("-0.000", "not be 0"),
        ("0e-999999", "must be a number"),
        ("1000000000", "typing 1000000000 again"),
        (Decimal("1E+9"), "typing 1000000000 again"),
        ("1e2", "must be a number"),
        ("9" * 64, "at most 1,000,000,000"),
        ("1000000000.00000001", "at most 1,000,000,000"),
        ("NaN", "finite"),
        (Decimal("sNaN"), "finite"),
        (Decimal("NaN"), "finite"),
        ("Infinity", "finite"),
        (Decimal("-Infinity"), "finite"),
        ("5.123456789", "at most 8 decimals"),
        (Decimal("5.123456789"), "at most 8 decimals"),
        (Decimal("1e-999999"), "at most 8 decimals"),
        (Decimal("1.000000000000000000000000000000000001"), "at most 8 decimals"),
        ("", "must be a number"),
        ("five", "must be a number"),
        ("5 %", "must be a number"),
        ("1_000", "must be a number"),
        ("５", "must be a number"),
        ("\u30005", "must be a number"),
        ("1,5", "must be a number"),
        ("--5", "must be a number"),
        ("1" * 65, "must be a number"),
        (True, "must be a number"),
        (5.0, "must be a number"),
        (None, "must be a number"),
        ("100.00000001", "typing 100.00000001 again"),
    ],
)
def test_a_rate_that_cannot_be_is_refused_in_one_sentence(value, said):
    with pytest.raises(InvalidInput) as refused:
        parse_rate(value, max_rate=HUNDRED)
    assert refused.value.field == "adjustment_rate"
    assert said in refused.value.message
    assert refused.value.message.startswith("adjustment_rate ")
    assert refused.value.message.endswith(".")
    assert len(refused.value.message) < 120


@given(rates)
def test_a_rate_survives_its_text(rate):
    text = rate_text(parse_rate(rate, max_rate=RATE_CEILING))
    assert parse_rate(text, max_rate=RATE_CEILING) == rate
    assert parse_rate(f" {text}", max_rate=RATE_CEILING) == rate
    assert "E" not in text
    assert rate_units(rate) == int(WIDE.scaleb(rate, 8))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("+5.0", "5"),
        ("-3.000000000", "-3"),
        (".5", "0.5"),
        ("5.", "5"),
        ("100", "100"),
        (Decimal("-99.5"), "-99.5"),
    ],
)
def test_a_rate_reads_like_this(value, text):
    assert rate_text(parse_rate(value, max_rate=HUNDRED)) == text


def test_a_rate_beyond_the_limit_is_typed_again():
    assert parse_rate("150.50", max_rate=HUNDRED, confirm_above="150.5") == Decimal("150.5")
    assert parse_rate("-50", max_rate=Decimal(10), confirm_above=" -50 ") == Decimal(-50)
    assert parse_rate("1000000000", max_rate=HUNDRED, confirm_above="1000000000") == RATE_CEILING
    for typed in ("150", "yes", "", None):
        with pytest.raises(InvalidInput, match=r"typing 150\.5 again"):
            parse_rate("150.50", max_rate=HUNDRED, confirm_above=typed)
    with pytest.raises(InvalidInput, match="at most 1,000,000,000"):
        parse_rate("1000000001", max_rate=HUNDRED, confirm_above="1000000001")


@pytest.mark.parametrize("rate", [Decimal("0.000000001"), Decimal(10**9 + 1)])
def test_no_arithmetic_is_done_with_a_rate_that_would_not_be_exact(rate):
    with pytest.raises(InvalidInput):
        numerator(rate)


def shares(numerators: list[int]) -> pl.DataFrame:
    users = [f"u{place:03}" for place in range(len(numerators))]
    return pl.DataFrame(
        {"user_id": users, "numerator": numerators}, schema={"user_id": pl.String(), "numerator": pl.Int128()}
    )


@st.composite
def targets(draw):
    """Numerators of one sign, and a total they can add up to."""
    sign = draw(st.sampled_from((1, -1)))
    sizes = draw(st.lists(st.integers(0, 5 * 10**10) | st.integers(0, 10**32), max_size=12))
    sizes += draw(st.lists(st.sampled_from(sizes), max_size=4)) if sizes else []
    least = sum(size // 10**10 for size in sizes)
    most = least + sum(size % 10**10 > 0 for size in sizes)
    return [size * sign for size in sizes], draw(st.integers(least, most)) * sign, draw(st.randoms())


@given(targets())
def test_the_largest_remainders_meet_the_target(drawn):
    numerators, total, random = drawn
    rows = shares(numerators)
    given_order = rows.sample(fraction=1, shuffle=True, seed=random.randrange(2**32))
    found = largest_remainder(given_order, total)
    amounts = found["amount"].to_list()
    assert found["user_id"].to_list() == rows["user_id"].to_list()
    assert sum(amounts) == total

    # Python's own: toward zero, then one more for the largest remainders, ties by user_id
    left = abs(total) - sum(abs(n) // 10**10 for n in numerators)
    ranked = sorted(range(len(numerators)), key=lambda i: (-(abs(numerators[i]) % 10**10), i))
    assert [abs(amount) for amount in amounts] == [
        abs(n) // 10**10 + (i in ranked[:left]) for i, n in enumerate(numerators)
    ]
    assert all(abs(amount * 10**10 - n) < 10**10 for amount, n in zip(amounts, numerators, strict=True))
    assert all(amount * n >= 0 for amount, n in zip(amounts, numerators, strict=True))


@pytest.mark.parametrize("total", [2, 5, -3, 10**30])
def test_a_target_that_takes_more_than_a_satoshi_a_user_is_refused(total):
    rows = shares([15 * 10**9, 2 * 10**10, 1])
    with pytest.raises(InvalidInput, match=r"between 0\.00000003 and 0\.00000005") as refused:
        largest_remainder(rows, 6 if total == 5 else total)
    assert refused.value.field == "target_total"
    for possible in (3, 4, 5):
        assert largest_remainder(rows, possible)["amount"].sum() == possible


def test_nobody_can_meet_only_nothing():
    assert largest_remainder(shares([]), 0).height == 0
    with pytest.raises(InvalidInput):
        largest_remainder(shares([]), 1)
    with pytest.raises(InvalidInput, match=r"between -0\.00000002 and -0\.00000001"):
        largest_remainder(shares([-15 * 10**9]), 1)
