"""The facts of the demo: about 40 companies with 600 engineers over a year, the same for the same month.

A year of assignments with extensions, early ends, corrections, tentative and cancelled ones; contracts that change
their plan within a month, are discounted, billed gross or have begun late; a month of logins, requests, approaches,
mails and files. All follows from the billed month and a fixed seed, so that a demo run again loads nothing new.
"""

from __future__ import annotations

import json
import random
from collections.abc import Generator, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from batch_platform.staffing.demo.names import COMPANIES, FAMILY, FEATURES, GIVEN, SKILLS
from batch_platform.staffing.instants import at_time, instant_text
from batch_platform.staffing.months import last_day, shifted

Json = dict[str, Any]

ISSUER: Final = "T8000000000001"
ENGINEERS: Final = 600
_SEED: Final = 20
_PLANS: Final = (
    {"base_price": 30_000, "max_users": 5, "max_engineers": 10, "price_per_user": 1_500, "price_per_engineer": 400},
    {"base_price": 80_000, "max_users": 12, "max_engineers": 20, "price_per_user": 1_200, "price_per_engineer": 350},
    {"base_price": 198_000, "max_users": 30, "max_engineers": 50, "price_per_user": 980, "price_per_engineer": 300},
)
_PAYMENTS: Final = (
    {"kind": "closing", "closing": "end", "months": 1, "day": "end", "holiday": "next"},
    {"kind": "closing", "closing": 20, "months": 1, "day": 20, "holiday": "previous"},
    {"kind": "net_days", "days": 30, "holiday": "next"},
)


def lines(month: date) -> list[bytes]:
    """A line of JSON a fact, as `staffing load` takes them. `month` is the first day of the billed month."""
    return [json.dumps(fact, ensure_ascii=False).encode() for fact in facts(month)]


def facts(month: date) -> Iterator[Json]:
    """All facts, for a demo that bills this month."""
    scene = _Scene(month)
    yield from _issuer()
    yield from scene.companies()
    yield from scene.people()
    yield from scene.assignments()
    yield from scene.activity()
    yield from scene.approaches()


def _issuer() -> Iterator[Json]:
    yield {
        "kind": "issuer",
        "registration_number": ISSUER,
        "name": "株式会社スキルシート",
        "tax_rounding": "floor",
        "number_prefix": "INV",
        "address": "東京都千代田区丸の内1-1-1",
        "phone": "03-0000-0000",
        "bank_account": "見本銀行 本店 普通 0000000 カ）スキルシート",
    }
    for category, rate in (("standard", "10"), ("reduced", "8"), ("exempt", None)):
        yield {"kind": "tax_rate", "category": category, "rate": rate, "valid_from": "2019-10-01"}


class _Scene:
    """Draws in a fixed order: adding a fact at the end leaves the others as they were."""

    def __init__(self, month: date) -> None:
        self.month = month
        self.begin = shifted(month, -11)
        self.random = random.Random(_SEED)  # noqa: S311 (a scene, no secret)
        self.ids = [f"C-{number:03}" for number in range(1, len(COMPANIES) + 1)]
        self.engineers: list[tuple[str, str]] = []
        self.users: list[tuple[str, str]] = []

    def companies(self) -> Iterator[Json]:
        """Companies, each with its contract."""
        for number, (company, name) in enumerate(zip(self.ids, COMPANIES, strict=True)):
            form = "{}株式会社" if number % 5 == 0 else "株式会社{}"
            created = at_time(self.begin - timedelta(days=30 + self.random.randrange(300)), time(10))
            yield {
                "kind": "company",
                "company_id": company,
                "name": form.format(name),
                "email": f"keiri@{company.lower()}.example.jp",
                "created_at": instant_text(created),
            }
            yield self._contract(number, company)

    def _contract(self, number: int, company: str) -> Json:
        plan = number % 3
        start = self.begin if number % 8 else self.month + timedelta(days=10)
        terms = [{"from": start.isoformat(), **_PLANS[plan]}]
        if number % 6 == 2:  # a larger plan in the middle of the month
            terms.append({"from": (self.month + timedelta(days=15)).isoformat(), **_PLANS[min(plan + 1, 2)]})
        contract: Json = {
            "kind": "contract",
            "contract_id": f"K-{number + 1:03}",
            "company_id": company,
            "start": start.isoformat(),
            "end": (self.month + timedelta(days=19)).isoformat() if number % 13 == 7 else None,
            "terms": terms,
            "payment": _PAYMENTS[number % len(_PAYMENTS)],
        }
        if number % 7 == 3:
            contract["discounts"] = [{"kind": "percent", "value": "10"}]
        if number % 9 == 4:
            contract["discounts"] = [{"kind": "amount", "value": "5000"}]
        if number % 11 == 5:
            contract["price_type"] = "gross"
        if number % 4 == 1:
            day = (self.month + timedelta(days=self.random.randrange(15))).isoformat()
            category = self.random.choice(("standard", "reduced"))
            contract["extras"] = [{"date": day, "quantity": 3, "unit_price": 4_800, "category": category}]
        return contract

    def people(self) -> Iterator[Json]:
        """Users and engineers."""
        for number, company in enumerate(self.ids):
            for place in range(4 + self.random.randrange(14)):
                user = f"U-{number + 1:03}-{place + 1:02}"
                self.users.append((user, company))
                created = at_time(self.begin - timedelta(days=self.random.randrange(30)), time(11))
                if place > 10:  # hired within the billed month
                    created = at_time(self.month + timedelta(days=self.random.randrange(25)), time(11))
                yield {"kind": "user", "user_id": user, "company_id": company, "created_at": instant_text(created)}
        for number in range(1, ENGINEERS + 1):
            engineer, company = f"E-{number:04}", self.ids[self.random.randrange(len(self.ids))]
            self.engineers.append((engineer, company))
            created = at_time(self.begin - timedelta(days=self.random.randrange(200)), time(9, 30))
            yield {
                "kind": "engineer",
                "engineer_id": engineer,
                "company_id": company,
                "name": f"{self.random.choice(FAMILY)} {self.random.choice(GIVEN)}",
                "skills": sorted(self.random.sample(SKILLS, 3)),
                "email": f"{engineer.lower()}@engineers.example.jp" if number % 3 else None,
                "created_at": instant_text(created),
            }

    def assignments(self) -> Iterator[Json]:
        """A chain of assignments an engineer over the year, as it was recorded bit by bit."""
        for engineer, _ in self.engineers:
            day, place = self.begin + timedelta(days=self.random.randrange(60)), 0
            while day < last_day(self.month) + timedelta(days=60) and self.random.random() < 0.93:
                place += 1
                planned = day + timedelta(days=self.random.choice((89, 119, 179, 364)))
                ended = yield from self._assignment(f"A-{engineer[2:]}-{place}", engineer, day, planned)
                day = ended + timedelta(days=1 + self.random.choice((0, 0, 0, 5, 20, 45)))
        for engineer, _ in self.random.sample(self.engineers, 6):
            yield {
                "kind": "status_hold",
                "engineer_id": engineer,
                "status": "leave",
                "valid_from": (self.month + timedelta(days=self.random.randrange(10))).isoformat(),
                "valid_to": (self.month + timedelta(days=60)).isoformat(),
                "reason": self.random.choice(("育児休業", "介護休業", "長期休暇")),
            }

    def _assignment(self, identity: str, engineer: str, start: date, planned: date) -> Generator[Json, None, date]:
        """Its versions; returns its last day."""

        def version(recorded: datetime, state: str = "confirmed", **ends: date | None) -> Json:
            return {
                "kind": "assignment",
                "assignment_id": identity,
                "engineer_id": engineer,
                "project_id": f"P-{self.random.randrange(1, 120):03}",
                "start": start.isoformat(),
                "planned_end": planned.isoformat(),
                "state": state,
                "recorded_at": instant_text(recorded),
                **{name: day.isoformat() for name, day in ends.items() if day is not None},
            }

        recorded_at = at_time(start - timedelta(days=14), time(15))
        kind = self.random.random()
        if kind < 0.15:
            yield version(at_time(start - timedelta(days=40), time(15)), "tentative")
        yield version(recorded_at)
        if kind > 0.95:
            yield version(at_time(start - timedelta(days=2), time(18)), "cancelled")
            return start
        if 0.15 <= kind < 0.4:  # extended, a month before its end
            extended = planned + timedelta(days=90)
            yield version(at_time(planned - timedelta(days=30), time(16)), planned_end=extended)
            return extended
        if 0.4 <= kind < 0.5:  # ended early, recorded some days late
            ended = planned - timedelta(days=self.random.randrange(5, 30))
            yield version(at_time(ended + timedelta(days=3), time(12)), actual_end=ended)
            return ended
        return planned

    def activity(self) -> Iterator[Json]:
        """What was done in the billed month."""
        days = [self.month + timedelta(days=number) for number in range((last_day(self.month) - self.month).days + 1)]
        for day in days:
            busy = 0.35 if day.weekday() < 5 else 0.04
            for user, company in self.users:
                if self.random.random() < busy:
                    yield {
                        "kind": "login",
                        "id": f"L-{user}-{day:%m%d}",
                        "user_id": user,
                        "company_id": company,
                        "at": instant_text(self._moment(day)),
                    }
                    yield self._request(day, user, company)
        for number in range(400):
            engineer, company = self.random.choice(self.engineers)
            sent = self._moment(self.random.choice(days))
            replied = instant_text(sent + timedelta(hours=5)) if self.random.random() < 0.2 else None
            yield {
                "kind": "approach",
                "id": f"AP-{number:04}",
                "company_id": self.random.choice(self.ids),
                "sent_at": instant_text(sent),
                "engineer_id": engineer,
                "opened_at": instant_text(sent + timedelta(hours=2)) if number % 3 else None,
                "replied_at": replied,
            }
            yield {"kind": "mail", "id": f"M-{number:04}", "company_id": company, "accepted_at": instant_text(sent)}
            yield {
                "kind": "skill_sheet_edit",
                "id": f"S-{number:04}",
                "company_id": company,
                "engineer_id": engineer,
                "at": instant_text(sent - timedelta(hours=1)),
            }
        for number in range(300):
            yield {
                "kind": "file",
                "id": f"F-{number:04}",
                "company_id": self.random.choice(self.ids),
                "bytes": self.random.randrange(20_000, 9_000_000),
                "name": f"skill-sheet-{number:04}.pdf",
                "created_at": instant_text(self._moment(self.random.choice(days) - timedelta(days=20))),
            }

    def _request(self, day: date, user: str, company: str) -> Json:
        failed = self.random.random() < 0.004
        return {
            "kind": "api_request",
            "id": f"R-{user}-{day:%m%d}",
            "user_id": user,
            "company_id": company,
            "at": instant_text(self._moment(day)),
            "feature": self.random.choice(FEATURES),
            "status": 500 if failed else self.random.choice((200, 200, 200, 201, 204, 304, 404)),
            "duration_ms": str(self.random.randrange(8, 900)),
        }

    def _moment(self, day: date) -> datetime:
        return at_time(day, time(self.random.randrange(8, 20), self.random.randrange(60)))

    def approaches(self) -> Iterator[Json]:
        """Periodic approaches from the month after, and engineers who want none from a company."""
        rules = (
            {"every": "day", "time": "09:00"},
            {"every": "week", "weekday": 0, "time": "08:30"},
            {"every": "month", "day": 31, "time": "10:00"},
        )
        begin = shifted(self.month, 1).isoformat()
        for number in range(9):
            yield {
                "kind": "periodic_approach",
                "approach_id": f"PA-{number + 1:02}",
                "company_id": self.ids[number * 4],
                "rule": {**rules[number % 3], "start_on": begin},
                "criteria": {"status": ["waiting", "waiting_soon"], "skills": [SKILLS[number]]},
                "policy": ("latest", "all", "skip")[number % 3],
                "template": "periodic-approach",
            }
        for engineer, _ in self.random.sample(self.engineers, 30):
            yield {
                "kind": "exclusion",
                "company_id": self.random.choice(self.ids),
                "engineer_id": engineer,
                "reason": "本人の希望",
            }
