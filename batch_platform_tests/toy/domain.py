"""What toy declares to the platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from toy.settings import ToySettings

from batch_platform.kit.domain import Domain
from batch_platform.web.access.model import Role

if TYPE_CHECKING:
    from batch_platform.kit.domain import Action, Definitions, Job, Rule, Settings, Typer, WebRoom


def _commands() -> Typer:
    from toy.cli import app

    return app


def _jobs(settings: Settings) -> Sequence[Job]:
    from toy.definitions import build_jobs

    return [job.entry for job in build_jobs(settings)]


def _rules() -> Sequence[Rule]:
    return ()


def _definitions(settings: Settings, resources: Mapping[str, Any]) -> Definitions:
    from toy.definitions import build

    return build(settings, resources)


def _actions() -> Sequence[Action[Any, Any, Any, Any]]:
    from toy.web.actions import ACTIONS

    return ACTIONS


def _web() -> WebRoom:
    from toy.web.pages import WEB

    return WEB


DOMAIN: Final = Domain(
    name="toy",
    settings=ToySettings,
    commands={"toys": _commands},
    jobs=_jobs,
    rules=_rules,
    definitions=_definitions,
    web=_web,
    actions=_actions,
    permissions={Role.OPERATOR: frozenset({"toys:wind"})},
)
