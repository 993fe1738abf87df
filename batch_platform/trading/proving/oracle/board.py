"""What players are worth: the value of flows, snapshots, ranks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from batch_platform.trading.proving.oracle.books import Books, Flow, User
from batch_platform.trading.proving.oracle.exact import half_even
from batch_platform.trading.proving.oracle.market import Market
from batch_platform.trading.proving.oracle.perps import CASH


class Missing(Exception):
    """A value for which prices are missing; `tokens` names them, sorted and joined by commas."""

    def __init__(self, tokens: set[str]) -> None:
        self.tokens = ",".join(sorted(tokens))


@dataclass(frozen=True)
class Row:
    """A snapshot of one user, USD; None for what a value of 0 has left without meaning."""

    user: str
    at: int
    total: Fraction
    from_previous: Fraction
    from_start: Fraction
    percentage: Fraction | None
    net_flows: Fraction
    factor: Fraction | None


@dataclass
class Board:
    """One instant's ranks: (rank, row), and why others have none."""

    ranked: list[tuple[int, Row]] = field(default_factory=list)
    unranked: list[tuple[str, str]] = field(default_factory=list)


class Valuer:
    """Takes snapshots, and remembers each user's last row."""

    def __init__(self, market: Market, books: Books) -> None:
        self._market, self._books = market, books
        self.rows: list[Row] = []
        self.incomplete: list[tuple[str, int, str]] = []
        self.boards: dict[int, Board] = {}
        self.waiting: list[Flow] = []
        """Flows that have no value yet."""
        self._last: dict[str, Row] = {}

    def value_flows(self, at: int) -> None:
        """Those whose tokens all have a good price at this tick."""
        for flow in list(self.waiting):
            try:
                flow.value = half_even(self._worth(at, flow.amounts), 8)
            except Missing:
                continue
            flow.valued_at = at
            self.waiting.remove(flow)

    def _worth(self, at: int, amounts: dict[str, Fraction], missing: set[str] | None = None) -> Fraction:
        """The exact value. Raises `Missing` with what is missing here and already."""
        total, missing = Fraction(0), set(missing or ())
        for token, amount in amounts.items():
            price = self._market.good(token, at) if amount else Fraction(0)
            if price is None:
                missing.add(token)
            else:
                total += amount * price
        if missing:
            raise Missing(missing)
        return total

    def _total(self, at: int, user: User) -> Fraction:
        """Wallet, reservations, stakes with their interest, and positions, rounded once."""
        amounts: dict[str, Fraction] = defaultdict(Fraction, user.wallet)
        for token, amount in user.reserved.items():
            amounts[token] += amount
        for stake in user.investments:
            if stake.status == "active" and stake.kind == "staking":
                amounts[stake.token] += stake.principal + stake.accrued(self._market.accrued[stake.token])
        waiting = [flow for flow in user.flows if flow.valued_at is None]
        missing = {token for flow in waiting for token, amount in flow.amounts.items() if amount}
        for position in user.positions:
            price = self._market.good(position.token, at)
            if price is None:
                missing.add(position.token)
                if self._market.good(CASH, at) is None:
                    missing.add(CASH)
                continue
            equity = position.equity(price, position.funding(self._market.funding[position.token]))
            amounts[CASH] += max(Fraction(0), equity)
        return half_even(self._worth(at, amounts, missing), 8)

    def snapshot(self, at: int) -> None:
        missing: dict[str, str] = {}
        rows: dict[str, Row] = {}
        for user in sorted(self._books.users.values(), key=lambda user: user.id):
            baseline = baseline_of(user)
            if baseline is None:
                continue
            try:
                rows[user.id] = self._row(at, user, baseline)
            except Missing as prices:
                missing[user.id] = prices.tokens
        self.rows += rows.values()
        self.incomplete += [(user, at, tokens) for user, tokens in missing.items()]
        self._last |= rows
        self.boards[at] = self._board(rows, missing)

    def _row(self, at: int, user: User, baseline: Flow) -> Row:
        total = self._total(at, user)
        flows = sum((flow.value for flow in user.flows if flow is not baseline), Fraction(0))
        last = self._last.get(user.id)
        previous, flows_before, factor = baseline.value, Fraction(0), Fraction(1) if baseline.value else None
        if last is not None:
            previous, flows_before, factor = last.total, last.net_flows, last.factor
        between = flows - flows_before
        if factor is not None:
            factor = half_even(factor * (total - between) / previous, 18) if previous else None
        from_start = total - baseline.value - flows
        percentage = half_even(100 * from_start / baseline.value, 8) if baseline.value else None
        return Row(user.id, at, total, total - previous - between, from_start, percentage, flows, factor)

    def _board(self, rows: dict[str, Row], missing: dict[str, str]) -> Board:
        board = Board()
        users = [user for user in self._books.users.values() if user.status != "disqualified"]
        for user in sorted(users, key=lambda user: user.id):
            baseline = baseline_of(user)
            if baseline is None or baseline.value == 0:
                board.unranked.append((user.id, "no_baseline"))
            elif user.id in missing:
                board.unranked.append((user.id, f"price_missing:{missing[user.id]}"))

        def place(row: Row) -> tuple[Fraction, Fraction]:
            return -(row.percentage or Fraction(0)), -row.from_start

        unranked = {user for user, _ in board.unranked}
        listed = [(user, rows[user.id]) for user in users if user.id not in unranked]
        listed.sort(key=lambda entry: (*place(entry[1]), entry[0].created_at, entry[0].id))
        for number, (_, row) in enumerate(listed, 1):
            above = board.ranked[-1] if board.ranked else None
            rank = above[0] if above and place(above[1]) == place(row) else number
            board.ranked.append((rank, row))
        return board


def baseline_of(user: User) -> Flow | None:
    """The first grant, once it has a value."""
    grant = next((flow for flow in user.flows if flow.kind == "initial"), None)
    return grant if grant is not None and grant.valued_at is not None else None
