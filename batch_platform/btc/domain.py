"""What btc declares to the platform."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import Commands, Domain, named_in

_in: Final = named_in(__package__)

DOMAIN: Final = Domain(
    name="btc",
    settings=_in("settings:BtcSettings"),
    commands={"btc": Commands("BTC balances: one rate over all of them, planned, sealed, proved.", _in("cli:app"))},
    web=_in("web.pages:WEB"),
    actions=_in("web.actions:ACTIONS"),
    dagster=_in("dagster.definitions:DAGSTER"),
    rules=_in("alerts:RULES"),
    remedies=_in("alerts:REMEDIES"),
    waiting=_in("waiting:WAITING"),
    movements=_in("movements:MOVEMENTS"),
    demo=_in("demo:run"),
    stack_parameters={"Project": "table_prefix"},
)
