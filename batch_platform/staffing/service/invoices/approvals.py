"""A second person: what one proposes as it was seen, another one's word carries out; never the same person alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from batch_platform.core.caller import person
from batch_platform.core.failures import Conflict
from batch_platform.core.postgres import Connection
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

Record = Callable[[Connection, str, str, Any, Any], None]
"""How a change is written down in the audit log, in its own transaction."""


class Deed(StrEnum):
    """What takes two people."""

    ISSUE = "issue"
    VOID = "void"
    CREDIT = "credit"


@dataclass(frozen=True)
class Proposal:
    """A deed about something (a month, an invoice) as it was seen."""

    deed: Deed
    target: str
    seen: Mapping[str, Any]


@dataclass(frozen=True)
class Agreement:
    """Two people, the first of whom gave the reason."""

    people: Sequence[str]
    reason: str | None


def waiting(session: Session, proposal: Proposal) -> list[Row]:
    """Who has said so already, of the very same."""
    rows = session.waiting_approvals(proposal.deed, proposal.target)
    return [row for row in rows if row["seen"] == dict(proposal.seen)]


def require_new(session: Session, proposal: Proposal, by: str) -> list[Row]:
    """Who else has said so. Raises `Conflict` where that is `by` alone: it takes another."""
    approvals = waiting(session, proposal)
    others = [row for row in approvals if person(row["by"]) != person(by)]
    if approvals and not others:
        raise Conflict(
            "another-person-needed",
            "{by} has proposed to {deed} {target} already: another person has to agree",
            by=by,
            deed=proposal.deed.value,
            target=proposal.target,
            field="by",
        )
    return others


def agree(
    session: Session, proposal: Proposal, *, by: str, now: datetime, reason: str | None = None
) -> Agreement | None:
    """Say so; the agreement if somebody else has, None where this is the first word.

    Raises `Conflict` for the same person again.
    """
    others = require_new(session, proposal, by)
    if not others:
        session.add_approval(proposal.deed, proposal.target, seen=proposal.seen, by=by, at=now, reason=reason)
        return None
    session.use_approvals(proposal.deed, proposal.target, now)
    return Agreement((others[0]["by"], by), reason or others[0]["reason"])
