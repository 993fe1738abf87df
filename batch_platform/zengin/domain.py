"""What zengin declares to the platform."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import Domain, named_in
from batch_platform.web.access.model import Role
from batch_platform.zengin.settings import ZenginSettings

_in: Final = named_in(__package__)

DOMAIN: Final = Domain(
    name="zengin",
    settings=ZenginSettings,
    commands={"zengin": _in("cli:app")},
    web=_in("web.pages:WEB"),
    actions=_in("web.actions:ACTIONS"),
    dagster=_in("dagster.definitions:DAGSTER"),
    rules=_in("alerts:RULES"),
    demo=_in("demo:run"),
    permissions={Role.APPROVER: frozenset({"zengin:approve"})},
)
