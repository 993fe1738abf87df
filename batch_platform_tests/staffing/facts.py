"""Lines of facts, and what was written of them."""

from __future__ import annotations

import json
from typing import Any

from batch_platform.staffing.service import StaffingContext, loading


def load(context: StaffingContext, *facts: dict[str, Any]) -> None:
    loading.load(context, [json.dumps(fact, ensure_ascii=False).encode() for fact in facts])


def rows(context: StaffingContext, statement: str) -> list[tuple[Any, ...]]:
    with context.store.snapshot() as session:
        return session.connection.execute(statement).fetchall()  # type: ignore[call-overload,no-any-return]


def assignment(
    engineer: int | str,
    start: str,
    planned_end: str | None,
    *,
    recorded: str = "2026-01-01T00:00:00Z",
    state: str = "confirmed",
    actual_end: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Its id is the engineer's with the first day, unless another is given."""
    return {
        "kind": "assignment",
        "assignment_id": f"{engineer!r} {start}",
        "engineer_id": engineer,
        "start": start,
        "planned_end": planned_end,
        "actual_end": actual_end,
        "state": state,
        "recorded_at": recorded,
        **more,
    }


def hold(engineer: int | str, status: str, valid_from: str, valid_to: str | None = None) -> dict[str, Any]:
    return {
        "kind": "status_hold",
        "engineer_id": engineer,
        "status": status,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "reason": "育児休業",
    }
