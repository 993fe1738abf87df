"""Where the jobs and alert rules of all domains meet: what API, console, metrics and alerts know of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_platform.btc import alerts as btc_alerts
from batch_platform.btc import jobs as btc_jobs
from batch_platform.finops import alerts as finops_alerts
from batch_platform.finops import jobs as finops_jobs
from batch_platform.operations.alerts import RULES, Rule
from batch_platform.operations.model import Registry
from batch_platform.zengin import alerts as zengin_alerts
from batch_platform.zengin import jobs as zengin_jobs

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build_registry(settings: Settings) -> Registry:
    """Every batch of the specs that exists so far, for these settings."""
    return Registry(
        [*finops_jobs.build_jobs(settings), *zengin_jobs.build_jobs(settings), *btc_jobs.build_jobs(settings)]
    )


def build_rules() -> tuple[Rule, ...]:
    """The rules of every monitor: one with fewer would close the incidents of the others."""
    return (*RULES, *finops_alerts.RULES, *zengin_alerts.RULES, *btc_alerts.RULES)
