"""Charts of staffing's pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batch_platform.staffing.store.statements import Row
from batch_platform.staffing.web import words
from batch_platform.web.i18n import gettext as _

Spec = dict[str, Any]


def statuses(days: Sequence[Row]) -> Spec | None:
    """Engineers by status over written days; None without any."""
    totals: dict[str, int] = {}
    for row in days:
        for status, engineers in row["counts"].items():
            totals[status] = totals.get(status, 0) + engineers
    if not totals:
        return None
    series = [
        {"name": words.status(status), "values": [str(row["counts"].get(status, 0)) for row in days]}
        for status, _total in words.ordered(totals)
    ]
    x = [row["day"].isoformat() for row in days]
    return {"kind": "bars", "stacked": True, "x": x, "series": series, "unit": _("engineers")}


def people(days: Sequence[Row]) -> Spec | None:
    """Users and engineers, and those of them who were active; None without any day."""
    names = {
        "total_users": _("Users"),
        "active_users": _("Active users"),
        "total_engineers": _("Engineers"),
        "active_engineers": _("Engineers on assignment"),
    }
    return _lines(days, {name: label for name, label in names.items() if days and name in days[0]})


def requests(days: Sequence[Row], field: str = "api_call_count") -> Spec | None:
    """Requests to the API; None without any day."""
    return _lines(days, {field: _("API requests")}, kind="bars")


def response_times(days: Sequence[Row]) -> Spec | None:
    """Percentiles of response times of the whole system, in milliseconds; None without any day."""
    names = {f"response_time_{each}": each for each in ("p50", "p95", "p99")}
    spec = _lines(days, names)
    return spec and {**spec, "unit": "ms"}


def _lines(days: Sequence[Row], names: dict[str, str], *, kind: str = "lines") -> Spec | None:
    if not days:
        return None
    series = [{"name": label, "values": [_digits(row[name]) for row in days]} for name, label in names.items()]
    return {"kind": kind, "x": [row["date"].isoformat() for row in days], "series": series}


def _digits(value: Any) -> str | None:
    return None if value is None else f"{value:f}" if not isinstance(value, int) else str(value)
