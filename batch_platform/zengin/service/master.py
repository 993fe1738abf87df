"""What the master must hold, and whether its source still delivers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from batch_platform.zengin.service.context import ZenginContext

_FOREVER: Final = date(9999, 1, 1)

MASTER_CHECKS: Final = {
    "not_empty": "the master has banks and branches",
    "no_orphans": "every branch belongs to a bank",
    "history_agrees": "the rows that are valid today are those of the master",
}


@dataclass(frozen=True)
class MasterCheck:
    """One invariant of the master."""

    name: str
    passed: bool
    description: str


def check_master(context: ZenginContext) -> tuple[MasterCheck, ...]:
    """The invariants of one moment. A master that was never filled is no failure."""
    with context.store.snapshot() as session:
        sizes = session.sizes()
        now = session.current_master()
        # rows of a business date yet to come are valid from then on: the history is asked for the end of time
        kept = session.master_as_of(_FOREVER)
        filled = bool(session.changesets(limit=1))
    same = all(ours.equals(theirs) for ours, theirs in zip(now, kept, strict=True))
    banks, branches, orphans = sizes["banks"], sizes["branches"], sizes["orphans"]
    return (
        MasterCheck("not_empty", bool(banks and branches) or not filled, f"{banks:,} banks, {branches:,} branches"),
        MasterCheck("no_orphans", orphans == 0, f"{orphans} branches without a bank"),
        MasterCheck("history_agrees", same, "both are equal" if same else "history and master differ"),
    )


def source_late(context: ZenginContext) -> str | None:
    """A sentence when the newest release is older than the source has ever paused; None when it delivers."""
    with context.store.snapshot() as session:
        newest = session.newest_snapshot()
    if newest is None:
        return "no release has arrived yet"
    age = context.clock() - newest.provenance.received_at
    if age <= timedelta(days=context.limits.stale_source_days):
        return None
    return f"the newest release, {newest.provenance.version}, arrived {age.days} days ago"
