"""Invoices: worked values made by hand, the handed example, and what holds for all of them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.staffing import calc
from batch_platform.staffing.contracts import Contract, PriceType, segments
from batch_platform.staffing.discounts import spread
from batch_platform.staffing.months import last_day, length
from batch_platform.staffing.tax import Rounding, rank, rounded, total

DATA = Path(__file__).parent / "data"
RATES = [
    {"category": "standard", "rate": "8", "valid_from": "2014-04-01", "valid_to": "2019-09-30"},
    {"category": "standard", "rate": "10", "valid_from": "2019-10-01", "valid_to": None},
    {"category": "reduced", "rate": "8.0", "valid_from": "2019-10-01", "valid_to": None},
    {"category": "export", "rate": 0, "valid_from": "2019-10-01", "valid_to": None},
    {"category": "exempt", "rate": None, "valid_from": "1989-04-01", "valid_to": None},
]
PLAN = {
    "from": "2020-01-01",
    "base_price": 30_000,
    "max_users": 5,
    "max_engineers": None,
    "price_per_user": 1_000,
    "price_per_engineer": 0,
}


def usage(month: str, users: int = 5) -> dict[str, Any]:
    first = date.fromisoformat(f"{month}-01")
    days = (first + timedelta(days=passed) for passed in range(length(first)))
    return {day.isoformat(): {"users": users, "engineers": 9} for day in days}


def line(month: str = "2026-09", *, contract: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """An invoice of 30,000 yen net a month, with these changes."""
    own = {"start": "2020-01-01", "end": None, "terms": [PLAN], **(contract or {})}
    made = {"period": month, "contract": own, "usage": usage(month), "rounding": "floor", "tax_rates": RATES}
    return {**made, **changes}


def item(price: int, category: str = "standard", *, day: str = "2026-09-10", quantity: int = 1) -> dict[str, Any]:
    return {"date": day, "quantity": quantity, "unit_price": price, "category": category}


def lines_of(answer: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("kind", "from", "to", "quantity", "days", "amount", "rate")
    return [tuple(each[name] for name in names) for each in answer["lines"]]


def rates_of(answer: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(each.values()) for each in answer["per_rate"]]


def test_the_handed_example():
    given_lines, expected = (
        [json.loads(text) for text in (DATA / name).read_text().splitlines()]
        for name in ("invoice.jsonl", "invoice.expected.jsonl")
    )
    assert [calc.invoice(number, value) for number, value in enumerate(given_lines, 1)] == expected


def test_a_month_is_cut_where_plans_and_the_contract_begin_and_end():
    dearer = {**PLAN, "from": "2026-02-11", "base_price": 40_001, "price_per_user": 999}
    contract = {"start": "2026-02-04", "end": "2026-02-20", "terms": [dearer, PLAN]}
    days = usage("2026-02", users=6)
    days["2026-02-05"]["users"] = 8
    days["2026-02-21"]["users"] = 99
    answer = calc.invoice(1, line("2026-02", contract=contract, usage=days))
    assert lines_of(answer) == [
        ("base", "2026-02-04", "2026-02-10", 1, 7, 7_500, "10"),
        ("extra_users", "2026-02-04", "2026-02-10", 3, 7, 750, "10"),
        ("base", "2026-02-11", "2026-02-20", 1, 10, 14_286, "10"),
        ("extra_users", "2026-02-11", "2026-02-20", 1, 10, 356, "10"),
    ]
    assert rates_of(answer) == [("10", 22_892, 2_289, 25_181)]
    whole = calc.invoice(1, line("2026-02", contract={**contract, "proration": "full"}, usage=days))
    assert [each["amount"] for each in whole["lines"]] == [30_000, 3_000, 40_001, 999]


def test_days_before_the_first_terms_have_no_price_and_need_no_usage():
    contract = {"terms": [{**PLAN, "from": "2026-09-21"}]}
    days = {day: counts for day, counts in usage("2026-09").items() if day > "2026-09-20"}
    answer = calc.invoice(1, line(contract=contract, usage=days))
    assert lines_of(answer) == [("base", "2026-09-21", "2026-09-30", 1, 10, 10_000, "10")]


def test_nothing_is_billed_while_a_covered_day_is_missing():
    days = usage("2026-09")
    del days["2026-09-15"]
    waiting = {"document": None, "reason": "waiting_for_usage"}
    assert calc.invoice(1, line(usage=days)) == waiting
    assert calc.invoice(1, line(usage=days, contract={"end": "2026-09-14"}))["document"] == "invoice"
    assert calc.invoice(1, line(usage=days, contract={"end": "2026-09-15"})) == waiting


NOTHING = {
    "before": line(contract={"start": "2026-10-01"}, extras=[item(5)]),
    "after": line(contract={"end": "2026-08-31"}, extras=[item(5)]),
    "free": line(contract={"terms": [{**PLAN, "base_price": 0}]}),
    "taken-off": line(discounts=[{"kind": "percent", "value": 120}]),
    "below-zero": line(extras=[item(-30_001)]),
    "backwards": line(contract={"start": "2026-09-20", "end": "2026-09-10"}),
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_due(name):
    assert calc.invoice(1, NOTHING[name]) == {"document": None, "reason": "nothing_due"}


def test_items_of_the_month_alone_also_on_days_that_are_not_covered():
    extras = [item(7, day=f"2026-{day}") for day in ("08-31", "09-30", "09-01", "10-01")] + [item(9, quantity=0)]
    answer = calc.invoice(1, line(contract={"start": "2026-09-16"}, extras=extras))
    assert lines_of(answer) == [
        ("base", "2026-09-16", "2026-09-30", 1, 15, 15_000, "10"),
        ("item", "2026-09-30", "2026-09-30", 1, None, 7, "10"),
        ("item", "2026-09-01", "2026-09-01", 1, None, 7, "10"),
    ]


def test_the_rate_is_of_the_lines_last_day():
    changed = [
        {"category": "standard", "rate": "10", "valid_from": "2019-10-01", "valid_to": None},
        {"category": "standard", "rate": "12.5", "valid_from": "2026-09-15", "valid_to": None},
    ]
    extras = [item(1_000, day="2026-09-14"), item(1_000, day="2026-09-15")]
    answer = calc.invoice(1, line(extras=extras, tax_rates=changed))
    assert rates_of(answer) == [("12.5", 31_000, 3_875, 34_875), ("10", 1_000, 100, 1_100)]
    plans = [PLAN, {**PLAN, "from": "2026-09-15"}]
    answer = calc.invoice(1, line(contract={"terms": plans}, tax_rates=changed))
    assert rates_of(answer) == [("12.5", 16_000, 2_000, 18_000), ("10", 14_000, 1_400, 15_400)]


def test_a_rate_ends_on_its_last_day():
    days = {"usage": usage("2019-09"), "contract": {"start": "2019-01-01", "terms": [{**PLAN, "from": "2019-01-01"}]}}
    assert rates_of(calc.invoice(1, line("2019-09", **days))) == [("8", 30_000, 2_400, 32_400)]
    with pytest.raises(InvalidInput, match="line 4: tax_rates: no tax rate of category reduced holds on 2019-09-30"):
        calc.invoice(4, line("2019-09", **days, extras=[item(1, "reduced", day="2019-09-30")]))


def test_rates_descend_and_exempt_comes_last():
    extras = [item(100, "exempt"), item(300, "export"), item(199, "reduced"), item(-50, "export")]
    answer = calc.invoice(1, line(extras=extras))
    assert rates_of(answer) == [
        ("10", 30_000, 3_000, 33_000),
        ("8", 199, 15, 214),
        ("0", 250, 0, 250),
        (None, 100, 0, 100),
    ]
    assert (answer["subtotal"], answer["tax"], answer["total"]) == (30_549, 3_015, 33_564)


def test_discounts_one_after_the_other():
    discounts = [{"kind": "percent", "value": "33.33"}, {"kind": "amount", "value": "101.9"}]
    answer = calc.invoice(1, line(extras=[item(199, "reduced"), item(100, "exempt")], discounts=discounts))
    # 30000 - 9999 = 20001, 199 - 66 = 133, 100 - 33 = 67; 101 of 20201: 100.0003, 0.665, 0.335
    assert rates_of(answer) == [("10", 19_901, 1_990, 21_891), ("8", 132, 10, 142), (None, 67, 0, 67)]


def test_a_tie_goes_to_the_higher_rate_and_exempt_ranks_lowest():
    contract = {"terms": [{**PLAN, "base_price": 0}]}
    extras = [item(100, category) for category in ("exempt", "export", "reduced", "standard")]
    answer = calc.invoice(1, line(contract=contract, extras=extras, discounts=[{"kind": "amount", "value": 3}]))
    assert [each[1] for each in rates_of(answer)] == [99, 99, 99, 100]


def test_a_negative_item_lowers_its_rate_and_no_discount_touches_what_is_below_zero():
    discounts = [{"kind": "percent", "value": 10}, {"kind": "amount", "value": 100}]
    answer = calc.invoice(1, line(extras=[item(-105, "reduced")], discounts=discounts))
    assert rates_of(answer) == [("10", 26_900, 2_690, 29_590), ("8", -105, -8, -113)]


@pytest.mark.parametrize(("rounding", "tax", "net"), [("floor", 0, 9), ("half_up", 1, 8), ("ceil", 1, 8)])
def test_tax_out_of_gross_prices(rounding, tax, net):
    contract = {"terms": [{**PLAN, "base_price": 9}], "price_type": "gross"}
    answer = calc.invoice(1, line(contract=contract, rounding=rounding))
    assert rates_of(answer) == [("10", net, tax, 9)]


BAD = {
    "month": (line(period="2026-13"), "period: a month is written YYYY-MM"),
    "day": (line(usage={"2026-02-30": {"users": 1, "engineers": 1}}), "usage.2026-02-30"),
    "terms": (line(contract={"terms": [PLAN, PLAN]}), "contract.terms: two terms begin on 2020-01-01"),
    "closing": (line(contract={"payment": {"kind": "closing", "closing": 32}}), "must be a day of the month"),
    "fraction": (line(extras=[item(1, quantity=1.5)]), "extras.0.quantity: Input should be a valid integer"),
    "float": (line(discounts=[{"kind": "percent", "value": 2.5}]), "discounts.0.value: must be a whole number, or"),
    "unknown": (line(discount=[]), "discount: Extra inputs are not permitted"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_names_its_field(name):
    value, said = BAD[name]
    with pytest.raises(InvalidInput, match=r"^line 3: ") as failure:
        calc.invoice(3, value)
    assert said in str(failure.value)


days = st.dates(date(2024, 1, 1), date(2024, 3, 31))
terms = st.lists(days, min_size=1, max_size=4, unique=True).map(
    lambda begun: [{**PLAN, "from": day.isoformat()} for day in begun]
)
rates = st.sampled_from(["10", "8", "0", None]).map(lambda rate: rate and Fraction(rate))


@given(start=days, end=st.none() | days, terms=terms, month=st.sampled_from([1, 2, 3]))
def test_segments_hold_each_priced_day_of_the_contract_once(start, end, terms, month):
    month = date(2024, month, 1)
    text = {"start": start.isoformat(), "end": end and end.isoformat()}
    contract = Contract.model_validate({**text, "terms": terms})
    held = Counter(day for segment in segments(contract, month) for day in segment.days)
    priced = max(start, min(each.begins for each in contract.terms))
    first, last = max(month, priced), min(last_day(month), end or date.max)
    expected = (first + timedelta(days=passed) for passed in range((last - first).days + 1))
    assert held == Counter(expected)
    for segment in segments(contract, month):
        assert segment.terms == max((t for t in contract.terms if t.begins <= segment.last), key=lambda t: t.begins)


@given(amounts=st.dictionaries(rates, st.integers(0, 10**7), max_size=4), reduction=st.integers(0, 4 * 10**7))
def test_a_reduction_is_spread_whole_and_never_below_zero(amounts, reduction):
    off = spread(amounts, reduction)
    whole = sum(amounts.values())
    assert sum(off.values()) == min(reduction, whole)
    for rate, amount in amounts.items():
        assert 0 <= off[rate] <= amount
        assert abs(off[rate] - Fraction(min(reduction, whole) * amount, whole or 1)) < 1
        assert all(
            off[rate] >= off[other] for other in amounts if amounts[other] == amount and rank(other) < rank(rate)
        )


@given(
    amount=st.integers(-(10**9), 10**9),
    rate=rates,
    price_type=st.sampled_from(PriceType),
    rounding=st.sampled_from(Rounding),
)
def test_tax_is_within_a_yen_and_mirrors(amount, rate, price_type, rounding):
    found = total(rate, amount, price_type, rounding)
    assert found.net + found.tax == found.gross
    assert amount == (found.net if price_type is PriceType.NET else found.gross)
    base = 100 if price_type is PriceType.NET else 100 + (rate or 0)
    assert abs(found.tax - amount * Fraction(rate or 0) / base) < 1
    mirror = total(rate, -amount, price_type, rounding)
    assert (mirror.net, mirror.tax, mirror.gross) == (-found.net, -found.tax, -found.gross)


def test_half_a_yen():
    assert [rounded(Fraction(5, 2), rounding) for rounding in Rounding] == [2, 3, 3]
    assert [rounded(Fraction(-5, 2), rounding) for rounding in Rounding] == [-2, -3, -3]
