"""What classification and brake say is kept as messages, and said in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from batch_platform.core.messages import from_json
from batch_platform.web import i18n
from batch_platform.web.i18n import translated
from batch_platform.zengin import brake
from batch_platform.zengin.model import Limits
from batch_platform_tests.zengin.masters import Master, classified, masters
from batch_platform_tests.zengin.workflow import frames, replay


@pytest.fixture
def japanese() -> Iterator[None]:
    with i18n.speaking(i18n.load(["batch_platform.web", "batch_platform.zengin.web"])["ja"]):
        yield


def in_english(changes: pl.DataFrame) -> list[str]:
    """Findings that Japanese does not know, after a look at the rest: the message of each row is its sentence."""
    messages = [from_json(text) for text in changes.get_column("message")]
    assert messages == changes.get_column("reason").to_list()
    return [message for message in messages if translated(message) == message or translated(message).isascii()]


@pytest.mark.usefixtures("japanese")
def test_every_finding_of_real_releases_is_translated() -> None:
    releases = [frames(files) for files in replay().values()]
    found = pl.concat([classified(old, new) for old, new in pairwise(releases)])
    assert found.get_column("reason").n_unique() > 50
    assert in_english(found) == []


@pytest.mark.usefixtures("japanese")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(masters, masters)
def test_no_finding_is_left_in_english(old: Master, new: Master) -> None:
    assert in_english(classified(old, new)) == []


@pytest.mark.usefixtures("japanese")
def test_clauses_follow_each_other() -> None:
    text = (
        '{"id": "change-said", "text": "{change}.", "parameters": {"change": {"id": "change-moves-name", "text":'
        ' "{change}, and {was} is now the name of {key}", "parameters": {"change": {"id": "renamed", "text":'
        ' "{was} is renamed {name}", "parameters": {"was": "本店", "name": "中央"}},'
        ' "was": "本店", "key": "0001-009"}}}}'
    )
    assert from_json(text) == "本店 is renamed 中央, and 本店 is now the name of 0001-009."
    assert translated(from_json(text)) == "本店 は 中央 に名称変更。本店 は現在 0001-009 の名称です。"


@pytest.mark.usefixtures("japanese")
def test_a_verdict_is_said_in_the_language_of_the_reader() -> None:
    old = frames(next(iter(replay().values())))
    gone = (old[0], old[1].head(old[1].height - 10))
    judged = brake.judge(
        classified(old, gone),
        *old,
        content_hash="new",
        current_hash=None,
        accepted=(),
        applied=pl.DataFrame(schema=brake.APPLIED_SCHEMA),
        limits=Limits(),
    )
    assert judged.reason.startswith("All 10 branches after ")
    japanese = translated(judged.reason)
    assert japanese.endswith("店舗 10 件がすべて欠けています。ファイルが途中で切れているとみられます。")
