"""How tests wait for what other threads, processes and pages do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 300.0
"""Seconds; far more than anything here takes, so that a machine several times slower makes tests late, not red."""


def eventually(
    look: Callable[[], T | None], *, pause: float | None = None, hint: Callable[[], object] = lambda: ""
) -> T:
    """Ask until the answer is true, and return it; `hint` is what a reader wants to know when it never is.

    Asked every `pause` seconds, where a moment must not be missed; else the less often the longer it takes, since
    each question costs those who answer it processor time.
    """
    began = time.monotonic()
    while not (answer := look()):
        waited = time.monotonic() - began
        assert waited < PATIENCE, f"not within {PATIENCE:.0f} s {hint()}"
        time.sleep(min(max(waited / 20, 0.05), 0.5) if pause is None else pause)
    return answer
