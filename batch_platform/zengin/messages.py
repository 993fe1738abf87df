"""What is said at several places."""

from __future__ import annotations

from typing import Final

from batch_platform.core.failures import Conflict
from batch_platform.core.messages import Message
from batch_platform.zengin.model import HoldReason

# why a record or changeset has moved
RAISED: Final = Message("records-raised", "raised")
BEING_APPLIED: Final = Message("being-applied", "being applied")
APPROVED: Final = Message("records-approved", "approved")
APPROVED_AS_A_WHOLE: Final = Message("approved-as-a-whole", "approved as a whole")
OVERRIDDEN_ONCE: Final = Message("override-first-account", "override, first account")
TAKEN_BACK: Final = Message("approval-taken-back", "approval taken back")
APPLIED_AGAIN: Final = Message("to-be-applied-again", "to be applied again")
APPLIED: Final = Message("records-applied", "applied")
SUPERSEDED: Final = Message("proposal-superseded", "superseded")
MIRROR_BEHIND: Final = Message("mirror-behind", "the mirror was behind")
LEASE_RAN_OUT: Final = Message("lease-ran-out", "the lease ran out")

HOLDS: Final = {
    HoldReason.REGRESSION: Message("held-for-regression", "regression"),
    HoldReason.INVERSE: Message("held-for-inverse", "inverse"),
    HoldReason.BRAKE: Message("held-for-brake", "brake"),
    HoldReason.TRUNCATION: Message("held-for-truncation", "truncation"),
    HoldReason.BOOTSTRAP: Message("held-for-bootstrap", "bootstrap"),
}
"""Why a snapshot is held, within a sentence."""


def changed_record(record_id: str) -> Conflict:
    """Somebody was faster with a record."""
    return Conflict(
        "record-changed", "record {record} was changed meanwhile: look at it again", record=record_id, field="version"
    )


def changed_changeset(changeset_id: str) -> Conflict:
    """Somebody was faster with a changeset."""
    return Conflict(
        "changeset-changed",
        "changeset {changeset} was changed meanwhile: look at it again",
        changeset=changeset_id,
        field="version",
    )


def still_held(changeset_id: str) -> Conflict:
    """What is held is not decided row by row."""
    return Conflict(
        "changeset-held",
        "changeset {changeset} is held: it has to be overridden first",
        changeset=changeset_id,
        field="changeset_id",
    )


def nothing_to_review(changeset_id: str) -> Conflict:
    """All of a changeset is decided."""
    return Conflict(
        "nothing-to-review",
        "changeset {changeset} has nothing that waits for approval",
        changeset=changeset_id,
        field="changeset_id",
    )


def and_more(named: str, rest: int) -> str:
    """A list of names, and how many are left out of it."""
    if rest <= 0:
        return named
    return Message("and-more", "{names} and {count} more", names=named, count=rest)
