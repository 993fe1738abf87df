"""What btc declares to the platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from batch_platform.btc.settings import BtcSettings
from batch_platform.kit.domain import Domain

if TYPE_CHECKING:
    from batch_platform.kit.domain import Declared, Definitions, Job, Launcher, Rule, Settings, Typer, WebRoom


def _commands() -> Typer:
    from batch_platform.btc.cli import app

    return app


def _jobs(settings: Settings) -> Sequence[Job]:
    from batch_platform.btc.dagster.definitions import build_jobs

    return [job.entry for job in build_jobs(settings)]


def _actions() -> Sequence[Declared]:
    from batch_platform.btc.actions import ACTIONS

    return ACTIONS


def _rules() -> Sequence[Rule]:
    from batch_platform.btc.alerts import RULES

    return RULES


def _definitions(settings: Settings, resources: Mapping[str, Any]) -> Definitions:
    from batch_platform.btc.dagster.definitions import build

    return build(settings, resources)


def _web() -> WebRoom:
    from batch_platform.btc.web.pages import WEB

    return WEB


def _demo(settings: Settings, step: Callable[[str], None], launcher: Launcher) -> None:
    from batch_platform.btc.demo import run

    run(settings, step, launcher)


DOMAIN: Final = Domain(
    name="btc",
    settings=BtcSettings,
    commands={"btc": _commands},
    jobs=_jobs,
    actions=_actions,
    rules=_rules,
    definitions=_definitions,
    web=_web,
    demo=_demo,
    stack_parameters=lambda settings: {"Project": settings.of(BtcSettings).project},
)
