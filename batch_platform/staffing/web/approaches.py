"""Periodic approaches for API, command line and console: their lists, and delivering failed ones again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from batch_platform.kit.actions import Action, Nothing, Targets
from batch_platform.kit.lists import List, NoFilters, Paging
from batch_platform.kit.session import Session
from batch_platform.staffing import ids
from batch_platform.staffing.ids import Id
from batch_platform.staffing.service import StaffingContext, approaches
from batch_platform.staffing.service.approaches import DecidedOccurrence as DecidedOccurrence
from batch_platform.web.api.strict import WRITABLE, StrictModel

State = Literal["delivered", "empty", "skipped", "failed"]


class ApproachAnswer(StrictModel):
    """A periodic approach. `problem` says why its rule cannot be read; then there is no next moment."""

    approach_id: Id
    company_id: Id
    company: str | None
    rule: Mapping[str, Any]
    criteria: Mapping[str, Any]
    policy: str
    grace_minutes: int
    template: str
    last_at: datetime | None
    last_state: State | None
    next_at: datetime | None
    problem: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ApproachAnswer:
        problem = row["problem"]
        return cls.model_validate(
            {
                **{name: row[name] for name in cls.model_fields if name in row},
                "approach_id": ids.decode(row["approach_id"]),
                "company_id": ids.decode(row["company_id"]),
                "last_at": row["decided_until"],
                "problem": None if problem is None else str(problem),
            },
            by_name=True,
        )


class OccurrenceAnswer(StrictModel):
    """What became of a moment at which an approach was due, and how many engineers were written to."""

    approach_id: Id
    company_id: Id | None
    company: str | None
    scheduled_for: datetime
    state: State
    engineers: int
    reason: str | None
    decided_at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> OccurrenceAnswer:
        company, reason = row["company_id"], row["reason"]
        named = {
            "approach_id": ids.decode(row["approach_id"]),
            "company_id": company and ids.decode(company),
            "reason": None if reason is None else str(reason),
        }
        return cls.model_validate({**row, **named}, by_name=True)


class DecidedAnswer(StrictModel):
    """An occurrence, and what has become of it."""

    approach_id: Id
    scheduled_for: datetime
    state: State
    engineers: int


class RetriedAnswer(StrictModel):
    """What has become of the occurrences that had failed."""

    occurrences: list[DecidedAnswer]

    @classmethod
    def of(cls, decided: Sequence[DecidedOccurrence]) -> RetriedAnswer:
        return cls(occurrences=[DecidedAnswer.of_attributes(each) for each in decided])


class OfOccurrences(StrictModel):
    """Occurrences of an approach, in a state."""

    approach: str | None = Field(default=None, max_length=500, pattern=WRITABLE, description="Only of this approach.")
    state: State | None = Field(default=None, description="delivered, empty, skipped or failed.")


def _approaches(context: StaffingContext, _filters: NoFilters, _paging: Paging) -> tuple[list[Any], None]:
    return approaches.approaches(context), None


def _occurrences(context: StaffingContext, filters: OfOccurrences, paging: Paging) -> tuple[list[Any], str | None]:
    return approaches.occurrences(
        context, approach_id=filters.approach, state=filters.state, limit=paging.limit, cursor=paging.cursor
    )


APPROACHES: Final = List(
    filters=NoFilters,
    read=_approaches,
    row=ApproachAnswer,
    of=ApproachAnswer.of,
    columns={
        "approach": "approach_id",
        "company": "company",
        "policy": "policy",
        "last": "last_at",
        "became": "last_state",
        "next": "next_at",
        "problem": "problem",
    },
    empty="no periodic approaches",
    paging=None,
)
OCCURRENCES: Final = List(
    filters=OfOccurrences,
    read=_occurrences,
    row=OccurrenceAnswer,
    of=OccurrenceAnswer.of,
    columns={
        "approach": "approach_id",
        "company": "company",
        "scheduled for": "scheduled_for",
        "became": "state",
        "engineers": "engineers",
        "reason": "reason",
    },
    empty="nothing was due yet",
)


def _look(session: Session[StaffingContext], targets: Targets, _given: Nothing) -> list[DecidedOccurrence]:
    [approach_id] = targets
    return approaches.failed(session.context, approach_id)


def _retry(session: Session[StaffingContext], targets: Targets, _given: Nothing) -> list[DecidedOccurrence]:
    [approach_id] = targets
    return approaches.retry(session.context, approach_id, session.log.record)


RETRY: Final = Action(
    name=approaches.RETRY, permission="staffing:operate", input=Nothing, look=_look, do=_retry, recorded=True
)
