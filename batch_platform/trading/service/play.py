"""Plays a contest through the engine.

Between two ticks what players do is gathered and handed over many at once: everybody's first act, then everybody's
second, and so on; what different players do between two ticks does not meet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import NAMESPACE_OID, uuid5

from psycopg import errors

from batch_platform.core.json_lines import bad_line
from batch_platform.core.messages import Message
from batch_platform.core.progress import report
from batch_platform.trading.amounts import plain
from batch_platform.trading.cadence import GOOD_FOR
from batch_platform.trading.contest import Contest, Event
from batch_platform.trading.lines import Fact, FlowLine, OrderLine, SnapshotLine, TickLine, UserLine
from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine
from batch_platform.trading.service.engine import Quote, Row
from batch_platform.trading.store import Session

_FIRST_LOOK: Final = 500
"""Events after which the temporary tables are analyzed, for plans that were made while they were small; then again
whenever there are four times as many."""


def play(session: Session, contest: Contest, *, name: str) -> Campaign:
    """The campaign as of the contest's end. Raises `InvalidInput` naming the line of a flow below zero."""
    player = _Player(session, _begin(session, contest, name))
    for done, event in enumerate(contest.events):
        if done % 1_000 == 0:
            report(f"{done} of {len(contest.events)} events")
        player.take(event)
    return player.end(contest.end)


def _begin(session: Session, contest: Contest, name: str) -> Campaign:
    """The campaign with everything that is there from the start."""
    fees = contest.settings
    number = session.add_campaign(
        name=name, kind="loaded", swap_fee_bps=fees.swap_fee_bps, perp_fee_bps=fees.perp_fee_bps
    )
    assert number is not None, "the tables are empty"
    staked = {pool.lst for pool in contest.pools.values()}
    numbers = session.add_tokens(
        number,
        [
            {
                "symbol": token.token,
                "decimals": token.decimals,
                "perp_max_leverage": token.perp_max_leverage,
                "type": "liquid_staking" if token.token in staked else "normal",
            }
            for token in contest.tokens.values()
        ],
    )
    session.add_pools(
        [
            {
                "base_token_no": numbers[pool.base],
                "lst_token_no": numbers[pool.lst],
                "exchange_rate": pool.exchange_rate,
            }
            for pool in contest.pools.values()
        ]
    )
    session.add_interest_rates(
        [
            {
                "id": _id(name, "interest", rate.token, rate.action, rate.effective),
                "token_no": numbers[rate.token],
                "action_type": rate.action,
                "interest_rate": rate.rate,
                "effective_date": rate.effective,
            }
            for rate in contest.interest_rates
        ]
    )
    session.add_funding_rates(
        [
            {
                "id": _id(name, "funding", rate.token, rate.at),
                "token_no": numbers[rate.token],
                "rate": rate.rate,
                "at": rate.at,
            }
            for rate in contest.funding_rates
        ]
    )
    campaign = engine.campaign(session, name)
    return engine.advance(session, campaign, contest.start) if contest.start is not None else campaign


def _id(*parts: object) -> str:
    """The same for the same fact of the same campaign."""
    return str(uuid5(NAMESPACE_OID, "/".join(map(str, parts))))


F = TypeVar("F", bound=Fact)


class _Player:
    """One pass. `_rounds` are the acts since the last tick: everybody's first, everybody's second, and so on."""

    def __init__(self, session: Session, campaign: Campaign) -> None:
        self._session = session
        self._campaign = campaign
        self._users: dict[str, int] = {}
        self._rounds: list[list[Event]] = []
        self._acts: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, list[datetime]] = defaultdict(list)
        self._events = 0
        self._next_look = _FIRST_LOOK

    def take(self, event: Event) -> None:
        """The next event in the order of time."""
        at = event.fact.at
        self._pass_time(at)
        match event.fact:
            case TickLine():
                self._tick(event.fact)
            case SnapshotLine():
                self._hand_over()
                self._session.take_snapshot(self._campaign.number, at, self._campaign.usdc_no)
            case UserLine(user=user) | FlowLine(user=user) | OrderLine(user=user):
                self._gather(user, event)
        self._look()

    def _look(self) -> None:
        self._events += 1
        if self._events == self._next_look:
            self._hand_over()
            self._session.analyze()
            self._next_look *= 4

    def end(self, at: datetime | None) -> Campaign:
        """Time passes until the end."""
        self._hand_over()
        if at is not None:
            self._pass_time(at)
            engine.settle(self._session, self._campaign, at)
            self._session.end_contest(self._campaign.number, at)
        return engine.campaign(self._session, self._campaign.name)

    def _pass_time(self, at: datetime) -> None:
        """Days end before anything else happens at this instant."""
        if self._campaign.day != at.astimezone(UTC).date():
            self._hand_over()
            self._campaign = engine.advance(self._session, self._campaign, at)

    def _gather(self, user: str, event: Event) -> None:
        number = self._acts[user]
        self._acts[user] += 1
        if number == len(self._rounds):
            self._rounds.append([])
        self._rounds[number].append(event)

    def _hand_over(self) -> None:
        rounds, self._rounds = self._rounds, []
        self._acts.clear()
        for events in rounds:
            self._expire(events)
            self._join([event.fact for event in events if isinstance(event.fact, UserLine)])
            if flows := [event for event in events if isinstance(event.fact, FlowLine)]:
                self._flow(flows)
            if orders := [self._order(event) for event in events if isinstance(event.fact, OrderLine)]:
                self._session.accept_orders(self._campaign.number, orders)

    def _expire(self, events: Sequence[Event]) -> None:
        """What waited too long is free again before its player acts; a tick expires everybody else's."""
        acts = []
        for event in events:
            fact = event.fact
            if not isinstance(fact, FlowLine | OrderLine):
                continue
            waiting = self._waiting[fact.user]
            if waiting and waiting[0] + GOOD_FOR < fact.at:
                acts.append({"user_no": self._users[fact.user], "at": fact.at})
                waiting[:] = [accepted for accepted in waiting if accepted + GOOD_FOR >= fact.at]
            if isinstance(fact, OrderLine):
                waiting.append(fact.at)
        if acts:
            self._session.expire_orders(self._campaign.number, acts)

    def _join(self, users: Sequence[UserLine]) -> None:
        rows = [
            {
                "id": line.user,
                "username": line.user,
                "wallet_address": line.user,
                "status": line.status,
                "at": line.at,
            }
            for line in users
        ]
        self._users |= self._session.add_users(self._campaign.number, rows) if rows else {}

    def _flow(self, flows: Sequence[Event]) -> None:
        rows = [self._flow_row(event) for event in flows if isinstance(event.fact, FlowLine)]
        try:
            self._session.add_flows(self._campaign.number, rows)
        except errors.CheckViolation:
            if len(flows) == 1:
                raise bad_line(flows[0].number, Message("flow-below-zero", "more flows out than there is")) from None
            for event in flows:
                self._flow([event])

    def _flow_row(self, event: Event) -> Row:
        line = event.fact
        assert isinstance(line, FlowLine)
        amounts = {token: plain(amount) for token, amount in line.amounts.items()}
        return engine.flow_row(self._campaign, self._user(event, line.user), line.at, line.flow, amounts)

    def _order(self, event: Event) -> Row:
        line = event.fact
        assert isinstance(line, OrderLine)
        return engine.order_row(self._campaign, self._user(event, line.user), line.at, line.id, line.request)

    def _user(self, event: Event, user: str) -> int:
        """Raises `InvalidInput` for one who acts before he is there."""
        if user not in self._users:
            raise bad_line(event.number, Message("line-before-user", "comes before its user does"), field="user")
        return self._users[user]

    def _tick(self, line: TickLine) -> None:
        self._hand_over()
        quotes = {token: Quote(price) for token, price in line.prices.items()}
        done = engine.tick(self._session, self._campaign, line.at, quotes, kind="given")
        if done.settled:
            self._waiting.clear()
            for order in self._session.waiting(self._campaign.number):
                self._waiting[order["user"]].append(order["accepted_at"])
