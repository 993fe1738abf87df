"""What is seen on the cost pages: a period, groups and filters; the addresses of the same elsewhere; charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from batch_platform.core.failures import InvalidInput
from batch_platform.finops import service
from batch_platform.finops.commitments import CommitmentUse, Coverage
from batch_platform.finops.groups import Filter, Group, filter_text, parse_filters, parse_groups, split_filter
from batch_platform.finops.model import REPORT_MEASURES
from batch_platform.finops.months import month_start, next_month
from batch_platform.finops.service import CostKeys, CostQuery, CostRows
from batch_platform.finops.web import words
from batch_platform.finops.web.context import FinopsSite
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
WEEK: Final = timedelta(days=6)
_KEYS_READ: Final = 1_000
"""Keys among which those that weigh most are looked for."""
_LEGEND: Final = 40
_DAY: Final = Group("day")


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
        return f"/console/costs?{self._asked({'project': self.project_id, **period})}"

    def api(self, export: str = "") -> str:
        """The API's address of exactly these rows; `export` is the API's `format`."""
        days = {"start": f"{self.start}", "end": f"{self.end}"}
        period = {"month": f"{self.start:%Y-%m}"} if self.period == "month" else days
        more = {"format": export} if export else {}
        return f"/api/projects/{self.project_id}/costs?{self._asked(period, more)}"

    def filtered(self, group: str, value: str) -> Seen:
        """Only that value; a day is a period of its own."""
        if group == "day":
            day = date.fromisoformat(value)
            groups = tuple(one for one in self.groups if one != "day") or ("service",)
            return replace(self, period="range", start=day, end=day, groups=groups)
        return replace(self, filters=tuple(dict.fromkeys((*self.filters, filter_text(group, value)))))

    def without(self, given: str) -> Seen:
        return replace(self, filters=tuple(one for one in self.filters if one != given))

    def _asked(self, period: Mapping[str, str], more: Mapping[str, str] | None = None) -> str:
        pairs = [*period.items(), ("measure", self.measure), ("group_by", ",".join(self.groups))]
        pairs += [("filter", one) for one in self.filters]
        return urlencode([*pairs, *(more or {}).items()], safe=",:")


def period_of(
    period: str, month: str, start: str, end: str, *, months: Sequence[date], newest: date, today: date
) -> tuple[str, date, date]:
    """The period asked for: its kind and days. `months` are published; what is not known is the `newest` of them.

    Raises `InvalidInput` for days that are none.
    """
    yesterday = today - timedelta(days=1)
    if period == "yesterday":
        return period, yesterday, yesterday
    if period == "last7":
        return period, yesterday - WEEK, yesterday
    if period == "range" or (not period and start and end):
        return "range", service.parse_day(start, "start"), service.parse_day(end, "end")
    at = next((one for one in months if f"{one:%Y-%m}" == month), newest)
    return "month", at, last_of(at)


def last_of(month: date) -> date:
    return next_month(month) - timedelta(days=1)


def groups_of(*texts: str) -> tuple[str, ...]:
    """The groups that are groups, each once, two at most; by service without any."""
    found: list[str] = []
    for text in (one.strip() for given in texts for one in given.split(",")):
        try:
            parse_groups([text])
        except InvalidInput:
            continue
        found.append(text)
    return tuple(dict.fromkeys(found))[:2] or ("service",)


def filters_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The filters that are filters."""
    found = []
    for text in texts:
        try:
            parse_filters([text])
        except InvalidInput:
            continue
        found.append(text)
    return tuple(dict.fromkeys(found))


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


def daily_chart(site: FinopsSite, query: CostQuery, currency: str) -> dict[str, Any] | None:
    """Bars a day, stacked by the first group that is no day: what weighs most, the rest summed; None without."""
    by = next((group for group in query.groups if group.text != "day"), Group("service"))
    keys = _amounts(_rows(site, replace(query, groups=(by,)), limit=_KEYS_READ), currency)
    if not keys:
        return None
    heaviest = sorted(keys, key=lambda key: (-abs(keys[key]), key))[: words.TOP]
    top = [key for (key,) in heaviest]
    others = [given for given in query.filters if given.group != by]
    filters = tuple(sorted((*others, Filter(by, tuple(sorted(top)))), key=lambda given: given.group.text))
    days = [query.start + timedelta(days=number) for number in range((query.end - query.start).days + 1)]
    amounts = _amounts(_rows(site, replace(query, groups=(_DAY, by), filters=filters)), currency)
    series = [
        {
            "name": _short(named_value(by.text, key)),
            "values": [words.plain(amounts.get((str(day), key))) for day in days],
        }
        for key in top
    ]
    if len(keys) > len(top):
        whole = _amounts(_rows(site, replace(query, groups=(_DAY,))), currency)
        rest = {
            day: whole.get((str(day),), Decimal(0)) - sum(amounts.get((str(day), key), Decimal(0)) for key in top)
            for day in days
        }
        name = _("Other services") if by.text == "service" else _("Others")
        series.append({"name": name, "values": [words.plain(rest[day] or None) for day in days]})
    return {
        "kind": "bars",
        "stacked": True,
        "x": [str(day) for day in days],
        "series": series,
        "unit": currency,
    }


def _short(name: str) -> str:
    """What a legend has room for; names that are told apart by their end keep it."""
    return name if len(name) <= _LEGEND else f"…{name[1 - _LEGEND :]}"


def use_chart(uses: Sequence[CommitmentUse], currency: str) -> dict[str, Any] | None:
    """A bar a commitment: used and unused."""
    shown = [use for use in uses if use.currency == currency][: words.TOP]
    if not shown:
        return None
    return {
        "kind": "bars",
        "stacked": True,
        "x": [short_arn(use.arn) for use in shown],
        "series": [
            {"name": _("Used"), "values": [words.plain(use.used) for use in shown]},
            {"name": _("Unused"), "values": [words.plain(use.unused) for use in shown]},
        ],
        "unit": currency,
    }


def coverage_chart(services: Sequence[Coverage], currency: str) -> dict[str, Any] | None:
    """A bar a service: covered by plans and by reservations, and what could have been."""
    shown = [one for one in services if one.currency == currency][: words.TOP]
    if not shown:
        return None
    return {
        "kind": "bars",
        "stacked": True,
        "x": [one.service for one in shown],
        "series": [
            {"name": _("Savings Plans"), "values": [words.plain(one.by_savings_plans) for one in shown]},
            {"name": _("Reservations"), "values": [words.plain(one.by_reservations) for one in shown]},
            {"name": _("On demand"), "values": [words.plain(one.on_demand) for one in shown]},
        ],
        "unit": currency,
    }


def short_arn(arn: str) -> str:
    """The name at its end."""
    return arn.rpartition("/")[2] or arn


def month_of(text: str, months: Sequence[date]) -> date:
    """The month asked for, or the newest."""
    try:
        at = month_start(text)
    except ValueError:
        return months[0]
    return at if at in months else months[0]


def measure_of(text: str) -> str:
    return text if text in REPORT_MEASURES else "unblended"


def _rows(site: FinopsSite, query: CostQuery, limit: int | None = None) -> CostRows:
    return service.cost_rows(site.work, site.costs, query, limit=limit)


def _amounts(rows: CostRows, currency: str) -> dict[tuple[str, ...], Decimal]:
    frames = [report.rows for report in rows.reports if report.currency == currency]
    return {tuple(map(str, keys)): amount for frame in frames for *keys, amount in frame.iter_rows()}
