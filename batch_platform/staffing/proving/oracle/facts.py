"""The lines of a `staffing load` file, each fact once."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from batch_platform.staffing.proving.oracle.days import instant
from batch_platform.staffing.proving.oracle.usage import Id

Line = Mapping[str, Any]

_IDENTITY: Final[Mapping[str, tuple[str, ...]]] = {
    "issuer": ("registration_number",),
    "tax_rate": ("category", "valid_from"),
    "company": ("company_id",),
    "contract": ("contract_id",),
    "user": ("user_id",),
    "engineer": ("engineer_id",),
    "assignment": ("assignment_id", "recorded_at"),
    "status_hold": ("engineer_id", "valid_from"),
    "login": ("id",),
    "api_request": ("id",),
    "approach": ("id",),
    "mail": ("id",),
    "file": ("id",),
    "usage_day": ("company_id", "date"),
    "periodic_approach": ("approach_id",),
    "exclusion": ("company_id", "engineer_id"),
}
"""What makes two lines the same fact; 1 and "1" are different ids."""


class BadLine(ValueError):
    """A line that cannot be understood, or that contradicts another; `number` counts from 1."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(f"line {number}: {problem}")
        self.number = number


@dataclass
class World:
    """All that a file says, by kind, in the order of its lines."""

    lines: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))

    def of(self, kind: str) -> list[Line]:
        return self.lines.get(kind, [])

    def assignments(self, known_at: datetime | None) -> list[Line]:
        """The newest version of each, of those recorded by then, or of all."""
        newest: dict[Id, tuple[datetime, Line]] = {}
        for line in self.of("assignment"):
            at, id_ = instant(line["recorded_at"]), line["assignment_id"]
            if (known_at is None or at <= known_at) and (id_ not in newest or at > newest[id_][0]):
                newest[id_] = at, line
        return [line for _, line in newest.values()]


def end_of(assignment: Line) -> str | None:
    """The last day of an assignment, None while it is open."""
    return assignment.get("actual_end") or assignment.get("planned_end")


def read(lines: Iterable[str]) -> World:
    """Raises `BadLine`."""
    world = World()
    met: dict[tuple[Any, ...], Line] = {}
    for place, text in enumerate(lines, 1):
        if not text.strip():
            continue
        line = json.loads(text)
        kind = line.get("kind")
        if kind not in _IDENTITY:
            raise BadLine(place, f"kind {kind!r} is not known")
        missing = [name for name in _IDENTITY[kind] if line.get(name) is None]
        if missing:
            raise BadLine(place, f"{', '.join(missing)} is missing")
        key = (kind, *(_value(name, line[name]) for name in _IDENTITY[kind]))
        if key not in met:
            met[key] = line
            world.lines[kind].append(line)
        elif _without_nulls(met[key]) != _without_nulls(line):
            raise BadLine(place, "contradicts an earlier line")
    return world


def _without_nulls(line: Line) -> Line:
    """A field that is null says as little as one that is not there."""
    return {name: value for name, value in line.items() if value is not None}


def _value(name: str, value: Any) -> Any:
    return instant(value) if name == "recorded_at" else value
