"""Uptime: minutes in which the platform was seen to work."""

from __future__ import annotations

from batch_platform.staffing.service.context import StaffingContext


def beat(context: StaffingContext) -> None:
    """It works now; a minute counts once, whoever says so."""
    with context.store.transaction() as session:
        session.beat(context.clock())
