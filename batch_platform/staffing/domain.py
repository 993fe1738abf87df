"""What staffing declares to the platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from batch_platform.kit.domain import Domain
from batch_platform.staffing.settings import StaffingSettings
from batch_platform.web.access.model import Role

if TYPE_CHECKING:
    from batch_platform.kit.domain import (
        Declared,
        Definitions,
        Gauge,
        Job,
        Launcher,
        Rule,
        Settings,
        Typer,
        WebRoom,
        Worker,
    )


def _commands() -> Typer:
    from batch_platform.staffing.cli import app

    return app


def _jobs(settings: Settings) -> Sequence[Job]:
    from batch_platform.staffing.dagster.definitions import build_jobs

    return [job.entry for job in build_jobs(settings)]


def _definitions(settings: Settings, resources: Mapping[str, Any]) -> Definitions:
    from batch_platform.staffing.dagster.definitions import build

    return build(settings, resources)


def _gauges() -> Sequence[Gauge]:
    from batch_platform.staffing.alerts import GAUGES

    return GAUGES


def _rules() -> Sequence[Rule]:
    from batch_platform.staffing.alerts import RULES

    return RULES


def _workers() -> Sequence[Worker]:
    from batch_platform.staffing.worker import WORKERS

    return WORKERS


def _actions() -> Sequence[Declared]:
    from batch_platform.staffing.web.actions import ACTIONS

    return ACTIONS


def _web() -> WebRoom:
    from batch_platform.staffing.web.pages import WEB

    return WEB


def _demo(settings: Settings, step: Callable[[str], None], launcher: Launcher) -> None:
    from batch_platform.staffing.demo import run

    run(settings, step, launcher)


DOMAIN: Final = Domain(
    name="staffing",
    settings=StaffingSettings,
    templates="batch_platform.staffing",
    commands={"staffing": _commands},
    jobs=_jobs,
    rules=_rules,
    gauges=_gauges,
    workers=_workers,
    definitions=_definitions,
    web=_web,
    actions=_actions,
    demo=_demo,
    permissions={
        Role.OPERATOR: frozenset({"staffing:operate"}),
        Role.APPROVER: frozenset({"staffing:approve"}),
    },
)
