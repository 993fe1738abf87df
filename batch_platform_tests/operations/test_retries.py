"""What a step's failure asks of Dagster, by the job's retry config."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import pytest

from batch_platform.core.failures import InvalidInput, PermanentFailure, TransientFailure
from batch_platform.core.retry import RetryConfig
from batch_platform.resources.failures import dagster_failures

CONFIG = RetryConfig(5, "exponential", timedelta(seconds=20), timedelta(seconds=60))


@dataclass
class Attempt:
    """All of an execution context that matters here."""

    retry_number: int


@pytest.mark.parametrize("error", [TransientFailure("busy", "busy"), ConnectionResetError("gone")])
def test_what_may_pass_is_asked_for_again_and_capped(error: Exception) -> None:
    waits = []
    for number in range(4):
        with pytest.raises(dg.RetryRequested) as caught, dagster_failures(Attempt(number), CONFIG):
            raise error
        waits.append(caught.value.seconds_to_wait)
        assert caught.value.max_retries == 4
    assert waits == [20, 40, 60, 60]


def test_the_last_attempt_ends_with_its_sentence_or_its_stack_trace() -> None:
    with pytest.raises(dg.Failure) as caught, dagster_failures(Attempt(4), CONFIG):
        raise TransientFailure("busy", "busy")
    assert caught.value.description == "busy"
    with pytest.raises(ConnectionResetError), dagster_failures(Attempt(4), CONFIG):
        raise ConnectionResetError("gone")


@pytest.mark.parametrize("error", [PermanentFailure("denied", "denied"), InvalidInput("no-month", "no such month")])
def test_what_cannot_get_better_is_never_tried_again(error: Exception) -> None:
    with pytest.raises(dg.Failure) as caught, dagster_failures(Attempt(0), CONFIG):
        raise error
    assert not caught.value.allow_retries


def test_what_dagster_is_told_already_is_left_as_it_is() -> None:
    for told in (dg.Failure("said"), dg.RetryRequested(max_retries=1)):
        with pytest.raises(type(told)) as caught, dagster_failures(Attempt(0), CONFIG):
            raise told
        assert caught.value is told
