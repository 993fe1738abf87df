"""Periodic approaches: when each is due, and deciding what is due, each occurrence once.

An occurrence is decided in one transaction with the approaches that it sends and the notices of the outbox; the next
one follows the last that was decided. Engineers are chosen by the criteria as of the moment of delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from batch_platform.core import cursors, postgres
from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.core.messages import from_json, to_json
from batch_platform.core.validation import refusal_of
from batch_platform.staffing import criteria, ids, recurrence
from batch_platform.staffing.ids import Id
from batch_platform.staffing.instants import instant_text
from batch_platform.staffing.recurrence import Action, Policy, Rule
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

Record = Callable[[postgres.Connection, str, str, Any, Any], None]

RETRY: Final = "approach.retry"
"""What delivering failed occurrences again is called in the audit log."""

CHUNK: Final = 50
"""Occurrences of one transaction."""
_SCHEDULED_AT_ONCE: Final = 1_000
_FAIL: Final = "fail"


@dataclass(frozen=True)
class DueOccurrence:
    """A moment in UTC at which an approach was due, and what its policy makes of it."""

    approach_id: Id
    scheduled_for: datetime
    action: Action


@dataclass(frozen=True)
class DecidedOccurrence:
    """What became of one: delivered, empty, skipped or failed, and to how many engineers."""

    approach_id: Id
    scheduled_for: datetime
    state: str
    engineers: int


def due(context: StaffingContext, now: datetime) -> list[DueOccurrence]:
    """What is due as of a moment, by approach and then by time; what cannot be read is left out."""
    with context.store.snapshot() as session:
        rows = session.periodic_approaches()
    return [
        DueOccurrence(ids.decode(row["approach_id"]), occurrence.scheduled_for, occurrence.action)
        for row in rows
        if (rule := _rule(row["rule"])) is not None
        for occurrence in _due(row, rule, now)
    ]


def decide(context: StaffingContext, *, alive: Callable[[], None] | None = None) -> list[DecidedOccurrence]:
    """Deliver, skip or leave empty all that is due now; what was decided.

    Any number may do so at once: one waits for the other and finds it done. `alive` is called after each transaction.
    """
    decided: list[DecidedOccurrence] = []
    while True:
        now = context.clock()
        with context.store.transaction() as session:
            session.lock_approaches()
            _schedule(session)
            rows = session.periodic_approaches(due_at=now)
            chunk = _first(rows, now)
            decided += [_decided(row) for row in session.decide_occurrences(chunk, now)] if chunk else []
            _advance(session, rows, chunk)
        if alive is not None:
            alive()
        if not chunk:
            return decided


def failed(context: StaffingContext, approach_id: str) -> list[DecidedOccurrence]:
    """The occurrences of an approach that failed, oldest first.

    Raises `NotFound` for an approach that is not there, `InvalidInput` while its criteria still cannot be read.
    """
    with context.store.snapshot() as session:
        _chosen(session, approach_id)
        rows = session.occurrences(approach_id=approach_id, state="failed")
    return [_decided(row) for row in reversed(rows)]


def retry(context: StaffingContext, approach_id: str, record: Record) -> list[DecidedOccurrence]:
    """Deliver the failed occurrences of an approach, by its criteria as they are now. Raises as `failed`."""
    now = context.clock()
    with context.store.transaction() as session:
        session.lock_approaches()
        chosen = _chosen(session, approach_id)
        occurrences = [
            {
                **chosen,
                "approach_id": approach_id,
                "scheduled_for": row["scheduled_for"],
                "action": Action.DELIVER.value,
                "reason": None,
            }
            for row in session.occurrences(approach_id=approach_id, state="failed")
        ]
        decided = [_decided(row) for row in session.decide_occurrences(occurrences, now)] if occurrences else []
        after = {"delivered": [instant_text(each.scheduled_for) for each in decided]}
        record(session.connection, RETRY, ids.shown(approach_id), {"failed": len(occurrences)}, after)
    return decided


def occurrences(
    context: StaffingContext,
    *,
    approach: str | None = None,
    state: str | None = None,
    limit: int,
    cursor: str | None = None,
) -> tuple[list[Row], str | None]:
    """A page of what was decided, newest first, and the cursor of the next. Raises `InvalidInput` for another's.

    `reason` is the message that says why one has failed.
    """
    place = cursors.decode(cursor, at=datetime, id=str)
    before = (place["at"], place["id"]) if place else None
    with context.store.snapshot() as session:
        listed = session.occurrences(approach_id=approach, state=state, before=before, limit=limit + 1)
    rows = [{**row, "reason": None if row["reason"] is None else from_json(row["reason"])} for row in listed]
    return cursors.cut(rows, limit, lambda row: {"at": row["scheduled_for"], "id": row["approach_id"]})


def approaches(context: StaffingContext) -> list[Row]:
    """All periodic approaches with the moments of their last and next occurrence, and why one cannot be read."""
    with context.store.snapshot() as session:
        rows = session.periodic_approaches()
    return [{**row, **_next(row)} for row in rows]


def _schedule(session: Session) -> None:
    """The next moments of approaches that are new or have another rule by now."""
    while rows := session.unscheduled_approaches(_SCHEDULED_AT_ONCE):
        session.schedule_approaches(
            [
                {"approach_id": row["approach_id"], "rule": row["rule"], "next_at": _next(row)["next_at"]}
                for row in rows
            ]
        )


def _first(rows: Sequence[Row], now: datetime) -> list[Row]:
    """As many occurrences as one transaction takes, each approach's oldest first."""
    first: list[Row] = []
    for row in rows:
        for occurrence in _occurrences(row, now):
            if len(first) == CHUNK:
                return first
            first.append(occurrence)
    return first


def _occurrences(row: Row, now: datetime) -> Iterator[Row]:
    rule = _rule(row["rule"])
    if rule is None:
        return
    chosen, reason = _readable_selection(row)
    for occurrence in _due(row, rule, now):
        fails = occurrence.action is Action.DELIVER and reason is not None
        yield {
            **chosen,
            "approach_id": row["approach_id"],
            "scheduled_for": occurrence.scheduled_for,
            "action": _FAIL if fails else occurrence.action.value,
            "reason": reason if fails else None,
        }


def _advance(session: Session, rows: Sequence[Row], chunk: Sequence[Row]) -> None:
    """The next moment of each approach that is due, after the last of its occurrences that is decided."""
    last = {row["approach_id"]: row["decided_until"] for row in rows}
    for occurrence in chunk:
        last[occurrence["approach_id"]] = occurrence["scheduled_for"]
    session.schedule_approaches(
        [
            {
                "approach_id": row["approach_id"],
                "rule": row["rule"],
                "next_at": _next({**row, "decided_until": last[row["approach_id"]]})["next_at"],
            }
            for row in rows
        ]
    )


def _due(row: Row, rule: Rule, now: datetime) -> list[recurrence.Occurrence]:
    scheduled = list(recurrence.occurrences(rule, row["decided_until"], now))
    grace = timedelta(minutes=row["grace_minutes"])
    return recurrence.catch_up(scheduled, now, Policy(row["policy"]), grace)


def _rule(value: Any) -> Rule | None:
    try:
        return Rule.model_validate(value)
    except ValidationError:
        return None


def _next(row: Row) -> Row:
    """`next_at`, and as `problem` why there is none that could be read."""
    try:
        rule = Rule.model_validate(row["rule"])
    except ValidationError as error:
        return {"next_at": None, "problem": refusal_of(error).message}
    return {"next_at": recurrence.next_occurrence(rule, row["decided_until"]), "problem": None}


def _chosen(session: Session, approach_id: str) -> Row:
    row = next(iter(session.periodic_approaches(approach_id=approach_id)), None)
    if row is None:
        raise NotFound("approach-unknown", "no periodic approach {approach}", approach=ids.shown(approach_id))
    return _selection(row)


def _selection(row: Row) -> Row:
    """What the statement chooses engineers by. Raises `InvalidInput`."""
    chosen = criteria.read(row["criteria"])
    return {"status": chosen.status, "skills": chosen.skills, "company_ids": chosen.company_id}


def _readable_selection(row: Row) -> tuple[Row, str | None]:
    try:
        return _selection(row), None
    except InvalidInput as error:
        return {"status": [], "skills": [], "company_ids": None}, to_json(error.message)


def _decided(row: Row) -> DecidedOccurrence:
    return DecidedOccurrence(ids.decode(row["approach_id"]), row["scheduled_for"], row["state"], row["engineers"])
