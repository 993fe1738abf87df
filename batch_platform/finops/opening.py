"""How a process opens the context of finops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from batch_platform.finops.settings import FinopsSettings
from batch_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool
    from batch_platform.finops.service import FinopsContext


@contextmanager
def open_context(settings: Settings | None = None) -> Iterator[FinopsContext]:
    """The finops context of this process, its connections closed at the end."""
    from batch_platform.core import postgres

    settings = settings or load_settings()
    with postgres.open_pool(settings.database(), application_name="batch-platform cur") as pool:
        yield context_on(pool, settings)


def context_on(pool: Pool, settings: Settings) -> FinopsContext:
    """The finops context on connections that somebody else closes."""
    from batch_platform.core import aws
    from batch_platform.finops.service.context import build_context

    return build_context(
        pool=pool,
        lake=aws.client("s3", settings),
        lake_bucket=settings.lake_bucket,
        settings=settings,
        still_for=timedelta(minutes=settings.of(FinopsSettings).still_minutes),
    )
