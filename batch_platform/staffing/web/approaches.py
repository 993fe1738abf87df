"""Periodic approaches for API, command line and console: their lists, and delivering failed ones again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from batch_platform.kit.actions import Action, Nothing, Targets
from batch_platform.kit.lists import List, NoFilters, paged, unpaged
from batch_platform.kit.session import Session
from batch_platform.staffing.ids import Id
from batch_platform.staffing.service import StaffingContext, approaches
from batch_platform.staffing.service.approaches import DecidedOccurrence as DecidedOccurrence
from batch_platform.staffing.web.wire import DecodedId
from batch_platform.web.api.answers import From, Sentence, SnakeAnswer
from batch_platform.web.api.strict import WRITABLE, StrictModel

State = Literal["delivered", "empty", "skipped", "failed"]


class ApproachAnswer(SnakeAnswer):
    """A periodic approach. `problem` says why its rule cannot be read; then there is no next moment."""

    approach_id: DecodedId
    company_id: DecodedId
    company: str | None
    rule: Mapping[str, Any]
    criteria: Mapping[str, Any]
    policy: str
    grace_minutes: int
    template: str
    last_at: Annotated[datetime | None, From("decided_until")]
    last_state: State | None
    next_at: datetime | None
    problem: Sentence | None


class OccurrenceAnswer(SnakeAnswer):
    """What became of a moment at which an approach was due, and how many engineers were written to."""

    approach_id: DecodedId
    company_id: DecodedId | None
    company: str | None
    scheduled_for: datetime
    state: State
    engineers: int
    reason: Sentence | None
    decided_at: datetime


class DecidedAnswer(SnakeAnswer):
    """An occurrence, and what has become of it."""

    approach_id: Id
    scheduled_for: datetime
    state: State
    engineers: int


class RetriedAnswer(SnakeAnswer):
    """What has become of the occurrences that had failed."""

    occurrences: Annotated[list[DecidedAnswer], From(list)]


class OfOccurrences(StrictModel):
    """Occurrences of an approach, in a state."""

    approach: str | None = Field(default=None, max_length=500, pattern=WRITABLE, description="Only of this approach.")
    state: State | None = Field(default=None, description="delivered, empty, skipped or failed.")


APPROACHES: Final = List(
    filters=NoFilters,
    read=unpaged(approaches.approaches),
    row=ApproachAnswer,
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
    path="/approaches",
    name="list_approaches",
    doc="Periodic approaches, with the moments at which each was due last and is due next.",
)
OCCURRENCES: Final = List(
    filters=OfOccurrences,
    read=paged(approaches.occurrences),
    row=OccurrenceAnswer,
    columns={
        "approach": "approach_id",
        "company": "company",
        "scheduled for": "scheduled_for",
        "became": "state",
        "engineers": "engineers",
        "reason": "reason",
    },
    empty="nothing was due yet",
    path="/approaches/occurrences",
    name="list_approach_occurrences",
    doc="What became of each moment at which an approach was due, the newest first.",
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
