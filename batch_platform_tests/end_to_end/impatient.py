"""The platform as it is but for its patience: retries follow at once, and a schedule may be late by seconds only.

As definitions for the code server it has the retries of quick ones; run as the web (`python -m`) it serves the real
app with the real registry, whose jobs have a shorter deadline. Nothing else is changed.
"""

from dataclasses import replace
from datetime import timedelta

from batch_platform import registry, server
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.kit import assets
from batch_platform.operations.model import Registry
from batch_platform.settings import Settings
from batch_platform_tests.end_to_end.quick_definitions import defs

__all__ = ["defs"]

GRACE = timedelta(seconds=20)
"""More than a tick takes on a machine under load."""

RETRY = replace(STANDARD_RETRY, base_delay=timedelta(seconds=0.2), max_delay=timedelta(seconds=1))

build_registry = registry.build_registry


def impatient(settings: Settings) -> Registry:
    return Registry(replace(job, deadline=GRACE) for job in build_registry(settings))


assets.STANDARD_RETRY = RETRY  # type: ignore[misc]

if __name__ == "__main__":
    registry.build_registry = impatient
    server.main()
