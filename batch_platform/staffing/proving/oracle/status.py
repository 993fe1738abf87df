"""What each engineer's status is on a day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final

from batch_platform.staffing.proving.oracle.days import ONE_DAY, day, day_or_none
from batch_platform.staffing.proving.oracle.facts import Line, World, end_of
from batch_platform.staffing.proving.oracle.usage import Id, in_order

Json = dict[str, Any]
Days = tuple[date, date | None]
"""First and last day, both included; None is open."""

SOON: Final = 90
"""Days before the chain's last from which an engineer is waiting soon."""


def statuses(world: World, on: date, known_at: datetime | None) -> list[Json]:
    """Of every engineer that a line names, by id. Of assignments, the versions recorded by `known_at`, or all."""
    named = {line["engineer_id"] for kind in ("engineer", "assignment", "status_hold") for line in world.of(kind)}
    held: dict[Id, Line] = {}
    for hold in sorted(world.of("status_hold"), key=lambda line: day(line["valid_from"])):
        if _covers((day(hold["valid_from"]), day_or_none(hold.get("valid_to"))), on):
            held[hold["engineer_id"]] = hold
    worked: dict[Id, list[Days]] = {}
    for line in world.assignments(known_at):
        if line["state"] == "confirmed":
            worked.setdefault(line["engineer_id"], []).append((day(line["start"]), day_or_none(end_of(line))))
    return [
        {"engineer_id": engineer, **_status(held.get(engineer), worked.get(engineer, []), on)}
        for engineer in sorted(named, key=in_order)
    ]


def _status(hold: Line | None, worked: Iterable[Days], on: date) -> Json:
    if hold is not None:
        return {"status": hold["status"], "reason": "hold", "until": hold.get("valid_to")}
    chain = next((chain for chain in chains(worked) if _covers(chain, on)), None)
    if chain is None:
        return {"status": "waiting", "reason": "none", "until": None}
    last = chain[1]
    if last is None:
        return {"status": "working", "reason": "working", "until": None}
    soon = (last - on).days <= SOON
    return {
        "status": "waiting_soon" if soon else "working",
        "reason": "soon" if soon else "working",
        "until": last.isoformat(),
    }


def chains(worked: Iterable[Days]) -> list[Days]:
    """Joined where they overlap or touch; one whose last day is before its first covers nothing and joins nothing."""
    joined: list[Days] = []
    for first, last in sorted(worked, key=lambda span: span[0]):
        if last is not None and last < first:
            continue
        if joined and (joined[-1][1] is None or first <= joined[-1][1] + ONE_DAY):
            begin, before = joined[-1]
            joined[-1] = begin, None if before is None or last is None else max(before, last)
        else:
            joined.append((first, last))
    return joined


def _covers(span: Days, on: date) -> bool:
    first, last = span
    return first <= on and (last is None or on <= last)
