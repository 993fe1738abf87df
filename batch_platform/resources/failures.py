"""How a platform failure ends a step: for good, or to be tried again by the asset's retry policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from batch_platform.core.failures import PlatformError

STEP_RETRY: Final = dg.RetryPolicy(
    max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""How every asset's step is tried again after a failure that may pass: about 5, 10 and 20 s later."""


@contextmanager
def dagster_failures() -> Iterator[None]:
    """Around an asset's body: Dagster shows the failure's one sentence and retries only what may get better.

    A permanent failure becomes a `Failure` that forbids retries. A transient one becomes a `Failure` that
    allows them and not a `RetryRequested`, which would carry numbers of its own: how often and how long to
    wait is said once for all assets, by `STEP_RETRY`. Anything else is a bug and passes with its stack trace.
    """
    try:
        yield
    except PlatformError as error:
        raise dg.Failure(
            description=error.message,
            metadata={"failure": type(error).__name__},
            allow_retries=not error.permanent,
        ) from error
