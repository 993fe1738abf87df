"""What finops declares to the platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from batch_platform.finops.settings import FinopsSettings
from batch_platform.kit.domain import Domain
from batch_platform.web.access.model import Role

if TYPE_CHECKING:
    from batch_platform.kit.domain import Declared, Definitions, Job, Launcher, Rule, Settings, Typer, WebRoom


def _commands() -> Typer:
    from batch_platform.finops.cli import app

    return app


def _actions() -> Sequence[Declared]:
    from batch_platform.finops.service.audit import ACTIONS

    return ACTIONS


def _jobs(settings: Settings) -> Sequence[Job]:
    from batch_platform.finops.dagster.definitions import build_jobs

    return [job.entry for job in build_jobs(settings)]


def _rules() -> Sequence[Rule]:
    from batch_platform.finops.alerts import RULES

    return RULES


def _definitions(settings: Settings, resources: Mapping[str, Any]) -> Definitions:
    from batch_platform.finops.dagster.definitions import build

    return build(settings, resources)


def _web() -> WebRoom:
    from batch_platform.finops.web.pages import WEB

    return WEB


def _demo(settings: Settings, step: Callable[[str], None], launcher: Launcher) -> None:
    from batch_platform.finops.demo import run

    run(settings, step, launcher)


DOMAIN: Final = Domain(
    name="finops",
    settings=FinopsSettings,
    commands={"cur": _commands},
    actions=_actions,
    jobs=_jobs,
    rules=_rules,
    definitions=_definitions,
    web=_web,
    demo=_demo,
    permissions={Role.OPERATOR: frozenset({"finops:operate"})},
)
