"""Taking back what was published under a former connection, when the present one has nothing in its place."""

from __future__ import annotations

from datetime import date
from typing import Final

import structlog

from batch_platform.core import objects
from batch_platform.finops import restatement
from batch_platform.finops.model import Connection, RestatementReason
from batch_platform.finops.months import HISTORY_MONTHS, shift, was_final
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.store import Session
from batch_platform.finops.summary import empty_costs

_log = structlog.get_logger(__name__)

WITHDRAWN: Final = "withdrawn"
"""What a restatement names in place of the delivery that replaced a month."""


def withdraw_former(
    context: FinopsContext, connection: Connection, month: date, *, reason: str, dry_run: bool = False
) -> bool:
    """Withdraw a month that is published of a former place; False when there is none. Repeatable.

    Its costs are archived; money of a final month is a restatement. What was registered of the former place and is
    not published counts no more either. Raises as `Session.hold_connection`.

    The lake is cleared before the end of the transaction: who is killed in between withdraws again.
    """
    project_id = connection.project_id
    with context.store.transaction() as session:
        session.hold_connection(connection)
        session.lock_month(project_id, month)
        session.lock_insight(project_id)
        before = session.month(project_id, month)
        published = before is not None and before.of_former_place
        if dry_run:
            return published
        session.supersede_former_place(project_id, month)
        if before is None or not published:
            return False
        now = context.clock()
        if was_final(before, now):
            difference = restatement.difference(session.costs(project_id, month, month), empty_costs())
            session.add_restatement(
                before,
                WITHDRAWN,
                difference,
                reason=RestatementReason.CONNECTION_CHANGED,
                now=now,
            )
        session.withdraw_month(project_id, month, detail=reason, now=now)
        session.mark_insight_stale(project_id, month, shift(month, HISTORY_MONTHS))
        _clear_lake(context, session, project_id, month)
    _log.warning("cur_month_withdrawn", project_id=project_id, month=f"{month:%Y-%m}", reason=reason)
    context.progress(f"{project_id} {month:%Y-%m}: withdrawn, {reason}")
    return True


def _clear_lake(context: FinopsContext, session: Session, project_id: str, month: date) -> None:
    """Delete what the lake has of the month, but what waits to be published."""
    for version in session.superseded_versions(project_id, month):
        folder = f"{context.line_items_prefix(project_id, month)}{version}/"
        objects.delete_prefix(context.lake, context.lake_bucket, folder)
    objects.delete_prefix(context.lake, context.lake_bucket, context.cost_summary_prefix(project_id, month))
