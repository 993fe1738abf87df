"""Crons and intervals in words, Japanese and English; none that the platform declares is without."""

from __future__ import annotations

from datetime import timedelta

import pytest

from batch_platform.core.crons import LANGUAGES, cron_in_words, interval_in_words, length_in_words
from batch_platform.operations.model import Schedule
from batch_platform.operations.web.schemas import TriggerAnswer, start_in_words
from batch_platform.registry import build_registry
from batch_platform.settings import Settings

JAPAN = "Asia/Tokyo"


@pytest.mark.parametrize(
    ("cron", "zone", "japanese", "english"),
    [
        ("0 23 * * *", JAPAN, "毎日 23:00", "every day at 23:00"),
        ("30 4,16 * * *", JAPAN, "毎日 4:30、16:30", "every day at 4:30, 16:30"),
        ("0 0 * * *", "UTC", "毎日 0:00 UTC", "every day at 0:00 UTC"),
        ("* * * * *", JAPAN, "1 分ごと", "every minute"),
        ("*/30 * * * *", JAPAN, "30 分ごと", "every 30 minutes"),
        ("0 * * * *", JAPAN, "毎時 0 分", "every hour on the hour"),
        ("15 * * * *", JAPAN, "毎時 15 分", "every hour at :15"),
        ("0 */8 * * *", "UTC", "8 時間ごと(0:00 から) UTC", "every 8 hours (from 0:00) UTC"),
        (
            "*/10 0-15,21-23 * * *",
            "UTC",
            "10 分ごと(0:00〜15:59、21:00〜23:59) UTC",
            "every 10 minutes (0:00 to 15:59, 21:00 to 23:59) UTC",
        ),
        ("0 4 * * 0", JAPAN, "毎週日曜日 4:00", "every Sunday at 4:00"),
        ("0 4 * * 7", JAPAN, "毎週日曜日 4:00", "every Sunday at 4:00"),
        ("0 9 * * MON,THU", JAPAN, "毎週月曜・木曜 9:00", "every Monday, Thursday at 9:00"),
        ("0 6 1 * *", JAPAN, "毎月 1 日 6:00", "every month on day 1 at 6:00"),
        ("0 6 L * *", JAPAN, "毎月 末日 6:00", "every month on the last day at 6:00"),
        ("0 0 1 4 *", JAPAN, "毎年 4 月 1 日 0:00", "every year in April on day 1 at 0:00"),
        ("@daily", JAPAN, "毎日 0:00", "every day at 0:00"),
    ],
)
def test_a_cron_is_said_in_words(cron: str, zone: str, japanese: str, english: str) -> None:
    assert cron_in_words(cron, zone, "ja") == japanese
    assert cron_in_words(cron, zone, "en") == english


@pytest.mark.parametrize(
    "cron", ["*/7 * * * *", "0 0 1 * 1", "0 25 * * *", "61 * * * *", "0 9 * * FOO", "0 0 0 * *", "0 9", "0 9-8 * * *"]
)
def test_what_no_words_are_known_for_is_none(cron: str) -> None:
    assert cron_in_words(cron, JAPAN, "ja") is None
    assert start_in_words(Schedule("s", cron), "ja") is None
    answer = TriggerAnswer.of_trigger(Schedule("s", cron), running=True)
    assert (answer.in_words, answer.shown()) == (None, cron)


def test_intervals_are_exact() -> None:
    assert interval_in_words(timedelta(seconds=30), "ja") == "30 秒ごと"
    assert interval_in_words(timedelta(hours=1), "en") == "every hour"
    assert interval_in_words(timedelta(seconds=5_430), "ja") == "1 時間 30 分 30 秒ごと"
    assert interval_in_words(timedelta(seconds=90), "en") == "every 1 minute 30 seconds"
    assert (length_in_words(timedelta(0), "ja"), length_in_words(timedelta(days=1), "en")) == ("0 秒", "1 day")
    with pytest.raises(ValueError, match="no interval"):
        interval_in_words(timedelta(0), "ja")


def test_everything_that_starts_a_job_is_said_in_words(settings: Settings) -> None:
    triggers = [trigger for job in build_registry(settings) for trigger in job.triggers]
    assert len(triggers) > 15
    for trigger in triggers:
        for language in LANGUAGES:
            words = start_in_words(trigger, language)
            assert words is not None, trigger
            assert "*" not in words
