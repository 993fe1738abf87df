"""Random lines of `staffing calc`, each kind with the corners at which answers go wrong: month ends, leap days, New
Year, a change of rate within the month, midnights of Tokyo, sums that discounts use up.

Every line is one that has an answer. The same state of `Random` makes the same lines.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import Any, Final

from batch_platform.staffing.proving.oracle.calc import calc
from batch_platform.staffing.proving.oracle.registration import check_digit

Json = dict[str, Any]

_DAY: Final = timedelta(days=1)
_TOKYO: Final = timezone(timedelta(hours=9))
_ROUNDINGS: Final = ("floor", "half_up", "ceil")
_PERIODS: Final = ("2020-02", "2023-02", "2024-02", "2024-12", "2025-12", "2026-04", "2026-09", "2026-12", "2027-10")
_PRICES: Final = (0, 1, 3, 99, 250, 333, 1_200, 1_980, 30_000, 41_000, 99_999, 1_234_567)
_RATES: Final[tuple[tuple[Json, ...], ...]] = (
    (
        {"category": "standard", "rate": "10", "valid_from": "2019-10-01", "valid_to": None},
        {"category": "reduced", "rate": "8", "valid_from": "2019-10-01", "valid_to": None},
        {"category": "exempt", "rate": None, "valid_from": "1989-04-01", "valid_to": None},
        {"category": "export", "rate": "0", "valid_from": "1989-04-01"},
    ),
    (
        {"category": "export", "rate": "0", "valid_from": "1989-04-01", "valid_to": None},
        {"category": "exempt", "rate": None, "valid_from": "1989-04-01", "valid_to": None},
        {"category": "reduced", "rate": "7.8", "valid_from": "2019-10-01", "valid_to": None},
        {"category": "standard", "rate": "12.25", "valid_from": "2019-10-01"},
    ),
)
"""All categories are valid on every day since 2019-10-01."""


def question(kind: str, random: Random) -> Json:
    """A line of `calc KIND`."""
    return _MAKERS[kind](random)


def pick_day(random: Random, first: date, last: date) -> date:
    return first + random.randint(0, (last - first).days) * _DAY


def pick_period(random: Random) -> str:
    if random.random() < 0.5:
        return random.choice(_PERIODS)
    return f"{random.randint(2020, 2040)}-{random.randint(1, 12):02}"


def month_of(period: str) -> tuple[date, date]:
    first = date.fromisoformat(f"{period}-01")
    return first, first.replace(day=calendar.monthrange(first.year, first.month)[1])


def payment(random: Random) -> Json:
    holiday = random.choice(("next", "previous", "none"))
    if random.random() < 0.3:
        return {"kind": "net_days", "days": random.choice((0, 1, 7, 14, 30, 31, 45, 60, 90)), "holiday": holiday}
    ordinals = ("end", "end", 1, 5, 10, 15, 20, 25, 28, 29, 30, 31)
    return {
        "kind": "closing",
        "closing": random.choice(ordinals),
        "months": random.choice((0, 1, 1, 2, 3)),
        "day": random.choice(ordinals),
        "holiday": holiday,
    }


def terms(random: Random, first: date, until: date) -> list[Json]:
    """Plans from the first day or before, sometimes with changes up to the other one, in any order."""
    begins = {pick_day(random, first - 400 * _DAY, first)}
    begins |= {pick_day(random, first, until) for _ in range(random.choice((0, 0, 0, 1, 1, 2, 3)))}
    made = []
    for begin in sorted(begins):
        plan = {
            "from": begin.isoformat(),
            "base_price": random.choice(_PRICES),
            "max_users": random.choice((0, 1, 5, 10, 20)),
            "max_engineers": random.choice((0, 5, 20, 50)),
            "price_per_user": random.choice(_PRICES[:9]),
            "price_per_engineer": random.choice(_PRICES[:9]),
        }
        if random.random() < 0.3:
            plan["category"] = random.choice(("standard", "reduced", "exempt", "export"))
        made.append(plan)
    random.shuffle(made)
    return made


def discounts(random: Random) -> list[Json]:
    """Mostly none; sometimes more than there is to take off."""
    made: list[Json] = []
    for _ in range(random.choice((0, 0, 0, 1, 1, 2, 3))):
        if random.random() < 0.5:
            percent = random.choice(("2.5", "3.33", "5", 10, "33.333", "50.0", "99.99", 100, "0"))
            made.append({"kind": "percent", "value": percent})
        else:
            made.append({"kind": "amount", "value": random.choice((0, 1, 2, 100, 999, 1_500, 30_000, 10_000_000))})
    return made


def extras(random: Random, first: date, last: date) -> list[Json]:
    """Some of equal amounts, between which a discount has to choose."""
    made = [
        {
            "date": pick_day(random, first, last).isoformat(),
            "quantity": random.randint(1, 12),
            "unit_price": random.choice(_PRICES),
            "category": category,
        }
        for category in random.choices(
            ("standard", "reduced", "exempt", "export"), k=random.choice((0, 0, 1, 1, 2, 4))
        )
    ]
    alike = {name: made[0][name] for name in ("quantity", "unit_price")} if made and random.random() < 0.2 else {}
    return [item | alike for item in made]


def rates(random: Random, first: date, last: date) -> list[Json]:
    """Sometimes with another standard rate from a day of the month on."""
    rows = [dict(row) for row in random.choice(_RATES)]
    if random.random() < 0.3:
        change = random.choice((pick_day(random, first, last), last, last + _DAY))
        standard = next(row for row in rows if row["category"] == "standard")
        new = {"category": "standard", "rate": random.choice(("8", "11", "15")), "valid_from": change.isoformat()}
        rows.append(new | {"valid_to": None})
        standard["valid_to"] = (change - _DAY).isoformat()
    random.shuffle(rows)
    return rows


def _invoice(random: Random) -> Json:
    period = pick_period(random)
    first, last = month_of(period)
    start = pick_day(random, first, last) if random.random() < 0.3 else pick_day(random, first - 800 * _DAY, first)
    end = None
    if random.random() < 0.4:
        end = max(
            start, pick_day(random, first, last) if random.random() < 0.7 else first + random.randint(-5, 90) * _DAY
        )
    contract: Json = {"start": start.isoformat(), "terms": terms(random, start, max(start, last + 5 * _DAY))}
    if random.random() < 0.15:
        free = dict.fromkeys(("base_price", "price_per_user", "price_per_engineer"), 0)
        contract["terms"] = [plan | free for plan in contract["terms"]]
    if end is not None or random.random() < 0.5:
        contract["end"] = None if end is None else end.isoformat()
    if random.random() < 0.9:
        contract["payment"] = payment(random)
    if random.random() < 0.6:
        contract["price_type"] = random.choice(("net", "gross"))
    if random.random() < 0.4:
        contract["proration"] = random.choice(("daily", "full"))
    return {
        "period": period,
        "rounding": random.choice(_ROUNDINGS),
        "contract": contract,
        "usage": _usage_of_month(random, first, last),
        "discounts": discounts(random),
        "extras": extras(random, first - 3 * _DAY, last + 3 * _DAY),
        "tax_rates": rates(random, first, last),
    }


def _usage_of_month(random: Random, first: date, last: date) -> Json:
    users, engineers = random.randint(0, 25), random.randint(0, 60)
    counts: Json = {}
    for number in range((last - first).days + 1):
        if random.random() < 0.2:
            users = max(0, users + random.randint(-3, 4))
            engineers = max(0, engineers + random.randint(-6, 6))
        counts[(first + number * _DAY).isoformat()] = {"users": users, "engineers": engineers}
    for _ in range(random.choice((0, 0, 0, 0, 0, 1, 3))):
        counts.pop(pick_day(random, first, last).isoformat(), None)
    return counts


def _credit_note(random: Random) -> Json:
    """Of an invoice that the oracle has made."""
    while True:
        question = _invoice(random)
        question["usage"] = {text: {"users": 9, "engineers": 9} for text in _every_day(question["period"])}
        made = calc("invoice", question, ())
        if made["document"]:
            break
    price_type = question["contract"].get("price_type") or "net"
    line = {"invoice": made, "parts": "all", "price_type": price_type, "rounding": random.choice(_ROUNDINGS)}
    if random.random() < 0.7:
        rows = random.sample(made["per_rate"], random.randint(1, len(made["per_rate"])))
        line["parts"] = [part for row in rows for part in _parts(random, row["rate"], row[price_type])]
    return line


def _parts(random: Random, rate: str | None, most: int) -> list[Json]:
    """One or two of a rate, together no more than there is."""
    amount = min(most, random.choice((1, 5, 9_090, 9_091, 10_000, most, random.randint(1, most))))
    if amount > 1 and random.random() < 0.2:
        return [{"rate": rate, "amount": amount - amount // 3}] + (
            [{"rate": rate, "amount": amount // 3}] if amount // 3 else []
        )
    return [{"rate": rate, "amount": amount}]


def _every_day(period: str) -> list[str]:
    first, last = month_of(period)
    return [(first + number * _DAY).isoformat() for number in range((last - first).days + 1)]


def _tax_number(random: Random) -> Json:
    digits = "".join(random.choice("0123456789") for _ in range(random.choice((13, 13, 13, 13, 12, 14))))
    if random.random() < 0.4:
        digits = f"{check_digit(digits[1:13])}{digits[1:]}"
    text = random.choice(("T", "T", "T", "t", "Ｔ", "ｔ", "", "TT", "JP")) + digits
    for _ in range(random.choice((0, 0, 1, 3))):
        place = random.randint(0, len(text))
        text = text[:place] + random.choice((" ", "-", "　", "－", "‐", "\t", "\u00a0")) + text[place:]
    if random.random() < 0.3:
        text = text.translate({ord("0") + value: ord("０") + value for value in range(10)})
    if random.random() < 0.1:
        place = random.randrange(len(text))
        text = text[:place] + random.choice("OIl٣²①x.") + text[place + 1 :]
    return {"number": text}


def _due_date(random: Random) -> Json:
    return {"period": pick_period(random), "payment": payment(random)}


def rule(random: Random, around: date) -> Json:
    """Of a periodic approach that begins near the day."""
    start = around + random.randint(-70, 20) * _DAY
    made: Json = {
        "every": random.choice(("day", "week", "month", "month")),
        "time": random.choice(("00:00", "00:30", "08:59", "09:00", "12:15", "23:59")),
        "start_on": start.isoformat(),
    }
    if made["every"] == "week":
        made["weekday"] = random.randint(0, 6)
    if made["every"] == "month":
        made["day"] = random.choice((1, 15, 28, 29, 30, 31, 31))
    if random.random() < 0.4:
        made["end_on"] = (start + random.choice((0, 1, 7, 30, 60, 120)) * _DAY).isoformat()
    return made


def _near(random: Random, around: date) -> datetime:
    """An instant, often one at which something may be due."""
    moment = datetime.combine(around, datetime.min.time(), _TOKYO) + timedelta(
        hours=random.choice((0, 8, 9, 12, 23)), minutes=random.choice((0, 0, 15, 30, 59))
    )
    return moment + timedelta(seconds=random.choice((-1, 0, 0, 1)))


def text_of(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _some_day(random: Random) -> date:
    corners = (date(2024, 2, 28), date(2025, 12, 31), date(2026, 2, 28), date(2026, 8, 31), date(2026, 11, 30))
    return random.choice(corners) + random.randint(-3, 3) * _DAY


def _next(random: Random) -> Json:
    around = _some_day(random)
    return {"rule": rule(random, around), "after": text_of(_near(random, around))}


def _catch_up(random: Random) -> Json:
    around = _some_day(random)
    made, now = rule(random, around), _near(random, around)
    hours, minutes = (int(part) for part in made["time"].split(":"))
    if random.random() < 0.4:
        at = datetime.combine(around, datetime.min.time(), _TOKYO) + timedelta(hours=hours, minutes=minutes)
        now = at + random.choice((-1, 0, 59, 60, 61)) * timedelta(minutes=1)
    policy = random.choice(("all", "latest", "skip"))
    line: Json = {"rule": made, "done": [], "now": text_of(now), "policy": policy}
    if random.random() < 0.6:
        line["grace_minutes"] = random.choice((0, 1, 60, 1_440, 4_320))
    due = calc("catch-up", line | {"policy": "all"}, ())["occurrences"]
    if due and random.random() < 0.7:
        done = [row["scheduled_for"] for row in due[: random.randint(0, len(due))]]
        line["done"] = random.sample(done, random.randint(0, len(done))) if random.random() < 0.3 else done
    return line


def _usage(random: Random) -> Json:
    on = _some_day(random)
    midnight = datetime.combine(on, datetime.min.time(), _TOKYO)

    def moment() -> str:
        corner = random.choice((midnight, midnight + _DAY, midnight + timedelta(hours=random.randint(-30, 50))))
        return text_of(corner + timedelta(seconds=random.choice((-1, 0, 0, 1))))

    def life() -> Json:
        made: Json = {"created_at": text_of(midnight - random.randint(1, 900) * _DAY)}
        if random.random() < 0.3:
            made["created_at"] = moment()
        if random.random() < 0.5:
            made["deleted_at"] = max(moment(), text_of(datetime.fromisoformat(made["created_at"]) + _DAY))
        elif random.random() < 0.5:
            made["deleted_at"] = None
        return made

    def company() -> int | str:
        return random.choice(companies)

    def covered() -> Json:
        start = on + random.choice((-300, -30, -1, 0, 0, 1)) * _DAY
        end = random.choice((None, start, max(start, on - _DAY), max(start, on), start + 90 * _DAY))
        return {"start": start.isoformat(), "end": None if end is None else end.isoformat()}

    names: list[int | str] = [1, 2, 3, 10, "1", "acme", "Zeta", "株式会社髙﨑"]
    companies = random.sample(names, random.randint(1, 5))
    users: list[int | str] = [*range(1, 7), "1", "u-1"]
    engineers: list[int | str] = [*range(1, 9), "1", "e-1"]
    facts: Json = {
        "companies": [{"company_id": name, "name": f"{name}"} | _company_life(life()) for name in companies],
        "users": [{"user_id": name, "company_id": company(), **life()} for name in users],
        "engineers": [{"engineer_id": name, "company_id": company(), **life()} for name in engineers],
        "assignments": [{"engineer_id": random.choice(engineers), **covered()} for _ in range(random.randint(0, 9))],
        "logins": [
            {"user_id": random.choice([*users, "gone"]), "company_id": company(), "at": moment()}
            for _ in range(random.randint(0, 12))
        ],
        "api_requests": [
            {
                "user_id": random.choice([*users, None]),
                "company_id": company(),
                "at": moment(),
                "feature": random.choice(("search", "Search", "export", "検索", "a.b")),
                "status": random.choice((200, 404, 500)),
                "duration_ms": random.randint(1, 999),
            }
            for _ in range(random.randint(0, 15))
        ],
        "approaches": [{"company_id": company(), "sent_at": moment()} for _ in range(random.randint(0, 6))],
        "mails": [{"company_id": company(), "accepted_at": moment()} for _ in range(random.randint(0, 6))],
        "files": [
            {
                "company_id": company(),
                "bytes": random.choice((0, 1, 5_243, 5_242, 2**20, 3 * 2**19 + 5_243, 2**41)),
                **life(),
            }
            for _ in range(random.randint(0, 6))
        ],
    }
    return {"date": on.isoformat(), "facts": facts}


def _company_life(made: Json) -> Json:
    """Of a company: closed, not deleted; sometimes it was always there."""
    closed = made.pop("deleted_at", None)
    return made if closed is None else made | {"closed_at": closed}


_MAKERS: Final[Mapping[str, Callable[[Random], Json]]] = {
    "invoice": _invoice,
    "credit-note": _credit_note,
    "tax-number": _tax_number,
    "due-date": _due_date,
    "next": _next,
    "catch-up": _catch_up,
    "usage": _usage,
}
