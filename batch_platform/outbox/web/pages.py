"""The console's pages of the outbox: notices, dead letters, suppressions, templates, and mails of the local sink."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from batch_platform.core.failures import NotFound, PlatformError
from batch_platform.core.surfaces import writes
from batch_platform.kit import actions, lists
from batch_platform.kit.domain import WebRoom
from batch_platform.operations.web.pages import DashboardCard
from batch_platform.outbox import service
from batch_platform.outbox.links import PATH
from batch_platform.outbox.model import Category, Channel, State
from batch_platform.outbox.store.mailbox import Mailbox
from batch_platform.outbox.web import api, unsubscribe
from batch_platform.outbox.web.actions import PERMISSION, RETRY, SUPPRESS, UNSUPPRESS
from batch_platform.outbox.web.context import HOME, READ, Acting, Context, framed, open_state, page
from batch_platform.outbox.web.lists import NOTICES, SUPPRESSIONS
from batch_platform.web.access.dependencies import requires
from batch_platform.web.app import Part
from batch_platform.web.console import NavItem
from batch_platform.web.forms import Form
from batch_platform.web.i18n import N_, translated
from batch_platform.web.i18n import gettext as _

ROWS: Final = 50
MAILS: Final = 100
OPERATE: Final = [requires(PERMISSION)]

router = APIRouter(include_in_schema=False)


@router.get(HOME, dependencies=READ)
def notices_page(request: Request, context: Context) -> Response:
    shown = lists.page(context, NOTICES, request.query_params, limit=ROWS)
    domains = sorted({domain for domain, _template in context.templates.names()})
    return page(request, "notices", context, shown=shown, domains=domains, overview=service.overview(context))


@router.get(f"{HOME}/suppressions", dependencies=READ)
def suppressions_page(request: Request, context: Context) -> Response:
    shown = lists.page(context, SUPPRESSIONS, request.query_params, limit=ROWS)
    return page(request, "suppressions", context, shown=shown)


@router.post(f"{HOME}/suppressions", dependencies=OPERATE)
@writes(SUPPRESS.name)
def suppress(request: Request, acting: Acting, form: Form) -> Response:
    here = f"{HOME}/suppressions"

    def says(done: Any) -> str:
        return _("Nothing is sent to %(recipient)s any more.", recipient=done.recipient)

    return actions.submit(request, SUPPRESS, acting, None, form, here=here, says=says)


@router.post(f"{HOME}/suppressions/remove", dependencies=OPERATE)
@writes(UNSUPPRESS.name)
def unsuppress(request: Request, acting: Acting, form: Form) -> Response:
    here = f"{HOME}/suppressions"

    def says(done: Any) -> str:
        return _("Notices go to %(recipient)s again.", recipient=done.recipient)

    return actions.submit(request, UNSUPPRESS, acting, None, form, here=here, says=says)


@router.get(f"{HOME}/templates", dependencies=READ)
def templates_page(request: Request, context: Context) -> Response:
    return page(request, "templates", context, templates=context.templates.names())


@router.get(f"{HOME}/templates/{{domain}}/{{template}}", dependencies=READ)
def preview_page(
    request: Request,
    context: Context,
    domain: str,
    template: str,
    channel: Channel = Channel.MAIL,
    category: Category = Category.TRANSACTIONAL,
) -> Response:
    sample, preview, problem = context.templates.sample(domain, template), None, None
    try:
        preview = service.preview(context, domain, template, channel, category)
    except PlatformError as failure:
        problem = translated(failure)
    shown = {"channel": channel, "category": category, "preview": preview, "problem": problem}
    return page(request, "preview", context, domain=domain, template=template, sample=sample, **shown)


@router.get(f"{HOME}/templates/{{domain}}/{{template}}/html", dependencies=READ)
def preview_html(
    context: Context, domain: str, template: str, category: Category = Category.TRANSACTIONAL
) -> Response:
    return framed(service.preview(context, domain, template, category=category).html)


@router.get(f"{HOME}/mails", dependencies=READ)
def mails_page(request: Request, context: Context) -> Response:
    return page(request, "mails", context, mails=_mailbox(context).newest(MAILS))


@router.get(f"{HOME}/mails/{{name}}", dependencies=READ)
def mail_page(request: Request, context: Context, name: str) -> Response:
    return page(request, "mail", context, mail=_mailbox(context).mail(name))


@router.get(f"{HOME}/mails/{{name}}/html", dependencies=READ)
def mail_html(context: Context, name: str) -> Response:
    return framed(_mailbox(context).mail(name).html)


@router.get(f"{HOME}/mails/{{name}}/attachments/{{number}}", dependencies=READ)
def mail_attachment(context: Context, name: str, number: int) -> Response:
    attachments = _mailbox(context).mail(name).attachments
    if not 0 < number <= len(attachments):
        raise NotFound("unknown-attachment", "mail {mail} has no attachment {number}", mail=name, number=number)
    attachment = attachments[number - 1]
    disposition = f"attachment; filename*=UTF-8''{quote(attachment.filename)}"
    headers = {"Content-Disposition": disposition}
    return Response(attachment.content, media_type=attachment.content_type, headers=headers)


@router.get(f"{HOME}/{{notice_id}}", dependencies=READ)
@router.get(f"{HOME}/{{notice_id}}/live", dependencies=READ)
def notice_page(request: Request, context: Context, notice_id: str) -> Response:
    """A notice, or the part of its page that changes until it is sent."""
    notice = service.notice(context, notice_id)
    name = "notice_live" if request.url.path.endswith("/live") else "notice"
    return page(request, name, context, notice=notice, failed=notice.state is State.FAILED)


@router.get(f"{HOME}/{{notice_id}}/html", dependencies=READ)
def notice_html(context: Context, notice_id: str) -> Response:
    return framed(service.notice(context, notice_id).body_html)


@router.post(f"{HOME}/{{notice_id}}/retry", dependencies=OPERATE)
@writes(RETRY.name)
def retry(request: Request, acting: Acting, notice_id: str) -> Response:
    """Its page says how it goes on."""
    return actions.submit(request, RETRY, acting, notice_id, {}, here=f"{HOME}/{notice_id}", says=lambda _done: "")


def _mailbox(context: service.OutboxContext) -> Mailbox:
    if context.mailbox is None:
        raise NotFound("no-mailbox", "mails are kept in the local environment only")
    return context.mailbox


def _overview(request: Request) -> dict[str, Any]:
    return {**service.overview(request.app.state.outbox), "home": HOME}


NAVIGATION: Final = (NavItem(key="outbox", label=N_("Outbox"), path=HOME, permission="outbox:read", order=75),)
CARD: Final = DashboardCard(title=N_("Outbox"), permission="outbox:read", load=_overview, template="outbox/card.html")
PART: Final = Part(
    routers=(api.router,),
    pages=(router, unsubscribe.router),
    navigation=NAVIGATION,
    package="batch_platform.outbox.web",
    opened=frozenset({PATH}),
    linked=frozenset({PATH}),
    tags={"outbox": "What people are told by mail, SMS and in the app; suppressed addresses. Fields are camelCase."},
)
WEB: Final = WebRoom(PART, CARD, open_state)
"""What the app needs of the outbox."""
