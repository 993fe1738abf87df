"""A bill's data as UBL 2.1 with the fields of JP PINT 1.1.0, the Japanese profile of Peppol's international invoice.

JP PINT takes document type 380 alone: a credit note is an invoice with negative quantities that refers to its
original. Amounts are whole yen. Prices stay as agreed; what makes a line's net amount less than quantity x price
(proration, and the tax within gross prices) stands as the line's allowances, discounts as the document's.
Of the profile's rules two may fail: the recipient's address in the network (ibr-080) is not known here, who sends the
file adds it; and tax rounded out of gross prices can lie a yen beside the tax of their net (aligned-ibrp-051-jp).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from batch_platform.core.numbers import plain
from batch_platform.staffing.contracts import PriceType
from batch_platform.staffing.documents.model import Bill, Issuer, Line, Recipient
from batch_platform.staffing.documents.words import REDUCED
from batch_platform.staffing.tax import Rate, RateTotal

_NAMESPACES: Final = {
    "xmlns": "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
    "xmlns:cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "xmlns:cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
_CUSTOMIZATION: Final = "urn:peppol:pint:billing-1@jp-1"
_PROFILE: Final = "urn:peppol:bis:billing"
_COMMERCIAL_INVOICE: Final = "380"
_REGISTRATION_SCHEME: Final = "0221"  # ISO 6523: registered numbers of issuers of qualified invoices
_ONE: Final = "C62"  # UN/ECE Recommendation 20: a unit
_DISCOUNT: Final = "95"  # UNTDID 5189


def write(bill: Bill) -> bytes:
    """The XML in UTF-8; its texts are the bill's, which must be `printable`."""
    taxes = _included_taxes(bill)
    lines = [(line, tax) for line, tax in zip(bill.lines, taxes, strict=True)]
    root = Element("Invoice", _NAMESPACES)
    _head(root, bill)
    _supplier(SubElement(root, "cac:AccountingSupplierParty"), bill.issuer)
    _customer(SubElement(root, "cac:AccountingCustomerParty"), bill.recipient)
    account = bill.issuer.bank_account if bill.kind == "invoice" else ""
    if terms := "\n".join(text for text in (bill.payment_terms, account) if text):
        _text(SubElement(root, "cac:PaymentTerms"), "cbc:Note", terms)
    for discount in bill.discounts:
        allowance = _allowance(root, discount.name, discount.amount, reason_code=_DISCOUNT)
        _category(allowance, "cac:TaxCategory", discount.rate, reduced=_is_reduced(bill, discount.rate))
    _totals(root, bill, sum(line.amount - tax for line, tax in lines))
    for number, (line, tax) in enumerate(lines, 1):
        parent = SubElement(root, "cac:InvoiceLine")
        _line(parent, number, line, tax, reduced=_is_reduced(bill, line.rate))
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=False)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


def _head(root: Element, bill: Bill) -> None:
    _text(root, "cbc:CustomizationID", _CUSTOMIZATION)
    _text(root, "cbc:ProfileID", _PROFILE)
    _text(root, "cbc:ID", bill.number)
    _text(root, "cbc:IssueDate", bill.issue_date)
    if bill.due_date:
        _text(root, "cbc:DueDate", bill.due_date)
    _text(root, "cbc:InvoiceTypeCode", _COMMERCIAL_INVOICE)
    if bill.remarks:
        _text(root, "cbc:Note", bill.remarks)
    _text(root, "cbc:DocumentCurrencyCode", "JPY")
    _period(root, bill.period_start, bill.period_end)
    if bill.original or bill.replaces:
        reference = SubElement(SubElement(root, "cac:BillingReference"), "cac:InvoiceDocumentReference")
        _text(reference, "cbc:ID", bill.original.number if bill.original else bill.replaces)
        if bill.original:
            _text(reference, "cbc:IssueDate", bill.original.issue_date)
    if bill.contract_id:
        _text(SubElement(root, "cac:ContractDocumentReference"), "cbc:ID", bill.contract_id)


def _supplier(parent: Element, issuer: Issuer) -> None:
    party = SubElement(parent, "cac:Party")
    _text(party, "cbc:EndpointID", issuer.registration_number, schemeID=_REGISTRATION_SCHEME)
    _address(party, issuer.address)
    scheme = SubElement(party, "cac:PartyTaxScheme")
    _text(scheme, "cbc:CompanyID", issuer.registration_number)
    _text(SubElement(scheme, "cac:TaxScheme"), "cbc:ID", "VAT")
    _text(SubElement(party, "cac:PartyLegalEntity"), "cbc:RegistrationName", issuer.name)
    _contact(party, issuer.phone, issuer.email)


def _customer(parent: Element, recipient: Recipient) -> None:
    party = SubElement(parent, "cac:Party")
    _address(party, recipient.address)
    _text(SubElement(party, "cac:PartyLegalEntity"), "cbc:RegistrationName", recipient.name)
    _contact(party, "", recipient.email)


def _address(party: Element, address: str) -> None:
    place = SubElement(party, "cac:PostalAddress")
    if address:
        _text(place, "cbc:StreetName", address)
    _text(SubElement(place, "cac:Country"), "cbc:IdentificationCode", "JP")


def _contact(party: Element, phone: str, email: str) -> None:
    if phone or email:
        contact = SubElement(party, "cac:Contact")
        for tag, value in (("cbc:Telephone", phone), ("cbc:ElectronicMail", email)):
            if value:
                _text(contact, tag, value)


def _totals(root: Element, bill: Bill, lines: int) -> None:
    taxes = SubElement(root, "cac:TaxTotal")
    _yen(taxes, "cbc:TaxAmount", bill.tax)
    for total in bill.per_rate:
        subtotal = SubElement(taxes, "cac:TaxSubtotal")
        _yen(subtotal, "cbc:TaxableAmount", total.net)
        _yen(subtotal, "cbc:TaxAmount", total.tax)
        _category(subtotal, "cac:TaxCategory", total.rate, reduced=_is_reduced(bill, total.rate))
    sums = SubElement(root, "cac:LegalMonetaryTotal")
    _yen(sums, "cbc:LineExtensionAmount", lines)
    _yen(sums, "cbc:TaxExclusiveAmount", bill.subtotal)
    _yen(sums, "cbc:TaxInclusiveAmount", bill.total)
    _yen(sums, "cbc:AllowanceTotalAmount", sum(discount.amount for discount in bill.discounts))
    _yen(sums, "cbc:PayableAmount", bill.total)


def _line(parent: Element, number: int, line: Line, tax: int, *, reduced: bool) -> None:
    sign = -1 if line.amount < 0 else 1
    quantity = sign if line.quantity is None else line.quantity
    price = abs(line.amount) if line.unit_price is None else line.unit_price
    if price < 0:  # a price is never negative, the quantity says what goes back
        quantity, price = -quantity, -price
    _text(parent, "cbc:ID", number)
    _text(parent, "cbc:InvoicedQuantity", quantity, unitCode=_ONE)
    _yen(parent, "cbc:LineExtensionAmount", line.amount - tax)
    _period(parent, line.first, line.last)
    if prorated := quantity * price - line.amount:
        _allowance(parent, f"日割 {line.days}/{line.of_days}日", prorated)
    if tax:
        _allowance(parent, "内消費税額", tax)
    item = SubElement(parent, "cac:Item")
    _text(item, "cbc:Name", line.name)
    _category(item, "cac:ClassifiedTaxCategory", line.rate, reduced=reduced)
    _yen(SubElement(parent, "cac:Price"), "cbc:PriceAmount", price)


def _included_taxes(bill: Bill) -> list[int]:
    """The tax within each line of gross prices: its rate's tax in proportion to the amounts, largest remainder."""
    taxes = [0] * len(bill.lines)
    if bill.price_type is PriceType.NET:
        return taxes
    for total in bill.per_rate:
        places = [place for place, line in enumerate(bill.lines) if line.rate == total.rate]
        shares = _shares(total, [abs(bill.lines[place].amount) for place in places])
        for place, share in zip(places, shares, strict=True):
            taxes[place] = share
    return taxes


def _shares(total: RateTotal, weights: Sequence[int]) -> Iterator[int]:
    sign, tax, whole = (-1 if total.tax < 0 else 1), abs(total.tax), sum(weights)
    if not whole:
        return iter([0] * len(weights))
    shares = [tax * weight // whole for weight in weights]
    largest = sorted(range(len(weights)), key=lambda place: (-(tax * weights[place] % whole), place))
    for place in largest[: tax - sum(shares)]:
        shares[place] += 1
    return (sign * share for share in shares)


def _is_reduced(bill: Bill, rate: Rate) -> bool:
    return any(line.rate == rate and line.category == REDUCED for line in bill.lines)


def _category(parent: Element, tag: str, rate: Rate, *, reduced: bool) -> None:
    """UNCL 5305: S standard, AA reduced, G free of tax (0 %), E exempt."""
    category = SubElement(parent, tag)
    _text(category, "cbc:ID", "E" if rate is None else "G" if not rate else "AA" if reduced else "S")
    _text(category, "cbc:Percent", plain(rate) if rate is not None else "0")
    _text(SubElement(category, "cac:TaxScheme"), "cbc:ID", "VAT")


def _allowance(parent: Element, reason: str, amount: int, *, reason_code: str = "") -> Element:
    allowance = SubElement(parent, "cac:AllowanceCharge")
    _text(allowance, "cbc:ChargeIndicator", "false")
    if reason_code:
        _text(allowance, "cbc:AllowanceChargeReasonCode", reason_code)
    _text(allowance, "cbc:AllowanceChargeReason", reason)
    _yen(allowance, "cbc:Amount", amount)
    return allowance


def _period(parent: Element, start: date, end: date) -> None:
    period = SubElement(parent, "cac:InvoicePeriod")
    _text(period, "cbc:StartDate", start)
    _text(period, "cbc:EndDate", end)


def _yen(parent: Element, tag: str, amount: int) -> None:
    _text(parent, tag, amount, currencyID="JPY")


def _text(parent: Element, tag: str, value: str | int | date, **attributes: str) -> None:
    SubElement(parent, tag, attributes).text = str(value)
