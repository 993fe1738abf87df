"""Credit notes, numbers of documents, and registration numbers."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.staffing import calc
from batch_platform.staffing.contracts import PriceType
from batch_platform.staffing.credit_notes import Part, left, of_parts, of_whole
from batch_platform.staffing.document_numbers import document_number
from batch_platform.staffing.registration_numbers import check_digit, parse_registration_number
from batch_platform.staffing.tax import RateTotal, Rounding, total

PER_RATE = [
    {"rate": "10", "net": 29_185, "tax": 2_919, "gross": 32_104},
    {"rate": "8", "net": 888, "tax": 71, "gross": 959},
    {"rate": None, "net": 500, "tax": 0, "gross": 500},
]


def line(parts: object, **changes: object) -> dict[str, object]:
    invoice = {"document": "invoice", "invoice_number": "INV-2026-000001", "per_rate": PER_RATE}
    return {"invoice": invoice, "parts": parts, "price_type": "net", "rounding": "half_up", **changes}


def test_the_whole_mirrors_the_stored_figures():
    answer = calc.credit_note(1, line("all"))
    assert answer == {
        "document": "credit_note",
        "per_rate": [
            {"rate": "10", "net": -29_185, "tax": -2_919, "gross": -32_104},
            {"rate": "8", "net": -888, "tax": -71, "gross": -959},
            {"rate": None, "net": -500, "tax": 0, "gross": -500},
        ],
        "subtotal": -30_573,
        "tax": -2_990,
        "total": -33_563,
        "issue_required": True,
    }
    assert calc.credit_note(1, {"invoice": {"per_rate": PER_RATE}, "parts": "all"}) == answer


@pytest.mark.parametrize(
    ("rounding", "price_type", "net", "tax"),
    [
        ("half_up", "net", -105, -11),
        ("floor", "net", -105, -10),
        ("ceil", "net", -101, -11),
        ("half_up", "gross", -95, -10),  # 105 * 10 / 110 = 9.545…
        ("floor", "gross", -96, -9),
    ],
)
def test_a_part_is_rounded_once_per_rate_on_its_magnitude(rounding, price_type, net, tax):
    amount = -net if price_type == "net" else -net - tax
    parts = [{"rate": "10.0", "amount": 5}, {"rate": None, "amount": 7}, {"rate": "10", "amount": amount - 5}]
    answer = calc.credit_note(1, line(parts, rounding=rounding, price_type=price_type))
    assert [tuple(each.values()) for each in answer["per_rate"]] == [("10", net, tax, net + tax), (None, -7, 0, -7)]


@pytest.mark.parametrize(("amount", "required"), [(9_090, False), (9_091, True)])
def test_below_ten_thousand_yen_with_tax_no_document_is_required(amount, required):
    answer = calc.credit_note(1, line([{"rate": "10", "amount": amount}], rounding="ceil"))
    assert (answer["total"] > -10_000) is not required
    assert answer["issue_required"] is required


BAD = {
    "beyond": (
        line([{"rate": "8", "amount": 800}, {"rate": "8", "amount": 89}]),
        "parts: 889 yen of rate 8 are more than the invoice's 888",
    ),
    "not-there": (
        line([{"rate": "0", "amount": 1}]),
        "parts: 1 yen of rate 0 are more than the invoice's 0",
    ),
    "zero": (line([{"rate": "8", "amount": 0}]), "parts.0.amount: Input should be greater than 0"),
    "empty": (line([]), "parts: List should have at least 1 item"),
    "word": (line("some"), 'parts: must be "all", or a list of parts'),
    "rounding": (line([{"rate": "8", "amount": 1}], rounding=None), "rounding: Field required"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_names_its_field(name):
    value, said = BAD[name]
    with pytest.raises(InvalidInput, match="line 5: ") as failure:
        calc.credit_note(5, value)
    assert said in str(failure.value)


amounts = st.integers(1, 10**7)


@given(
    amount=amounts,
    shares=st.lists(st.integers(1, 10**6), min_size=1, max_size=4),
    price_type=st.sampled_from(PriceType),
    rounding=st.sampled_from(Rounding),
)
def test_parts_until_nothing_is_left(amount, shares, price_type, rounding):
    per_rate = [total(10, amount, price_type, rounding)]
    rest = per_rate
    for share in shares:
        has = rest[0].net if price_type is PriceType.NET else rest[0].gross
        if not has:
            break
        note = of_parts(rest, [Part(rate=10, amount=min(share, has))], price_type, rounding)
        rest = left(rest, note.per_rate)
    back = of_whole(rest)
    assert 0 <= rest[0].net <= per_rate[0].net or price_type is PriceType.GROSS
    assert left(rest, back.per_rate) == [RateTotal(10, 0, 0, 0)]


def test_numbers_of_documents():
    assert document_number("INV", date(2026, 10, 1), 42) == "INV-2026-000042"
    assert document_number("A-1", date(2027, 1, 1), 1_234_567) == "A-1-2027-1234567"


NORMALIZED = {
    "T1180301018771": None,
    "Ｔ１１８０３－０１０１８７７１": None,
    " t1180-3010-18771\u3000": None,
    "Ｔ１１８０３ー０１０１８７７１": None,
    "T1180301018772": "check_digit",
}


@pytest.mark.parametrize("index", range(len(NORMALIZED)))
def test_registration_numbers_are_put_right(index):
    written, warning = list(NORMALIZED.items())[index]
    text = "T1180301018772" if warning else "T1180301018771"
    assert calc.tax_number(1, {"number": written}) == {"valid": True, "normalized": text, "warning": warning}


@pytest.mark.parametrize(
    "written", ["", "T", "1180301018771", "T118030101877", "T11803010187711", "TT180301018771", "T118030101877١"]
)
def test_others_are_none(written):
    assert calc.tax_number(1, {"number": written}) == {"valid": False, "normalized": None, "warning": None}


@given(st.lists(st.integers(0, 9), min_size=12, max_size=12))
def test_each_corporate_number_has_one_check_digit(digits):
    rest = "".join(map(str, digits))
    found = [parse_registration_number(f"T{first}{rest}") for first in range(10)]
    assert [each.text[1] for each in found if each and each.warning is None] == [str(check_digit(digits))]
