"""What the outbox declares to the platform."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import Commands, Domain, named_in
from batch_platform.web.access.model import Role

_in: Final = named_in(__package__)

DOMAIN: Final = Domain(
    name="outbox",
    settings=_in("settings:OutboxSettings"),
    commands={
        "outbox": Commands("Notices by mail, in the app and by SMS: see, retry, suppress, preview.", _in("cli:app"))
    },
    web=_in("web.pages:WEB"),
    actions=_in("web.actions:ACTIONS"),
    workers=_in("worker:WORKERS"),
    rules=_in("alerts:RULES"),
    remedies=_in("alerts:REMEDIES"),
    gauges=_in("alerts:GAUGES"),
    waiting=_in("waiting:WAITING"),
    permissions={Role.OPERATOR: frozenset({"outbox:operate"})},
)
