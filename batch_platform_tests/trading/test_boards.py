"""Leaderboards as a whole, by pages, and of instants whose rows have been thinned away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from batch_platform.core.failures import NotFound
from batch_platform.trading import answer
from batch_platform.trading.service import TradingContext, boards, contests, retention
from batch_platform_tests.trading.contests import Size, contest, written
from batch_platform_tests.trading.live import make_live

LINES = written(contest(Random(5), Size(players=9, days=0.4, orders=6)))

Load = Callable[[str], str]


@pytest.fixture(scope="module")
def campaign(loaded: Load) -> str:
    return loaded(LINES)


def shown(board: boards.Board) -> dict[str, object]:
    return {"ranked": [*map(answer.ranked, board.ranked)], "unranked": [*map(answer.unranked, board.unranked)]}


def test_pages_are_the_board(trading: TradingContext, campaign: str) -> None:
    whole = boards.leaderboard(trading, campaign)
    pages = [boards.ranking(trading, campaign, limit=2, offset=offset) for offset in range(0, len(whole.ranked), 2)]
    assert [row for page in pages for row in page.ranked] == whole.ranked
    assert [page.has_more for page in pages] == [True] * (len(pages) - 1) + [False]
    assert whole.at == max(row["at"] for row in boards.snapshots(trading, campaign))


def test_thinning_takes_no_board_away(trading: TradingContext, loaded: Load) -> None:
    expected = contests.replay(trading, LINES.encode().splitlines())["leaderboard"]
    name = loaded(LINES)
    at = boards.leaderboard(trading, name).at
    assert at is not None
    before = boards.snapshots(trading, name)
    retention.prune(trading, at.date() + timedelta(days=200), campaign=name)
    left = boards.snapshots(trading, name)
    assert 0 < len(left) < len(before)
    instants = {answer.text(row["at"]): row["at"] for row in before}
    assert {text: shown(boards.leaderboard(trading, name, at=at)) for text, at in instants.items()} == {
        text: expected[text] for text in instants
    }
    assert boards.snapshots(trading, name) == left


def test_a_board_that_there_is_not(trading: TradingContext, campaign: str) -> None:
    newest = boards.leaderboard(trading, campaign).at
    assert newest is not None
    for read in (boards.leaderboard, boards.ranking, boards.snapshots):
        with pytest.raises(NotFound, match="has no snapshot of"):
            read(trading, campaign, at=newest + timedelta(seconds=1))
        with pytest.raises(NotFound, match="no campaign nowhere"):
            read(trading, "nowhere")
    assert boards.leaderboard(trading, make_live(trading).name) == boards.Board(None)
