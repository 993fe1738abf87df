"""Trading's context on the session's PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batch_platform import migrations
from batch_platform.core.clock import utc_now
from batch_platform.settings import Settings
from batch_platform.trading.opening import open_work
from batch_platform.trading.service import TradingContext


@pytest.fixture(scope="session")
def trading(settings: Settings) -> Iterator[TradingContext]:
    """The context of a command, on tables that are there."""
    migrations.upgrade(settings.database())
    with open_work(settings, clock=utc_now) as context:
        yield context
