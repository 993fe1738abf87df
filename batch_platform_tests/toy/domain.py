"""What toy declares to the platform."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import Commands, Domain, named_in
from batch_platform.web.access.model import Role

_in: Final = named_in(__package__)

DOMAIN: Final = Domain(
    name="toy",
    settings=_in("settings:ToySettings"),
    commands={"toys": Commands("Toys: see and wind them.", _in("cli:app"))},
    web=_in("web.pages:WEB"),
    actions=_in("web.actions:ACTIONS"),
    dagster=_in("definitions:DAGSTER"),
    permissions={Role.OPERATOR: frozenset({"toys:wind"})},
)
