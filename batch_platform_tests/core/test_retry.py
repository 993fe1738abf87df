"""The specs' three backoffs: exact values, and what holds for every config."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.core.retry import STANDARD_RETRY, RetryConfig


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


@st.composite
def configs(draw: st.DrawFn) -> RetryConfig:
    base = draw(st.timedeltas(timedelta(0), timedelta(days=2)))
    return RetryConfig(
        max_attempts=draw(st.integers(1, 50)),
        backoff=draw(st.sampled_from(["fixed", "linear", "exponential"])),
        base_delay=base,
        max_delay=base + draw(st.timedeltas(timedelta(0), timedelta(days=30))),
        jitter=draw(st.decimals(0, 1, places=3)),
    )


@pytest.mark.parametrize(
    ("config", "delays"),
    [
        (RetryConfig(3, "exponential", seconds(5), seconds(60)), [5, 10]),
        (RetryConfig(2, "fixed", seconds(30), seconds(30)), [30]),
        (RetryConfig(5, "linear", seconds(10), seconds(300)), [10, 20, 30, 40]),
        (RetryConfig(9, "exponential", seconds(5), seconds(60)), [5, 10, 20, 40, 60, 60, 60, 60]),
        (RetryConfig(5, "linear", seconds(10), seconds(25)), [10, 20, 25, 25]),
    ],
    ids=["engineer-status-update", "daily-backup", "invoice-generation", "capped-exponential", "capped-linear"],
)
def test_the_specs_examples_to_the_second(config: RetryConfig, delays: list[int]) -> None:
    attempts = [attempt for attempt in range(1, 20) if config.may_retry(attempt)]
    assert [config.delay(attempt) for attempt in attempts] == [seconds(delay) for delay in delays]


@given(configs(), st.integers(1, 10**9), st.randoms(use_true_random=False))
def test_never_above_the_cap_nor_below_zero(config: RetryConfig, attempt: int, source: random.Random) -> None:
    assert timedelta(0) <= config.delay(attempt, random=source.randrange) <= config.max_delay


@given(configs(), st.integers(1, 10**6))
def test_without_jitter_waits_never_get_shorter(config: RetryConfig, attempt: int) -> None:
    assert config.delay(attempt) <= config.delay(attempt + 1)
    assert config.delay(attempt) >= min(config.base_delay, config.max_delay)


@given(configs(), st.integers(1, 100), st.randoms(use_true_random=False))
def test_jitter_keeps_its_share(config: RetryConfig, attempt: int, source: random.Random) -> None:
    plain, shaken = config.delay(attempt), config.delay(attempt, random=source.randrange)
    off = abs(shaken - plain) // timedelta(microseconds=1)
    assert off <= plain // timedelta(microseconds=1) * config.jitter
    assert replace(config, jitter=Decimal(0)).delay(attempt, random=source.randrange) == plain


def test_jitter_reaches_both_sides() -> None:
    config = RetryConfig(5, "fixed", seconds(10), seconds(60), jitter=Decimal("0.5"))
    assert config.delay(1, random=lambda below: 0) == seconds(5)
    assert config.delay(1, random=lambda below: below - 1) == seconds(15)
    assert replace(config, max_delay=seconds(10)).delay(1, random=lambda below: below - 1) == seconds(10)


@given(configs(), st.integers(1, 100))
def test_the_last_attempt_is_the_last(config: RetryConfig, attempt: int) -> None:
    assert config.may_retry(attempt) == (attempt < config.max_attempts)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"max_attempts": 0}, "max_attempts"),
        ({"base_delay": seconds(61)}, "base_delay"),
        ({"base_delay": seconds(-1)}, "base_delay"),
        ({"jitter": Decimal("1.01")}, "jitter"),
        ({"jitter": Decimal("-0.1")}, "jitter"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        replace(STANDARD_RETRY, **changes)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(InvalidInput):
        STANDARD_RETRY.delay(0)
