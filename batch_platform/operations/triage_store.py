"""The statements by which several dead letters or incidents are handled at once, and what was said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from batch_platform.core.messages import kept
from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore
from batch_platform.operations.model import DeadLetter, Incident
from batch_platform.operations.store import incident_of, letter_of, with_messages

Kind = Literal["dead-letter", "incident"]
"""What can be handled."""

LETTER: Final[Kind] = "dead-letter"
INCIDENT: Final[Kind] = "incident"


@dataclass(frozen=True)
class Triage:
    """Who has seen a dead letter or an incident, and who takes care of it: a subject such as `local:ann`."""

    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    assigned_to: str | None = None

    def since(self, began: datetime) -> Triage:
        """As it stands of something that began then: what failed again after it was seen has not been seen."""
        if self.acknowledged_at is None or self.acknowledged_at >= began:
            return self
        return replace(self, acknowledged_at=None, acknowledged_by=None)


@dataclass(frozen=True)
class Comment:
    """What somebody, or the monitor, said of a dead letter or an incident; the monitor's `text` is a `Message`."""

    target: str
    at: datetime
    author: str
    text: str


@dataclass(frozen=True)
class Selection:
    """Which of them: those of these ids, or all that match the filter.

    `state` is a dead letter's, or "open" of incidents; None is any.
    """

    ids: tuple[str, ...] | None = None
    state: str | None = None
    job: str | None = None


@dataclass(frozen=True)
class Retries:
    """How many dead letters that were run again go on or wait, succeeded, or failed again."""

    going: int
    succeeded: int
    failed: int


class Session(BaseSession):
    """The statements of one transaction."""

    _sql = load("batch_platform.operations.sql")

    def retries_since(self, since: datetime) -> Retries:
        return Retries(**self._rows("retries_since", since=since)[0])

    def lock_letters(self, chosen: Selection, *, limit: int) -> list[DeadLetter]:
        """By id; nobody else changes them before the end of the transaction."""
        ids = None if chosen.ids is None else list(chosen.ids)
        given = {"ids": ids, "state": chosen.state, "job": chosen.job, "limit": limit}
        return [letter_of(row) for row in self._rows("lock_dead_letters", **given)]

    def lock_incidents(self, chosen: Selection, *, limit: int) -> list[Incident]:
        """As `lock_letters`."""
        ids = None if chosen.ids is None else [int(text) for text in chosen.ids if _is_number(text)]
        given = {"ids": ids, "open_only": chosen.state is not None, "job": chosen.job}
        return [incident_of(row) for row in self._rows("lock_incidents", **given, limit=limit)]

    def triage(self, kind: Kind, ids: Sequence[str]) -> dict[str, Triage]:
        rows = self._rows("triage", kind=kind, ids=list(ids))
        return {row.pop("target"): Triage(**row) for row in rows}

    def newest_comments(self, kind: Kind, ids: Sequence[str]) -> dict[str, Comment]:
        rows = self._rows("newest_comments", kind=kind, ids=list(ids))
        return {row["target"]: Comment(**with_messages(row, "text")) for row in rows}

    def comments(self, kind: Kind, target: str) -> list[Comment]:
        """Oldest first."""
        return [Comment(**with_messages(row, "text")) for row in self._rows("comments", kind=kind, id=target)]

    def retry(self, run_ids: Mapping[str, str], *, by: str, now: datetime) -> None:
        """open -> retrying, by letter with the id that its run will have; they are locked."""
        self._run("retry_locked", ids=list(run_ids), run_ids=list(run_ids.values()), by=by, now=now)

    def discard(self, ids: Sequence[str], *, reason: str, by: str, now: datetime) -> None:
        """open -> discarded; they are locked."""
        self._run("discard_locked", ids=list(ids), reason=reason, by=by, now=now)

    def acknowledge(self, kind: Kind, ids: Sequence[str], *, by: str, now: datetime) -> None:
        self._run("acknowledge", kind=kind, ids=list(ids), by=by, now=now)

    def assign(self, kind: Kind, ids: Sequence[str], *, assignee: str | None) -> None:
        self._run("assign", kind=kind, ids=list(ids), assignee=assignee)

    def comment(self, kind: Kind, texts: Mapping[str, str], *, by: str, now: datetime) -> None:
        """The texts by id; those of the monitor are messages."""
        sentences = list(texts.values())
        self._run(
            "comment",
            kind=kind,
            ids=list(texts),
            texts=sentences,
            messages=list(map(kept, sentences)),
            by=by,
            now=now,
        )


class TriageStore(BaseStore[Session]):
    """Opens transactions on what is known of dead letters and incidents beside their state."""

    _session = Session


def _is_number(text: Any) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
