"""The whole proof: each scenario on tables of its own, to its first case that differs, which is then made smaller."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import TimeoutError as Stuck
from dataclasses import dataclass, replace
from typing import Final

from batch_platform.btc.proving.faults import quiet_deaths
from batch_platform.btc.proving.ground import Ground, own_ground
from batch_platform.btc.proving.play import Case, Played
from batch_platform.btc.proving.processes import IN_PROCESSES
from batch_platform.btc.proving.scenarios import IN_THREADS, Scenario, Wish, each_case
from batch_platform.core.failures import InvalidInput, PlatformError
from batch_platform.core.progress import report
from batch_platform.settings import Settings

SCENARIOS: Final = (*IN_THREADS, *IN_PROCESSES)


@dataclass(frozen=True)
class Verdict:
    """What became of a scenario: how many cases and disturbances, and the smallest case that differs."""

    scenario: str
    title: str
    cases: int
    disturbances: int
    seconds: float
    worst: Played | None

    @property
    def ok(self) -> bool:
        return self.worst is None


def chosen(name: str | None) -> tuple[Scenario, ...]:
    """All scenarios, or the one of this name."""
    if name is None:
        return SCENARIOS
    found = tuple(one for one in SCENARIOS if one.name == name)
    if not found:
        raise InvalidInput(f"scenario is one of: {', '.join(one.name for one in SCENARIOS)}", field="scenario")
    return found


def prove(settings: Settings, wish: Wish, scenarios: Iterable[Scenario] = SCENARIOS) -> Iterable[Verdict]:
    """The verdict of each scenario, as it comes. Raises `Conflict` anywhere but in the local environment."""
    for scenario in scenarios:
        begun = time.monotonic()
        cases = disturbances = 0
        worst = None
        with own_ground(settings) as ground:
            for case in each_case(ground, scenario, wish):
                cases += 1
                report(f"{scenario.name}: case {cases}")
                played = attempt(ground, scenario, case)
                disturbances += played.struck + (case.at is not None)
                if played.differences:
                    report(f"{scenario.name}: looking for a smaller case")
                    worst = smallest(ground, scenario, played)
                    break
        seconds = round(time.monotonic() - begun, 1)
        yield Verdict(scenario.name, scenario.title, cases, disturbances, seconds, worst)


def attempt(ground: Ground, scenario: Scenario, case: Case) -> Played:
    """One case played; whatever is raised is a difference too."""
    try:
        with quiet_deaths():
            return scenario.play(ground, case)
    except Stuck:
        return Played(case, ("a worker did not come to its end",))
    except PlatformError as error:
        return Played(case, (f"{type(error).__name__}: {error.message}",))
    except Exception as error:  # noqa: BLE001 (whatever a broken worker does is what the proof is to find)
        return Played(case, (f"{type(error).__name__}: {error}",))


def smallest(ground: Ground, scenario: Scenario, failed: Played) -> Played:
    """The same case with the fewest users for whom something differs still; processes are not played again."""
    if scenario in IN_PROCESSES:
        return failed
    for users in range(1, failed.case.users):
        played = attempt(ground, scenario, replace(failed.case, users=users))
        if played.differences:
            return played
    return failed
