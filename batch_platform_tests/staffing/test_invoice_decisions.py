"""What people decide about invoices: never alone, as it was seen, once; numbers stay, what is issued stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.staffing.credit_notes import Part
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices import crediting, monthly, reading, releasing, voiding
from batch_platform_tests.staffing.billing import SEPTEMBER, company, contract, listed, mails, run, used
from batch_platform_tests.staffing.facts import load, rows

ANN, BOB = "local:ann", "local:bob"
NUMBER = "INV-2026-000001"


def record(*_: Any) -> None:
    """The audit log has tests of its own."""


@pytest.fixture
def issued(billing: StaffingContext) -> StaffingContext:
    """One invoice, over 33,000 yen."""
    load(billing, company(1), contract(1, 1, start="2026-09-01", proration="full"))
    load(billing, *({**used(1), "date": f"2026-09-{day:02}"} for day in range(1, 31)))
    assert run(billing).total == 33_000
    return billing


def void(context: StaffingContext, by: str, name: str = NUMBER, reason: str | None = "wrong") -> voiding.Decision:
    return voiding.void(context, name, by=by, version=None, reason=reason, record=record)


def credit(context: StaffingContext, by: str, parts: crediting.Parts) -> crediting.Credit:
    return crediting.credit(context, NUMBER, parts, by=by, version=None, record=record)


def test_a_review_issues_what_a_second_person_has_seen(billing: StaffingContext) -> None:
    reviewed = replace(billing, invoice_review=True)
    load(billing, company(1), company(2), contract(1, 1), contract(2, 2), used(1), used(2))
    run(reviewed)
    seen = releasing.drafts(reviewed, SEPTEMBER)
    assert (seen.count, seen.total, seen.proposed_by) == (2, 2_200, ("system",))
    with pytest.raises(Conflict, match="total of the drafts of 2026-09 is 2200, not 1"):
        releasing.release(reviewed, SEPTEMBER, by=ANN, count=2, total=1, record=record)
    assert releasing.release(reviewed, SEPTEMBER, by=ANN, count=2, total=2_200, record=record).issued == 2
    assert rows(billing, "SELECT DISTINCT approved_by FROM staffing.invoices") == [(["system", ANN],)]
    assert run(reviewed).issued == 0


def test_drafts_that_changed_are_agreed_on_anew(billing: StaffingContext) -> None:
    reviewed = replace(billing, invoice_review=True)
    load(billing, company(1), company(2), contract(1, 1), contract(2, 2), used(1))
    monthly.run(reviewed, SEPTEMBER, by=ANN)
    load(billing, used(2))
    monthly.run(reviewed, SEPTEMBER, by=ANN)
    with pytest.raises(Conflict, match="another person has to agree"):
        releasing.release(reviewed, SEPTEMBER, by="token:ann", count=2, total=2_200, record=record)
    with billing.store.transaction() as session:
        session.connection.execute("UPDATE invoices SET revision = revision + 1 WHERE contract_id = '1'")
    assert releasing.release(reviewed, SEPTEMBER, by=BOB, count=2, total=2_200, record=record).issued is None


def test_approved_drafts_are_issued_by_whoever_comes_after_a_kill(billing: StaffingContext) -> None:
    reviewed = replace(billing, invoice_review=True)
    load(billing, company(1), contract(1, 1), used(1))
    run(reviewed)
    with reviewed.store.transaction() as session:
        session.approve_drafts(SEPTEMBER, ["system", ANN], by=ANN, now=billing.clock())
    assert run(reviewed).issued == 1


def test_a_void_invoice_keeps_its_number_and_the_next_run_replaces_it(issued: StaffingContext) -> None:
    with pytest.raises(InvalidInput, match=f"say why invoice {NUMBER} is void"):
        void(issued, ANN, reason=" ")
    assert not void(issued, ANN).done
    with pytest.raises(Conflict, match="another person has to agree"):
        void(issued, ANN)
    decision = void(issued, BOB, reason=None)
    assert (decision.done, decision.invoice["state"], decision.invoice["void_reason"]) == (True, "void", "wrong")
    assert run(issued).issued == 1
    [row] = listed(issued)
    assert (row["number"], row["replaces"]) == ("INV-2026-000002", NUMBER)
    assert len(mails(issued)) == 2
    with pytest.raises(Conflict, match="is not issued"):
        void(issued, BOB)
    assert [event.state for event in reading.history(issued, decision.invoice["id"])] == ["draft", "issued", "void"]


def test_all_of_an_invoice_is_given_back_by_its_own_figures(issued: StaffingContext) -> None:
    first = credit(issued, ANN, "all")
    assert (first.figures.total, first.credit_note) == (-33_000, None)
    with pytest.raises(Conflict, match="another person has to agree"):
        credit(issued, ANN, "all")
    note = credit(issued, BOB, "all").credit_note
    assert note is not None
    assert (note["number"], note["of_invoice"], note["issue_date"]) == (
        "INV-CN-2026-000001",
        NUMBER,
        date(2026, 10, 1),
    )
    assert (note["subtotal"], note["tax"], note["total"]) == (-30_000, -3_000, -33_000)
    assert note["issue_required"] is True
    assert [attached["filename"] for _, attached in mails(issued)] == [f"{NUMBER}.pdf", "INV-CN-2026-000001.pdf"]
    assert reading.original(issued, note["number"]) == reading.render(issued, note["number"]).pdf
    for refused in (void, lambda context, by: credit(context, by, "all")):
        with pytest.raises(Conflict, match="given back by credit note INV-CN-2026-000001"):
            refused(issued, ANN)


def test_a_part_is_rounded_by_itself_and_two_people_mean_the_same_part(issued: StaffingContext) -> None:
    part = [Part.model_validate({"rate": "10", "amount": 999})]
    credit(issued, ANN, part)
    assert credit(issued, BOB, "all").credit_note is None
    note = credit(issued, "local:eve", part).credit_note
    assert note is not None
    assert (note["tax"], note["total"], note["issue_required"]) == (-99, -1_098, False)
    with pytest.raises(Conflict, match="given back"):
        credit(issued, ANN, part)


def test_no_more_is_given_back_than_was_billed(issued: StaffingContext) -> None:
    with pytest.raises(Conflict, match="30001 yen of rate 10 are more"):
        credit(issued, ANN, [Part.model_validate({"rate": "10", "amount": 30_001})])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices SET total = 1, subtotal = 1, tax = 0",
        "UPDATE invoices SET number = 'INV-2026-000009'",
        "DELETE FROM invoices",
        "UPDATE number_counters SET last = 2",
        "UPDATE number_counters SET last = NULL",
        "DELETE FROM invoice_events",
        "INSERT INTO invoices (kind, month, contract_id, company_id, state, created_at, updated_at) "
        "VALUES ('invoice', '2026-09-01', '1', '1', 'nothing_due', now(), now())",
    ],
    ids=["amount", "number", "deleted", "gap", "counter", "history", "twice"],
)
def test_the_database_itself_keeps_what_is_issued(issued: StaffingContext, statement: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError), issued.store.transaction() as session:
        session.connection.execute(statement)  # type: ignore[call-overload]
