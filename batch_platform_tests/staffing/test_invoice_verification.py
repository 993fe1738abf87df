"""What verification finds: each planted fault, and nothing else."""

from __future__ import annotations

import pytest

from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices.verifying import verify
from batch_platform_tests.staffing.billing import SEPTEMBER, company, contract, run, used
from batch_platform_tests.staffing.facts import load

UNGUARDED = "SET LOCAL session_replication_role = replica"  # neither triggers nor foreign keys look


def found(context: StaffingContext) -> list[tuple[str, str]]:
    return [(each.check, each.what) for each in verify(context, SEPTEMBER)]


@pytest.fixture
def billed(billing: StaffingContext) -> StaffingContext:
    """Two invoices, and a contract that waits for its usage."""
    load(billing, *(company(number) for number in (1, 2, 3)))
    load(billing, *(contract(number, number) for number in (1, 2, 3)), used(1), used(2))
    run(billing)
    return billing


@pytest.mark.parametrize(
    ("fault", "difference"),
    [
        (
            "UPDATE invoices SET tax = 99, total = 1099 WHERE contract_id = '1'",
            ("totals_recomputed", "contract 1 INV-2026-000001: tax"),
        ),
        (
            'UPDATE contracts SET payment = \'{"kind": "net_days", "days": 1, "holiday": "none"}\' '
            "WHERE contract_id = '2'",
            ("totals_recomputed", "contract 2 INV-2026-000002: due_date"),
        ),
        ("DELETE FROM invoices WHERE contract_id = '2'", ("month_complete", "contract 2")),
        ("DELETE FROM invoices WHERE contract_id = '1'", ("numbers_gapless", "invoice T7000012050002 2026")),
        ("DELETE FROM invoices WHERE contract_id = '3'", ("month_complete", "contract 3")),
        ("UPDATE number_counters SET last = 3", ("numbers_gapless", "invoice T7000012050002 2026")),
        ("DELETE FROM outbox.notices WHERE recipient = 'a1@b.jp'", ("nobody_twice", "INV-2026-000001: mails")),
        ("DELETE FROM contracts WHERE contract_id = '1'", ("month_complete", "contract 1")),
    ],
    ids=["amount", "due", "forgotten", "gap", "waiting", "counter", "mail", "stray"],
)
def test_a_planted_fault_is_found(billed: StaffingContext, fault: str, difference: tuple[str, str]) -> None:
    assert found(billed) == []
    with billed.store.transaction() as session:
        session.connection.execute(UNGUARDED)
        session.connection.execute(fault)  # type: ignore[call-overload]
    assert difference in found(billed)


def test_an_invoice_that_failed_is_a_difference(billed: StaffingContext) -> None:
    load(billed, contract(4, 4), used(4))
    run(billed)
    assert found(billed) == [("month_complete", "contract 4")]
