"""Drafts become invoices: numbered, printed, stored and handed to the outbox, in one transaction a batch.

The counter is raised in the transaction that issues, by those that were printed alone: what fails takes no number,
and what is rolled back was never given. Numbers ascend by company, then by contract, over all batches of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Final

from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import to_json
from batch_platform.core.progress import report
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.invoices import notices
from batch_platform.staffing.service.invoices.numbering import Numbers, numbered, series_of, stored
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

_BATCH: Final = 100
_UPLOADS: Final = 8


def issue(context: StaffingContext, month: date, *, by: str, approved: bool) -> int:
    """Issue the drafts of a month batch by batch, or those alone that people have agreed to; how many were."""
    issued = 0
    while True:
        with context.store.transaction() as session:
            session.lock_month(month)
            drafts = session.drafts_to_issue(month, _BATCH, approved=approved)
            if not drafts:
                return issued
            issued += _issue(context, session, drafts, by=by, now=context.clock())
        report(f"invoices of {month:%Y-%m}: {issued} issued")


def _issue(context: StaffingContext, session: Session, drafts: Sequence[Row], *, by: str, now: datetime) -> int:
    numbers = Numbers(session)
    numbers.hold([series_of(row) for row in drafts])
    failures = []
    with ThreadPoolExecutor(_UPLOADS) as uploads:
        pending = []
        for row in drafts:
            try:
                printed = numbered(row, numbers)
            except InvalidInput as error:
                failures.append({"id": row["id"], "failure": to_json(error.message)})
            else:
                pending.append(uploads.submit(stored, context.originals, printed))
        issues = [each.result() for each in pending]
    session.save_issued([issue.columns for issue in issues], by=by, now=now)
    session.save_failed(failures, by=by, now=now)
    numbers.write()
    notices.tell(session, context.originals.bucket, issues, now=now)
    return len(issues)
