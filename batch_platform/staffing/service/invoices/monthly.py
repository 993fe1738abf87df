"""The run of a month: its drafts are made, and issued unless people look at them first.

Run again it makes what was missing or waited, and leaves what is issued as it is. A schedule, a person, a retry and a
backfill do the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import from_json
from batch_platform.staffing import ids
from batch_platform.staffing.model import InvoiceState
from batch_platform.staffing.months import shifted
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.invoices.drafting import computed, draft
from batch_platform.staffing.service.invoices.issuing import issue
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

SYSTEM: Final = "system"
"""Who runs a month when nobody asks for it."""


@dataclass(frozen=True)
class MonthOutcome:
    """How a month stands after its run. Ids are as they were given, amounts yen with tax.

    `status`: ok, partial where contracts have failed, failed where all have. `waiting` names the days without usage,
    `failed` why, `unmailed` those whose company has no address.
    """

    month: str
    status: Literal["ok", "partial", "failed"]
    changed: int
    issued: int
    states: Mapping[str, int]
    total: int
    waiting: Sequence[Mapping[str, Any]]
    failed: Sequence[Mapping[str, Any]]
    unmailed: Sequence[ids.Id]


@dataclass(frozen=True)
class Change:
    """What a run would make of a contract; None for a state without an amount."""

    contract_id: ids.Id
    before: str | None
    after: str
    total: int | None
    reason: str | None


@dataclass(frozen=True)
class MonthPlan:
    """What a run of a month would change; `issues` is how many invoices it would issue, and `total` their yen."""

    month: str
    changes: Sequence[Change]
    issues: int
    total: int


def run(context: StaffingContext, month: date, *, by: str) -> MonthOutcome:
    """Draft the month, and issue it unless people are to look at it. Raises `InvalidInput` as `require_month`."""
    require_month(month)
    changed = draft(context, month, by=by)
    issued = 0 if context.invoice_review else issue(context, month, by=by)
    with context.store.snapshot() as session:
        return outcome(session, month, changed=changed, issued=issued)


def plan(context: StaffingContext, month: date) -> MonthPlan:
    """What `run` would change; nothing is written."""
    require_month(month)
    with context.store.rehearsal() as session:
        before = {row["contract_id"]: row for row in session.month_invoices(month)}
        rows = computed(session, month, session.contracts_to_bill(month), printed=False)
    changes = [_change(row, before.get(row["contract_id"])) for row in rows]
    drafts = [] if context.invoice_review else [row for row in rows if row["state"] == InvoiceState.DRAFT]
    return MonthPlan(
        f"{month:%Y-%m}",
        [change for change in changes if change is not None],
        len(drafts),
        sum(row["total"] for row in drafts),
    )


def require_month(day: date) -> None:
    """Raises `InvalidInput` for a day that is not the first of a month, naming that."""
    if day.day != 1:
        raise InvalidInput(
            "not-first-of-month",
            "{day} is not the first day of a month; the month is billed as {first}",
            day=day,
            first=day.replace(day=1),
            field="date",
        )


def require_over(context: StaffingContext, month: date) -> None:
    """Raises `InvalidInput` for a month that is not over in Tokyo: it is billed in arrears."""
    over = shifted(month, 1)
    if context.clock().astimezone(BUSINESS_ZONE).date() < over:
        raise InvalidInput(
            "month-not-over",
            "the month {month} is billed from {day} on",
            month=f"{month:%Y-%m}",
            day=over,
            field="date",
        )


def outcome(session: Session, month: date, *, changed: int = 0, issued: int = 0) -> MonthOutcome:
    """How a month stands."""
    states = {row["state"]: row for row in session.month_states(month)}
    undone = session.undone_invoices(month)
    failed = [row for row in undone if row["state"] == InvoiceState.FAILED]
    done = states.keys() - {InvoiceState.FAILED.value, InvoiceState.VOID.value}
    issued_row = states.get(InvoiceState.ISSUED.value, {"total": 0})
    return MonthOutcome(
        month=f"{month:%Y-%m}",
        status="ok" if not failed else "partial" if done else "failed",
        changed=changed,
        issued=issued,
        states={state: row["invoices"] for state, row in states.items()},
        total=issued_row["total"],
        waiting=[
            {"contract_id": ids.decode(row["contract_id"]), "days": [day.isoformat() for day in row["missing_days"]]}
            for row in undone
            if row["state"] == InvoiceState.WAITING_FOR_USAGE
        ],
        failed=[
            {"contract_id": ids.decode(row["contract_id"]), "reason": str(from_json(row["failure"]))}
            for row in failed
        ],
        unmailed=[ids.decode(contract) for contract in session.unmailed_contracts(month)],
    )


def _change(row: Row, before: Row | None) -> Change | None:
    state, total = str(row["state"]), row.get("total")
    if before is not None and (before["state"], before["total"]) == (state, total):
        return None
    missing = ", ".join(row.get("missing_days", ()))
    failure = row.get("failure")
    return Change(
        ids.decode(row["contract_id"]),
        None if before is None else before["state"],
        state,
        total,
        str(from_json(failure)) if failure else missing or None,
    )
