"""The checker of issued invoices: what is right passes, and each thing that is wrong is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch_platform.staffing.proving.oracle.checker import Terms, missing_in_text, missing_in_xml, wrong_sums

Json = dict[str, Any]
LINES = (Path(__file__).parent / "data" / "invoice.expected.jsonl").read_text().splitlines()
INVOICE: Json = json.loads(LINES[0]) | {"invoice_number": "INV-2026-000001"}
TERMS = Terms("株式会社𠮷田", "T1180301018771", "髙﨑商事株式会社", "2026-09", "half_up")
TEXT = """
適格請求書 INV-2026-000001
髙﨑商事株式会社 御中
株式会社𠮷田 登録番号 T1180301018771
取引期間 2026年9月11日 ～ 2026年9月30日
基本料金 ¥27,333 追加ユーザー ¥1,600 追加エンジニア ¥1,000
一時費用 ※ ¥910
※は軽減税率対象品目です
10%対象 ¥29,185 消費税 ¥2,919
8%対象 ¥888 消費税 ¥71
合計 ¥33,063
"""
XML = """<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:b="urn:b" xmlns:a="urn:a">
<b:ID>INV-2026-000001</b:ID><b:IssueDate>2026-10-01</b:IssueDate>
<a:InvoicePeriod><b:StartDate>2026-09-11</b:StartDate><b:EndDate>2026-09-30</b:EndDate></a:InvoicePeriod>
<a:AccountingSupplierParty><a:Party><a:PartyTaxScheme><b:CompanyID>T1180301018771</b:CompanyID></a:PartyTaxScheme>
<a:PartyLegalEntity><b:RegistrationName>株式会社𠮷田</b:RegistrationName></a:PartyLegalEntity></a:Party>
</a:AccountingSupplierParty><a:AccountingCustomerParty><a:Party><a:PartyLegalEntity>
<b:RegistrationName>髙﨑商事株式会社</b:RegistrationName></a:PartyLegalEntity></a:Party></a:AccountingCustomerParty>
<a:TaxTotal><b:TaxAmount>2990</b:TaxAmount>
<a:TaxSubtotal><b:TaxableAmount>29185</b:TaxableAmount><b:TaxAmount>2919</b:TaxAmount>
<a:TaxCategory><b:ID>S</b:ID><b:Percent>10</b:Percent></a:TaxCategory></a:TaxSubtotal>
<a:TaxSubtotal><b:TaxableAmount>888</b:TaxableAmount><b:TaxAmount>71</b:TaxAmount>
<a:TaxCategory><b:ID>AA</b:ID><b:Percent>8</b:Percent></a:TaxCategory></a:TaxSubtotal></a:TaxTotal>
<a:LegalMonetaryTotal><b:TaxExclusiveAmount>30073</b:TaxExclusiveAmount>
<b:TaxInclusiveAmount>33063</b:TaxInclusiveAmount></a:LegalMonetaryTotal></Invoice>"""


def test_a_right_invoice_passes():
    assert wrong_sums(INVOICE, TERMS) == []
    assert missing_in_text(INVOICE, TEXT, TERMS) == []
    assert missing_in_xml(INVOICE, XML.encode(), TERMS) == []
    assert wrong_sums(json.loads(LINES[1]), replace(TERMS, rounding="ceil", price_type="gross")) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tax": 2_989}, "tax is 2989, not 2990"),
        ({"total": 33_064}, "total is 33064"),
        ({"subtotal": 30_072, "total": 33_062}, "subtotal is 30072"),
        ({"per_rate": [*INVOICE["per_rate"], INVOICE["per_rate"][1]]}, "rates"),
        ({"per_rate": [INVOICE["per_rate"][0] | {"tax": 2_918, "gross": 32_103}]}, "tax of 10 is 2918, not 2919"),
        ({"lines": INVOICE["lines"][1:]}, "more than its lines"),
    ],
)
def test_wrong_sums_are_named(change, named):
    assert any(problem.startswith(named) or named in problem for problem in wrong_sums(INVOICE | change, TERMS))


@pytest.mark.parametrize(
    ("there", "instead", "named"),
    [
        ("𠮷", "吉", "issuer's name"),
        ("T118", "T119", "registration number"),
        ("髙", "高", "recipient's name"),
        ("2026年9月", "2026年10月", "transaction period"),
        ("一時費用 ※", "一時費用", "reduced rate"),
        ("軽減税率", "税率", "reduced rate"),
        ("29,185", "29,186", "rate 10"),
        ("消費税 ¥71", "消費税 ¥72", "rate 8"),
        ("8%", "", "rate 8"),
        ("33,063", "133,063", "total"),
        ("1,600", "1,600,000", "line of 1600"),
    ],
)
def test_what_the_text_lacks_is_named(there, instead, named):
    [problem] = missing_in_text(INVOICE, TEXT.replace(there, instead), TERMS)
    assert named in problem


@pytest.mark.parametrize(
    ("there", "instead", "named"),
    [
        ("T118", "T119", "registration number"),
        ("2026-09-11", "2026-08-31", "transaction period"),
        (">71<", ">72<", "per rate"),
        (">AA</b:ID><b:Percent>8<", ">E</b:ID><b:Percent>0<", "per rate"),
        (">33063<", ">33064<", "total"),
        (">2990<", ">2991<", "tax"),
        ("2026-10-01", "2026-10-02", "issue date"),
    ],
)
def test_what_the_attached_document_lacks_is_named(there, instead, named):
    [problem] = missing_in_xml(INVOICE, XML.replace(there, instead).encode(), TERMS)
    assert named in problem


def test_a_credit_note_shows_negative_figures():
    parts = {name: -INVOICE[name] for name in ("subtotal", "tax", "total")}
    rows = [row | {name: -row[name] for name in ("net", "tax", "gross")} for row in INVOICE["per_rate"]]
    credit = parts | {"per_rate": rows, "invoice_number": "CN-2026-000001"}
    text = TEXT.replace("INV-", "CN-").replace("¥", "▲¥")
    assert wrong_sums(credit, TERMS) == []
    assert missing_in_text(credit, text, TERMS) == []
    assert len(missing_in_text(credit, text.replace("▲", ""), TERMS)) == 3
