"""The demo's staffing part: what it does in the name of people is written down as theirs."""

from __future__ import annotations

from batch_platform.core.audit import AuditStore
from batch_platform.kit.session import of_demo
from batch_platform.settings import Settings
from batch_platform.staffing.demo import story
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices.releasing import ISSUE
from batch_platform_tests.staffing.billing import SEPTEMBER, company, contract, used
from batch_platform_tests.staffing.facts import load


def test_each_persons_word_is_a_row_of_the_audit_log(billing: StaffingContext, staffing_settings: Settings) -> None:
    load(billing, company(1), contract(1, 1), used(1))
    with of_demo(staffing_settings, billing) as session:
        for _ in range(2):
            assert story.bill(session, SEPTEMBER, print) == ["INV-2026-000001"]
        rows = AuditStore(session.log.pool).rows(what=ISSUE)
    assert {(row.who, row.target, row.after["via"]) for row in rows} == {
        (person, "2026-09", "platform:demo") for person in story.APPROVERS
    }
    assert len(rows) == 2
