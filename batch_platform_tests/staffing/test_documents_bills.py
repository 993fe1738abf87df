"""Printed bills: what the law asks is in the text, the attached data adds up, and the bytes are always the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from decimal import Decimal
from io import BytesIO
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from fontTools.ttLib import TTFont
from PIL import Image
from pypdf import PdfReader

from batch_platform.core.json_lines import checked
from batch_platform.core.numbers import plain
from batch_platform.staffing import calc, invoices
from batch_platform.staffing.billing import DayUsage
from batch_platform.staffing.documents import bill, fonts, pictures, pint
from batch_platform.staffing.documents.assembly import credit_note_bill, invoice_bill
from batch_platform.staffing.documents.model import Bill, Recipient
from batch_platform.staffing.documents.words import payment_terms
from batch_platform.staffing.due_dates import Closing, NetDays
from batch_platform.staffing.proving.oracle.checker import Terms, missing_in_text, missing_in_xml, wrong_sums
from batch_platform.staffing.proving.questions import question
from batch_platform.staffing.tax import RateTotal
from batch_platform_tests.staffing import bills
from batch_platform_tests.staffing.bills import CREDIT_NOTE, GROSS, INVOICE, ISSUER, LONG, RECIPIENT, TEN, line

BILLS = {
    "invoice": INVOICE,
    "gross": GROSS,
    "credit_note": CREDIT_NOTE,
    "gross_credit_note": bills.GROSS_CREDIT_NOTE,
}
CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"


def text(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def squeezed(pdf: bytes) -> str:
    """Its text without blanks and the ends of lines."""
    return re.sub(r"\s", "", text(pdf))


def renamed(name: str) -> Bill:
    return replace(INVOICE, recipient=Recipient(name=name))


@pytest.mark.parametrize("kind", BILLS)
def test_the_six_items_of_the_law_and_all_figures_are_printed(kind: str) -> None:
    printed = text(bill.render(BILLS[kind]).pdf)
    the = BILLS[kind]
    expected = [ISSUER.name, ISSUER.registration_number, f"{RECIPIENT.name} 御中", the.number]
    for each in the.lines:
        expected.append(each.name + ("※" if each.category == "reduced" else ""))
        expected += [f"{each.first:%Y/%m/%d}", f"{each.amount:,}"]
    for each_rate in the.per_rate:
        name = "非課税" if each_rate.rate is None else f"{each_rate.rate}%対象"
        expected += [name, *(f"¥{abs(yen):,}" for yen in (each_rate.net, each_rate.tax, each_rate.gross))]
    assert [piece for piece in expected if piece not in printed] == []
    assert ("※は軽減税率対象です。" in printed) == ("gross" not in kind)
    assert "手数料" not in printed


def test_a_reissue_names_the_old_number_and_a_credit_note_its_original() -> None:
    assert re.search(r"差替え前の請求書番号\s*INV-2026-000001", text(bill.render(GROSS).pdf))
    credited = text(bill.render(CREDIT_NOTE).pdf)
    assert "適格返還請求書" in credited
    assert re.search(r"対象請求書番号\s*INV-2026-000001\s*対象請求書発行日\s*2026年10月1日", credited)
    assert "お振込先" not in credited
    assert "-¥33,063" in credited


@pytest.mark.parametrize("kind", BILLS)
def test_the_data_are_attached_and_add_up(kind: str) -> None:
    rendered = bill.render(BILLS[kind])
    reader = PdfReader(BytesIO(rendered.pdf))
    name = "credit-note.xml" if "credit" in kind else "invoice.xml"
    assert reader.attachments == {name: [rendered.xml]}
    root: Any = reader.trailer["/Root"]
    [file] = [reference.get_object() for reference in root["/AF"]]
    assert (file["/AFRelationship"], file["/EF"]["/F"].get_object()["/Subtype"]) == (
        "/Alternative",
        "/application/xml",
    )
    assert file["/Desc"].endswith("（JP PINT）")
    metadata = root["/Metadata"].get_object().get_data().decode()
    assert re.search(r"pdfaid:part\W+3\W", metadata)
    assert re.search(r"pdfaid:conformance\W+B\W", metadata)
    data = ElementTree.fromstring(rendered.xml)
    assert in_order(data, UBL_ORDER)
    assert all(in_order(each, LINE_ORDER) for each in data.findall(f"{CAC}InvoiceLine"))
    check_sums(BILLS[kind], data)


UBL_ORDER = [
    "CustomizationID",
    "ProfileID",
    "ID",
    "IssueDate",
    "DueDate",
    "InvoiceTypeCode",
    "Note",
    "DocumentCurrencyCode",
    "InvoicePeriod",
    "BillingReference",
    "ContractDocumentReference",
    "AccountingSupplierParty",
    "AccountingCustomerParty",
    "PaymentTerms",
    "AllowanceCharge",
    "TaxTotal",
    "LegalMonetaryTotal",
    "InvoiceLine",
]
LINE_ORDER = ["ID", "InvoicedQuantity", "LineExtensionAmount", "InvoicePeriod", "AllowanceCharge", "Item", "Price"]


def in_order(parent: ElementTree.Element, order: list[str]) -> bool:
    """Whether the elements come as UBL's schema wants them."""
    places = [order.index(child.tag.partition("}")[2]) for child in parent]
    return places == sorted(places)


def check_sums(the: Bill, root: ElementTree.Element) -> None:
    """JP PINT: lines less allowances come to the net total of each category, quantity x price less them to a line."""

    def yen(parent: ElementTree.Element, path: str) -> int:
        found = parent.find(path)
        assert found is not None
        assert found.attrib["currencyID"] == "JPY"
        return int(found.text or "")

    def allowances(parent: ElementTree.Element) -> int:
        return sum(yen(each, f"{CBC}Amount") for each in parent.findall(f"{CAC}AllowanceCharge"))

    def category(parent: ElementTree.Element, name: str) -> tuple[str, str]:
        found = parent.find(f".//{CAC}{name}")
        assert found is not None
        return found.findtext(f"{CBC}ID") or "", found.findtext(f"{CBC}Percent") or ""

    per_category: Counter[tuple[str, str]] = Counter()
    for each in root.findall(f"{CAC}InvoiceLine"):
        quantity, price = (
            int(each.findtext(f"{CBC}InvoicedQuantity") or ""),
            yen(each, f"{CAC}Price/{CBC}PriceAmount"),
        )
        net = yen(each, f"{CBC}LineExtensionAmount")
        assert price >= 0
        assert quantity * price - allowances(each) == net
        per_category[category(each, "ClassifiedTaxCategory")] += net
    totals = root.find(f"{CAC}LegalMonetaryTotal")
    assert totals is not None
    assert yen(totals, f"{CBC}LineExtensionAmount") == sum(per_category.values())
    assert yen(totals, f"{CBC}AllowanceTotalAmount") == allowances(root)
    for each in root.findall(f"{CAC}AllowanceCharge"):
        per_category[category(each, "TaxCategory")] -= yen(each, f"{CBC}Amount")
    subtotals = root.findall(f"{CAC}TaxTotal/{CAC}TaxSubtotal")
    assert per_category == {category(each, "TaxCategory"): yen(each, f"{CBC}TaxableAmount") for each in subtotals}
    assert sum(yen(each, f"{CBC}TaxAmount") for each in subtotals) == yen(root, f"{CAC}TaxTotal/{CBC}TaxAmount")
    sums = [yen(totals, f"{CBC}{name}") for name in ("TaxExclusiveAmount", "TaxInclusiveAmount", "PayableAmount")]
    assert sums == [the.subtotal, the.total, the.total]
    assert root.findtext(f"{CBC}InvoiceTypeCode") == "380"


def test_a_part_of_a_month_that_costs_the_whole_shows_no_days() -> None:
    full = line("基本利用料", (11, 30), (1, 29933, 29933), prorated=True)
    assert "20/30日" in text(bill.render(INVOICE).pdf)
    assert "20/30日" not in text(bill.render(replace(INVOICE, lines=(full, INVOICE.lines[-1]))).pdf)


def printed_bill(number: int) -> tuple[Bill, Terms] | None:
    """A random invoice as the rules compute it, if there is one."""
    asked = checked(calc.Invoice, 1, question("invoice", Random(number)))
    usage = {day: DayUsage(counts.users, counts.engineers) for day, counts in asked.usage.items()}
    computed = invoices.invoice(
        asked.contract,
        asked.period,
        usage,
        discounts=asked.discounts,
        extras=asked.extras,
        rounding=asked.rounding,
        rates=asked.tax_rates,
    )
    if isinstance(computed, invoices.NoInvoice):
        return None
    made = invoice_bill(
        computed,
        asked.contract,
        number=f"INV-{number:06d}",
        contract_id=str(number),
        issuer=ISSUER,
        recipient=RECIPIENT,
    )
    terms = Terms(
        ISSUER.name,
        ISSUER.registration_number,
        RECIPIENT.name,
        f"{asked.period:%Y-%m}",
        asked.rounding,
        asked.contract.price_type,
        {plain(each.rate) for each in made.lines if each.category == "reduced" and each.rate is not None},
    )
    return made, terms


def rate_text(rate: Decimal | None) -> str | None:
    return None if rate is None else plain(rate)


def row(the: Bill) -> dict[str, Any]:
    """A bill as the checker takes it."""
    return {
        "invoice_number": the.number,
        "issue_date": the.issue_date.isoformat(),
        "subtotal": the.subtotal,
        "tax": the.tax,
        "total": the.total,
        "lines": [{"amount": each.amount, "rate": rate_text(each.rate)} for each in the.lines],
        "per_rate": [{**asdict(each), "rate": rate_text(each.rate)} for each in the.per_rate],
    }


def test_random_invoices_pass_the_independent_checker() -> None:
    made = [each for each in map(printed_bill, range(60)) if each is not None]
    assert len(made) > 30
    for the, terms in made:
        rendered = bill.render(the)
        assert wrong_sums(row(the), terms) == []
        assert missing_in_text(row(the), text(rendered.pdf), terms) == []
        assert missing_in_xml(row(the), rendered.xml, terms) == []
        check_sums(the, ElementTree.fromstring(rendered.xml))
        taken_back = credit_note_bill(
            [RateTotal(each.rate, -each.net, -each.tax, -each.gross) for each in the.per_rate],
            the,
            number="CN-1",
            issue_date=the.issue_date,
        )
        check_sums(taken_back, ElementTree.fromstring(pint.write(taken_back)))


HOSTILE = """#pagebreak() *b* _i_ $x^2$ `c` \\ <a href="&amp;"> // @see [x]"""


def test_names_are_printed_as_they_are_and_never_run() -> None:
    rendered = bill.render(renamed(f"{HOSTILE}\n二行目\tタブ"))
    assert re.sub(r"\s", "", f"{HOSTILE}二行目タブ") in squeezed(rendered.pdf)
    assert pictures.page_count(rendered.pdf) == 1
    name = f".//{CAC}AccountingCustomerParty//{CBC}RegistrationName"
    assert ElementTree.fromstring(rendered.xml).findtext(name) == f"{HOSTILE}\n二行目 タブ"


def test_names_with_rare_characters_are_printed_and_radicals_become_characters() -> None:
    printed = text(bill.render(renamed("𠮷田髙﨑㈱ 葛\U000e0100城 ⼭⽥\ufeff商店")).pdf)
    assert "𠮷田髙﨑㈱ 葛\U000e0100城 山田商店 御中" in printed


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("山田😀商店😀", "😀 (U+1F600)"),
        ("丽\U0002a6d6", "丽 (U+4E3D), \U0002a6d6 (U+2A6D6)"),
        ("葛\U000e01ef城", "葛\U000e01ef (U+845B U+E01EF)"),
        ("a\x01b", "U+0001"),
        ("a\ud800b", "U+D800"),
    ],
    ids=["emoji", "extension", "variant", "control", "surrogate"],
)
def test_a_character_that_the_fonts_lack_is_named(name: str, named: str) -> None:
    with pytest.raises(fonts.MissingGlyph) as refused:
        bill.render(renamed(name))
    assert str(refused.value) == f"invoice.recipient.name: the document's fonts lack {named}"
    assert refused.value.field == "invoice.recipient.name"


def test_both_fonts_cover_the_same_characters() -> None:
    covers = [set(TTFont(file, lazy=True).getBestCmap()) for file in sorted(fonts.FOLDER.glob("*.ttf"))]
    assert len(covers) == 2
    assert covers[0] == covers[1]
    assert [(font.family, font.weight) for font in fonts.fonts().fonts()] == [
        ("Noto Sans JP", 700),
        ("Noto Sans JP", 400),
    ]


def test_sixty_lines_take_several_pages_and_nothing_leaves_them() -> None:
    pdf = bill.render(LONG).pdf
    reader = PdfReader(BytesIO(pdf))
    pages = len(reader.pages)
    assert pages > 1
    for number, page in enumerate(reader.pages, 1):
        assert re.search(rf"INV-2026-000003\s*{number} / {pages}", page.extract_text())
        assert "税率" in page.extract_text()
        drawn = Image.open(BytesIO(pictures.picture(pdf, page=number, width=595))).convert("L")
        ink = drawn.point(lambda level: 255 * (level < 250), "L").getbbox()
        assert ink is not None
        # Margins of 18 mm; the accent's stroke stands out a little.
        assert ink[0] >= 48
        assert ink[2] <= 547
    printed = squeezed(pdf)
    assert LONG.recipient.name in printed
    assert printed.count("Unbreakable" * 9) == 60
    with pytest.raises(IndexError):
        pictures.picture(pdf, page=pages + 1)


PRINT = """
from batch_platform.staffing.documents import bill
from batch_platform_tests.staffing import bills
print(*(bill.render(each).sha256 for each in bills.ALL))
"""


def test_other_processes_in_other_time_zones_print_the_same_bytes(
    printed_elsewhere: Callable[[str], list[str]],
) -> None:
    assert set(printed_elsewhere(PRINT)) == {" ".join(bill.render(each).sha256 for each in bills.ALL)}


@pytest.mark.parametrize(
    "changed",
    [
        {"total": 33064},
        {"per_rate": (INVOICE.per_rate[0],)},
        {"per_rate": (RateTotal(rate=TEN, net=29185, tax=2919, gross=32103), INVOICE.per_rate[1])},
        {"discounts": ()},
        {"lines": (*INVOICE.lines, line("個別利用料", (1, 1), (1, 1, 1)))},
        {"kind": "credit_note"},
    ],
    ids=["total", "rate missing", "gross", "discount missing", "line too many", "no original"],
)
def test_a_bill_that_contradicts_itself_is_none(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="INV-2026-000001"):
        replace(INVOICE, **changed)


@pytest.mark.parametrize(
    ("payment", "words"),
    [
        (Closing(), "月末締め 翌月末日払い（金融機関休業日の場合は翌営業日）"),
        (Closing(closing=20, months=3, day=15, holiday="none"), "毎月20日締め 3か月後の15日払い"),
        (
            NetDays(kind="net_days", days=30, holiday="previous"),
            "発行日から30日後まで（金融機関休業日の場合は前営業日）",
        ),
    ],
    ids=["month end", "days", "net days"],
)
def test_terms_of_payment_in_words(payment: Closing | NetDays, words: str) -> None:
    assert payment_terms(payment) == words
