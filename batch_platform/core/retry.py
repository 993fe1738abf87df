"""How often and after how long work that failed is tried again: the specs' three backoffs, capped, with jitter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final, Literal

from batch_platform.core.failures import InvalidInput

Backoff = Literal["fixed", "linear", "exponential"]

Below = Callable[[int], int]
"""A random whole number from 0 up to, not including, its argument: `random.randrange`, `secrets.randbelow`."""

_MICROSECOND = timedelta(microseconds=1)
_DOUBLINGS_AT_MOST = 64  # enough to pass any cap, and small enough for the arithmetic


@dataclass(frozen=True)
class RetryConfig:
    """`max_attempts` counts the first one too. `jitter` is the share (0 to 1) by which a wait may be off."""

    max_attempts: int
    backoff: Backoff
    base_delay: timedelta
    max_delay: timedelta
    jitter: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise InvalidInput(
                "max-attempts-below-one",
                "max_attempts counts the first attempt: it is at least 1",
                field="max_attempts",
            )
        if not timedelta(0) <= self.base_delay <= self.max_delay:
            raise InvalidInput(
                "base-delay-out-of-range", "base_delay lies between 0 and max_delay", field="base_delay"
            )
        if not 0 <= self.jitter <= 1:
            raise InvalidInput("jitter-out-of-range", "jitter is a share between 0 and 1", field="jitter")

    def may_retry(self, attempt: int) -> bool:
        """Whether another attempt is left after this one failed; the first attempt is 1."""
        return attempt < self.max_attempts

    def delay(self, attempt: int, *, random: Below | None = None) -> timedelta:
        """How long to wait after attempt `attempt` (from 1) failed: never above `max_delay`.

        Without `random` there is no jitter. Raises `InvalidInput` for an attempt below 1.
        """
        if attempt < 1:
            raise InvalidInput("attempt-below-one", "attempts are counted from 1", field="attempt")
        factor = {"fixed": 1, "linear": attempt, "exponential": 2 ** min(attempt - 1, _DOUBLINGS_AT_MOST)}
        cap = self.max_delay // _MICROSECOND
        wait = min(self.base_delay // _MICROSECOND * factor[self.backoff], cap)
        spread = int(wait * self.jitter)
        if random is not None and spread:
            wait = min(wait - spread + random(2 * spread + 1), cap)
        return timedelta(microseconds=wait)


STANDARD_RETRY: Final = RetryConfig(
    max_attempts=4,
    backoff="exponential",
    base_delay=timedelta(seconds=5),
    max_delay=timedelta(seconds=60),
    jitter=Decimal("0.2"),
)
"""For work whose spec gives no numbers: again after about 5, 10 and 20 s."""
