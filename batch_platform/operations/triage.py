"""What people do about dead letters and incidents, several at once: try again, discard, acknowledge, assign, comment.

Each is handled by itself: what cannot be is passed over with the reason, and hinders none of the others. All changes
of one call are one transaction with one row in the audit log, which names the handled ones in `before`; a call that
changes nothing leaves none. So whoever was killed, or sends it twice, finds the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from batch_platform.core.audit import Log
from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message
from batch_platform.operations import retries
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.model import DeadLetter, DeadLetterState, Incident, Registry
from batch_platform.operations.triage_store import (
    INCIDENT,
    LETTER,
    Comment,
    Kind,
    Selection,
    Session,
    Triage,
    TriageStore,
)
from batch_platform.web.access.store import AccessStore

RETRY: Final = "dead-letter.retry"
DISCARD: Final = "dead-letter.discard"
ACKNOWLEDGE: Final[dict[Kind, str]] = {LETTER: "dead-letter.acknowledge", INCIDENT: "incident.acknowledge"}
ASSIGN: Final[dict[Kind, str]] = {LETTER: "dead-letter.assign", INCIDENT: "incident.assign"}
COMMENT: Final[dict[Kind, str]] = {LETTER: "dead-letter.comment", INCIDENT: "incident.comment"}

AT_MOST: Final = 500
"""So many are handled by one call."""

PERSONS: Final = ("local:", "oidc:")
_NAMED: Final = 3
_NOT_OPEN: Final = {
    "retrying": Message("already-retrying", "it is being tried again already"),
    "resolved": Message("already-resolved", "it is resolved already"),
    "discarded": Message("already-discarded", "it is discarded already"),
}

May = Callable[[str], bool]
"""Whether somebody has a permission."""


@dataclass(frozen=True, eq=False)
class Target:
    """A dead letter or an incident as it stood; `since` is when it last failed or was opened."""

    id: str
    job: str | None
    subject: str
    state: str
    settled: bool
    since: datetime
    triage: Triage
    comment: Comment | None
    letter: DeadLetter | None


@dataclass(frozen=True)
class Item:
    """What happened to one: done, or passed over for a reason. A retry names the run that tries it again."""

    id: str
    job: str | None = None
    subject: str | None = None
    reason: Message | None = None
    retry_run_id: str | None = None

    @property
    def done(self) -> bool:
        return self.reason is None


@dataclass(frozen=True)
class Handled:
    """What one call did, by id."""

    items: tuple[Item, ...]

    @property
    def done(self) -> int:
        return sum(item.done for item in self.items)

    @property
    def skipped(self) -> int:
        return len(self.items) - self.done

    def reasons(self) -> list[tuple[Message, int]]:
        """Why some were passed over, and how many for each reason; the most frequent first."""
        counts: dict[Message, int] = {}
        for item in self.items:
            if item.reason is not None:
                counts[item.reason] = counts.get(item.reason, 0) + 1
        return sorted(counts.items(), key=lambda pair: -pair[1])


@dataclass(frozen=True)
class _Act:
    """One kind of change: why it does not fit a target, and how it is written for all that it fits."""

    name: str
    kind: Kind
    refusal: Callable[[Target], Message | None]
    write: Callable[[Session, Sequence[Target]], None]
    after: dict[str, Any]


def retry(
    ctx: OperationsContext,
    log: Log,
    chosen: Selection,
    *,
    may: May = lambda _: True,
    dry_run: bool = False,
    at_once: int = retries.AT_ONCE,
) -> Handled:
    """open -> retrying; the runs of the first `at_once` are asked for here, of the others by the monitor.

    Raises `PermanentFailure` in a process that cannot ask for runs, and `InvalidInput` for none or too many.
    """
    if not dry_run:
        ctx.require_runner()
    begun: dict[str, DeadLetter] = {}

    def write(session: Session, targets: Sequence[Target]) -> None:
        now = ctx.clock()
        letters = [target.letter for target in targets if target.letter is not None]
        run_ids = {letter.id: retries.next_run_id(letter) for letter in letters}
        session.retry(run_ids, by=log.who, now=now)
        for letter in letters:
            begun[letter.id] = replace(
                letter,
                state=DeadLetterState.RETRYING,
                version=letter.version + 1,
                retries=letter.retries + 1,
                retry_run_id=run_ids[letter.id],
                changed_at=now,
                changed_by=log.who,
            )

    act = _Act(RETRY, LETTER, partial(_not_open, ctx.registry, may), write, {})
    handled = _handle(ctx, log, chosen, act, dry_run=dry_run)
    refused = retries.ask_each(ctx, list(begun.values())[:at_once])
    items = [
        replace(item, reason=refused[item.id])
        if item.id in refused
        else replace(item, retry_run_id=begun[item.id].retry_run_id if item.id in begun else None)
        for item in handled.items
    ]
    return Handled(tuple(items))


def discard(
    ctx: OperationsContext,
    log: Log,
    chosen: Selection,
    *,
    reason: str,
    may: May = lambda _: True,
    dry_run: bool = False,
) -> Handled:
    """open -> discarded. Raises `InvalidInput` for an empty reason, and for none or too many."""
    if not reason.strip():
        raise InvalidInput("reason-needed", "say why it is discarded", field="reason")

    def write(session: Session, targets: Sequence[Target]) -> None:
        session.discard(_ids(targets), reason=reason.strip(), by=log.who, now=ctx.clock())

    act = _Act(DISCARD, LETTER, partial(_not_open, ctx.registry, may), write, {"reason": reason.strip()})
    return _handle(ctx, log, chosen, act, dry_run=dry_run)


def acknowledge(ctx: OperationsContext, log: Log, kind: Kind, chosen: Selection, *, dry_run: bool = False) -> Handled:
    """Say that somebody has seen them. Raises `InvalidInput` for none or too many."""

    def write(session: Session, targets: Sequence[Target]) -> None:
        session.acknowledge(kind, _ids(targets), by=log.who, now=ctx.clock())

    return _handle(ctx, log, chosen, _Act(ACKNOWLEDGE[kind], kind, _acknowledged, write, {}), dry_run=dry_run)


def assign(
    ctx: OperationsContext,
    log: Log,
    kind: Kind,
    chosen: Selection,
    *,
    assignee: str | None,
    dry_run: bool = False,
) -> Handled:
    """Give them to a person (`person`), or with None to nobody. Raises `InvalidInput` for none or too many."""

    def refusal(target: Target) -> Message | None:
        if target.settled or target.triage.assigned_to != assignee:
            return _settled(target)
        if assignee is None:
            return Message("assigned-to-nobody", "it is assigned to nobody")
        return Message("assigned-already", "it is assigned to {who} already", who=assignee)

    def write(session: Session, targets: Sequence[Target]) -> None:
        session.assign(kind, _ids(targets), assignee=assignee)

    act = _Act(ASSIGN[kind], kind, refusal, write, {"assignedTo": assignee})
    return _handle(ctx, log, chosen, act, dry_run=dry_run)


def comment(
    ctx: OperationsContext, log: Log, kind: Kind, chosen: Selection, *, text: str, dry_run: bool = False
) -> Handled:
    """Add a comment, but where the newest is the same of the same author: whoever sends it twice says it once.

    Raises `InvalidInput` for an empty text, and for none or too many.
    """
    if not text.strip():
        raise InvalidInput("comment-needed", "write the comment", field="comment")

    def refusal(target: Target) -> Message | None:
        newest = target.comment
        if newest is None or (newest.author, newest.text) != (log.who, text.strip()):
            return None
        return Message("commented-already", "your newest comment says the same")

    def write(session: Session, targets: Sequence[Target]) -> None:
        session.comment(kind, dict.fromkeys(_ids(targets), text.strip()), by=log.who, now=ctx.clock())

    act = _Act(COMMENT[kind], kind, refusal, write, {"comment": text.strip()})
    return _handle(ctx, log, chosen, act, dry_run=dry_run)


def permission_of(registry: Registry, job: str | None) -> str:
    """What it takes to start a job, or to decide that it need not run; the administrators' for one that is gone."""
    return next((known.permission for known in registry if known.name == job), "batch:execute")


def person(ctx: OperationsContext, name: str) -> str:
    """The subject of the enabled account of this name. Raises `InvalidInput`."""
    with AccessStore(ctx.pool).transaction() as session:
        enabled = any(user.enabled for user in session.users(name.removeprefix("local:")))
    if not enabled:
        raise InvalidInput("no-such-assignee", "no enabled account {name}", name=name, field="assignee")
    return f"local:{name.removeprefix('local:')}"


def persons(ctx: OperationsContext) -> list[str]:
    """The names of the enabled accounts, to whom something can be assigned."""
    with AccessStore(ctx.pool).transaction() as session:
        return [user.name for user in session.users() if user.enabled]


def of_letters(ctx: OperationsContext, letters: Sequence[DeadLetter]) -> dict[str, Triage]:
    """Who has seen each of them since it last failed, and who takes care of it."""
    with TriageStore(ctx.pool).transaction() as session:
        known = session.triage(LETTER, [letter.id for letter in letters])
    return {letter.id: known.get(letter.id, Triage()).since(letter.failed_at) for letter in letters}


def of_incidents(ctx: OperationsContext, incidents: Sequence[Incident]) -> dict[int, Triage]:
    """Who has seen each of them, and who takes care of it."""
    with TriageStore(ctx.pool).transaction() as session:
        known = session.triage(INCIDENT, [str(incident.id) for incident in incidents])
    return {incident.id: known.get(str(incident.id), Triage()) for incident in incidents}


def comments(ctx: OperationsContext, kind: Kind, target: str) -> list[Comment]:
    """What was said of it, oldest first."""
    with TriageStore(ctx.pool).transaction() as session:
        return session.comments(kind, target)


def preview(
    ctx: OperationsContext, action: str, kind: Kind, chosen: Selection, *, may: May = lambda _: True
) -> Handled:
    """What an action would do before it is said to whom, why or what. Raises `InvalidInput` for none or too many."""
    refusal: Callable[[Target], Message | None] = _settled
    if action in (RETRY, DISCARD):
        refusal = partial(_not_open, ctx.registry, may)
    elif action == ACKNOWLEDGE[kind]:
        refusal = _acknowledged
    elif action == COMMENT[kind]:
        refusal = _never
    with TriageStore(ctx.pool).transaction() as session:
        targets = _locked(session, kind, _checked(ctx, chosen))
    return _handled(kind, chosen, {target: refusal(target) for target in targets})


def _handle(ctx: OperationsContext, log: Log, chosen: Selection, act: _Act, *, dry_run: bool) -> Handled:
    with TriageStore(ctx.pool).transaction() as session:
        refusals = {target: act.refusal(target) for target in _locked(session, act.kind, _checked(ctx, chosen))}
        fitting = [target for target, refusal in refusals.items() if refusal is None]
        if fitting and not dry_run:
            act.write(session, fitting)
            before = {target.id: _brief(target) for target in fitting}
            log.record(session.connection, act.name, _named(fitting), before, act.after or None)
    return _handled(act.kind, chosen, refusals)


def _handled(kind: Kind, chosen: Selection, refusals: Mapping[Target, Message | None]) -> Handled:
    items = [Item(target.id, target.job, target.subject, refusal) for target, refusal in refusals.items()]
    missing = set(chosen.ids or ()) - {item.id for item in items}
    return Handled((*items, *(Item(key, reason=_unknown(kind, key)) for key in sorted(missing))))


def _checked(ctx: OperationsContext, chosen: Selection) -> Selection:
    """The job by its name. Raises `InvalidInput` for none, too many and an unknown job."""
    if chosen.ids is not None and not chosen.ids:
        raise InvalidInput("nothing-chosen", "nothing is chosen", field="ids")
    return chosen if chosen.job is None else replace(chosen, job=ctx.registry.get(chosen.job).name)


def _locked(session: Session, kind: Kind, chosen: Selection) -> list[Target]:
    """Raises `InvalidInput` for too many."""
    rows = (session.lock_letters if kind == LETTER else session.lock_incidents)(chosen, limit=AT_MOST + 1)
    if len(rows) > AT_MOST or len(set(chosen.ids or ())) > AT_MOST:
        raise InvalidInput(
            "too-many-chosen",
            "more than {limit} are chosen: choose by job or state",
            limit=AT_MOST,
            field="filter" if chosen.ids is None else "ids",
        )
    ids = [str(row.id) for row in rows]
    known, newest = session.triage(kind, ids), session.newest_comments(kind, ids)
    return [_target(row, known.get(str(row.id), Triage()), newest.get(str(row.id))) for row in rows]


def _target(row: DeadLetter | Incident, triage: Triage, newest: Comment | None) -> Target:
    if isinstance(row, DeadLetter):
        settled = row.state in (DeadLetterState.RESOLVED, DeadLetterState.DISCARDED)
        subject, since, state = row.place or row.cause or "", row.failed_at, row.state.value
    else:
        settled, subject, since = row.resolved_at is not None, row.summary, row.opened_at
        state = "resolved" if settled else "open"
    letter = row if isinstance(row, DeadLetter) else None
    return Target(str(row.id), row.job, subject, state, settled, since, triage.since(since), newest, letter)


def _not_open(registry: Registry, may: May, target: Target) -> Message | None:
    permission = permission_of(registry, target.job)
    if not may(permission):
        return Message("handling-needs", "it takes the permission {permission}", permission=permission)
    return _NOT_OPEN.get(target.state)


def _never(_target: Target) -> None:
    """What can be said of anything."""


def _acknowledged(target: Target) -> Message | None:
    who = target.triage.acknowledged_by
    if target.settled or who is None:
        return _settled(target)
    return Message("acknowledged-already", "it is acknowledged already, by {who}", who=who)


def _settled(target: Target) -> Message | None:
    return _NOT_OPEN.get(target.state) if target.settled else None


def _unknown(kind: Kind, key: str) -> Message:
    if kind == LETTER:
        return Message("unknown-dead-letter", "no dead letter {letter}", letter=key)
    return Message("unknown-incident", "no incident {incident}", incident=key)


def _ids(targets: Sequence[Target]) -> list[str]:
    return [target.id for target in targets]


def _named(targets: Sequence[Target]) -> str:
    """The first few, as whoever reads the log sees them; each stands in `before`."""
    more = f" … ({len(targets)})" if len(targets) > _NAMED else ""
    return ", ".join(_ids(targets)[:_NAMED]) + more


def _brief(target: Target) -> dict[str, Any]:
    return {
        "jobName": target.job,
        "subject": target.subject,
        "state": target.state,
        "acknowledgedBy": target.triage.acknowledged_by,
        "assignedTo": target.triage.assigned_to,
    }
