"""Invoices (適格請求書) and credit notes (適格返還請求書) as PDF/A-3b with their data attached as XML.

The six items that the law asks of an invoice (消費税法第57条の4) are always there: issuer and registration number;
the day or period of each line; what was sold, the reduced rate marked; the totals per rate, with the rate; the tax
per rate; the recipient. A credit note adds the invoice that it takes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from batch_platform.core.numbers import plain
from batch_platform.staffing.contracts import PriceType
from batch_platform.staffing.documents import pint
from batch_platform.staffing.documents.fonts import all_printable
from batch_platform.staffing.documents.model import Bill, Discount, Line, Rendered
from batch_platform.staffing.documents.typesetting import breakable, datetime_fields, day, typeset
from batch_platform.staffing.documents.words import REDUCED
from batch_platform.staffing.tax import Rate, RateTotal

_WORDS: Final = {
    "invoice": {
        "heading": "請求書",
        "number": "請求書番号",
        "period": "対象期間",
        "sentence": "下記のとおりご請求申し上げます。",
        "amount": "ご請求金額（税込）",
        "total": "ご請求金額",
        "data": "請求書データ（JP PINT）",
        "file": "invoice.xml",
    },
    "credit_note": {
        "heading": "適格返還請求書",
        "number": "返還請求書番号",
        "period": "対象取引期間",
        "sentence": "下記のとおり対価を返還いたします。",
        "amount": "ご返還金額（税込）",
        "total": "ご返還金額",
        "data": "返還請求書データ（JP PINT）",
        "file": "credit-note.xml",
    },
}


def render(bill: Bill) -> Rendered:
    """The bill as PDF with its XML. Raises `MissingGlyph`, before anything is drawn, for what the fonts lack."""
    bill = all_printable(bill, bill.kind)
    return typeset("bill.typ", _data(bill), xml=pint.write(bill))


def _data(bill: Bill) -> dict[str, Any]:
    words = _WORDS[bill.kind]
    reduced = {line.rate for line in bill.lines if line.category == REDUCED}
    mixed = reduced & {line.rate for line in bill.lines if line.category != REDUCED}
    return {
        "title": f"{words['heading']} {bill.number}",
        "author": bill.issuer.name,
        "date": datetime_fields(bill.issue_date),
        "attachment": {"name": words["file"], "description": words["data"]},
        "heading": words["heading"],
        "facts": [[name, breakable(value)] for name, value in _facts(bill, words) if value],
        "recipient": {"name": breakable(bill.recipient.name), "lines": _some(bill.recipient.address)},
        "sentence": words["sentence"],
        "amount": {"label": words["amount"], "total": words["total"], "value": _yen(bill.total)},
        "issuer": {
            "name": breakable(bill.issuer.name),
            "lines": [
                ["登録番号", bill.issuer.registration_number],
                *(["", address] for address in _some(bill.issuer.address)),
                *(["TEL", phone] for phone in _some(bill.issuer.phone)),
                *(["E-mail", email] for email in _some(bill.issuer.email)),
            ],
        },
        "lines": [_line(line) for line in bill.lines] + [_discount(each, bill, reduced) for each in bill.discounts],
        "note": "　".join(_notes(bill, reduced)),
        "rates": [_rate_total(total, reduced, mixed) for total in bill.per_rate],
        "sums": [["小計（税抜）", _yen(bill.subtotal)], ["消費税額", _yen(bill.tax)]],
        "terms": [[name, breakable(value)] for name, value in _terms(bill) if value],
        "footer": f"{bill.issuer.name}　{words['number']} {bill.number}",
    }


def _facts(bill: Bill, words: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (words["number"], bill.number),
        ("発行日", day(bill.issue_date)),
        ("お支払期限", day(bill.due_date) if bill.due_date else ""),
        (words["period"], _period(bill.period_start, bill.period_end)),
        ("対象請求書番号", bill.original.number if bill.original else ""),
        ("対象請求書発行日", day(bill.original.issue_date) if bill.original else ""),
        ("差替え前の請求書番号", bill.replaces),
        ("契約番号", bill.contract_id),
    ]


def _terms(bill: Bill) -> list[tuple[str, str]]:
    return [
        ("お支払条件", bill.payment_terms),
        ("お振込先", bill.issuer.bank_account if bill.kind == "invoice" else ""),
        ("備考", bill.remarks),
    ]


def _notes(bill: Bill, reduced: set[Rate]) -> list[str]:
    prices = "単価・金額は税込です。" if bill.price_type is PriceType.GROSS else "単価・金額は税抜です。"
    return [prices, *(["※は軽減税率対象です。"] if reduced else [])]


def _line(line: Line) -> list[str | list[str]]:
    mark = "※" if line.category == REDUCED else ""
    return [
        breakable(line.name + mark),
        _period(line.first, line.last),
        "" if line.quantity is None else f"{line.quantity:,}",
        "" if line.unit_price is None else f"{line.unit_price:,}",
        _proration(line),
        f"{line.amount:,}",
        _rate(line.rate),
    ]


def _proration(line: Line) -> str:
    """The days of the month that are charged; none where a part of it costs as much as the whole."""
    if line.days is None or line.quantity is None or line.unit_price is None:
        return ""
    full = line.days < (line.of_days or 0) and line.amount == line.quantity * line.unit_price
    return "" if full else f"{line.days}/{line.of_days}日"


def _discount(discount: Discount, bill: Bill, reduced: set[Rate]) -> list[str | list[str]]:
    mark = "※" if discount.rate in reduced else ""
    period = _period(bill.period_start, bill.period_end)
    return [breakable(discount.name + mark), period, "", "", "", f"{-discount.amount:,}", _rate(discount.rate)]


def _rate_total(total: RateTotal, reduced: set[Rate], mixed: set[Rate]) -> list[str]:
    name = "非課税" if total.rate is None else f"{_rate(total.rate)}対象"
    mark = "（軽減税率を含む）" if total.rate in mixed else "（軽減税率）" if total.rate in reduced else ""
    return [name + mark, _yen(total.net), _yen(total.tax), _yen(total.gross)]


def _rate(rate: Rate) -> str:
    return "非課税" if rate is None else f"{plain(rate)}%"


def _yen(amount: int) -> str:
    return f"-¥{-amount:,}" if amount < 0 else f"¥{amount:,}"


def _period(start: date, end: date) -> str:
    if start == end:
        return f"{start:%Y/%m/%d}"
    return f"{start:%Y/%m/%d}〜{end:%m/%d}" if start.year == end.year else f"{start:%Y/%m/%d}〜{end:%Y/%m/%d}"


def _some(text: str) -> list[str | list[str]]:
    return [breakable(line) for line in text.split("\n")] if text else []
