"""Names of states and kinds as staffing's pages show them, with the tone of their badges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from batch_platform.core.messages import from_plain
from batch_platform.staffing.model import FaultKind
from batch_platform.web.console import Words
from batch_platform.web.i18n import N_, translated
from batch_platform.web.i18n import gettext as _

STATUSES: Final[Words] = {
    "working": (N_("Working"), "good"),
    "waiting_soon": (N_("Free within 90 days"), "warning"),
    "waiting": (N_("Free"), "busy"),
    "leave": (N_("On leave"), "neutral"),
}
"""Those of the rules, and the hold that every company has; other holds are called as they were given."""
STATUS_REASONS: Final[Mapping[str, str]] = {
    "hold": N_("A hold is in force"),
    "none": N_("No confirmed assignment"),
    "soon": N_("The assignments end within 90 days"),
    "working": N_("On assignment"),
}
OCCURRENCE_STATES: Final[Words] = {
    "delivered": (N_("Sent to engineers"), "good"),
    "empty": (N_("Nobody matched"), "neutral"),
    "skipped": (N_("Skipped"), "neutral"),
    "failed": (N_("Failed to deliver"), "bad"),
}
POLICIES: Final[Mapping[str, str]] = {
    "all": N_("Deliver each that was missed"),
    "latest": N_("Deliver the newest that was missed"),
    "skip": N_("Leave out what is too late"),
}
WEEKDAYS: Final = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
BACKUP_STATES: Final[Words] = {
    "running": (N_("Being taken"), "busy"),
    "stored": (N_("Stored, not proved"), "warning"),
    "verified": (N_("Proved"), "good"),
    "failed": (N_("Faulty"), "bad"),
    "deleted": (N_("Deleted after its time"), "neutral"),
}
SITES: Final[Mapping[str, str]] = {"local": N_("First bucket"), "remote": N_("Remote bucket"), "": N_("Everywhere")}
FAULTS: Final[Mapping[FaultKind, str]] = {
    FaultKind.MISSING: N_("An object is missing"),
    FaultKind.MANIFEST: N_("The manifest was replaced"),
    FaultKind.OLDER: N_("It holds an older state of the data"),
    FaultKind.CUT: N_("An object is cut off"),
    FaultKind.ALTERED: N_("An object was altered"),
    FaultKind.PLAINTEXT: N_("An object is not encrypted"),
    FaultKind.WRONG_KEY: N_("It is encrypted to other keys"),
    FaultKind.ANY_KEY: N_("Any key opens it"),
    FaultKind.UNREADABLE: N_("An object cannot be read"),
    FaultKind.NOT_RESTORED: N_("It cannot be restored"),
    FaultKind.TABLE_MISSING: N_("A table is missing"),
    FaultKind.ROWS: N_("Rows are missing or too many"),
    FaultKind.VALUES: N_("Values differ"),
    FaultKind.SEQUENCE: N_("A sequence is behind"),
    FaultKind.SCHEMA: N_("The schema differs"),
    FaultKind.FILES: N_("Files differ"),
    FaultKind.INDEX: N_("An index is damaged"),
}
INVOICE_STATES: Final[Words] = {
    "draft": (N_("Draft"), "busy"),
    "issued": (N_("Issued"), "good"),
    "waiting_for_usage": (N_("Waiting for usage"), "warning"),
    "failed": (N_("Failed to be made"), "bad"),
    "nothing_due": (N_("Nothing due"), "neutral"),
    "void": (N_("Void"), "neutral"),
}
INVOICE_KINDS: Final[Mapping[str, str]] = {"invoice": N_("Invoice"), "credit_note": N_("Credit note")}
DEEDS: Final[Mapping[str, str]] = {"issue": N_("Issue"), "void": N_("Make void"), "credit": N_("Give back")}
PRICE_TYPES: Final[Mapping[str, str]] = {"net": N_("Prices without tax"), "gross": N_("Prices with tax")}
ROUNDINGS: Final[Mapping[str, str]] = {
    "floor": N_("Rounded down"),
    "half_up": N_("Rounded half up"),
    "ceil": N_("Rounded up"),
}
REPORT_KINDS: Final[Mapping[str, str]] = {
    "company": N_("Report of a company"),
    "system": N_("Report of the system"),
    "engineer-activity": N_("Report of engineers' activity"),
    "revenue": N_("Report of revenue"),
}
REPORT_STATES: Final[Words] = {
    "complete": (N_("Complete"), "good"),
    "incomplete": (N_("Incomplete"), "warning"),
    "failed": (N_("Failed to be made"), "bad"),
}
WEEKLY_JOBS: Final[Mapping[str, str]] = {"maintenance": N_("Maintenance"), "performance": N_("Performance")}
SEVERITIES: Final[Words] = {
    "critical": (N_("Critical finding"), "bad"),
    "warning": (N_("Warning"), "warning"),
    "info": (N_("For information"), "neutral"),
}
USAGE_SOURCES: Final[Mapping[str, str]] = {"aggregated": N_("Aggregated"), "loaded": N_("Loaded")}


def ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Engineers by status, those of the rules first, holds in the order of their names."""
    known = list(STATUSES)
    return sorted(counts.items(), key=lambda each: (known.index(each[0]) if each[0] in known else 99, each[0]))


def choices(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Statuses that engineers have, before them the choice of all."""
    return [("", _("All")), *((name, status(name)) for name, _count in ordered(counts))]


def status(name: str) -> str:
    """What a status is called."""
    return _(STATUSES[name][0]) if name in STATUSES else name


def rule(rule: Mapping[str, Any]) -> str:
    """When a periodic approach is due, in words; as JSON has it where that cannot be read."""
    every, time = rule.get("every"), rule.get("time")
    if every == "day":
        return _("every day at %(time)s", time=time)
    if every == "week" and rule.get("weekday") in range(len(WEEKDAYS)):
        name = WEEKDAYS[rule["weekday"]]
        return _("every %(weekday)s at %(time)s", weekday=_(name), time=time)
    if every == "month":
        return _("on day %(day)s of every month at %(time)s", day=rule.get("day"), time=time)
    return ", ".join(f"{name}: {value}" for name, value in rule.items())


def rate(value: Any) -> str:
    """A tax rate, by percent."""
    return _("Exempt") if value is None else f"{value} %"


def age(length: timedelta) -> str:
    """How long ago, in days, hours or minutes."""
    minutes = max(0, int(length.total_seconds() // 60))
    if minutes >= 2 * 24 * 60:
        return _("%(count)s days", count=minutes // (24 * 60))
    if minutes >= 2 * 60:
        return _("%(count)s hours", count=minutes // 60)
    return _("%(count)s min", count=minutes)


def fault_text(fault: Mapping[str, Any]) -> str:
    """What exactly is wrong; of old proofs there is only the English sentence."""
    message = fault.get("message")
    return translated(fault["text"] if message is None else from_plain(message))


def fault_kinds(faults: Iterable[Mapping[str, Any]] | None) -> list[str]:
    """What is wrong with a backup, each kind once."""
    return [_(FAULTS[kind]) for kind in dict.fromkeys(FaultKind(each["kind"]) for each in faults or ())]
