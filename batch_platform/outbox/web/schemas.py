"""The outbox as the API tells it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from batch_platform.outbox.model import Category, Channel, Reason, State, SuppressionReason
from batch_platform.web.api.answers import Answer, From, Sentence


class NoticeAnswer(Answer):
    """A notice. `reason` says why it is where it is, `unknownSince` that nobody knows whether it was taken."""

    id: Sentence
    domain: str
    key: str
    channel: Channel
    category: Category
    template: str
    recipient: str
    subject: str | None
    state: State
    reason: Reason | None
    detail: str | None
    attempts: int
    next_attempt_at: Annotated[
        datetime | None, From(lambda notice: notice.next_attempt_at if notice.state is State.PENDING else None)
    ]
    unknown_since: datetime | None
    message_id: str | None
    provider_id: str | None
    created_at: datetime
    accepted_at: datetime | None
    settled_at: datetime | None
    read_at: datetime | None


class AttachmentAnswer(Answer):
    """What goes with a mail: an object of S3 by its hash, and the name that the reader sees."""

    filename: str
    content_type: str
    bucket: str
    key: str
    sha256: str


class NoticeDetailAnswer(NoticeAnswer):
    """A notice with what it says: `text` and `html` as they were rendered for its first attempt."""

    parameters: Mapping[str, Any]
    attachments: list[AttachmentAnswer]
    text: Annotated[str | None, From("body_text")]
    html: Annotated[str | None, From("body_html")]


class SuppressionAnswer(Answer):
    """Somebody nothing is sent to."""

    channel: Channel
    recipient: str
    reason: SuppressionReason
    detail: str | None
    created_at: datetime
    created_by: str


class TemplateAnswer(Answer):
    """A template of a domain."""

    domain: Annotated[str, From(lambda name: name[0])]
    template: Annotated[str, From(lambda name: name[1])]


class TemplatePreviewAnswer(Answer):
    """What a template says with the parameters of its sample."""

    subject: str
    text: str
    html: str | None
