"""Whether what was booked is what was sealed: the plan's rows against the ledger's, counted and compared anew.

Nothing here trusts a counter or a sum of the batch: they are what is checked. The rows are compared by whole columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from batch_platform.btc.model import HOUSE, Batch, Counters, Rounding, RowState
from batch_platform.btc.money import DENOMINATOR, btc_text, exact_text, numerator
from batch_platform.btc.plan import pending, plan_sha256, plan_sum
from batch_platform.core.messages import Message

MOST_DIFFERENCES: Final = 20
"""So many are named; the count is of all."""

_ROWS: Final = "_rows"


@dataclass(frozen=True)
class Difference:
    """One user for whom a check found something else than it expected."""

    user_id: str
    expected: str
    found: str


@dataclass(frozen=True)
class Check:
    """One statement about a batch; `differences` are the first `MOST_DIFFERENCES` of `difference_count` users."""

    name: str
    ok: bool
    expected: str
    found: str
    differences: tuple[Difference, ...] = ()
    difference_count: int = 0


@dataclass(frozen=True)
class Proof:
    """All checks of one batch, and the counters and the sum (satoshi) recounted from its rows."""

    batch_id: str
    counters: Counters
    applied_sum: int
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.ok)


def recount(plan: pl.DataFrame, ledger: pl.DataFrame) -> Counters:
    """The counters of a batch from its rows alone; users twice in the ledger count once."""
    states = dict(plan.group_by("state").len().iter_rows())
    users = _of_users(ledger).unique("user_id", keep="any")
    booked = dict(users.group_by("state").len().iter_rows())
    target = plan.height - states.get(RowState.EXCLUDED, 0)
    applied, failed = booked.get(RowState.APPLIED, 0), booked.get(RowState.FAILED, 0)
    skipped = states.get(RowState.SKIPPED_ZERO, 0)
    return Counters(
        target=target,
        applied=applied,
        skipped_zero=skipped,
        failed=failed,
        pending=target - applied - failed - skipped,
        excluded=states.get(RowState.EXCLUDED, 0),
    )


def applied_sum(ledger: pl.DataFrame) -> int:
    """Satoshi booked to users, the house left out."""
    return _sum(_of_users(ledger), "amount")


def prove(
    batch: Batch,
    plan: pl.DataFrame,
    ledger: pl.DataFrame,
    *,
    balances: pl.DataFrame | None = None,
    totals: pl.DataFrame | None = None,
    finished: bool = True,
) -> Proof:
    """Compare a sealed batch with its plan (`PLAN_SCHEMA`) and its ledger rows (`LEDGER_SCHEMA`).

    `balances` (`user_id`, `balance`) adds that nobody owes, and with `totals` (`user_id`, `amount`: a user's ledger
    rows added up) that every balance is their sum. Unless `finished`, rows and the house's row may still be missing
    and the counters lag behind, and nothing else may differ.
    """
    checks = [
        _hash_equal(batch, plan),
        _counters(batch, recount(plan, ledger), finished=finished),
        _each_user_once(plan, ledger, finished=finished),
        _amounts_equal(plan, ledger),
        _zero_sum(batch, ledger, finished=finished),
        _no_negative(batch, plan, balances),
        _satoshi(batch, plan),
    ]
    if balances is not None and totals is not None:
        checks.append(balances_equal(balances, totals))
    return Proof(batch.batch_id, recount(plan, ledger), applied_sum(ledger), tuple(checks))


def balances_equal(balances: pl.DataFrame, totals: pl.DataFrame) -> Check:
    """Whether each balance (`user_id`, `balance`) is the sum of the user's ledger rows (`user_id`, `amount`)."""
    both = balances.select("user_id", "balance").join(
        totals.select("user_id", "amount"), on="user_id", how="full", coalesce=True
    )
    both = both.with_columns(pl.col("balance", "amount").fill_null(0))
    differ = both.filter(pl.col("balance") != pl.col("amount"))
    expected = Message("balances-are-sums", "every balance is the sum of its rows")
    return _by_user("balances_equal", differ, "amount", "balance", expected=expected)


def _hash_equal(batch: Batch, plan: pl.DataFrame) -> Check:
    sealed = _plan(str(batch.plan_sha256), batch.plan_rows or 0)
    computed = _plan(plan_sha256(plan), plan.height)
    return Check("hash_equal", sealed == computed, sealed, computed)


def _plan(digest: str, rows: int) -> Message:
    return Message("plan-of-rows", "{sha256} of {rows} rows", sha256=digest, rows=rows)


def _counters(batch: Batch, rows: Counters, *, finished: bool) -> Check:
    counters = batch.counters
    # while a batch is applied its counters are saved now and then: they may be behind, never ahead
    same = counters == rows if finished else (counters.target, counters.excluded) == (rows.target, rows.excluded)
    behind = counters.applied <= rows.applied and counters.failed <= rows.failed
    ok = rows.hold and counters.hold and same and behind and not (finished and rows.pending)
    expected = counters._replace(pending=0) if finished else counters
    return Check("counters", ok, _counted(expected), _counted(rows))


def _counted(counters: Counters) -> Message:
    return Message(
        "counters",
        "target {target}, applied {applied}, skipped_zero {skipped_zero}, failed {failed}, pending {pending}, "
        "excluded {excluded}",
        **counters._asdict(),
    )


def _each_user_once(plan: pl.DataFrame, ledger: pl.DataFrame, *, finished: bool) -> Check:
    """A row in the ledger for each pending row of the plan, and for nobody else; the house has one at most."""
    counts = ledger.group_by("user_id").len(_ROWS).with_columns(pl.col(_ROWS).cast(pl.Int64()))
    planned = pending(plan).select("user_id", pl.lit(1, dtype=pl.Int64()).alias("planned"))
    both = counts.join(planned, on="user_id", how="full", coalesce=True).with_columns(
        pl.col(_ROWS, "planned").fill_null(0)
    )
    house = pl.col("user_id") == HOUSE
    missing_is_wrong = pl.lit(finished) & (pl.col(_ROWS) < pl.col("planned"))
    wrong = pl.when(house).then(pl.col(_ROWS) > 1).otherwise((pl.col(_ROWS) > pl.col("planned")) | missing_is_wrong)
    differ = both.filter(wrong).with_columns(planned=pl.when(house).then(1).otherwise("planned"))
    once = Message("one-ledger-row", "one ledger row for each planned user")
    at_most_once = Message("one-ledger-row-at-most", "at most one ledger row for each planned user")
    return _by_user("each_user_once", differ, "planned", _ROWS, expected=once if finished else at_most_once)


def _amounts_equal(plan: pl.DataFrame, ledger: pl.DataFrame) -> Check:
    """What was applied is what was planned; a failed row books nothing."""
    rows = _of_users(ledger).join(pending(plan).select("user_id", planned="amount"), on="user_id")
    failed = pl.col("state") == RowState.FAILED
    rows = rows.with_columns(planned=pl.when(failed).then(0).otherwise("planned"))
    differ = rows.filter(pl.col("amount").ne_missing(pl.col("planned")))
    expected = Message("planned-amounts-booked", "every row books its planned amount")
    return _by_user("amounts_equal", differ, "planned", "amount", expected=expected)


def _zero_sum(batch: Batch, ledger: pl.DataFrame, *, finished: bool) -> Check:
    """The house took the opposite of what the users got, and the batch says how much that was."""
    users = applied_sum(ledger)
    house = ledger.filter(pl.col("user_id") == HOUSE)
    recorded = batch.applied_sum if finished and batch.applied_sum is not None else users
    # the house is booked last
    due = 0 if house.is_empty() and not finished else -recorded
    expected = _sums(recorded, due)
    booked = _sums(users, _sum(house, "amount"))
    return Check("zero_sum", expected == booked, expected, booked)


def _sums(users: int, house: int) -> Message:
    return Message(
        "sums-of-users-and-house", "users {users}, house {house} BTC", users=btc_text(users), house=btc_text(house)
    )


def _no_negative(batch: Batch, plan: pl.DataFrame, balances: pl.DataFrame | None) -> Check:
    """No target is planned below zero (those of a reversal fail one by one), and nobody but the house owes."""
    targets = plan.filter(pl.col("state") != RowState.EXCLUDED) if batch.reverses is None else plan.clear()
    below = [targets.select("user_id", balance="balance_after")]
    if balances is not None:
        below.append(balances.filter(pl.col("user_id") != HOUSE).select("user_id", "balance"))
    differ = pl.concat(below).filter(pl.col("balance") < 0).unique("user_id").with_columns(least=pl.lit(0))
    expected = Message("no-balance-below-zero", "no balance below zero")
    return _by_user("no_negative", differ, "least", "balance", expected=expected)


def _satoshi(batch: Batch, plan: pl.DataFrame) -> Check:
    """Every amount is its exact one rounded by the batch's rule, every sum is right, nothing is lost on the way."""
    targets = plan.filter(pl.col("state") != RowState.EXCLUDED)
    ten = pl.lit(DENOMINATOR, dtype=pl.Int128())
    booked = pl.col("amount").cast(pl.Int128()) * ten
    exact = booked if batch.reverses is not None else numerator(batch.adjustment_rate)
    off = (booked - exact).cast(pl.Int128())
    after = pl.col("balance_before") + pl.col("amount")
    differ = targets.filter(
        (pl.col("amount_exact") != exact_text(exact)) | (pl.col("balance_after") != after) | ~_near(batch, exact, off)
    )
    rows = _by_user("satoshi", differ, "amount_exact", "amount", expected="")
    totals = [total for total in (batch.plan_sum, batch.target_total) if total is not None]
    total = plan_sum(plan)
    return Check(
        "satoshi",
        rows.ok and all(each == total for each in totals),
        Message(
            "amounts-to-the-satoshi",
            "every amount to the satoshi, together {sums} BTC",
            sums=" and ".join(btc_text(each) for each in totals) or "any",
        ),
        Message(
            "amounts-differ",
            "{count} amounts differ, together {sum} BTC",
            count=differ.height,
            sum=btc_text(total),
        ),
        rows.differences,
        rows.difference_count,
    )


def _near(batch: Batch, exact: pl.Expr, off: pl.Expr) -> pl.Expr:
    """Whether an amount lies `off` its exact one as little as its rounding allows; stated apart from the rounding."""
    if batch.reverses is not None:
        return off == 0
    if batch.target_total is not None:
        return (off < DENOMINATOR) & (off > -DENOMINATOR)
    half = DENOMINATOR // 2
    tie = (off == half) | (off == -half)
    closer = (off < half) & (off > -half)
    outward = ((off > 0) & (exact > 0)) | ((off < 0) & (exact < 0))
    match batch.rounding:
        case Rounding.HALF_EVEN:
            return closer | (tie & (pl.col("amount") % 2 == 0))
        case Rounding.HALF_UP:
            return closer | (tie & outward)
        case Rounding.TOWARD_ZERO:
            return (off < DENOMINATOR) & (off > -DENOMINATOR) & ~outward


def _of_users(ledger: pl.DataFrame) -> pl.DataFrame:
    return ledger.filter(pl.col("user_id") != HOUSE)


def _by_user(name: str, differ: pl.DataFrame, due: str, got: str, *, expected: str) -> Check:
    """A check that holds when no row differs; columns of satoshi and of counts are shown as they are."""
    first = differ.sort("user_id").head(MOST_DIFFERENCES).select("user_id", pl.col(due, got).cast(pl.String()))
    result = expected if differ.is_empty() else Message("users-differ", "{count} users differ", count=differ.height)
    named = tuple(Difference(*(value or "none" for value in row)) for row in first.iter_rows())
    return Check(name, differ.is_empty(), expected, result, named, differ.height)


def _sum(rows: pl.DataFrame, column: str) -> int:
    return int(rows.get_column(column).cast(pl.Int128()).sum())
