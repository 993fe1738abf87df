"""The crash proof as users run it: it finds nothing in the product, and it finds what is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from batch_platform.proving.cases import Wish, each_case
from batch_platform.proving.suite import Verdict, attempt
from batch_platform.settings import Settings
from batch_platform.trading.model import Campaign
from batch_platform.trading.proving.command import crash_proof
from batch_platform.trading.proving.ground import own_ground
from batch_platform.trading.proving.scenarios import SCENARIOS
from batch_platform.trading.service import live
from batch_platform.trading.store import Session

QUICK = Wish(size=3, seed=1, kills=4, depth=0)
CRASHES = SCENARIOS[0]


def verdict(settings: Settings, name: str, wish: Wish = QUICK) -> Verdict:
    [found] = crash_proof().verdicts(settings, wish, name)
    return found


# nothing differs


@pytest.mark.faults
@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.every_kill_point)])
def test_each_commit_of_a_day_as_the_last_one(provisioned: Settings, half: int) -> None:
    """Before it as well as after it, in turn."""
    with own_ground(provisioned) as ground:
        whole, *points = each_case(ground, CRASHES, replace(QUICK, depth=1))
        assert attempt(ground, CRASHES, whole).differences == ()
        assert len(points) > 30
        for place, case in enumerate(points[half::2]):
            dies = replace(case, after=place % 2 == 0)
            played = attempt(ground, CRASHES, dies)
            assert played.differences == (), dies.summary()


@pytest.mark.faults
@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS[1:]])
def test_nothing_differs(provisioned: Settings, name: str) -> None:
    found = verdict(provisioned, name)
    assert found.worst is None, found.worst
    assert found.disturbances > 0


# what is broken on purpose is found

Break = Callable[[pytest.MonkeyPatch], None]


def requests_that_are_not_looked_up(patch: pytest.MonkeyPatch) -> None:
    """A request that is sent again is taken for a new one."""
    patch.setattr(Session, "order_of_key", lambda self, user_no, request_key: None)


def windows_that_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A scheduled tick that is tried again is another tick."""
    whole = Session.add_tick

    def add(self: Session, campaign_no: int, at: datetime, kind: str, window_at: datetime | None) -> None:
        whole(self, campaign_no, at, kind, None)

    patch.setattr(Session, "add_tick", add)


def orders_before_the_tick(patch: pytest.MonkeyPatch) -> None:
    """An order is accepted at a second whose tick it has missed."""

    def early(now: datetime, campaign: Campaign, acted_at: datetime) -> datetime:
        return max(live.whole_second(now), acted_at) if campaign.tick_at is None else campaign.tick_at - live.SECOND

    patch.setattr(live, "order_second", early)


def snapshots_that_are_not_thinned(patch: pytest.MonkeyPatch) -> None:
    """The thinning of a day does nothing."""
    patch.setattr(Session, "thin_day", lambda self, number, day, bucket: 0)


def looks_that_stay(patch: pytest.MonkeyPatch) -> None:
    """What the sources answered is kept for ever."""
    patch.setattr(Session, "clear_looks", lambda self, number, before: 0)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (requests_that_are_not_looked_up, "duplicate key"),
        (windows_that_are_forgotten, "scheduled ticks, not"),
        (orders_before_the_tick, "not {"),
        (snapshots_that_are_not_thinned, "snapshots"),
        (looks_that_stay, "looks at sources are a month old"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_broken_campaign_is_found(
    provisioned: Settings, monkeypatch: pytest.MonkeyPatch, broken: Break, told: str
) -> None:
    broken(monkeypatch)
    found = verdict(provisioned, "races")
    assert found.worst is not None, "the proof has not seen it"
    assert told in "\n".join(found.worst.differences), found.worst
