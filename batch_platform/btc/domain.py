"""What btc declares to the platform."""

from __future__ import annotations

from typing import Final

from batch_platform.btc.settings import BtcSettings
from batch_platform.kit.domain import Domain, named_in

_in: Final = named_in(__package__)

DOMAIN: Final = Domain(
    name="btc",
    settings=BtcSettings,
    commands={"btc": _in("cli:app")},
    web=_in("web.pages:WEB"),
    actions=_in("actions:ACTIONS"),
    dagster=_in("dagster.definitions:DAGSTER"),
    rules=_in("alerts:RULES"),
    demo=_in("demo:run"),
    stack_parameters=lambda settings: {"Project": settings.of(BtcSettings).table_prefix},
)
