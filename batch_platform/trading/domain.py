"""What trading declares to the platform."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import Commands, Domain, named_in

_in: Final = named_in(__package__)

DOMAIN: Final = Domain(
    name="trading",
    settings=_in("settings:TradingSettings"),
    commands={"trading": Commands("The paper-trading competition: exact, replayable.", _in("cli:app"))},
    web=_in("web.pages:WEB"),
    actions=_in("web.actions:ACTIONS"),
    dagster=_in("dagster.definitions:DAGSTER"),
    workers=_in("worker:WORKERS"),
    rules=_in("alerts:RULES"),
    remedies=_in("alerts:REMEDIES"),
    waiting=_in("waiting:WAITING"),
    templates=__package__,
    demo=_in("demo:run"),
)
