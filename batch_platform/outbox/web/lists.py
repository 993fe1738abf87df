"""The lists of the outbox, each declared once for API, command line and console."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from batch_platform.kit.lists import List, NoFilters, Paging
from batch_platform.outbox import service
from batch_platform.outbox.model import Channel, State, StoredNotice, Suppression
from batch_platform.outbox.service import OutboxContext
from batch_platform.outbox.web.schemas import NoticeAnswer, SuppressionAnswer, TemplateAnswer
from batch_platform.web.api.strict import WRITABLE, StrictModel


class OfNotices(StrictModel):
    """Notices of a state, a channel, a domain, a recipient."""

    state: State | None = Field(default=None, description=f"Only notices in this state: {', '.join(State)}.")
    channel: Channel | None = Field(default=None, description=f"Only by this channel: {', '.join(Channel)}.")
    domain: str | None = Field(default=None, max_length=63, pattern=WRITABLE, description="Only of this domain.")
    recipient: str | None = Field(
        default=None, max_length=320, pattern=WRITABLE, description="Only to exactly this recipient."
    )


class OfSuppressions(StrictModel):
    """Suppressions of a channel."""

    channel: Channel | None = Field(default=None, description="Only of this channel: mail, sms.")


def _notices(context: OutboxContext, filters: OfNotices, paging: Paging) -> tuple[list[StoredNotice], str | None]:
    return service.notices(
        context,
        state=filters.state,
        channel=filters.channel,
        domain=filters.domain,
        recipient=filters.recipient,
        limit=paging.limit,
        cursor=paging.cursor,
    )


def _suppressions(
    context: OutboxContext, filters: OfSuppressions, paging: Paging
) -> tuple[list[Suppression], str | None]:
    return service.suppressions(context, channel=filters.channel, limit=paging.limit, cursor=paging.cursor)


def _templates(context: OutboxContext, _filters: NoFilters, _paging: Paging) -> tuple[list[tuple[str, str]], None]:
    return context.templates.names(), None


NOTICES: Final = List(
    filters=OfNotices,
    read=_notices,
    row=NoticeAnswer,
    of=NoticeAnswer.of,
    columns={
        "id": "id",
        "state": "state",
        "reason": "reason",
        "channel": "channel",
        "domain": "domain",
        "template": "template",
        "recipient": "recipient",
        "attempts": "attempts",
        "created": "created_at",
    },
    empty="no notice",
)
SUPPRESSIONS: Final = List(
    filters=OfSuppressions,
    read=_suppressions,
    row=SuppressionAnswer,
    of=SuppressionAnswer.of,
    columns={name: name for name in SuppressionAnswer.model_fields},
    empty="nobody is suppressed",
)
TEMPLATES: Final = List(
    filters=NoFilters,
    read=_templates,
    row=TemplateAnswer,
    of=TemplateAnswer.of,
    columns={"domain": lambda name: name[0], "template": lambda name: name[1]},
    empty="no domain has a template",
    paging=None,
)
