"""The whole proof: each scenario on a ground of its own, to its first case that differs; that is made smaller."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as Stuck
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic

from batch_platform.core.failures import InvalidInput, PlatformError
from batch_platform.core.progress import report
from batch_platform.proving.cases import Ground, OneCase, Played, Scenario, Wish, each_case
from batch_platform.proving.faults import quiet_deaths
from batch_platform.settings import Settings


@dataclass(frozen=True)
class CrashProof(Generic[Ground]):
    """What a domain proves of itself. `command` is the one of users, `unit` what of everything none may differ."""

    command: str
    unit: str
    ground: Callable[[Settings], AbstractContextManager[Ground]]
    scenarios: tuple[Scenario[Ground, Any], ...]

    def chosen(self, name: str | None) -> tuple[Scenario[Ground, Any], ...]:
        """All scenarios, or the one of this name. Raises `InvalidInput`."""
        if name is None:
            return self.scenarios
        scenarios = tuple(scenario for scenario in self.scenarios if scenario.name == name)
        if not scenarios:
            names = ", ".join(scenario.name for scenario in self.scenarios)
            raise InvalidInput(
                "unknown-scenario", "scenario is one of: {scenarios}", scenarios=names, field="scenario"
            )
        return scenarios

    def verdicts(self, settings: Settings, wish: Wish, scenario: str | None = None) -> Iterator[Verdict]:
        """The verdict of each scenario, as it comes. Raises `Conflict` anywhere but in the local environment."""
        for chosen in self.chosen(scenario):
            with self.ground(settings) as ground:
                yield verdict(ground, chosen, wish)


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


def verdict(ground: Ground, scenario: Scenario[Ground, Any], wish: Wish) -> Verdict:
    """One scenario, to its first case that differs."""
    begun = time.monotonic()
    cases = disturbances = 0
    worst = None
    for case in each_case(ground, scenario, wish):
        cases += 1
        report(f"{scenario.name}: case {cases}")
        played = attempt(ground, scenario, case)
        disturbances += played.struck + (case.at is not None)
        if played.differences:
            report(f"{scenario.name}: looking for a smaller case")
            worst = smallest(ground, scenario, case, played)
            break
    seconds = round(time.monotonic() - begun, 1)
    return Verdict(scenario.name, scenario.title, cases, disturbances, seconds, worst)


def attempt(ground: Ground, scenario: Scenario[Ground, OneCase], case: OneCase) -> Played:
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


def smallest(ground: Ground, scenario: Scenario[Ground, OneCase], case: OneCase, failed: Played) -> Played:
    """The smallest case of its kind for which something differs still."""
    for tried in scenario.smaller(case) if scenario.smaller else ():
        played = attempt(ground, scenario, tried)
        if played.differences:
            return played
    return failed
