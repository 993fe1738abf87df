"""The run of a month: what is billed, numbered, printed, stored and mailed, as an oracle says it from the facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from batch_platform.settings import Settings
from batch_platform.staffing import ids
from batch_platform.staffing.proving import worlds
from batch_platform.staffing.proving.oracle import answers, facts
from batch_platform.staffing.service import StaffingContext, loading
from batch_platform.staffing.service.invoices import monthly, reading
from batch_platform_tests.staffing.billing import SEPTEMBER, TERMS, company, contract, listed, mails, run, used
from batch_platform_tests.staffing.facts import load
from batch_platform_tests.staffing.holidays import national_holidays


@pytest.mark.parametrize("seed", range(3))
def test_random_months_are_billed_as_the_oracle_says(
    emptied: StaffingContext, provisioned: Settings, seed: int
) -> None:
    made = worlds.world(Random(seed), worlds.Size(companies=7))
    loading.load(emptied, [line.encode() for line in made.lines])
    expected = answers.billed(facts.read(made.lines), made.months, national_holidays())
    for month in made.months:
        run(emptied, date.fromisoformat(f"{month}-01"))
        run(emptied, date.fromisoformat(f"{month}-01"))
    for month in made.months:
        invoices = listed(emptied, month=date.fromisoformat(f"{month}-01"))
        documents = {contract: said for contract, said in expected[month].items() if said["document"]}
        assert [ids.decode(row["contract_id"]) for row in invoices] == list(documents)
        assert [_said(row) for row in invoices] == [
            {name: said[name] for name in SAID} for said in documents.values()
        ]


SAID = ("invoice_number", "issue_date", "due_date", "subtotal", "tax", "total", "per_rate")


def _said(row: dict[str, Any]) -> dict[str, Any]:
    dates = {name: row[name].isoformat() for name in ("issue_date", "due_date")}
    return {name: row[name] for name in SAID[3:]} | dates | {"invoice_number": row["number"]}


def test_numbers_follow_company_and_contract_and_each_invoice_is_mailed_with_its_file(
    billing: StaffingContext,
) -> None:
    load(
        billing,
        *(company(number) for number in (2, 10, "b")),
        *(used(number) for number in (2, 10, "b")),
        *(contract(f"c{number}", owner) for number, owner in enumerate(("b", 10, 2))),
        contract(9, 2),
    )
    outcome = run(billing)
    assert (outcome.status, outcome.issued, outcome.total) == ("ok", 4, 4 * 1_100)
    invoices = listed(billing)
    assert [(row["number"], ids.decode(row["contract_id"])) for row in invoices] == [
        ("INV-2026-000001", 9),
        ("INV-2026-000002", "c2"),
        ("INV-2026-000003", "c1"),
        ("INV-2026-000004", "c0"),
    ]
    assert [to for to, _ in mails(billing)] == ["a2@b.jp", "a2@b.jp", "a10@b.jp", "ab@b.jp"]
    for row, (_, attached) in zip(invoices, mails(billing), strict=True):
        pdf = reading.original(billing, row["number"])
        assert sha256(pdf).hexdigest() == row["pdf_sha256"] == attached["sha256"]
        assert reading.render(billing, row["number"]).pdf == pdf
        assert attached["filename"] == f"{row['number']}.pdf"
    assert run(billing) == replace(outcome, changed=0, issued=0)
    assert len(mails(billing)) == 4


def test_what_waits_for_usage_is_issued_once_that_is_there(billing: StaffingContext) -> None:
    load(billing, company(1), company(2), contract(1, 1, start="2026-09-29"), contract(2, 2), used(1), used(2))
    first = run(billing)
    assert first.waiting == [{"contract_id": 1, "days": ["2026-09-29"]}]
    load(billing, {**used(1), "date": "2026-09-29"})
    assert run(billing).issued == 1
    assert [(row["number"], row["contract_id"]) for row in listed(billing)] == [
        ("INV-2026-000002", "1"),
        ("INV-2026-000001", "2"),
    ]


def test_nothing_due_is_no_document(billing: StaffingContext) -> None:
    load(billing, company(1), contract(1, 1, terms=[{**TERMS, "base_price": 0}]), used(1))
    assert run(billing).states == {"nothing_due": 1}
    assert listed(billing) == mails(billing) == []


def test_one_that_cannot_be_printed_is_a_dead_letter_without_a_number(billing: StaffingContext) -> None:
    load(
        billing,
        company(1, name="株式会社𠮷田"),
        company(2, name="Mr. 😀"),
        company(3, email=None),
        *(contract(number, number) for number in (1, 2, 3)),
        *(used(number) for number in (1, 2, 3)),
    )
    outcome = run(billing)
    assert outcome.status == "partial"
    [failed] = outcome.failed
    assert failed["contract_id"] == 2
    assert "😀" in failed["reason"]
    assert outcome.unmailed == [3]
    assert [row["number"] for row in listed(billing)] == ["INV-2026-000001", "INV-2026-000002"]


def test_a_review_leaves_drafts_and_a_dry_run_leaves_nothing(billing: StaffingContext) -> None:
    load(billing, company(1), contract(1, 1), used(1))
    plan = monthly.plan(billing, SEPTEMBER)
    assert (plan.issues, plan.total, [change.after for change in plan.changes]) == (1, 1_100, ["draft"])
    assert listed(billing) == []
    run(replace(billing, invoice_review=True))
    [row] = listed(billing)
    assert (row["state"], row["number"], row["pdf_sha256"]) == ("draft", None, None)
    assert reading.render(billing, str(row["id"])).pdf.startswith(b"%PDF")
    assert run(billing).issued == 1
