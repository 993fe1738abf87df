"""How a process opens the context of staffing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from batch_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch_platform.core.clock import Clock
    from batch_platform.staffing.service import StaffingContext


@contextmanager
def open_work(settings: Settings | None = None, *, clock: Clock | None = None) -> Iterator[StaffingContext]:
    """The context of this process, its connections closed at the end."""
    from batch_platform.core import postgres
    from batch_platform.core.clock import utc_now
    from batch_platform.staffing.service import StaffingContext

    settings = settings or load_settings()
    with postgres.open_pool(settings.database(), application_name="batch-platform staffing") as pool:
        yield StaffingContext(pool, clock or utc_now)
