"""How a platform failure ends a step: for good, or to be tried again by the asset's retry policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from batch_platform.core.failures import PlatformError


@contextmanager
def dagster_failures() -> Iterator[None]:
    """Around an asset's body: Dagster shows the failure's one sentence and retries only what may get better.

    A permanent failure becomes a `Failure` that forbids retries. A transient one becomes a `Failure` that
    allows them and not a `RetryRequested`, which would carry numbers of its own: how often and how long to
    wait is said once for all assets, by the `RetryPolicy` that `definitions.py` maps onto them, and an asset
    without a policy fails at once. Anything else is a bug and passes with its stack trace.
    """
    try:
        yield
    except PlatformError as error:
        raise dg.Failure(
            description=error.message,
            metadata={"failure": type(error).__name__},
            allow_retries=not error.permanent,
        ) from error
