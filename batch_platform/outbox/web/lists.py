"""The lists of the outbox, each declared once for API, command line and console."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from batch_platform.kit.lists import List, NoFilters, paged
from batch_platform.outbox import service
from batch_platform.outbox.model import Channel, State
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


NOTICES: Final = List(
    filters=OfNotices,
    read=paged(service.notices),
    row=NoticeAnswer,
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
    name="list_notices",
    doc="Notices, the newest first.",
)
SUPPRESSIONS: Final = List(
    filters=OfSuppressions,
    read=paged(service.suppressions),
    row=SuppressionAnswer,
    columns={name: name for name in SuppressionAnswer.model_fields},
    empty="nobody is suppressed",
    path="/suppressions",
    name="list_suppressions",
    doc="Those nothing is sent to.",
)
TEMPLATES: Final[List[OutboxContext, NoFilters, tuple[str, str]]] = List(
    filters=NoFilters,
    read=lambda context, *_: (context.templates.names(), None),
    row=TemplateAnswer,
    columns={"domain": lambda name: name[0], "template": lambda name: name[1]},
    empty="no domain has a template",
    paging=None,
    path="/templates",
    name="list_notice_templates",
    doc="The templates of every domain.",
)

ROUTES: Final = (NOTICES, SUPPRESSIONS, TEMPLATES)
