"""The outbox's API under `/api/outbox`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from batch_platform.kit import actions, lists
from batch_platform.outbox import service
from batch_platform.outbox.model import Category, Channel
from batch_platform.outbox.web.actions import RETRY, SUPPRESS, UNSUPPRESS
from batch_platform.outbox.web.context import READ, Acting, Context
from batch_platform.outbox.web.lists import ROUTES
from batch_platform.outbox.web.schemas import (
    NoticeAnswer,
    NoticeDetailAnswer,
    SuppressionAnswer,
    TemplatePreviewAnswer,
)
from batch_platform.web.api import paths as _paths  # noqa: F401 (the convertor of `{id:uuid7}`)
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented

NAME: Final = r"^[a-z][a-z0-9_-]{0,62}$"
NoticeId = Annotated[str, Path(alias="id", description="A notice.")]

router = APIRouter(prefix="/api/outbox", tags=["outbox"])

lists.routes(router, ROUTES, context=Context, permission="outbox:read")
_suppression: Any = {"session": Acting, "answer": SuppressionAnswer}
actions.route(
    router,
    SUPPRESS,
    "/suppressions",
    name="suppress",
    doc="Send nothing to this recipient any more. Who is suppressed already stays so.",
    **_suppression,
)
actions.route(
    router,
    UNSUPPRESS,
    "/suppressions/remove",
    name="unsuppress",
    doc="Let notices go to this recipient again. 404 for one who is not suppressed.",
    may_miss=True,
    **_suppression,
)


@router.get(
    "/templates/{domain}/{template}",
    dependencies=READ,
    response_model=Envelope[TemplatePreviewAnswer],
    responses=documented(404),
)
def preview_notice(
    context: Context,
    domain: Annotated[str, Path(pattern=NAME)],
    template: Annotated[str, Path(pattern=NAME)],
    channel: Annotated[Channel, Query(description="As it is said by this channel.")] = Channel.MAIL,
    category: Annotated[Category, Query(description="Advertising names its sender.")] = Category.TRANSACTIONAL,
) -> Any:
    """What a template says with the parameters of its sample."""
    return Envelope(data=TemplatePreviewAnswer.of(service.preview(context, domain, template, channel, category)))


@router.get("/{id:uuid7}", dependencies=READ, response_model=Envelope[NoticeDetailAnswer], responses=documented(404))
def show_notice(context: Context, notice_id: NoticeId) -> Any:
    """One notice, with what it says."""
    return Envelope(data=NoticeDetailAnswer.of(service.notice(context, notice_id)))


actions.route(
    router,
    RETRY,
    "/{id:uuid7}/retry",
    name="retry_notice",
    doc="Let a dead letter start anew: it is rendered and sent again. 409 for a notice that is none.",
    session=Acting,
    target=NoticeId,
    answer=NoticeAnswer,
)
