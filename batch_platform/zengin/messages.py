"""What is said at several places."""

from __future__ import annotations

from batch_platform.core.failures import Conflict
from batch_platform.core.messages import Message


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


def and_more(named: str, rest: int) -> str:
    """A list of names, and how many are left out of it."""
    if rest <= 0:
        return named
    return Message("and-more", "{names} and {count} more", names=named, count=rest)
