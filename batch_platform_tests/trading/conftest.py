"""Trading's context on the session's PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from batch_platform import migrations
from batch_platform.core.clock import utc_now
from batch_platform.settings import Settings
from batch_platform.trading.opening import open_context
from batch_platform.trading.service import TradingContext, contests


@pytest.fixture(scope="session")
def trading(settings: Settings) -> Iterator[TradingContext]:
    """The context of a command, on tables that are there."""
    migrations.upgrade(settings.database())
    with open_context(settings, clock=utc_now) as context:
        yield context


@pytest.fixture(scope="session")
def loaded(trading: TradingContext) -> Callable[[str], str]:
    """Loads the lines of a contest as a campaign of their own, and says its name."""

    def load(lines: str) -> str:
        name = f"contest-{uuid4().hex}"
        contests.load(trading, lines.encode().splitlines(), name=name)
        return name

    return load
