"""How a process opens the context of zengin, on the bank master's own database or the platform's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from batch_platform.settings import Settings, load_settings
from batch_platform.zengin.settings import ZenginSettings

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool
    from batch_platform.zengin.service import ZenginContext


@contextmanager
def open_context(settings: Settings | None = None) -> Iterator[ZenginContext]:
    """The context of this process, its connections closed at the end."""
    from batch_platform.core import postgres

    settings = settings or load_settings()
    with postgres.open_pool(_database(settings), application_name="batch-platform zengin") as pool:
        yield context_on(pool, settings)


def context_on(pool: Pool, settings: Settings) -> ZenginContext:
    """The context on connections that somebody else closes."""
    from batch_platform.core import aws
    from batch_platform.zengin import service

    return service.build_context(
        pool=pool,
        dynamodb=aws.client("dynamodb", settings),
        s3=aws.client("s3", settings),
        lake_bucket=settings.lake_bucket,
        env=settings.env,
    )


def _database(settings: Settings) -> str:
    """The bank master's own database when a secret names it, else the platform's."""
    secret_id = settings.of(ZenginSettings).database_secret_id
    if secret_id is None:
        return settings.database()
    from batch_platform.resources.aws import SecretsResource
    from batch_platform.zengin.service.context import database_url

    secrets = SecretsResource(aws_region=settings.aws_region, aws_endpoint_url=settings.aws_endpoint_url)
    return database_url(secrets.get_fields(secret_id))
