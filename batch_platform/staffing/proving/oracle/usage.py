"""What each company used on a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final

from batch_platform.staffing.proving.oracle.days import ONE_DAY, day, day_or_none, instant, instant_or_none, tokyo
from batch_platform.staffing.proving.oracle.exact import fixed

Json = dict[str, Any]
Id = int | str
Facts = Mapping[str, Iterable[Mapping[str, Any]]]
"""companies, users, engineers, assignments (confirmed ones, with start and end), logins, api_requests, approaches,
mails, files."""

_MEBIBYTE: Final = 2**20


def in_order(id_: Id) -> tuple[bool, Id]:
    """Whole numbers by value, before texts by their characters."""
    return isinstance(id_, str), id_


def usage(on: date, facts: Facts) -> list[Json]:
    """A row for each company that existed in any moment of the day, by its id."""
    start, end = tokyo(on), tokyo(on + ONE_DAY)
    companies = sorted((row["company_id"] for row in facts["companies"] if _existed(row, start, end)), key=in_order)
    users = Counter(row["company_id"] for row in facts["users"] if _there_at(row, end))
    busy = {row["engineer_id"] for row in facts["assignments"] if _covers(row, on)}
    engineers = [row for row in facts["engineers"] if _there_at(row, end)]
    stored: Counter[Id] = Counter()
    for row in facts["files"]:
        stored[row["company_id"]] += row["bytes"] if _there_at(row, end) else 0
    logins = _within(facts["logins"], "at", start, end)
    requests = _within(facts["api_requests"], "at", start, end)
    seen = {(row["company_id"], row["user_id"]) for row in [*logins, *requests] if row.get("user_id") is not None}
    features = Counter((row["company_id"], row["feature"]) for row in requests)
    counts = {
        "total_users": users,
        "active_users": Counter(company for company, _ in seen),
        "total_engineers": Counter(row["company_id"] for row in engineers),
        "active_engineers": Counter(row["company_id"] for row in engineers if row["engineer_id"] in busy),
        "approach_count": _by_company(_within(facts["approaches"], "sent_at", start, end)),
        "email_sent_count": _by_company(_within(facts["mails"], "accepted_at", start, end)),
        "login_count": _by_company(logins),
        "api_call_count": _by_company(requests),
    }
    return [
        {
            "company_id": company,
            "date": on.isoformat(),
            **{name: by_company[company] for name, by_company in counts.items()},
            "storage_usage_mb": fixed(Fraction(stored[company], _MEBIBYTE), 2),
            "feature_usage": {name: number for (of, name), number in sorted(_own(features, company))},
        }
        for company in companies
    ]


def answer_usage(line: Mapping[str, Any]) -> Json:
    return {"rows": usage(day(line["date"]), line["facts"])}


def _existed(company: Mapping[str, Any], start: datetime, end: datetime) -> bool:
    created, closed = instant_or_none(company.get("created_at")), instant_or_none(company.get("closed_at"))
    return (created is None or created < end) and (closed is None or closed > start)


def _there_at(row: Mapping[str, Any], end: datetime) -> bool:
    """Whether it had been made before, and not been deleted before; what says neither is always there."""
    created, deleted = instant_or_none(row.get("created_at")), instant_or_none(row.get("deleted_at"))
    return (created is None or created < end) and (deleted is None or deleted >= end)


def _covers(row: Mapping[str, Any], on: date) -> bool:
    last = day_or_none(row.get("end"))
    return day(row["start"]) <= on and (last is None or on <= last)


def _within(rows: Iterable[Mapping[str, Any]], name: str, start: datetime, end: datetime) -> list[Mapping[str, Any]]:
    return [row for row in rows if row.get(name) is not None and start <= instant(row[name]) < end]


def _by_company(rows: Iterable[Mapping[str, Any]]) -> Counter[Id]:
    return Counter(row["company_id"] for row in rows)


def _own(features: Mapping[tuple[Id, str], int], company: Id) -> list[tuple[tuple[Id, str], int]]:
    return [item for item in features.items() if item[0][0] == company]
