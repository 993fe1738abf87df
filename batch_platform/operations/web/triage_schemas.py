"""What the API and `--json` tell of who takes care of dead letters and incidents, and of what several came to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from batch_platform.operations.web.schemas import DeadLetterAnswer, IncidentAnswer
from batch_platform.web.api.answers import Answer, From


class CommentAnswer(Answer):
    """What somebody, or the monitor, said of a dead letter or an incident."""

    at: datetime
    author: str
    text: str


class TriagedDeadLetterAnswer(DeadLetterAnswer):
    """A dead letter with who has seen it since it last failed, and who takes care of it."""

    acknowledged_at: datetime | None
    acknowledged_by: str | None
    assigned_to: str | None


class DeadLetterDetailAnswer(TriagedDeadLetterAnswer):
    """A dead letter with what was said of it, oldest first."""

    comments: list[CommentAnswer]


class TriagedIncidentAnswer(IncidentAnswer):
    """An incident with who has seen it, and who takes care of it."""

    acknowledged_at: datetime | None
    acknowledged_by: str | None
    assigned_to: str | None


class IncidentDetailAnswer(TriagedIncidentAnswer):
    """An incident with what was said of it, oldest first."""

    comments: list[CommentAnswer]


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
