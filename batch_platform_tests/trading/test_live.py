"""Orders and ticks of a live campaign."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.trading.service import TradingContext, registration, ticks
from batch_platform.trading.service.verify import verify
from batch_platform_tests.trading.live import START, Live, make_live


@pytest.fixture
def campaign(trading: TradingContext) -> Live:
    live = make_live(trading)
    live.join("ann", "bob")
    live.clock.pass_by(seconds=10)
    live.tick()
    return live


def together(*acts: Callable[[], Any]) -> list[Any]:
    """What each gives, begun at once."""
    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(act) for act in acts]]


def test_a_swap_is_filled_by_the_first_tick_after_it(campaign: Live) -> None:
    order = campaign.place("ann", "swap", **{"from": "SOL", "to": "USDC", "amount": "1.5"})
    assert (order["status"], campaign.balances("ann")) == ("pending", {"SOL": "10.5", "USDC": "900"})
    assert campaign.tick({"SOL": "200"}) is not None
    assert campaign.balances("ann")["USDC"] == "900"
    campaign.tick({"SOL": "170", "USDC": "1"})
    assert campaign.balances("ann") == {"SOL": "10.5", "USDC": "1155"}


def test_an_order_that_no_tick_fills_in_time_gives_back_what_it_reserved(campaign: Live) -> None:
    campaign.place("ann", "swap", **{"from": "SOL", "to": "USDC", "amount": "12"})
    campaign.clock.pass_by(seconds=1_802)
    assert campaign.place("ann", "stake", token="SOL", amount="12")["status"] == "filled"


def test_the_same_request_is_one_order(campaign: Live) -> None:
    first, again = (campaign.place("ann", "stake", key="k1", token="SOL", amount="7") for _ in range(2))
    assert first["id"] == again["id"]
    assert campaign.balances("ann")["SOL"] == "5"


def test_of_many_swaps_of_a_whole_balance_one_is_accepted(campaign: Live) -> None:
    def swap() -> str:
        return str(campaign.place("ann", "swap", **{"from": "SOL", "to": "USDC", "amount": "12"})["status"])

    assert sorted(together(*[swap] * 20)) == ["pending"] + ["rejected"] * 19


def test_a_position_is_closed_or_liquidated_once(campaign: Live) -> None:
    order = campaign.place("bob", "perp_open", token="SOL", collateral="100", leverage=20, direction="long")
    campaign.clock.pass_by(seconds=5)
    campaign.tick()

    def close() -> str:
        return str(campaign.place("bob", "perp_close", position=order["id"])["reason"])

    def crash() -> int:
        done = campaign.tick({"SOL": "155", "USDC": "1"})
        return 0 if done is None else len(done.liquidated)

    campaign.clock.pass_by(seconds=5)
    outcomes = together(*[close, crash] * 10)
    assert sum(outcome for outcome in outcomes if isinstance(outcome, int)) == 1
    assert {"None", "close_pending", "position_not_open"} >= {text for text in outcomes if isinstance(text, str)}
    assert campaign.place("bob", "perp_close", position=order["id"])["reason"] == "position_not_open"


# a tick stands a second after its look at the clock
@pytest.mark.parametrize(("seconds", "reason"), [(1_799, "position_liquidated"), (1_800, "expired")])
def test_a_close_whose_time_has_passed_is_not_met_by_a_liquidation(campaign: Live, seconds: int, reason: str) -> None:
    order = campaign.place("bob", "perp_open", token="SOL", collateral="100", leverage=20, direction="long")
    campaign.tick()
    campaign.clock.pass_by(seconds=1)
    close = campaign.place("bob", "perp_close", position=order["id"])
    campaign.clock.now = close["accepted_at"] + timedelta(seconds=seconds)
    done = campaign.tick({"SOL": "150", "USDC": "1"})
    assert done is not None
    assert len(done.liquidated) == 1
    with campaign.context.store.snapshot() as session:
        assert session.order_by_no(close["order_no"])["reason"] == reason
    assert verify(campaign.context, campaign.name).is_equal


def test_a_scheduled_tick_happens_once(campaign: Live) -> None:
    window = START.replace(minute=10)
    campaign.clock.pass_by(minutes=10)
    done = together(*[lambda: campaign.tick(window_at=window)] * 8)
    assert len({tick.at for tick in done}) == 1
    assert sum(bool(tick.token_nos) for tick in done) == 1


def test_interest_of_missed_days_is_paid_before_the_first_tick(campaign: Live) -> None:
    staked = campaign.place("ann", "stake", token="SOL", amount="10")
    campaign.clock.pass_by(days=3)
    paid = campaign.place("ann", "unstake", investment=staked["id"])
    assert (paid["status"], str(paid["result"].normalize())) == ("filled", "10.006")


def test_after_its_end_nothing_is_traded_and_what_waits_expires(trading: TradingContext) -> None:
    campaign = make_live(trading, ends_at=START + timedelta(hours=1))
    campaign.join("ann")
    campaign.clock.pass_by(minutes=59)
    campaign.place("ann", "swap", **{"from": "SOL", "to": "USDC", "amount": "1"})
    campaign.clock.pass_by(minutes=1)
    assert campaign.place("ann", "stake", token="SOL", amount="1")["reason"] == "campaign_ended"
    assert campaign.tick() is None
    assert [ticks.end(campaign.context, campaign.name) for _ in range(2)] == [1, 0]
    assert campaign.balances("ann") == {"SOL": "12", "USDC": "900"}


def test_everybody_is_granted_once(campaign: Live) -> None:
    campaign.join("ann")
    assert registration.distribute(campaign.context, campaign.name) == 0
    assert campaign.balances("ann") == {"SOL": "12", "USDC": "900"}
    together(*[lambda: campaign.join("cid")] * 8)
    assert campaign.balances("cid") == {"SOL": "12", "USDC": "900"}


def test_what_cannot_be_is_refused(campaign: Live) -> None:
    with pytest.raises(NotFound, match="no player zoe"):
        campaign.place("zoe", "stake", token="SOL", amount="1")
    with pytest.raises(InvalidInput, match="amount"):
        campaign.place("ann", "stake", token="SOL")
    with pytest.raises(Conflict, match="less than that"):
        registration.move(
            campaign.context, campaign.name, "ann", "correction", {"SOL": "-13"}, reason="x", record=lambda *_: None
        )
    assert campaign.tick({}) is None
