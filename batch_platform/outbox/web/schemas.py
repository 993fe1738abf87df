"""The outbox as the API tells it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from batch_platform.outbox.model import (
    Category,
    Channel,
    Reason,
    Rendered,
    State,
    StoredNotice,
    Suppression,
    SuppressionReason,
)
from batch_platform.web.api.strict import StrictModel


class NoticeAnswer(StrictModel):
    """A notice. `reason` says why it is where it is, `unknownSince` that nobody knows whether it was taken."""

    id: str
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
    next_attempt_at: datetime | None
    unknown_since: datetime | None
    message_id: str | None
    provider_id: str | None
    created_at: datetime
    accepted_at: datetime | None
    settled_at: datetime | None
    read_at: datetime | None

    @classmethod
    def of(cls, notice: StoredNotice) -> NoticeAnswer:
        due = notice.next_attempt_at if notice.state is State.PENDING else None
        return cls.of_attributes(notice, id=str(notice.id), next_attempt_at=due)


class AttachmentAnswer(StrictModel):
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
    text: str | None
    html: str | None

    @classmethod
    def of(cls, notice: StoredNotice) -> NoticeDetailAnswer:
        return cls(
            **NoticeAnswer.of(notice).model_dump(),
            parameters=notice.parameters,
            attachments=[AttachmentAnswer.of_attributes(each) for each in notice.attachments],
            text=notice.body_text,
            html=notice.body_html,
        )


class SuppressionAnswer(StrictModel):
    """Somebody nothing is sent to."""

    channel: Channel
    recipient: str
    reason: SuppressionReason
    detail: str | None
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, suppression: Suppression) -> SuppressionAnswer:
        return cls.of_attributes(suppression)


class TemplateAnswer(StrictModel):
    """A template of a domain."""

    domain: str
    template: str

    @classmethod
    def of(cls, name: tuple[str, str]) -> TemplateAnswer:
        return cls(domain=name[0], template=name[1])


class PreviewAnswer(StrictModel):
    """What a template says with the parameters of its sample."""

    subject: str
    text: str
    html: str | None

    @classmethod
    def of(cls, rendered: Rendered) -> PreviewAnswer:
        return cls.of_attributes(rendered)
