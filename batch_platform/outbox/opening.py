"""How a process opens the outbox, and what its notices are given to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from batch_platform.core.clock import Clock, utc_now
from batch_platform.core.failures import InvalidInput
from batch_platform.outbox.model import Channel
from batch_platform.outbox.settings import OutboxSettings
from batch_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool
    from batch_platform.outbox.service import OutboxContext, Provider
    from batch_platform.outbox.store.aws import EventQueue
    from batch_platform.outbox.store.files import Files
    from batch_platform.outbox.store.mailbox import Mailbox

_MAILS: Final = "mail"


@contextmanager
def open_outbox(settings: Settings | None = None) -> Iterator[OutboxContext]:
    """The context of a command or worker, with the templates of all domains, its connections closed at the end."""
    from batch_platform.core import postgres
    from batch_platform.operations import platform

    settings = settings or load_settings()
    with postgres.open_pool(settings.database(), application_name="batch-platform outbox", max_size=4) as pool:
        yield build(settings, pool, platform.given().templates())


def build(settings: Settings, pool: Pool, templates: Mapping[str, str], *, clock: Clock = utc_now) -> OutboxContext:
    """The context on this pool. Raises `InvalidInput` for a setting that is missing."""
    from batch_platform.outbox.service import build_context
    from batch_platform.web.context import derive_key

    if settings.secret is None:
        raise InvalidInput("variable-not-set", "{field} is not set", field="BATCH_PLATFORM_SECRET")
    return build_context(
        pool=pool,
        templates=templates,
        options=settings.of(OutboxSettings).options(settings.web_url),
        key=derive_key(settings.secret.get_secret_value().encode(), "outbox links"),
        mailbox=mailbox(settings) if settings.env == "local" else None,
        clock=clock,
    )


def mailbox(settings: Settings) -> Mailbox:
    """Where the local sink keeps what it is sent."""
    from batch_platform.outbox.store.mailbox import Mailbox

    return Mailbox(settings.home / _MAILS)


def event_queue(settings: Settings) -> EventQueue | None:
    """Where SES tells what became of mails; None where it does not."""
    from batch_platform.core import aws
    from batch_platform.outbox.store.aws import EventQueue

    url = settings.of(OutboxSettings).ses_events_queue
    return None if url is None else EventQueue(aws.client("sqs", settings), url)


def files(settings: Settings) -> Files:
    """Where attachments lie."""
    from batch_platform.core import aws
    from batch_platform.outbox.store.files import Files

    return Files(aws.client("s3", settings))


def providers(settings: Settings) -> Mapping[Channel, Provider]:
    """Who brings notices to people. Raises `InvalidInput` when nothing is said about mail."""
    from batch_platform.core import aws
    from batch_platform.outbox.store.aws import SesProvider, SnsProvider
    from batch_platform.outbox.store.smtp import SmtpProvider

    own = settings.of(OutboxSettings)
    mail: Provider
    if settings.mail_backend == "ses":
        ses = aws.client("sesv2", settings, attempts=1)
        mail = SesProvider(ses, sender=own.sender, configuration_set=own.ses_configuration_set)
    elif settings.smtp_url is not None:
        mail = SmtpProvider(settings.smtp_url.get_secret_value(), sender=own.sender)
    else:
        raise InvalidInput("no-mail-backend", "mail needs {field}, or MAIL_BACKEND=ses", field="SMTP_URL")
    return {Channel.MAIL: mail, Channel.SMS: SnsProvider(aws.client("sns", settings, attempts=1))}
