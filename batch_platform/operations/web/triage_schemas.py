"""What the API and `--json` tell of who takes care of dead letters and incidents, and of what several came to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from batch_platform.operations import service, triage
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.remedies import remedies_of
from batch_platform.operations.triage_store import INCIDENT, LETTER, Kind
from batch_platform.operations.web.schemas import DeadLetterAnswer, IncidentAnswer, message_id
from batch_platform.web.api.answers import Answer, From


class CommentAnswer(Answer):
    """What somebody, or the monitor, said of a dead letter or an incident.

    `textId` is what the monitor's text is about, stable between releases; null where a person said it.
    """

    at: datetime
    author: str
    text: str
    text_id: Annotated[str | None, From(lambda comment: message_id(comment.text))]


class TriagedDeadLetterAnswer(DeadLetterAnswer):
    """A dead letter with who has seen it since it last failed, and who takes care of it."""

    acknowledged_at: datetime | None
    acknowledged_by: str | None
    assigned_to: str | None


class DeadLetterDetailAnswer(TriagedDeadLetterAnswer):
    """A dead letter with what was said of it, oldest first. `remedies` say what to look at."""

    comments: list[CommentAnswer]
    remedies: list[str]

    @classmethod
    def of_id(cls, operations: OperationsContext, letter_id: str) -> Self:
        """Raises `NotFound`."""
        letter = service.dead_letter(operations, letter_id)
        known = triage.of_letters(operations, [letter])[letter_id]
        return cls.of(letter, **vars(known), **_around(operations, LETTER, letter_id, letter.cause))


class TriagedIncidentAnswer(IncidentAnswer):
    """An incident with who has seen it, and who takes care of it."""

    acknowledged_at: datetime | None
    acknowledged_by: str | None
    assigned_to: str | None


class IncidentDetailAnswer(TriagedIncidentAnswer):
    """An incident with what was said of it, oldest first. `remedies` say what to look at."""

    comments: list[CommentAnswer]
    remedies: list[str]

    @classmethod
    def of_id(cls, operations: OperationsContext, incident_id: int) -> Self:
        """Raises `NotFound`."""
        incident = service.incident(operations, incident_id)
        known = triage.of_incidents(operations, [incident])[incident_id]
        return cls.of(incident, **vars(known), **_around(operations, INCIDENT, str(incident_id), incident.summary))


def _around(operations: OperationsContext, kind: Kind, target: str, text: str | None) -> dict[str, Any]:
    """What was said of it, and what to look at by its text."""
    comments = [CommentAnswer.of(comment) for comment in triage.comments(operations, kind, target)]
    return {"comments": comments, "remedies": remedies_of(text, operations.remedies)}


class HandledItemAnswer(Answer):
    """What happened to one: `done`, or `skipped` for the `reason`. `retryRunId` is the run that tries it again."""

    id: str
    outcome: Annotated[Literal["done", "skipped"], From(lambda item: "done" if item.done else "skipped")]
    reason: str | None
    job_name: Annotated[str | None, From("job")]
    retry_run_id: str | None


class HandledAnswer(Answer):
    """What one call did, by id: each is handled by itself."""

    done: int
    skipped: int
    dry_run: bool
    items: list[HandledItemAnswer]
