"""What a failure tells Dagster: to give up, or to try the step again after as long as the job's retry config says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import dagster as dg

from batch_platform.core.known_errors import failure_of
from batch_platform.core.messages import IN_METADATA, NOTED, to_json

if TYPE_CHECKING:
    from batch_platform.core.retry import Below, RetryConfig


class Attempt(Protocol):
    """An asset's or op's execution context."""

    @property
    def retry_number(self) -> int: ...


@contextmanager
def dagster_failures(
    context: Attempt | None = None, retry: RetryConfig | None = None, *, below: Below = random.randrange
) -> Iterator[None]:
    """Around an asset's body: Dagster shows the failure's one sentence and retries only what may get better.

    With a `context` and a `retry` config, everything but a permanent failure is tried again, after the config's
    capped delay, until its attempts are used: Dagster's own RetryPolicy knows no cap. Without them a failure that
    may pass only allows retries. What is no known failure passes in the end with its stack trace: it is a bug.
    """
    try:
        yield
    except (dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        expected = failure_of(error)
        permanent = expected is not None and expected.permanent
        if context is not None and retry is not None and not permanent:
            attempt = context.retry_number + 1
            if retry.may_retry(attempt):
                wait = retry.delay(attempt, random=below).total_seconds()
                raise dg.RetryRequested(max_retries=retry.max_attempts - 1, seconds_to_wait=wait) from error
        if expected is None:
            raise
        raise dg.Failure(
            description=expected.message,
            metadata={"failure": type(expected).__name__, IN_METADATA: to_json(expected.message)},
            allow_retries=not expected.permanent,
        ) from expected


@contextmanager
def tick_failures() -> Iterator[None]:
    """As `dagster_failures`, around a look of a schedule or sensor: of that its text alone is kept: it has a note."""
    try:
        with dagster_failures():
            yield
    except dg.Failure as failure:
        if IN_METADATA in failure.metadata:
            failure.add_note(f"{NOTED}{failure.metadata[IN_METADATA].value}")
        raise
