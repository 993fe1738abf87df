"""Where what all domains declare meets: jobs, alert rules, permissions, workers, actions and what waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from batch_platform import domains
from batch_platform.web.access.model import Grants, granting

if TYPE_CHECKING:
    from batch_platform.kit.workers import Worker
    from batch_platform.operations.alerts import Rule
    from batch_platform.operations.costs import Costs
    from batch_platform.operations.gauges import Gauge
    from batch_platform.operations.model import Registry
    from batch_platform.operations.movements import Movement
    from batch_platform.operations.waiting_lists import WaitingList
    from batch_platform.settings import Settings
    from batch_platform.web.i18n import Language


def build_registry(settings: Settings) -> Registry:
    """Every batch of the specs that exists so far, for these settings."""
    from batch_platform.operations.model import Registry

    return Registry(job for domain in domains.DOMAINS for job in domain.jobs(settings))


def build_workers() -> tuple[Worker, ...]:
    """What runs as long as the platform does. Raises `ValueError` for a name or id that two of them have."""
    workers = tuple(worker for domain in domains.DOMAINS for worker in domain.workers())
    called = [name for worker in workers for name in (worker.name, worker.id) if name]
    if len(set(called)) < len(called):
        raise ValueError(f"a worker is declared twice: {', '.join(called)}")
    return workers


def build_grants() -> Grants:
    """What each role may do on the platform and in every domain."""
    return granting(*(domain.permissions for domain in domains.DOMAINS))


def build_actions() -> Mapping[str, str]:
    """What people may do: by its name in the audit log, `thing.verb`, the sentence that is read there."""
    from batch_platform.operations import actions as operations
    from batch_platform.web.access import service as access

    declared = {name: says for domain in domains.DOMAINS for name, says in domain.actions().items()}
    return {**operations.ACTIONS, **access.ACTIONS, **declared}


def build_templates() -> Mapping[str, str]:
    """The packages whose `notices/` are the templates of a domain's notices, by domain."""
    return {domain.name: domain.templates for domain in domains.DOMAINS if domain.templates}


def build_gauges() -> tuple[Gauge, ...]:
    """What /metrics tells of the domains."""
    return tuple(gauge for domain in domains.DOMAINS for gauge in domain.gauges())


def build_remedies() -> Mapping[str, str]:
    """What to look at by the ids of failures, of the platform and of all domains."""
    from batch_platform.operations.remedies import REMEDIES

    own = {name: text for domain in domains.DOMAINS for name, text in domain.remedies().items()}
    return {**REMEDIES, **own}


def build_rules() -> tuple[Rule, ...]:
    """The rules of every monitor: one with fewer would close the incidents of the others."""
    from batch_platform.operations.alerts import RULES

    return (*RULES, *(rule for domain in domains.DOMAINS for rule in domain.rules()))


def build_language(code: str) -> Language:
    """A language of the console outside of it: the texts of the platform and of every domain."""
    from batch_platform.web import i18n
    from batch_platform.web.app import OWN_PACKAGES

    own = [domain.web().part.package for domain in domains.DOMAINS]
    packages = [*OWN_PACKAGES, "batch_platform.operations.web", *filter(None, own)]
    return i18n.load(packages)[code]


def build_movements() -> tuple[Movement, ...]:
    """What the domains move, by day."""
    return tuple(movement for domain in domains.DOMAINS for movement in domain.movements())


def build_costs() -> tuple[Costs, ...]:
    """What the domains cost, by day and currency."""
    return tuple(costs for domain in domains.DOMAINS for costs in domain.costs())


def build_waiting() -> tuple[WaitingList, ...]:
    """What waits for people, on the platform and in every domain."""
    from batch_platform.operations.waiting_lists import LISTS

    return (*LISTS, *(waiting for domain in domains.DOMAINS for waiting in domain.waiting()))
