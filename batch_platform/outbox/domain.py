"""What the outbox declares to the platform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from batch_platform.kit.domain import Domain
from batch_platform.outbox.settings import OutboxSettings
from batch_platform.web.access.model import Role

if TYPE_CHECKING:
    from batch_platform.kit.domain import Declared, Gauge, Rule, Typer, WebRoom
    from batch_platform.kit.workers import Worker


def _commands() -> Typer:
    from batch_platform.outbox.cli import app

    return app


def _rules() -> Sequence[Rule]:
    from batch_platform.outbox.alerts import RULES

    return RULES


def _gauges() -> Sequence[Gauge]:
    from batch_platform.outbox.alerts import GAUGES

    return GAUGES


def _actions() -> Sequence[Declared]:
    from batch_platform.outbox.web.actions import ACTIONS

    return ACTIONS


def _web() -> WebRoom:
    from batch_platform.outbox.web.pages import WEB

    return WEB


def _workers() -> Sequence[Worker]:
    from batch_platform.outbox.worker import WORKER

    return (WORKER,)


DOMAIN: Final = Domain(
    name="outbox",
    settings=OutboxSettings,
    commands={"outbox": _commands},
    rules=_rules,
    gauges=_gauges,
    actions=_actions,
    web=_web,
    workers=_workers,
    permissions={Role.OPERATOR: frozenset({"outbox:operate"})},
)
