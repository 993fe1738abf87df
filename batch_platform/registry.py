"""Where the jobs of all domains meet: what the API, the console, metrics and alerts know of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_platform.finops import jobs as finops
from batch_platform.operations.model import Registry

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build_registry(settings: Settings) -> Registry:
    """Every batch of the specs that exists so far, for these settings."""
    return Registry([*finops.build_jobs(settings)])
