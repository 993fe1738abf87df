"""What finops declares to the platform."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import Commands, Domain, named_in
from batch_platform.web.access.model import Role

_in: Final = named_in(__package__)

DOMAIN: Final = Domain(
    name="finops",
    settings=_in("settings:FinopsSettings"),
    commands={"cur": Commands("AWS cost and usage reports: fetch, aggregate, report.", _in("cli:app"))},
    web=_in("web.pages:WEB"),
    actions=_in("web.actions:ACTIONS"),
    dagster=_in("dagster.definitions:DAGSTER"),
    rules=_in("alerts:RULES"),
    remedies=_in("alerts:REMEDIES"),
    waiting=_in("waiting:WAITING"),
    costs=_in("costs:COSTS"),
    demo=_in("demo:run"),
    permissions={Role.OPERATOR: frozenset({"finops:operate"})},
)
