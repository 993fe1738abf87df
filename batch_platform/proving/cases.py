"""What is tried: scenarios, their cases, and the points of a case at which a worker dies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, dataclass, fields, replace
from typing import ClassVar, Final, Generic, TypeVar

STUCK: Final = 60
"""Seconds after which a worker that was to come to a point is given up."""


@dataclass(frozen=True)
class Wish:
    """How much is tried, and with what: `size` of a case, `depth` 0 is quick, 1 usual, 2 everything."""

    size: int
    seed: int
    kills: int
    depth: int = 1


@dataclass(frozen=True)
class Case:
    """What befalls the work; the same case is played in the same way. A domain adds fields, by keyword.

    `at` is the number of a write; in `after` the worker dies after it, else before.
    """

    scenario: str
    seed: int
    number: int = 0
    at: int | None = None
    after: bool = True

    always_shown: ClassVar[frozenset[str]] = frozenset()

    def summary(self) -> str:
        """The case in one line, without what is as usual."""
        shown = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name in self.always_shown
            or field.default is MISSING
            or getattr(self, field.name) != field.default
        }
        return ", ".join(f"{name} {value}" for name, value in shown.items())


@dataclass(frozen=True)
class Played:
    """A case and what differed; `writes` counts those of the worker that was counted, `struck` its disturbances."""

    case: Case
    differences: tuple[str, ...]
    writes: int = 0
    struck: int = 0


Ground = TypeVar("Ground")
OneCase = TypeVar("OneCase", bound=Case)


@dataclass(frozen=True)
class Scenario(Generic[Ground, OneCase]):
    """A kind of case. `play` takes one to its end and never raises for what the proof is to find.

    Where there are `points`, so many of a case's writes, each case is played once for every one of them; `smaller`
    names smaller ones of a case that differs, the smallest first.
    """

    name: str
    title: str
    cases: Callable[[Wish], Iterable[OneCase]]
    play: Callable[[Ground, OneCase], Played]
    points: Callable[[Ground, OneCase], int] | None = None
    smaller: Callable[[OneCase], Iterable[OneCase]] | None = None


def each_case(ground: Ground, scenario: Scenario[Ground, OneCase], wish: Wish) -> Iterator[OneCase]:
    """The cases of a scenario one by one: undisturbed, then at each point; every second one for a quick look."""
    stride = 2 if wish.depth == 0 else 1
    for place, case in enumerate(scenario.cases(wish)):
        if scenario.points is None:
            yield case
            continue
        whole = replace(case, number=place)
        yield whole
        for at in range(1 + place % stride, scenario.points(ground, whole) + 1, stride):
            yield replace(whole, at=at)
            if wish.depth == 2:
                yield replace(whole, at=at, after=False)
