"""The API of what is done about several dead letters or incidents at once: by their ids, or by a filter."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from pydantic import Field

from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.operations import triage
from batch_platform.operations.model import DeadLetterState
from batch_platform.operations.triage import ACKNOWLEDGE, ASSIGN, COMMENT, DISCARD, RETRY, Handled
from batch_platform.operations.triage_store import INCIDENT, LETTER, Kind, Selection
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.triage_schemas import HandledAnswer
from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.strict import StrictBool, StrictModel, Text
from batch_platform.web.context import log_of

router = APIRouter(tags=["batch"])
"""Below the prefix of the operations API."""

ME: Final = "me"
"""Whoever asks, as an assignee."""

_MOST: Final = triage.AT_MOST
_LETTER: Final = "0191d3a2-7c1b-7c3e-9a57-1f6a1b0f7c11"
_letters: Final = requires("dead-letters:handle")
_incidents: Final = requires("incidents:handle")


class DeadLetterFilter(StrictModel):
    """All dead letters of this state, open ones where none is said, null for any; and of this job."""

    state: DeadLetterState | None = DeadLetterState.OPEN
    job_name: Text | None = None


class IncidentFilter(StrictModel):
    """All incidents, without the resolved ones where it is not said otherwise; and of this job."""

    open_only: StrictBool = True
    job_name: Text | None = None


class OnDeadLetters(StrictModel):
    """Either `ids` or a `filter`, at most 500 dead letters. `dryRun` says what would happen to each of them."""

    ids: Annotated[list[Text], Field(max_length=_MOST)] | None = Field(default=None, examples=[[_LETTER]])
    filter: DeadLetterFilter | None = None
    dry_run: StrictBool = False

    @property
    def selection(self) -> Selection:
        """Raises `InvalidInput` for both, and for neither."""
        if self.filter is None or self.ids is not None:
            return _of_ids(self.ids, self.filter)
        state = self.filter.state
        return Selection(state=state and state.value, job=self.filter.job_name)


class OnIncidents(StrictModel):
    """Either `ids` or a `filter`, at most 500 incidents. `dryRun` says what would happen to each of them."""

    ids: Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Field(max_length=_MOST)] | None = Field(
        default=None, examples=[[1]]
    )
    filter: IncidentFilter | None = None
    dry_run: StrictBool = False

    @property
    def selection(self) -> Selection:
        """Raises `InvalidInput` for both, and for neither."""
        if self.filter is None or self.ids is not None:
            return _of_ids(self.ids, self.filter)
        return Selection(state="open" if self.filter.open_only else None, job=self.filter.job_name)


class DiscardDeadLetters(OnDeadLetters):
    """Discarded dead letters are never run again; `reason` says why that is right."""

    reason: Text = Field(min_length=1, examples=["AWS delivered the month anew; the runs are not needed"])


class AssignDeadLetters(OnDeadLetters):
    """`assignee` is the name of an account, `me` for whoever asks, null for nobody."""

    assignee: Text | None = Field(examples=[ME])


class AssignIncidents(OnIncidents):
    """`assignee` is the name of an account, `me` for whoever asks, null for nobody."""

    assignee: Text | None = Field(examples=[ME])


class CommentDeadLetters(OnDeadLetters):
    """The same `comment` for each of them."""

    comment: Text = Field(min_length=1, examples=["the supplier delivers anew at 18:00"])


class CommentIncidents(OnIncidents):
    """The same `comment` for each of them."""

    comment: Text = Field(min_length=1, examples=["the supplier is told"])


@router.post("/dead-letters/retry", status_code=202, dependencies=[_letters])
@writes(RETRY)
def retry_dead_letters(body: OnDeadLetters, request: Request) -> Envelope[HandledAnswer]:
    """Run open dead letters again. Those of jobs that whoever asks may not run are passed over.

    The runs of the first few are asked for at once, of the others within minutes.
    """
    return _answer(body, retry(request, body.selection, dry_run=body.dry_run))


@router.post("/dead-letters/discard", dependencies=[_letters])
@writes(DISCARD)
def discard_dead_letters(body: DiscardDeadLetters, request: Request) -> Envelope[HandledAnswer]:
    """Close open dead letters without running them again. Those of jobs that one may not run are passed over."""
    return _answer(body, discard(request, body.selection, body.reason, dry_run=body.dry_run))


@router.post("/dead-letters/acknowledge", dependencies=[_letters])
@writes(ACKNOWLEDGE[LETTER])
def acknowledge_dead_letters(body: OnDeadLetters, request: Request) -> Envelope[HandledAnswer]:
    """Say that somebody has seen them; it ends when one fails again."""
    return _answer(body, acknowledge(request, LETTER, body.selection, dry_run=body.dry_run))


@router.post("/dead-letters/assign", dependencies=[_letters])
@writes(ASSIGN[LETTER])
def assign_dead_letters(body: AssignDeadLetters, request: Request) -> Envelope[HandledAnswer]:
    """Say who takes care of them."""
    return _answer(body, assign(request, LETTER, body.selection, body.assignee, dry_run=body.dry_run))


@router.post("/dead-letters/comment", dependencies=[_letters])
@writes(COMMENT[LETTER])
def comment_dead_letters(body: CommentDeadLetters, request: Request) -> Envelope[HandledAnswer]:
    """Add a comment to each; none where one's newest says the same already."""
    return _answer(body, comment(request, LETTER, body.selection, body.comment, dry_run=body.dry_run))


@router.post("/incidents/acknowledge", dependencies=[_incidents])
@writes(ACKNOWLEDGE[INCIDENT])
def acknowledge_incidents(body: OnIncidents, request: Request) -> Envelope[HandledAnswer]:
    """Say that somebody has seen them."""
    return _answer(body, acknowledge(request, INCIDENT, body.selection, dry_run=body.dry_run))


@router.post("/incidents/assign", dependencies=[_incidents])
@writes(ASSIGN[INCIDENT])
def assign_incidents(body: AssignIncidents, request: Request) -> Envelope[HandledAnswer]:
    """Say who takes care of them."""
    return _answer(body, assign(request, INCIDENT, body.selection, body.assignee, dry_run=body.dry_run))


@router.post("/incidents/comment", dependencies=[_incidents])
@writes(COMMENT[INCIDENT])
def comment_incidents(body: CommentIncidents, request: Request) -> Envelope[HandledAnswer]:
    """Add a comment to each; none where one's newest says the same already."""
    return _answer(body, comment(request, INCIDENT, body.selection, body.comment, dry_run=body.dry_run))


def retry(request: Request, chosen: Selection, *, dry_run: bool = False) -> Handled:
    """In the name of whoever asks."""
    may = current(request).may
    return triage.retry(operations_of(request), log_of(request), chosen, may=may, dry_run=dry_run)


def discard(request: Request, chosen: Selection, reason: str, *, dry_run: bool = False) -> Handled:
    """In the name of whoever asks."""
    may = current(request).may
    return triage.discard(operations_of(request), log_of(request), chosen, reason=reason, may=may, dry_run=dry_run)


def acknowledge(request: Request, kind: Kind, chosen: Selection, *, dry_run: bool = False) -> Handled:
    """In the name of whoever asks."""
    return triage.acknowledge(operations_of(request), log_of(request), kind, chosen, dry_run=dry_run)


def assign(
    request: Request, kind: Kind, chosen: Selection, assignee: str | None, *, dry_run: bool = False
) -> Handled:
    """To the account of this name, to whoever asks (`me`), or to nobody. Raises `InvalidInput` for a token's `me`."""
    operations, subject = operations_of(request), assignee
    if assignee == ME:
        subject = current(request).subject
        if not subject.startswith(triage.PERSONS):
            raise InvalidInput("assignee-no-person", "a token is no person: name an account", field="assignee")
    elif assignee is not None:
        subject = triage.person(operations, assignee)
    return triage.assign(operations, log_of(request), kind, chosen, assignee=subject, dry_run=dry_run)


def comment(request: Request, kind: Kind, chosen: Selection, text: str, *, dry_run: bool = False) -> Handled:
    """In the name of whoever asks."""
    return triage.comment(operations_of(request), log_of(request), kind, chosen, text=text, dry_run=dry_run)


def _of_ids(ids: list[Any] | None, chosen: StrictModel | None) -> Selection:
    if ids is None or chosen is not None:
        raise InvalidInput("ids-or-filter", "name either ids or a filter", field="ids")
    return Selection(ids=tuple(map(str, ids)))


def _answer(body: OnDeadLetters | OnIncidents, handled: Handled) -> Envelope[HandledAnswer]:
    return Envelope(
        data=HandledAnswer.of(handled, dry_run=body.dry_run),
        message=f"{handled.done} {'would be ' if body.dry_run else ''}done, {handled.skipped} skipped",
    )
