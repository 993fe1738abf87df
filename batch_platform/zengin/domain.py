"""What zengin declares to the platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from batch_platform.kit.domain import Domain
from batch_platform.web.access.model import Role
from batch_platform.zengin.settings import ZenginSettings

if TYPE_CHECKING:
    from batch_platform.kit.domain import Action, Definitions, Job, Launcher, Rule, Settings, Typer, WebRoom


def _commands() -> Typer:
    from batch_platform.zengin.cli import app

    return app


def _jobs(settings: Settings) -> Sequence[Job]:
    from batch_platform.zengin.dagster.definitions import build_jobs

    return [job.entry for job in build_jobs(settings)]


def _rules() -> Sequence[Rule]:
    from batch_platform.zengin.alerts import RULES

    return RULES


def _definitions(settings: Settings, resources: Mapping[str, Any]) -> Definitions:
    from batch_platform.zengin.dagster.definitions import build

    return build(settings, resources)


def _actions() -> Sequence[Action[Any, Any, Any, Any]]:
    from batch_platform.zengin.web.actions import ACTIONS

    return ACTIONS


def _web() -> WebRoom:
    from batch_platform.zengin.web.pages import WEB

    return WEB


def _demo(settings: Settings, step: Callable[[str], None], launcher: Launcher) -> None:
    from batch_platform.zengin.demo import run

    run(settings, step, launcher)


DOMAIN: Final = Domain(
    name="zengin",
    settings=ZenginSettings,
    commands={"zengin": _commands},
    jobs=_jobs,
    rules=_rules,
    definitions=_definitions,
    web=_web,
    actions=_actions,
    demo=_demo,
    permissions={Role.APPROVER: frozenset({"zengin:approve"})},
)
