"""Two months of a few contracts as workers bill them, approaches that are due, and the mails of both.

The months are issued in two years, so that two series of numbers begin. The second contract waits for usage in the
second month, the third owes nothing, and of three engineers one is excluded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final, cast

from batch_platform.outbox.model import Channel
from batch_platform.outbox.service import consent, deliver
from batch_platform.proving.cases import Case
from batch_platform.proving.faults import Calm, Hazard
from batch_platform.proving.ground import SteppingClock
from batch_platform.settings import load_settings
from batch_platform.staffing.proving.ground import Ground
from batch_platform.staffing.proving.sink import MemoryProvider, MemorySink, OriginalFiles
from batch_platform.staffing.service import StaffingContext, approaches, loading
from batch_platform.staffing.service.invoices import monthly

NOW: Final = datetime(2026, 1, 2, 1, tzinfo=UTC)
MONTHS: Final = (date(2025, 11, 1), date(2025, 12, 1))

_COVERED: Final = ("2025-11-29", "2025-11-30", "2025-12-01", "2025-12-02")
_WAITS, _OWES_NOTHING = 1, 2
_RULE: Final = {"every": "day", "time": "09:00", "start_on": "2025-12-31"}
_ADDRESSES: Final = ("e0@example.jp", "e1@example.jp", "e2@example.jp")
_BETWEEN_ROUNDS: Final = timedelta(minutes=3)
"""Longer than a lease, and than what is waited before a mail of unknown end is sent again."""
_ROUNDS: Final = 60

_WAITING: Final = "SELECT count(*) FROM outbox.notices WHERE state IN ('pending', 'sending')"


@dataclass(frozen=True, kw_only=True)
class BillingCase(Case):
    """So many contracts; `kills` real processes, of which `pairs` bill and as many send at a time."""

    contracts: int
    kills: int = 0
    pairs: int = 2


def facts(case: BillingCase) -> list[str]:
    """The lines of `staffing load`; of the same case the same."""
    random = Random(f"{case.seed} {case.contracts}")  # noqa: S311 (to be played again alike)
    made: list[dict[str, Any]] = [
        {
            "kind": "issuer",
            "registration_number": "T7000012050002",
            "name": "株式会社髙﨑スタッフィング",
            "tax_rounding": random.choice(("floor", "half_up", "ceil")),
            "number_prefix": "INV",
        },
        {"kind": "tax_rate", "category": "standard", "rate": "10", "valid_from": "2019-10-01"},
        {"kind": "tax_rate", "category": "reduced", "rate": "8", "valid_from": "2019-10-01"},
    ]
    for number in range(case.contracts):
        made += _contract(random, number)
    for number, address in enumerate(_ADDRESSES):
        engineer = {"kind": "engineer", "engineer_id": f"e-{number}", "company_id": "c-0000", "email": address}
        made.append({**engineer, "name": f"𠮷田 {number}"})
    made.append({"kind": "exclusion", "company_id": "c-0000", "engineer_id": "e-2", "reason": "本人の希望"})
    for policy in ("all", "latest"):
        approach = {"approach_id": policy, "company_id": "c-0000", "rule": _RULE, "criteria": {}, "policy": policy}
        made.append({"kind": "periodic_approach", "template": "periodic-approach", **approach})
    return [json.dumps(line, ensure_ascii=False) for line in made]


def _contract(random: Random, number: int) -> list[dict[str, Any]]:
    """A company with its contract over the turn of a month, and what was used on its days."""
    company = f"c-{number:04}"
    free = number == _OWES_NOTHING
    terms = {
        "from": "2025-01-01",
        "base_price": 0 if free else random.randrange(10_000, 900_000),
        "max_users": 1,
        "max_engineers": 9,
        "price_per_user": 0 if free else random.randrange(500, 2_000),
        "price_per_engineer": 0,
    }
    contract = {
        "kind": "contract",
        "contract_id": f"k-{number:04}",
        "company_id": company,
        "start": _COVERED[0],
        "end": _COVERED[-1],
        "terms": [terms],
        "payment": {"kind": "net_days", "days": 30, "holiday": "none"},
        "price_type": random.choice(("net", "gross")),
        "discounts": random.choice(([], [{"kind": "percent", "value": "3.3"}], [{"kind": "amount", "value": 77}])),
    }
    if not free and random.random() < 0.5:
        item = {"quantity": 3, "unit_price": random.randrange(1, 999), "category": "reduced"}
        contract["extras"] = [{"date": random.choice(_COVERED), **item}]
    missing = _COVERED[2] if number == _WAITS else ""
    return [
        {"kind": "company", "company_id": company, "name": f"株式会社𠮷野{number}", "email": f"{company}@example.jp"},
        contract,
        *(
            {
                "kind": "usage_day",
                "company_id": company,
                "date": day,
                "total_users": random.randrange(5),
                "total_engineers": 0,
            }
            for day in _COVERED
            if day != missing
        ),
    ]


def set_up(ground: Ground, case: BillingCase) -> None:
    """The facts, and engineers who want advertising."""
    ground.clear()
    with ground.worker(lambda: NOW) as context:
        loading.load(context, [line.encode() for line in facts(case)])
        with context.store.transaction() as session:
            for address in _ADDRESSES:
                consent(session.connection, "staffing", address, granted=True, source="proof", at=NOW)


def bill(context: StaffingContext) -> None:
    """Both months and what is due of approaches, as runs and the resident worker do them."""
    for month in MONTHS:
        monthly.run(context, month, by="proof")
    approaches.decide(context)


def play(ground: Ground, sink: MemorySink, hazard: Hazard | None = None, *, alone: bool = True) -> None:
    """A worker bills and sends everything, or dies at a write.

    Some minutes pass between its rounds of the outbox, unless others are at work: their leases would end.
    """
    with ground.worker(lambda: NOW, hazard) as context:
        bill(context)
        _deliver(ground, context, sink, hazard, between=_BETWEEN_ROUNDS if alone else timedelta(0))


def _deliver(
    ground: Ground, context: StaffingContext, sink: MemorySink, hazard: Hazard | None, *, between: timedelta
) -> None:
    clock = SteppingClock(NOW + timedelta(hours=1))
    provider = {Channel.MAIL: MemoryProvider(sink, hazard or Calm())}
    files = cast(Any, OriginalFiles(context.originals))
    with ground.outbox(clock, hazard) as worker:
        for _ in range(_ROUNDS):
            claimed = deliver(worker, provider, files)
            if ground.rows(_WAITING) == [(0,)] or not (claimed or between):
                return
            clock.pass_by(between)


def biller(name: str) -> Callable[[str], None]:
    """A process that bills everything when it is told to."""
    ground = Ground(load_settings(), name)

    def work(_line: str) -> None:
        with ground.worker(lambda: NOW) as context:
            bill(context)

    return work
