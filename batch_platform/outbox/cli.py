"""`batch-platform outbox …`: notices, dead letters, suppressions, previews."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Annotated, Any, Final

import typer

from batch_platform.core.terminal import print_json
from batch_platform.kit import actions, lists, session
from batch_platform.kit.options import Json
from batch_platform.kit.session import Session
from batch_platform.outbox import service
from batch_platform.outbox.model import Category, Channel, StoredNotice, Suppression
from batch_platform.outbox.opening import open_outbox
from batch_platform.outbox.service import OutboxContext
from batch_platform.outbox.web.actions import PERMISSION, RETRY, SUPPRESS, UNSUPPRESS
from batch_platform.outbox.web.lists import NOTICES, SUPPRESSIONS, TEMPLATES
from batch_platform.outbox.web.schemas import NoticeDetailAnswer, TemplatePreviewAnswer

app = typer.Typer()

Id = Annotated[str, typer.Argument(metavar="ID", help="The notice; see `outbox list`.")]
RECIPIENT: Final = {
    "recipient": typer.Argument(metavar="RECIPIENT", help="A mail address, or a number in E.164."),
    "channel": typer.Option("--channel", help="mail or sms."),
}


def acting(account: str | None) -> AbstractContextManager[Session[OutboxContext]]:
    """In the local environment the system's user may act where no account is named."""
    return session.of_command(open_outbox, account, permission=PERMISSION, unnamed=True)


def _notice(notice: StoredNotice, as_json: bool) -> None:
    lists.show(NOTICES, [notice], as_json=as_json)


def _suppression(suppression: Suppression | None, as_json: bool) -> None:
    lists.show(SUPPRESSIONS, [suppression] if suppression else [], as_json=as_json, empty="not suppressed yet")


lists.command(app, NOTICES, "list", doc="List notices, the newest first.", opened=open_outbox)
lists.command(app, SUPPRESSIONS, "suppressions", doc="List those nothing is sent to.", opened=open_outbox)
lists.command(app, TEMPLATES, "templates", doc="List the templates of every domain.", opened=open_outbox)
_action: Any = partial(actions.command, app, opened=acting)
_action(RETRY, "retry", doc="Let a dead letter start anew.", target=Id, looked=_notice, done=_notice)
_action(
    SUPPRESS,
    "suppress",
    doc="Send nothing to a recipient any more.",
    looked=_suppression,
    done=_suppression,
    options=RECIPIENT,
)
_action(
    UNSUPPRESS,
    "unsuppress",
    doc="Let notices go to a recipient again.",
    looked=_suppression,
    done=_suppression,
    options=RECIPIENT,
)


@app.command("show")
def show_command(notice_id: Id, as_json: Json = False) -> None:
    """Show one notice with what it says."""
    with open_outbox() as context:
        notice = service.notice(context, notice_id)
    if as_json:
        print_json(lists.written(NoticeDetailAnswer.of(notice)))
        return
    _notice(notice, as_json=False)
    if notice.detail:
        typer.echo(f"\n{notice.detail}")
    for attachment in notice.attachments:
        typer.echo(f"{attachment.filename}  s3://{attachment.bucket}/{attachment.key}")
    if notice.body_text is not None:
        typer.echo(f"\n{notice.subject}\n\n{notice.body_text}")


@app.command("preview")
def preview_command(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="See `outbox templates`.")],
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="A template of that domain.")],
    channel: Annotated[Channel, typer.Option(help="As it is said by this channel.")] = Channel.MAIL,
    category: Annotated[Category, typer.Option(help="Advertising names its sender.")] = Category.TRANSACTIONAL,
    as_json: Json = False,
) -> None:
    """Show what a template says with the parameters of its sample."""
    with open_outbox() as context:
        preview = service.preview(context, domain, template, channel, category)
    if as_json:
        print_json(lists.written(TemplatePreviewAnswer.of(preview)))
    else:
        typer.echo(f"{preview.subject}\n\n{preview.text}")
