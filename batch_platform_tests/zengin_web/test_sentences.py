"""What classification, brake and intake say in English, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings

from batch_platform.web import i18n
from batch_platform.zengin.web.sentences import said
from batch_platform_tests.zengin.masters import Master, classified, masters
from batch_platform_tests.zengin.workflow import frames, replay


@pytest.fixture
def japanese() -> Iterator[None]:
    with i18n.speaking(i18n.load(["batch_platform.zengin.web"])["ja"]):
        yield


@pytest.mark.usefixtures("japanese")
def test_every_finding_of_real_releases_is_translated() -> None:
    releases = [frames(files) for files in replay().values()]
    found = {reason for old, new in pairwise(releases) for reason in classified(old, new).get_column("reason")}
    assert len(found) > 50
    assert [one for one in found if said(one) == one or said(one).isascii()] == []


@pytest.mark.usefixtures("japanese")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(masters, masters)
def test_no_finding_is_left_in_english(old: Master, new: Master) -> None:
    reasons = classified(old, new).get_column("reason").to_list()
    assert [one for one in reasons if said(one) == one] == []


@pytest.mark.usefixtures("japanese")
@pytest.mark.parametrize(
    ("english", "japanese_text"),
    [
        ("167 changes within the limits.", "167 件の変更は上限内です。"),
        (
            "Too much changes at once: 40 of 1,146 banks would be added, more than 3 %; "
            "900 of 28,944 branches would be deleted, more than 2 %.",
            "一度の変更が多すぎます。金融機関 1,146 件のうち 40 件が追加（上限 3 %）、"
            "店舗 28,944 件のうち 900 件が削除（上限 2 %）。",
        ),
        (
            "All 5 branches after 0001-004 are missing: the file looks cut off.",
            "0001-004 より後の店舗 5 件がすべて欠けています。ファイルが途中で切れているとみられます。",
        ),
        (
            "Held (brake), and overridden by local:ann and local:ben. Raised: 3; "
            "waiting for approval or application already: 2; rejected before: 1.",
            "保留（変更過多）を local:ann と local:ben が解除しました。"
            "起案 3 件、承認・適用待ち 2 件、過去に却下 1 件。",
        ),
        (
            "本店 is renamed 中央, and 本店 is now the name of 0001-009.",
            "本店 は 中央 に名称変更。本店 は現在 0001-009 の名称です。",
        ),
        ("Undoes changeset-20261121-2d9ee87b917a.", "changeset-20261121-2d9ee87b917a を取り消します。"),
        ("superseded", "新しいリリースが届いたため"),
        ("somebody's own words", "somebody's own words"),
    ],
)
def test_sentences_inside_sentences(english: str, japanese_text: str) -> None:
    assert said(english) == japanese_text


def test_english_stays_as_it_is() -> None:
    for sentence in ("本店 is renamed 中央, and 本店 is now the name of 0001-009.", "167 changes within the limits."):
        assert said(sentence) == sentence
