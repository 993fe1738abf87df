"""What trading declares to the platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from batch_platform.kit.domain import Domain
from batch_platform.trading.settings import TradingSettings

if TYPE_CHECKING:
    from batch_platform.kit.domain import (
        Declared,
        Definitions,
        Job,
        Launcher,
        Rule,
        Settings,
        Typer,
        WebRoom,
        Worker,
    )


def _commands() -> Typer:
    from batch_platform.trading.cli import app

    return app


def _jobs(settings: Settings) -> Sequence[Job]:
    from batch_platform.trading.dagster.definitions import build_jobs

    return [job.entry for job in build_jobs(settings)]


def _rules() -> Sequence[Rule]:
    from batch_platform.trading.alerts import RULES

    return RULES


def _workers() -> Sequence[Worker]:
    from batch_platform.trading.worker import WORKER

    return (WORKER,)


def _definitions(settings: Settings, resources: Mapping[str, Any]) -> Definitions:
    from batch_platform.trading.dagster.definitions import build

    return build(settings, resources)


def _actions() -> Sequence[Declared]:
    from batch_platform.trading.web.actions import ACTIONS

    return ACTIONS


def _web() -> WebRoom:
    from batch_platform.trading.web.pages import WEB

    return WEB


def _demo(settings: Settings, step: Callable[[str], None], launcher: Launcher) -> None:
    from batch_platform.trading.demo import run

    run(settings, step, launcher)


DOMAIN: Final = Domain(
    name="trading",
    settings=TradingSettings,
    commands={"trading": _commands},
    jobs=_jobs,
    rules=_rules,
    workers=_workers,
    definitions=_definitions,
    web=_web,
    actions=_actions,
    templates="batch_platform.trading",
    demo=_demo,
)
