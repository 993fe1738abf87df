"""What is seen on the cost pages: a period, groups and filters; the addresses of the same elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlencode

from batch_platform.core.failures import InvalidInput
from batch_platform.finops import service
from batch_platform.finops.groups import filter_text, parse_filters, parse_groups, split_filter
from batch_platform.finops.model import REPORT_MEASURES
from batch_platform.finops.months import next_month
from batch_platform.finops.service import CostKeys, CostQuery
from batch_platform.finops.web import words
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _

PERIODS: Final[Mapping[str, str]] = {
    "month": N_("Billing month"),
    "yesterday": N_("Yesterday"),
    "last7": N_("Last 7 days"),
    "range": N_("Days from – to"),
}
GROUPS: Final[Mapping[str, str]] = {
    **words.GROUPS,
    "resource": N_("Resource"),
    "usage_type": N_("Usage type"),
    "operation": N_("Operation"),
}
FORMATS: Final[Mapping[str, str]] = {
    "csv": "CSV",
    "parquet": "Parquet",
    "json": "JSON",
    "focus": "FOCUS 1.2 CSV",
    "focus-parquet": "FOCUS 1.2 Parquet",
}
WEEK: Final = timedelta(days=6)


@dataclass(frozen=True)
class Seen:
    """What a visitor looks at. `start` and `end` are days (UTC), both included; filters are GROUP=VALUE."""

    project_id: str
    period: str
    start: date
    end: date
    measure: str
    groups: tuple[str, ...]
    filters: tuple[str, ...] = ()

    def query(self) -> CostQuery:
        """Raises `InvalidInput` for days that are no period and filters that are none."""
        return service.cost_query(
            self.project_id,
            start=self.start,
            end=self.end,
            measure=self.measure,
            group_by=self.groups,
            filters=self.filters,
        )

    @property
    def address(self) -> str:
        """The console's page of it."""
        if self.period == "month":
            period = {"month": f"{self.start:%Y-%m}"}
        elif self.period == "range":
            period = {"period": "range", "start": f"{self.start}", "end": f"{self.end}"}
        else:
            period = {"period": self.period}
        return f"/console/costs?{self._query({'project': self.project_id, **period})}"

    def api(self, export: str = "") -> str:
        """The API's address of exactly these rows; `export` is the API's `format`."""
        days = {"start": f"{self.start}", "end": f"{self.end}"}
        period = {"month": f"{self.start:%Y-%m}"} if self.period == "month" else days
        more = {"format": export} if export else {}
        return f"/api/projects/{self.project_id}/costs?{self._query(period, more)}"

    def filtered(self, group: str, value: str) -> Seen:
        """Only that value; a day is a period of its own."""
        if group == "day":
            day = date.fromisoformat(value)
            groups = tuple(name for name in self.groups if name != "day") or ("service",)
            return replace(self, period="range", start=day, end=day, groups=groups)
        return replace(self, filters=tuple(dict.fromkeys((*self.filters, filter_text(group, value)))))

    def without(self, given: str) -> Seen:
        return replace(self, filters=tuple(text for text in self.filters if text != given))

    def _query(self, period: Mapping[str, str], more: Mapping[str, str] | None = None) -> str:
        pairs = [*period.items(), ("measure", self.measure), ("group_by", ",".join(self.groups))]
        pairs += [("filter", text) for text in self.filters]
        return urlencode([*pairs, *(more or {}).items()], safe=",:")


def period_of(period: str, month: str, start: str, end: str, *, newest: date, today: date) -> tuple[str, date, date]:
    """The period that is named, its kind and days; the `newest` month where none is.

    Raises `InvalidInput` for a month and days that are none.
    """
    yesterday = today - timedelta(days=1)
    if period == "yesterday":
        return period, yesterday, yesterday
    if period == "last7":
        return period, yesterday - WEEK, yesterday
    if period == "range" or (not period and start and end):
        return "range", service.parse_day(start, "start"), service.parse_day(end, "end")
    at = service.parse_month(month) if month else newest
    return "month", at, last_of(at)


def last_of(month: date) -> date:
    return next_month(month) - timedelta(days=1)


def groups_of(*texts: str) -> tuple[str, ...]:
    """The groups that are groups, each once, two at most; by service without any."""
    return _understood(parse_groups, (name.strip() for text in texts for name in text.split(",")))[:2] or ("service",)


def filters_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The filters that are filters."""
    return _understood(parse_filters, texts)


def _understood(parse: Callable[[Sequence[str]], object], texts: Iterable[str]) -> tuple[str, ...]:
    understood = []
    for text in texts:
        with suppress(InvalidInput):
            parse([text])
            understood.append(text)
    return tuple(dict.fromkeys(understood))


def named_group(group: str) -> str:
    """A group in the visitor's language."""
    family, _colon, key = group.partition(":")
    if family == "tag":
        return _("Tag %(name)s", name=key)
    if family == "cost_category":
        return _("Cost category %(name)s", name=key)
    return _(GROUPS[group])


def named_filter(given: str) -> str:
    group, value = split_filter(given)
    return f"{named_group(group)}: {named_value(group, value)}"


def named_value(group: str, value: str) -> str:
    if group == "charge_class" and value in words.CHARGE_CLASSES:
        return _(words.CHARGE_CLASSES[value])
    return value or _("None")


def group_options(seen: Seen, keys: CostKeys | None) -> list[tuple[str, str]]:
    """Options of a select: what there is to group by, and what is chosen."""
    there = [*GROUPS]
    if keys is not None:
        there += [f"tag:{name}" for name in keys.tags]
        there += [f"cost_category:{name}" for name in keys.cost_categories]
    return [(group, named_group(group)) for group in dict.fromkeys((*there, *seen.groups))]


def measure_of(text: str) -> str:
    return text if text in REPORT_MEASURES else "unblended"
