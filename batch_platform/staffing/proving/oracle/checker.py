"""An invoice as it was issued, looked at by itself: its sums, and the six items that a 適格請求書 has by law.

Nothing is computed from contracts here. The six: the issuer's name and registration number; when the service was
given; what it was, with a mark where the rate is reduced; the amount per rate, with the rate; the tax per rate; the
recipient's name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final
from xml.etree import ElementTree

from batch_platform.staffing.proving.oracle.days import month
from batch_platform.staffing.proving.oracle.exact import number
from batch_platform.staffing.proving.oracle.invoice import taxed

Row = Mapping[str, Any]

_MINUS: Final = "[-−▲△]"
_UNTAXED: Final = "非課税|不課税|対象外"
_UNTAXED_CATEGORIES: Final = frozenset({"E", "O"})


@dataclass(frozen=True)
class Terms:
    """What an invoice was made under: `period` is its `YYYY-MM`, `reduced` the rates that need a mark."""

    issuer_name: str
    registration_number: str
    recipient: str
    period: str
    rounding: str
    price_type: str = "net"
    reduced: Collection[str] = ("8",)


def wrong_sums(invoice: Row, terms: Terms) -> list[str]:
    """Rates that come twice or were rounded otherwise than once, and totals that are not the sums of the rates.

    `invoice` is a row of `invoices list` or `show`, or an answer of `calc`; lines are looked at where it has them.
    """
    rates = [row["rate"] for row in invoice["per_rate"]]
    wrong = [] if len(set(rates)) == len(rates) else [f"rates {rates} come twice"]
    for row in invoice["per_rate"]:
        rate = None if row["rate"] is None else number(row["rate"])
        computed = taxed(rate, row[terms.price_type], terms.price_type, terms.rounding)
        wrong += [
            f"{name} of {row['rate']} is {row[name]}, not {computed[name]}"
            for name in ("net", "tax", "gross")
            if row[name] != computed[name]
        ]
    for name, part in (("subtotal", "net"), ("tax", "tax"), ("total", "gross")):
        total = sum(row[part] for row in invoice["per_rate"])
        wrong += [] if invoice[name] == total else [f"{name} is {invoice[name]}, not {total}"]
    for row in invoice["per_rate"] if "lines" in invoice else []:
        lines = sum(line["amount"] for line in invoice["lines"] if line["rate"] == row["rate"])
        wrong += [] if row[terms.price_type] <= lines else [f"{row['rate']}: more than its lines of {lines} yen"]
    return wrong


def missing_in_text(invoice: Row, text: str, terms: Terms) -> list[str]:
    """Items that cannot be read in the text of its PDF, and figures that stand there otherwise."""
    text = unicodedata.normalize("NFKC", text)
    words = _joined(text)
    wrong = [
        f"no {what}: {value}"
        for what, value in (
            ("issuer's name", terms.issuer_name),
            ("registration number", terms.registration_number),
            ("recipient's name", terms.recipient),
            ("invoice number", str(invoice["invoice_number"])),
        )
        if _joined(value) not in words
    ]
    wrong += [] if _names_period(words, terms.period) else [f"no transaction period: {terms.period}"]
    wrong += [] if _shows(text, invoice["total"]) else [f"no total of {invoice['total']}"]
    lines = invoice.get("lines", [])
    wrong += [f"no line of {line['amount']}" for line in lines if not _shows(text, line["amount"])]
    marked = [line for line in lines if line["rate"] in terms.reduced]
    if marked and ("軽減税率" not in words or text.count("※") <= len(marked)):
        wrong.append(f"{len(marked)} lines at a reduced rate without their mark and its legend")
    for row in invoice["per_rate"]:
        shown = any(
            _shows(part, row["tax"]) and (_shows(part, row["net"]) or _shows(part, row["gross"]))
            for part in _beside(text, row["rate"])
        )
        wrong += [] if shown else [f"no amount and tax of rate {row['rate']}"]
    return wrong


def missing_in_xml(invoice: Row, xml: bytes, terms: Terms) -> list[str]:
    """Items that the attached UBL document (JP PINT) lacks or has otherwise; signs are not looked at, since documents
    of what is given back are written either way."""
    root = ElementTree.fromstring(xml)  # noqa: S314 (a document of the platform's own)

    def texts(*path: str) -> list[str]:
        return [(element.text or "").strip() for element in root.findall("/".join(f"{{*}}{name}" for name in path))]

    def yen(*path: str) -> list[int]:
        return [abs(int(text)) for text in texts(*path)]

    supplier, customer = ("AccountingSupplierParty", "Party"), ("AccountingCustomerParty", "Party")
    first, last = month(terms.period)
    starts, ends = texts("InvoicePeriod", "StartDate"), texts("InvoicePeriod", "EndDate")
    within = any(
        first.isoformat() <= start <= end <= last.isoformat() for start, end in zip(starts, ends, strict=True)
    )
    total = ("LegalMonetaryTotal",)
    checks = (
        ("issuer's name", terms.issuer_name in texts(*supplier, "PartyLegalEntity", "RegistrationName")),
        ("registration number", terms.registration_number in texts(*supplier, "PartyTaxScheme", "CompanyID")),
        ("recipient's name", terms.recipient in texts(*customer, "PartyLegalEntity", "RegistrationName")),
        ("invoice number", texts("ID") == [str(invoice["invoice_number"])]),
        ("issue date", texts("IssueDate") == [invoice["issue_date"]]),
        ("transaction period", within),
        ("subtotal", yen(*total, "TaxExclusiveAmount") == [abs(invoice["subtotal"])]),
        ("total", yen(*total, "TaxInclusiveAmount") == [abs(invoice["total"])]),
        ("tax", abs(invoice["tax"]) in yen("TaxTotal", "TaxAmount")),
        ("amounts and tax per rate", sorted(_subtotals(root)) == sorted(_figures(invoice))),
    )
    return [f"the attached document has no or another {what}" for what, right in checks if not right]


def _figures(invoice: Row) -> Iterator[tuple[Fraction, int, int]]:
    for row in invoice["per_rate"]:
        rate = Fraction(-1) if row["rate"] is None else number(row["rate"])
        yield rate, abs(row["net"]), abs(row["tax"])


def _subtotals(root: ElementTree.Element) -> Iterator[tuple[Fraction, int, int]]:
    for part in root.findall("{*}TaxTotal/{*}TaxSubtotal"):
        untaxed = part.findtext("{*}TaxCategory/{*}ID") in _UNTAXED_CATEGORIES
        rate = Fraction(-1) if untaxed else number(part.findtext("{*}TaxCategory/{*}Percent"))
        net, tax = (int(part.findtext(f"{{*}}{name}") or 0) for name in ("TaxableAmount", "TaxAmount"))
        yield rate, abs(net), abs(tax)


def _joined(text: str) -> str:
    """Without the blanks and line ends that a layout puts anywhere into words."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def _names_period(text: str, period: str) -> bool:
    year, month_number = period.split("-")
    return re.search(rf"{year}[-/.年]0?{int(month_number)}(?![0-9])", text) is not None


def _shows(text: str, amount: int) -> bool:
    """Yen, with commas between thousands."""
    sign = _MINUS if amount < 0 else ""
    return re.search(rf"(?<![0-9,.]){sign}\s*¥?\s*{abs(amount):,}(?![0-9]|,[0-9])", text) is not None


def _beside(text: str, rate: str | None) -> Iterator[str]:
    """What follows each place that names the rate, up to the next rate."""
    named = _UNTAXED if rate is None else rf"(?<![0-9.]){re.escape(rate)}%"
    for place in re.finditer(named, text):
        rest = text[place.end() :]
        following = re.search(rf"[0-9]%|{_UNTAXED}", rest)
        yield rest[: following.start()] if following else rest
