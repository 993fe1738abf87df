"""What of a source's answer becomes a tick: every reason, their order, and exact bounds against Fractions."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.trading import acceptance, quotes
from batch_platform.trading.acceptance import Failed, PriceRefusal, accept

SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
BONK = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"
TOKENS = {SOL: 9, USDC: 6}
GOOD = (
    f'{{"{SOL}": {{"createdAt": "2024-06-05T08:55:25.527Z", "usdPrice": 147.48, "blockId": 348004023, '
    f'"decimals": 9, "priceChange24h": 1.29}}, "{USDC}": {{"usdPrice": 0.9999, "decimals": 6}}}}'
)
V2 = f'{{"data": {{"{SOL}": {{"id": "{SOL}", "type": "derivedPrice", "price": "147.48"}}}}, "timeTaken": 0.003}}'


def calc(body, *, status=200, tokens=None, last=None, second=None):
    line = {"source": "jupiter", "tokens": tokens or TOKENS, "status": status, "body": body}
    return acceptance.calc({**line, "last_accepted": last or {}, "second_source": second or {}})


def entry(price, decimals="9"):
    """SOL alone, its price as it is written."""
    return calc(f'{{"{SOL}": {{"usdPrice": {price}, "decimals": {decimals}}}}}', tokens={SOL: 9})


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, '{"code": 401, "message": "Unauthorized"}', "http_401"),
        (429, "", "http_429"),
        (500, GOOD, "http_500"),
        (204, "", "http_204"),
        (200, "", "not_json"),
        (200, "<html>busy</html>", "not_json"),
        (200, GOOD[:-20], "not_json"),
        (200, "[" * 100_000, "not_json"),
        (200, "[]", "shape"),
        (200, "null", "shape"),
        (200, "147.48", "shape"),
        (200, V2, "shape"),
        (200, '{"data": {}, "timeTaken": 0.001}', "shape"),
        (200, f'{{"{BONK}": {{"usdPrice": 1, "decimals": 5}}}}', "shape"),
    ],
)
def test_a_failed_answer_has_one_reason(status, body, reason):
    assert calc(body, status=status) == {"failed": reason}


def test_a_good_answer():
    assert calc(GOOD) == {"rows": {SOL: "147.48", USDC: "0.9999"}, "refused": {}}
    assert calc(json.loads(GOOD, parse_float=Decimal)) == calc(GOOD)


def test_every_known_mint_is_answered():
    assert calc("{}") == {"rows": {}, "refused": {SOL: "omitted", USDC: "omitted"}}
    one = f'{{"{SOL}": null, "{BONK}": {{"usdPrice": 1}}, "{USDC}": {{"usdPrice": 1, "decimals": 6}}}}'
    assert calc(one) == {"rows": {USDC: "1"}, "refused": {SOL: "omitted"}}


@pytest.mark.parametrize(
    ("price", "decimals", "reason"),
    [
        ("null", "9", "shape"),
        ('"147.48"', "9", "shape"),
        ("true", "9", "shape"),
        ("{}", "8", "shape"),
        ("NaN", "8", "not_a_number"),
        ("Infinity", "9", "not_a_number"),
        ("-Infinity", "9", "not_a_number"),
        ("1e309", "9", "not_a_number"),
        ("1e99999999999999999999", "9", "not_a_number"),
        ("147.48", "8", "decimals_mismatch"),
        ("147.48", '"9"', "decimals_mismatch"),
        ("147.48", "null", "decimals_mismatch"),
        ("147.48", "NaN", "decimals_mismatch"),
        ("0", "8", "decimals_mismatch"),
        ("0", "9", "not_positive"),
        ("-0.0", "9", "not_positive"),
        ("-147.48", "9", "not_positive"),
        ("0.0000000000000000005", "9", "not_positive"),
        ("1e-99999999999999999999", "9", "not_positive"),
        ("1e-999999999", "9", "not_positive"),
    ],
)
def test_a_refused_price_has_the_first_reason(price, decimals, reason):
    assert entry(price, decimals) == {"rows": {}, "refused": {SOL: reason}}


@pytest.mark.parametrize("body", ["{}", "147.48", '"147.48"', "[]", "false"])
def test_a_token_without_its_object_is_of_another_shape(body):
    assert calc(f'{{"{SOL}": {body}}}', tokens={SOL: 9})["refused"] == {SOL: "shape"}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("147.480", "147.48"),
        ("100", "100"),
        ("1.5e3", "1500"),
        ("1e-7", "0.0000001"),
        ("147.48000000000000000001", "147.48"),  # a double would have begun to differ at the 15th digit
        ("0.1234567890123456785", "0.123456789012345678"),
        ("0.1234567890123456775", "0.123456789012345678"),
        ("0.0000000000000000015", "0.000000000000000002"),
        ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
    ],
)
def test_a_price_is_kept_exactly_and_rounded_half_even_once(written, kept):
    assert entry(written)["rows"] == {SOL: kept}


@pytest.mark.parametrize(
    ("price", "last", "second", "reason"),
    [
        ("1000", "100", None, None),
        ("1000.000000000000000001", "100", None, "jump"),
        ("10", "100", None, None),
        ("9.999999999999999999", "100", None, "jump"),
        ("1100", "100", "1100", None),
        ("1100", "100", "1047.619047619047619048", None),  # just above 1100 / 1.05
        ("1100", "100", "1047.619047619047619047", "jump"),
        ("1045", "100", "1100", None),  # 5 % of the second source, not of the price
        ("1155", "100", "1100", None),
        ("1044.999999999999999999", "100", "1100", "jump"),
        ("1155.000000000000000001", "100", "1100", "jump"),
        ("1100", "100", "0", "jump"),
        ("1100", None, None, None),
        ("123456789012345678901234567890.5", "1", "117577894297472075144032921800.476190476190476191", None),
        ("123456789012345678901234567890.5", "1", "117577894297472075144032921800.476190476190476190", "jump"),
    ],
)
def test_a_jump_needs_a_second_source(price, last, second, reason):
    answer = calc(
        f'{{"{SOL}": {{"usdPrice": {price}, "decimals": 9}}}}',
        tokens={SOL: 9},
        last={SOL: last} if last else {},
        second={SOL: second} if second else {},
    )
    assert answer["refused"] == ({} if reason is None else {SOL: reason})


def units(low, high):
    return st.integers(low, high).map(lambda value: Decimal(value).scaleb(-18))


@given(units(0, 10**22), units(1, 10**21), st.none() | units(0, 10**22), st.sampled_from(["", "1", "5", "9"]))
@example(Decimal("0.0000000000000000005"), Decimal("0.000000000000000001"), None, "")
def test_the_rule_against_fractions(price, last, second, digit):
    written = f"{price:.18f}{digit}"
    exact = Fraction(written)
    kept = Fraction(round(exact * 10**18), 10**18)  # Python rounds Fractions half-even
    jumped = kept > 10 * Fraction(last) or kept < Fraction(last) / 10
    agreed = second is not None and abs(kept - Fraction(second)) <= Fraction(second) * Fraction(5, 100)
    answer = accept(
        200,
        f'{{"{SOL}": {{"usdPrice": {written}, "decimals": 9}}}}'.encode(),
        tokens={SOL: 9},
        last_accepted={SOL: last},
        second_source={} if second is None else {SOL: second},
    )
    assert not isinstance(answer, Failed)
    expected = PriceRefusal.NOT_POSITIVE if kept == 0 else PriceRefusal.JUMP if jumped and not agreed else None
    assert answer.refused == ({} if expected is None else {SOL: expected})
    assert {mint: Fraction(row) for mint, row in answer.rows.items()} == ({SOL: kept} if expected is None else {})
    assert {mint: Fraction(row) for mint, row in answer.refused_prices.items()} == ({SOL: kept} if expected else {})


leaves = st.none() | st.booleans() | st.integers() | st.text()
names = st.sampled_from([SOL, USDC, BONK, "data", "usdPrice", "decimals"])
documents = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(names, inner))


@given(documents, st.binary())
def test_no_answer_breaks_the_judge(document, noise):
    for body in (json.dumps(document), noise, json.dumps(document).encode()[:-1]):
        answer = accept(200, body, tokens=TOKENS, last_accepted={}, second_source={})
        if isinstance(answer, Failed):
            assert answer.reason in ("not_json", "shape")
        else:
            assert answer.rows.keys() | answer.refused.keys() == TOKENS.keys()
            assert not answer.rows.keys() & answer.refused.keys()


@pytest.mark.parametrize(
    "line",
    [
        {"tokens": [SOL], "status": 200, "body": "{}"},
        {"tokens": {SOL: "9"}, "status": 200, "body": "{}"},
        {"tokens": {SOL: 9}, "status": "200", "body": "{}"},
        {"tokens": {SOL: 9}, "status": 200, "body": "{}", "last_accepted": {SOL: 147}},
        {"tokens": {SOL: 9}, "status": 200, "body": "{}", "second_source": {SOL: "1e2"}},
    ],
    ids=["tokens", "decimals", "status", "number", "exponent"],
)
def test_a_bad_line_is_refused(line):
    with pytest.raises(InvalidInput):
        acceptance.calc(line)


def test_the_other_protocols():
    """What CoinGecko, Binance and Pyth say of the same token, and what they leave out."""
    coins = quotes.coingecko(
        quotes.read_json('{"solana": {"usd": 147.48, "last_updated_at": 1717574125}}'),
        {SOL: "solana", USDC: "usd-coin"},
    )
    assert (coins[SOL].price, str(coins[SOL].observed_at)) == (Decimal("147.48"), "2024-06-05 07:55:25+00:00")
    assert coins[USDC] is None
    pairs = {SOL: "SOLUSDT", USDC: "USDCUSDT"}
    ticker = quotes.binance(quotes.read_json('[{"symbol": "SOLUSDT", "price": "147.48000000"}]'), pairs)
    assert (ticker[SOL].price, ticker[USDC]) == (Decimal("147.48000000"), None)
    rate = quotes.funding(quotes.read_json('[{"symbol": "SOLUSDT", "lastFundingRate": "-0.00038246"}]'), pairs)
    assert rate[SOL].price == Decimal("-0.00038246")
    parsed = '{"parsed": [{"id": "ef0d", "price": {"price": "14748123456", "expo": -8, "publish_time": 1717574125}}]}'
    pyth = quotes.pyth(quotes.read_json(parsed), {SOL: "ef0d"})
    assert pyth[SOL].price == Decimal("147.48123456")
    for read, names in ((quotes.binance, pairs), (quotes.pyth, {SOL: "ef0d"}), (quotes.coingecko, {SOL: "solana"})):
        with pytest.raises(quotes.Unreadable, match="shape"):
            read(quotes.read_json('{"code": -1121, "msg": "Invalid symbol."}'), names)
