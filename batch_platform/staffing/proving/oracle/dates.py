"""When invoices are issued and due, and when periodic approaches go out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from batch_platform.staffing.proving.oracle.days import (
    ONE_DAY,
    TOKYO,
    bank_day,
    day,
    day_or_none,
    in_month,
    instant,
    later,
    month,
    tokyo,
    written,
)

Json = dict[str, Any]

USUAL: Final[Mapping[str, Any]] = {"kind": "closing", "closing": "end", "months": 1, "day": "end", "holiday": "next"}
"""Closed at the end of the month, paid at the end of the next."""

GRACE: Final = 60


def issue_date(period: str) -> date:
    return later(month(period)[0], 1)


def due_date(period: str, payment: Mapping[str, Any] | None, holidays: Collection[date]) -> date:
    payment = payment or USUAL
    holiday = payment.get("holiday", "next")
    if payment["kind"] == "net_days":
        return bank_day(issue_date(period) + payment["days"] * ONE_DAY, holiday, holidays)
    first, last = month(period)
    closed_in = first if in_month(first, payment["closing"]) >= last else later(first, 1)
    return bank_day(in_month(later(closed_in, payment["months"]), payment["day"]), holiday, holidays)


def next_after(rule: Mapping[str, Any], after: datetime | None) -> datetime | None:
    """The rule's first instant later than this one, or its very first; None when it has ended."""
    at = time.fromisoformat(rule["time"])
    last = day_or_none(rule.get("end_on"))
    on = day(rule["start_on"])
    if after is not None:
        on = max(on, after.astimezone(TOKYO).date())
    while last is None or on <= last:
        if _falls_on(rule, on) and (after is None or tokyo(on, at) > after):
            return tokyo(on, at)
        on += ONE_DAY
    return None


def _falls_on(rule: Mapping[str, Any], on: date) -> bool:
    if rule["every"] == "week":
        return on.weekday() == int(rule["weekday"])
    return rule["every"] == "day" or on == in_month(on, rule["day"])


def due_occurrences(rule: Mapping[str, Any], done: Collection[datetime], now: datetime) -> Iterator[datetime]:
    """Up to now, those that are done left out."""
    at = next_after(rule, None)
    while at is not None and at <= now:
        if at not in done:
            yield at
        at = next_after(rule, at)


def catch_up(
    rule: Mapping[str, Any], done: Collection[datetime], now: datetime, policy: str, grace_minutes: int | None
) -> list[Json]:
    """What becomes of each occurrence that is due, oldest first."""
    due = list(due_occurrences(rule, done, now))
    grace = timedelta(minutes=GRACE if grace_minutes is None else grace_minutes)
    delivered = {"all": due, "latest": due[-1:], "skip": [at for at in due if now - at <= grace]}[policy]
    return [{"scheduled_for": written(at), "action": "deliver" if at in delivered else "skip"} for at in due]


def answer_due_date(line: Mapping[str, Any], holidays: Collection[date]) -> Json:
    return {"due_date": due_date(line["period"], line.get("payment"), holidays).isoformat()}


def answer_next(line: Mapping[str, Any]) -> Json:
    at = next_after(line["rule"], instant(line["after"]))
    return {"next": None if at is None else written(at)}


def answer_catch_up(line: Mapping[str, Any]) -> Json:
    done = [instant(text) for text in line["done"]]
    now = instant(line["now"])
    return {"occurrences": catch_up(line["rule"], done, now, line["policy"], line.get("grace_minutes"))}
