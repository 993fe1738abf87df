"""How a process opens the context of toy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from toy.service import ToyContext
from toy.settings import ToySettings

from batch_platform.core import postgres
from batch_platform.settings import Settings, load_settings


@contextmanager
def open_context(settings: Settings | None = None) -> Iterator[ToyContext]:
    """The context of this process, its connections closed at the end."""
    settings = settings or load_settings()
    with postgres.open_pool(settings.database(), application_name="toys") as pool:
        yield ToyContext(pool, settings.of(ToySettings).turns)
