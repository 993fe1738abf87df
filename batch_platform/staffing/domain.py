"""What staffing declares to the platform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from batch_platform.kit.domain import Domain
from batch_platform.staffing.settings import StaffingSettings
from batch_platform.web.access.model import Role

if TYPE_CHECKING:
    from batch_platform.kit.domain import (
        Declared,
        Rule,
        Typer,
        WebRoom,
    )


def _commands() -> Typer:
    from batch_platform.staffing.cli import app

    return app


def _rules() -> Sequence[Rule]:
    from batch_platform.staffing.alerts import RULES

    return RULES


def _actions() -> Sequence[Declared]:
    from batch_platform.staffing.web.actions import ACTIONS

    return ACTIONS


def _web() -> WebRoom:
    from batch_platform.staffing.web.pages import WEB

    return WEB


DOMAIN: Final = Domain(
    name="staffing",
    settings=StaffingSettings,
    commands={"staffing": _commands},
    rules=_rules,
    web=_web,
    actions=_actions,
    permissions={
        Role.OPERATOR: frozenset({"staffing:operate"}),
        Role.APPROVER: frozenset({"staffing:approve"}),
    },
)
