"""What trading declares to Dagster and to the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from batch_platform.kit.jobs import DeclaredJob, definitions
from batch_platform.settings import Settings


def build(settings: Settings, _given: Mapping[str, Any]) -> dg.Definitions:
    """The assets, jobs and resources of trading."""
    return definitions(build_jobs(settings), assets=[], resources={})


def build_jobs(_settings: Settings) -> tuple[DeclaredJob, ...]:
    """The jobs of trading in the order of the registry."""
    return ()
