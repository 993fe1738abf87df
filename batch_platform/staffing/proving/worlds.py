"""Random files of `staffing load`: companies and what they were billed for, engineers and where they worked.

Ids are numbers and texts, also `1` beside `"1"`; names hold letters that old character sets lack; assignments have
versions, chains that touch and overlap, and states that count for nothing; usage days have gaps; lines come in any
order and some of them twice. The same state of `Random` makes the same file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Final

from batch_platform.staffing.proving import questions
from batch_platform.staffing.proving.oracle.days import ONE_DAY, days, later, month, tokyo, written
from batch_platform.staffing.proving.oracle.registration import check_digit

Json = dict[str, Any]
Id = int | str

_SURNAMES: Final = ("髙橋", "﨑山", "𠮷田", "佐藤", "渡邊", "齋藤", "神﨑", "德永", "濵口", "小林")
_GIVEN: Final = ("翔太", "さくら", "美咲", "健一", "ひろし", "凜", "ジョン", "結衣", "琢磨", "菜々子")
_FIRMS: Final = (
    "髙﨑システムズ",
    "𠮷野家電",
    "アクメ",
    "北浜データ",
    "O'Brien & Söhne",
    "みなとソフト",
    "山﨑製作所",
)


@dataclass(frozen=True)
class Size:
    """How much of everything. Billed months begin with `period` and follow each other."""

    period: str = "2026-09"
    months: int = 2
    companies: int = 5
    users: int = 12
    engineers: int = 25
    activities: int = 60
    approaches: int = 6


@dataclass(frozen=True)
class MadeWorld:
    """Lines of a file, and what is to be asked of it.

    `aggregated` are the days, ascending, whose usage has to be counted before the months are billed: some companies
    have no usage day for them.
    """

    lines: tuple[str, ...]
    months: tuple[str, ...]
    aggregated: tuple[date, ...]

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def world(random: Random, size: Size = Size()) -> MadeWorld:
    first = month(size.period)[0]
    months = tuple(f"{later(first, number):%Y-%m}" for number in range(size.months))
    last = month(months[-1])[1]
    aggregated = sorted(random.sample(list(days(first, last)), min(2 * size.months, 4)))
    facts = _Facts(random, size, first, last)
    made = [
        *facts.issuers(),
        *({"kind": "tax_rate", **row} for row in questions.rates(random, first, last)),
        *facts.companies(),
        *facts.contracts(),
        *facts.users(),
        *facts.engineers(),
        *facts.assignments(),
        *facts.holds(),
        *facts.activities(),
        *facts.usage_days(set(aggregated)),
        *facts.approaches(),
        *facts.exclusions(),
    ]
    made += [_turned(random, line) for line in random.sample(made, len(made) // 20)]
    random.shuffle(made)
    return MadeWorld(tuple(json.dumps(line, ensure_ascii=False) for line in made), months, tuple(aggregated))


def _turned(random: Random, line: Json) -> Json:
    """The same fact with its fields in another order."""
    return dict(random.sample(list(line.items()), len(line)))


class _Facts:
    """Draws the lines of one world, kind by kind."""

    def __init__(self, random: Random, size: Size, first: date, last: date) -> None:
        self._random, self._size, self._first, self._last = random, size, first, last
        self._company_ids = _ids(random, "c", size.companies)
        self._user_ids = _ids(random, "u", size.users)
        self._engineer_ids = _ids(random, "e", size.engineers)
        self._issuers = [_registration_number(random) for _ in range(random.choice((1, 1, 2)))]

    def issuers(self) -> Iterable[Json]:
        for number, registration_number in enumerate(self._issuers):
            yield {
                "kind": "issuer",
                "name": f"株式会社{self._random.choice(_FIRMS)}",
                "registration_number": registration_number,
                "tax_rounding": self._random.choice(("floor", "half_up", "ceil")),
                "number_prefix": ("INV", "B2")[number],
            }

    def companies(self) -> Iterable[Json]:
        for number, company in enumerate(self._company_ids):
            line = {
                "kind": "company",
                "company_id": company,
                "name": f"{self._random.choice(_FIRMS)}株式会社",
                "email": f"keiri-{number}@example.co.jp",
            }
            if self._random.random() < 0.7:
                line["created_at"] = self._before()
            if self._random.random() < 0.2:
                line["closed_at"] = self._moment()
            yield line

    def contracts(self) -> Iterable[Json]:
        """One or two of a company, some of which end, begin or change within the months, and some in none of them."""
        random = self._random
        owners = [*self._company_ids, *random.sample(self._company_ids, len(self._company_ids) // 3)]
        for contract, company in zip(_ids(random, "k", len(owners)), owners, strict=True):
            start, end = self._first - random.randint(0, 700) * ONE_DAY, None
            if random.random() < 0.3:
                start = self._day()
            if random.random() < 0.3:
                end = max(start, self._day() + random.choice((-40, 0, 0, 60)) * ONE_DAY)
            line: Json = {
                "kind": "contract",
                "contract_id": contract,
                "company_id": company,
                "start": start.isoformat(),
                "end": None if end is None else end.isoformat(),
                "terms": questions.terms(random, start, max(start, self._last)),
                "payment": questions.payment(random),
                "discounts": questions.discounts(random),
                "extras": questions.extras(random, self._first - 5 * ONE_DAY, self._last + 5 * ONE_DAY),
            }
            if len(self._issuers) > 1 or random.random() < 0.3:
                line["issuer"] = random.choice(self._issuers)
            if random.random() < 0.5:
                line["price_type"] = random.choice(("net", "gross"))
            if random.random() < 0.3:
                line["proration"] = random.choice(("daily", "full"))
            yield line

    def users(self) -> Iterable[Json]:
        for user in self._user_ids:
            yield {"kind": "user", "user_id": user, "company_id": self._company(), **self._life()}

    def engineers(self) -> Iterable[Json]:
        """All but some of those who work: lines may name engineers of whom there is no line."""
        for engineer in self._engineer_ids[self._size.engineers // 10 :]:
            yield {
                "kind": "engineer",
                "engineer_id": engineer,
                "company_id": self._company(),
                "name": f"{self._random.choice(_SURNAMES)} {self._random.choice(_GIVEN)}",
                **self._life(),
            }

    def assignments(self) -> Iterable[Json]:
        """Chains of a few for each engineer, with their versions."""
        number = 0
        for engineer in self._engineer_ids:
            on = self._day() - self._random.choice((0, 30, 89, 90, 91, 200)) * ONE_DAY
            for _ in range(self._random.choice((0, 1, 2, 3, 4))):
                number += 1
                line = {
                    "kind": "assignment",
                    "assignment_id": number if number % 3 else f"a-{number}",
                    "engineer_id": engineer,
                    "project_id": self._random.choice((1, 2, "p-1", "案件髙")),
                }
                last = on + self._random.choice((0, 10, 29, 60, 90, 91, 180)) * ONE_DAY
                yield from self._versions(line, on, last)
                on = last + self._random.choice((-5, 0, 1, 1, 1, 2, 40)) * ONE_DAY

    def _versions(self, line: Json, start: date, last: date) -> Iterable[Json]:
        random = self._random
        recorded = tokyo(min(start, self._last)) - random.randint(0, 40) * ONE_DAY
        before: set[datetime] = set()
        state = random.choice((*("confirmed",) * 6, "tentative", "cancelled"))
        planned: date | None = last if random.random() < 0.85 else None
        actual: date | None = None
        for _ in range(random.choice((1, 1, 2, 3))):
            yield line | {
                "start": start.isoformat(),
                "planned_end": None if planned is None else planned.isoformat(),
                "actual_end": None if actual is None else actual.isoformat(),
                "state": state,
                "recorded_at": written(recorded),
            }
            before.add(recorded)
            recorded += random.randint(1, 30) * ONE_DAY
            if random.random() < 0.3:
                recorded = tokyo(self._day()) + timedelta(hours=2, seconds=random.choice((0, 0, 1)))
            while recorded in before:
                recorded += timedelta(seconds=1)
            change = random.choice(("extended", "ended", "state", "moved"))
            if change == "extended":
                planned = last + random.choice((1, 30, 90)) * ONE_DAY
            elif change == "ended":
                actual = questions.pick_day(random, start, last)
            elif change == "state":
                state = random.choice(("confirmed", "tentative", "cancelled"))
            else:
                start -= random.choice((1, 5)) * ONE_DAY

    def holds(self) -> Iterable[Json]:
        """At most two of an engineer; the second begins when the first has ended, or within it."""
        random = self._random
        for engineer in random.sample(self._engineer_ids, len(self._engineer_ids) // 4):
            begin = self._day()
            for _ in range(random.choice((1, 1, 2))):
                last = begin + random.choice((0, 5, 30)) * ONE_DAY
                yield {
                    "kind": "status_hold",
                    "engineer_id": engineer,
                    "status": random.choice(("training", "leave", "waiting", "working")),
                    "valid_from": begin.isoformat(),
                    "valid_to": None if random.random() < 0.2 else last.isoformat(),
                    "reason": "育児休業",
                }
                begin = last + random.choice((0, 1, 3)) * ONE_DAY if last > begin else last + ONE_DAY

    def activities(self) -> Iterable[Json]:
        """Logins, requests, approaches, mails and files, of users known and unknown."""
        random = self._random
        users: Sequence[Id] = [*self._user_ids, "stranger"]
        for number in range(self._size.activities):
            id_, company = number if number % 2 else f"{number}", self._company()
            yield {
                "kind": "login",
                "id": id_,
                "user_id": random.choice(users),
                "company_id": company,
                "at": self._moment(),
            }
            request: Json = {
                "kind": "api_request",
                "id": id_,
                "user_id": random.choice([None, *users]),
                "company_id": self._company(),
                "at": self._moment(),
                "feature": random.choice(("search", "Search", "export", "検索")),
            }
            if random.random() < 0.8:
                request |= {"status": random.choice((200, 404, 500)), "duration_ms": random.randint(1, 999)}
            yield request
            yield {"kind": "approach", "id": id_, "company_id": self._company(), "sent_at": self._moment()}
            yield {"kind": "mail", "id": id_, "company_id": self._company(), "accepted_at": self._moment()}
            size = random.choice((0, 5_242, 5_243, 2**20, 3 * 2**19 + 5_243, 2**41))
            yield {"kind": "file", "id": id_, "company_id": self._company(), "bytes": size, **self._life()}

    def usage_days(self, without: set[date]) -> Iterable[Json]:
        """Of every company and day but those `without`; one company in five has a gap besides, at least of a day."""
        for company in self._company_ids:
            gaps = {self._day() for _ in range(2)} if self._random.random() < 0.2 else set()
            for on in days(self._first, self._last):
                if on not in gaps and (on not in without or self._random.random() < 0.3):
                    yield {
                        "kind": "usage_day",
                        "company_id": company,
                        "date": on.isoformat(),
                        "total_users": self._random.randint(0, 14),
                        "total_engineers": self._random.randint(0, 40),
                    }

    def approaches(self) -> Iterable[Json]:
        for approach in _ids(self._random, "p", self._size.approaches):
            line = {
                "kind": "periodic_approach",
                "approach_id": approach,
                "company_id": self._company(),
                "rule": questions.rule(self._random, self._day()),
                "criteria": {"status": ["waiting", "waiting_soon"]},
                "policy": self._random.choice(("all", "latest", "skip")),
                "template": "periodic-approach",
            }
            if self._random.random() < 0.5:
                line["grace_minutes"] = self._random.choice((0, 60, 1_440))
            yield line

    def exclusions(self) -> Iterable[Json]:
        for engineer in self._random.sample(self._engineer_ids, len(self._engineer_ids) // 10):
            yield {
                "kind": "exclusion",
                "company_id": self._company(),
                "engineer_id": engineer,
                "reason": "本人の希望",
            }

    def _company(self) -> Id:
        return self._random.choice(self._company_ids)

    def _day(self) -> date:
        return questions.pick_day(self._random, self._first, self._last)

    def _before(self) -> str:
        return written(tokyo(self._first) - self._random.randint(1, 900) * ONE_DAY)

    def _moment(self) -> str:
        """Of any day of the months, often its first or last second."""
        second = self._random.choice((0, 0, 86_399, self._random.randrange(86_400)))
        return written(tokyo(self._day()) + timedelta(seconds=second))

    def _life(self) -> Json:
        made: Json = {"created_at": self._before()}
        if self._random.random() < 0.3:
            made["created_at"] = self._moment()
        if self._random.random() < 0.3:
            deleted = datetime.fromisoformat(made["created_at"]) + self._random.randint(1, 900) * ONE_DAY
            made["deleted_at"] = max(self._moment(), written(deleted))
        return made


def _ids(random: Random, letter: str, count: int) -> list[Id]:
    """Numbers that texts would order otherwise, texts, and texts of digits beside the number itself."""
    numbers = random.sample(range(1, 2 * count + 20), count)
    made: list[Id] = []
    for number in numbers:
        shape = random.choice(("number", "number", "text", "digits"))
        made.append(number if shape == "number" else f"{letter}-{number}" if shape == "text" else f"{number}")
    if count > 1:
        made[0], made[1] = numbers[0], f"{numbers[0]}"
    return made


def _registration_number(random: Random) -> str:
    twelve = "".join(random.choice("0123456789") for _ in range(12))
    return f"T{check_digit(twelve)}{twelve}"
