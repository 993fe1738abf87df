"""What staffing declares to the platform."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import Commands, Domain, named_in
from batch_platform.web.access.model import Role

_in: Final = named_in(__package__)

DOMAIN: Final = Domain(
    name="staffing",
    settings=_in("settings:StaffingSettings"),
    commands={
        "staffing": Commands("Engineer staffing: statuses, usage, invoices, reports, mail, backups.", _in("cli:app"))
    },
    web=_in("web.pages:WEB"),
    actions=_in("web.actions:ACTIONS"),
    dagster=_in("dagster.definitions:DAGSTER"),
    workers=_in("worker:WORKERS"),
    rules=_in("alerts:RULES"),
    remedies=_in("alerts:REMEDIES"),
    waiting=_in("waiting:WAITING"),
    movements=_in("movements:MOVEMENTS"),
    gauges=_in("alerts:GAUGES"),
    templates=__package__,
    demo=_in("demo:run"),
    permissions={
        Role.OPERATOR: frozenset({"staffing:operate"}),
        Role.APPROVER: frozenset({"staffing:approve"}),
    },
)
