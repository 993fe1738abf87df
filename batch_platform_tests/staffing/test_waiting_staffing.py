"""What waits for a second person: drafts of a month, documents to be made void or credited."""

from __future__ import annotations

from dataclasses import replace

from batch_platform.operations.waiting import Waiting
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices import monthly, releasing
from batch_platform.staffing.waiting import WAITING
from batch_platform.web.access.model import Role
from batch_platform_tests.staffing.billing import SEPTEMBER, company, contract, run, used
from batch_platform_tests.staffing.facts import load
from batch_platform_tests.staffing.test_invoice_decisions import ANN, BOB, NUMBER, credit, issued, record, void
from batch_platform_tests.waiting_rows import reader, waits

__all__ = ["issued"]


def rows(context: StaffingContext, name: str, by: str = ANN, *, mine: bool = False) -> list[Waiting]:
    return waits(context.pool, WAITING, context.clock(), reader(by, Role.APPROVER), mine=mine).get(name, [])


def test_drafts_wait_for_another_than_who_has_agreed_to_them_as_they_are(billing: StaffingContext) -> None:
    reviewed = replace(billing, invoice_review=True)
    load(billing, company(1), company(2), contract(1, 1), contract(2, 2), used(1))
    monthly.run(reviewed, SEPTEMBER, by=ANN)
    [row] = rows(reviewed, "staffing-drafts", BOB, mine=True)
    assert (row.what, row.not_by) == ("drafts of 2026-09: 1, 1100 yen together", (ANN,))
    assert (row.path, row.until) == ("/console/staffing/invoices/months/2026-09", None)
    assert rows(reviewed, "staffing-drafts", "token:ann", mine=True) == []
    load(billing, used(2))
    run(reviewed)  # there is another draft now, and a run is no person
    [row] = rows(reviewed, "staffing-drafts", mine=True)
    assert (row.what, row.not_by) == ("drafts of 2026-09: 2, 2200 yen together", ())
    releasing.release(reviewed, SEPTEMBER, by=BOB, count=2, total=2_200, record=record)
    assert rows(reviewed, "staffing-drafts") == []


def test_a_proposal_waits_for_another_until_its_document_changes(issued: StaffingContext) -> None:
    void(issued, ANN)
    credit(issued, BOB, "all")
    [voided], [credited] = rows(issued, "staffing-void"), rows(issued, "staffing-credit")
    assert voided.what == f"{NUMBER}, proposed by {ANN}: wrong"
    assert credited.what == f"for {NUMBER}, proposed by {BOB}: –"
    assert [row.may_decide(reader(ANN, Role.APPROVER)) for row in (voided, credited)] == [False, True]
    assert [row.may_decide(reader(BOB, Role.APPROVER)) for row in (voided, credited)] == [True, False]
    assert not credited.may_decide(reader("local:ono", Role.OPERATOR))
    void(issued, BOB)
    assert rows(issued, "staffing-void") == rows(issued, "staffing-credit") == []
