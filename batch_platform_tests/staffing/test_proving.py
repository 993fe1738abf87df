"""The crash proof as users run it: it finds nothing in the product, and it finds what is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from batch_platform.proving.cases import Wish, each_case
from batch_platform.proving.suite import attempt
from batch_platform.settings import Settings
from batch_platform.staffing.proving.command import crash_proof
from batch_platform.staffing.proving.ground import Ground, own_ground
from batch_platform.staffing.proving.play import BillingCase
from batch_platform.staffing.proving.scenarios import SCENARIOS
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices import issuing, monthly, notices
from batch_platform.staffing.service.invoices.numbering import Numbers
from batch_platform.staffing.store.issuing import Series

pytestmark = pytest.mark.faults

WISH = Wish(size=4, seed=1, kills=3)
CRASHES = SCENARIOS[0]
EVERY = 12
"""Kill points of which the default run takes one."""


@pytest.fixture(scope="module")
def ground(provisioned: Settings) -> Iterator[Ground]:
    with own_ground(provisioned) as made:
        yield made


@pytest.fixture(scope="module")
def points(ground: Ground) -> list[BillingCase]:
    """Each write of billing, approaches and their mails as the last one, before it and after it in turn."""
    whole, *points = each_case(ground, CRASHES, WISH)
    assert attempt(ground, CRASHES, whole).differences == ()
    assert len(points) > 40
    return [replace(case, after=place % 2 == 0) for place, case in enumerate(points)]


@pytest.mark.parametrize(
    "first",
    [number if number == 3 else pytest.param(number, marks=pytest.mark.every_kill_point) for number in range(EVERY)],
)
def test_each_write_as_the_last_one(ground: Ground, points: list[BillingCase], first: int) -> None:
    for case in points[first::EVERY]:
        assert attempt(ground, CRASHES, case).differences == (), case.summary()


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS[1:]])
def test_nothing_differs(provisioned: Settings, name: str) -> None:
    [found] = crash_proof().verdicts(provisioned, replace(WISH, size=2, depth=0), name)
    assert found.worst is None, found.worst
    assert found.disturbances > 0


# what is broken on purpose is found

Break = Callable[[pytest.MonkeyPatch], None]


def numbers_outside_the_transaction(patch: pytest.MonkeyPatch) -> None:
    """What was taken stays taken when it is rolled back, as of a sequence."""
    taken: dict[Series, int] = {}
    hold, take = Numbers.hold, Numbers.take

    def hold_on(self: Numbers, series: Any) -> None:
        hold(self, series)
        self.last.update({one: taken[one] for one in self.last if taken.get(one, 0) > self.last[one]})

    def take_at_once(self: Numbers, series: Series) -> None:
        take(self, series)
        taken[series] = self.last[series]

    patch.setattr(Numbers, "hold", hold_on)
    patch.setattr(Numbers, "take", take_at_once)


def mails_after_the_commit(patch: pytest.MonkeyPatch) -> None:
    """What was issued is handed to the outbox by a transaction of its own."""
    pending: list[tuple[Any, ...]] = []
    tell, issue = notices.tell, issuing.issue

    def issue_and_tell(context: StaffingContext, month: date, **more: Any) -> int:
        pending.clear()
        issued = issue(context, month, **more)
        with context.store.transaction() as session:
            for bucket, issues, now in pending:
                tell(session, bucket, issues, now=now)
        return issued

    patch.setattr(notices, "tell", lambda _, bucket, issues, *, now: pending.append((bucket, list(issues), now)))
    patch.setattr(monthly, "issue", issue_and_tell)


@pytest.mark.parametrize(
    ("broken", "told"),
    [(numbers_outside_the_transaction, "number"), (mails_after_the_commit, "mail of INV-2025-000001: None, not 1")],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_broken_is_found(
    ground: Ground, points: list[BillingCase], monkeypatch: pytest.MonkeyPatch, broken: Break, told: str
) -> None:
    broken(monkeypatch)
    played = (attempt(ground, CRASHES, replace(case, after=True)) for case in points[:12])
    assert any(told in difference for each in played for difference in each.differences)
