"""Orders: refused, filled at once, or reserved for and filled at a tick, or expired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from batch_platform.trading.proving.oracle.books import Books, Investment, Order, User
from batch_platform.trading.proving.oracle.exact import fits, floor, is_number, number
from batch_platform.trading.proving.oracle.lines import Contest, Line
from batch_platform.trading.proving.oracle.market import GOOD_FOR, Market
from batch_platform.trading.proving.oracle.perps import CASH, Position, fee, size


class Refused(Exception):
    """For the reason that is its text."""


class Exchange:
    """Takes orders in and fills them."""

    def __init__(self, contest: Contest, market: Market, books: Books) -> None:
        self._contest, self._market, self._books = contest, market, books
        self._takers: Mapping[str, Callable[[Order, User], None]] = {
            "swap": self._swap,
            "stake": self._stake,
            "liquid_stake": self._liquid_stake,
            "unstake": self._unstake,
            "perp_open": self._perp_open,
            "perp_close": self._perp_close,
        }
        self._fillers: Mapping[str, Callable[[Order, Mapping[str, Fraction]], None]] = {
            "swap": self._fill_swap,
            "perp_open": self._fill_open,
            "perp_close": self._fill_close,
        }

    # acceptance

    def take(self, at: int, line: Line) -> None:
        """Raises KeyError for an unknown user or kind of order, ValueError for an amount that is no text."""
        order, user = Order(line["id"], line["user"], at, line), self._books.users[line["user"]]
        self._books.orders[order.id] = order
        try:
            self._takers[line["order"]](order, user)
        except Refused as refusal:
            order.status, order.reason = "rejected", str(refusal)
            return
        if order.status == "pending":
            self._books.pending.append(order)

    def _amount(self, text: object, places: int) -> Fraction:
        if not isinstance(text, str):
            raise ValueError(f"{text!r} is no text")
        amount = number(text) if is_number(text) else Fraction(0)
        if amount <= 0 or not fits(amount, places):
            raise Refused("invalid_amount")
        return amount

    def _known(self, token: str) -> str:
        if token not in self._contest.tokens:
            raise Refused("unknown_token")
        return token

    def _pay(self, user: User, token: str, amount: Fraction) -> None:
        if user.wallet[token] < amount:
            raise Refused("insufficient_balance")
        user.wallet[token] -= amount

    def _reserve(self, order: Order, user: User, token: str, amount: Fraction) -> None:
        self._pay(user, token, amount)
        user.reserved[token] += amount
        order.reserved = token, amount

    def _filled(self, order: Order, at: int, **result: Fraction) -> None:
        order.status, order.filled_at, order.result = "filled", at, result

    def _swap(self, order: Order, user: User) -> None:
        paid, bought = self._known(order.line["from"]), self._known(order.line["to"])
        if paid == bought:
            raise Refused("same_token")
        amount = self._amount(order.line["amount"], self._contest.tokens[paid].decimals)
        order.tokens = paid, bought
        self._reserve(order, user, paid, amount)

    def _stake(self, order: Order, user: User) -> None:
        token = self._known(order.line["token"])
        amount = self._amount(order.line["amount"], self._contest.tokens[token].decimals)
        self._pay(user, token, amount)
        index = self._market.accrued[token]
        self._invest(user, Investment(order.id, user.id, "staking", token, amount, index=index))
        self._filled(order, order.at)

    def _liquid_stake(self, order: Order, user: User) -> None:
        token = self._known(order.line["token"])
        if token not in self._contest.pools:
            raise Refused("unknown_token")
        lst = self._contest.pools[token].lst
        amount = self._amount(order.line["amount"], self._contest.tokens[token].decimals)
        if user.wallet[token] < amount:
            raise Refused("insufficient_balance")
        minted = floor(amount / self._market.lst_rates[lst], self._contest.tokens[lst].decimals)
        if minted == 0:
            raise Refused("amount_too_small")
        self._pay(user, token, amount)
        user.wallet[lst] += minted
        self._invest(user, Investment(order.id, user.id, "liquid_staking", token, amount, minted=minted))
        self._filled(order, order.at, minted=minted)

    def _invest(self, user: User, investment: Investment) -> None:
        self._books.investments[investment.id] = investment
        user.investments.append(investment)

    def _unstake(self, order: Order, user: User) -> None:
        investment = self._books.investments.get(order.line["investment"])
        if investment is None or investment.user != user.id or investment.status != "active":
            raise Refused("not_active")
        token = investment.token
        places = self._contest.tokens[token].decimals
        if investment.kind == "staking":
            investment.accrued_at_end = investment.accrued(self._market.accrued[token])
            paid = floor(investment.principal + investment.accrued_at_end, places)
        else:
            lst = self._contest.pools[token].lst
            if user.wallet[lst] < investment.minted:
                raise Refused("insufficient_balance")
            paid = floor(investment.minted * self._market.lst_rates[lst], places)
            if paid == 0:
                raise Refused("amount_too_small")
            self._pay(user, lst, investment.minted)
        user.wallet[token] += paid
        investment.status, investment.paid = "withdrawn", paid
        self._filled(order, order.at, paid=paid)

    def _perp_open(self, order: Order, user: User) -> None:
        token = self._known(order.line["token"])
        max_leverage, leverage = self._contest.tokens[token].perp_max_leverage, order.line["leverage"]
        if not isinstance(leverage, int) or order.line["direction"] not in ("long", "short"):
            raise ValueError("no leverage or direction")
        if not max_leverage:
            raise Refused("unknown_token")
        if not 1 <= leverage <= max_leverage:
            raise Refused("leverage_out_of_range")
        collateral = self._amount(order.line["collateral"], self._contest.tokens[CASH].decimals)
        order.tokens = (token,)
        self._reserve(order, user, CASH, collateral + fee(self._contest.perp_fee_bps, collateral * leverage))

    def _perp_close(self, order: Order, user: User) -> None:
        position = self._books.positions.get(order.line["position"])
        if position is None or position.user != user.id or position.status != "open":
            raise Refused("position_not_open")
        if any(other.line.get("position") == position.id for other in self._books.pending):
            raise Refused("close_pending")
        order.tokens = (position.token,)

    # what becomes of those that are pending

    def expire(self, at: int) -> None:
        """Those that were not filled within their time, which has passed at this instant."""
        for order in [order for order in self._books.pending if order.at + GOOD_FOR < at]:
            self._settle(order, "expired", "expired")

    def liquidate(self, at: int, prices: Mapping[str, Fraction]) -> None:
        for position in [position for user in self._books.users.values() for position in user.positions]:
            if position.token not in prices:
                continue
            price, index = prices[position.token], self._market.funding[position.token]
            if position.is_liquidated(price, position.funding(index)):
                position.liquidate(at, price, index)
                self._pay_out(position)
                for order in [order for order in self._books.pending if order.line.get("position") == position.id]:
                    self._settle(order, "rejected", "position_liquidated")

    def fill(self, at: int, prices: Mapping[str, Fraction]) -> None:
        """Those accepted before this tick for which it has all prices, by (accepted at, id)."""
        for order in sorted(self._books.pending, key=lambda order: (order.at, order.id)):
            if order.at < at and all(token in prices for token in order.tokens):
                order.filled_at = at
                try:
                    self._fillers[order.line["order"]](order, prices)
                except Refused as refusal:
                    self._settle(order, "rejected", str(refusal))

    def _settle(self, order: Order, status: str, reason: str = "") -> None:
        """Take it off the pending ones; what it has reserved is free again, or spent if it is filled."""
        self._books.pending.remove(order)
        order.status, order.reason = status, reason
        if order.reserved is None:
            return
        user, (token, amount) = self._books.users[order.user], order.reserved
        user.reserved[token] -= amount
        if status != "filled":
            user.wallet[token] += amount

    def _fill_swap(self, order: Order, prices: Mapping[str, Fraction]) -> None:
        paid, bought = order.tokens
        amount, bps = number(order.line["amount"]), self._contest.swap_fee_bps
        value = amount * prices[paid] * (10_000 - bps) / 10_000
        amount_out = floor(value / prices[bought], self._contest.tokens[bought].decimals)
        if amount_out == 0:
            raise Refused("amount_too_small")
        self._settle(order, "filled")
        self._books.users[order.user].wallet[bought] += amount_out
        order.result = {"amount_out": amount_out, "fee": amount * bps / 10_000}

    def _fill_open(self, order: Order, prices: Mapping[str, Fraction]) -> None:
        [token] = order.tokens
        collateral, leverage = number(order.line["collateral"]), order.line["leverage"]
        quantity = size(collateral, leverage, prices[token])
        if quantity == 0:
            raise Refused("amount_too_small")
        self._settle(order, "filled")
        position = Position(
            id=order.id,
            user=order.user,
            token=token,
            direction=order.line["direction"],
            leverage=leverage,
            max_leverage=self._contest.tokens[token].perp_max_leverage or 0,
            collateral=collateral,
            open_fee=fee(self._contest.perp_fee_bps, collateral * leverage),
            entry_price=prices[token],
            quantity=quantity,
            index_at_open=self._market.funding[token],
            opened_at=order.filled_at,
        )
        self._books.positions[position.id] = position
        self._books.users[order.user].positions.append(position)

    def _fill_close(self, order: Order, prices: Mapping[str, Fraction]) -> None:
        position = self._books.positions[order.line["position"]]
        index = self._market.funding[position.token]
        self._settle(order, "filled")
        position.close(order.filled_at, prices[position.token], index, self._contest.perp_fee_bps)
        self._pay_out(position)
        order.result = {"payout": position.payout}

    def _pay_out(self, position: Position) -> None:
        user = self._books.users[position.user]
        user.positions.remove(position)
        user.wallet[CASH] += position.payout
