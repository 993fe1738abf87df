"""How tests wait for what other threads, processes and pages do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 300.0
"""Seconds; far more than anything here takes, so that a machine several times slower makes tests late, not red."""


def eventually(found: Callable[[], T | None], *, pause: float = 0.05, told: Callable[[], object] = lambda: "") -> T:
    """Ask until the answer is true, and return it; `told` is what a reader wants to know when it never is."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := found()):
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s {told()}"
        time.sleep(pause)
    return answer
