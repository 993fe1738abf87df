"""What a batch will do to every user, before it does it: the rows that are previewed, sealed, applied and proved.

The same users, balances and rate give the same rows and so the same hash, in whatever order they were read.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from typing import Final

import polars as pl

from batch_platform.btc.model import (
    BALANCE_SCHEMA,
    HOUSE,
    PLAN_SCHEMA,
    USER_SCHEMA,
    Exclusion,
    Options,
    RowState,
    UserStatus,
)
from batch_platform.btc.money import DENOMINATOR, away_from_zero, exact_text, largest_remainder, numerator, rounded
from batch_platform.core.failures import InvalidInput, PermanentFailure

SEALED: Final = ("user_id", "balance_before", "amount", "balance_after", "state", "reason")
"""The columns of the canonical text: what the hash is over."""
TOP_CHANGES: Final = 20
IS_PENDING: Final = pl.col("state") == RowState.PENDING

_CHANGE: Final = ("user_id", "balance_before", "amount", "balance_after")
_LINES: Final = 200_000
_NO_REASON: Final = pl.lit(None, dtype=pl.String())
_CONTROL: Final = r"[\x00-\x1f\x7f]"


@dataclass(frozen=True)
class Change:
    """One user's row of a plan, in satoshi."""

    user_id: str
    balance_before: int
    amount: int
    balance_after: int


@dataclass(frozen=True)
class Bucket:
    """Pending rows whose amount lies, without its sign, in [`lower`, `upper`): a decade of satoshi."""

    lower: int
    upper: int
    users: int
    amount: int


@dataclass(frozen=True)
class Summary:
    """What people see of a plan before they approve it; amounts in satoshi.

    `counts` are rows by state and `excluded` those by reason, all states and reasons named. `balance_before` and
    `balance_after` add up the targets, pending and skipped, `balance_excluded` everybody else. The smallest, largest
    and median amount and the `top` changes look at sizes without signs; of an even number of rows the median is the
    lower one. None without rows.
    """

    rows: int
    targets: int
    counts: dict[RowState, int]
    excluded: dict[Exclusion, int]
    amount: int
    balance_before: int
    balance_after: int
    balance_excluded: int
    smallest: int | None
    largest: int | None
    median: int | None
    top: tuple[Change, ...]
    distribution: tuple[Bucket, ...]


def adjustment(
    users: pl.DataFrame, balances: pl.DataFrame, *, rate: Decimal, options: Options, ahead: Collection[str] = ()
) -> pl.DataFrame:
    """The plan (`PLAN_SCHEMA`) of `rate` percent over the `balances` (`BALANCE_SCHEMA`) of `users` (`USER_SCHEMA`).

    A user without a balance has none; a balance without a user is listed as inactive. The house is left out. The
    balances of users `ahead` are of no certain moment: they are excluded by that name.
    InvalidInput where `options.target_total` cannot be met or an amount outgrows 64 bits, PermanentFailure for a user
    that is there twice.
    """
    rows = _accounts(users, balances).with_columns(numerator=numerator(rate))
    targeted = options.target_total is not None
    # with a target total an amount may be rounded either way: look at the one that takes most
    widest = away_from_zero(pl.col("numerator")) if targeted else rounded(pl.col("numerator"), options.rounding)
    rows = rows.with_columns(amount=widest).with_columns(reason=_exclusion(ahead))
    targets = rows.filter(pl.col("reason").is_null())
    if options.target_total is not None:
        targets = targets.drop("amount").join(
            largest_remainder(targets.select("user_id", "numerator"), options.target_total).drop("numerator"),
            on="user_id",
        )
    excluded = rows.filter(pl.col("reason").is_not_null()).with_columns(amount=pl.lit(0, dtype=pl.Int128()))
    merged = pl.concat([targets.select(excluded.columns), excluded])
    return _plan(merged.with_columns(amount_exact=exact_text(pl.col("numerator"))))


def reversal(applied: pl.DataFrame, balances: pl.DataFrame) -> pl.DataFrame:
    """The plan that takes back `applied` (`user_id`, `amount` in satoshi as booked), whoever the users are by now.

    `balances` (`BALANCE_SCHEMA`) are those of now, for people to see; a row that would go below zero is planned all
    the same, and fails by itself when it is applied.
    """
    rows = _only_once(applied.select("user_id", "amount").filter(pl.col("user_id") != HOUSE), "ledger")
    amount = pl.col("amount").cast(pl.Int128()) * pl.lit(-1, dtype=pl.Int128())
    now = _only_once(balances.select("user_id", "balance"), "balances")
    back = rows.join(now, on="user_id", how="left").select(
        "user_id",
        pl.col("balance").fill_null(0).alias("balance_before"),
        amount.alias("amount"),
        _NO_REASON.alias("reason"),
        exact_text(amount * pl.lit(DENOMINATOR, dtype=pl.Int128())).alias("amount_exact"),
    )
    return _plan(back)


def pending(plan: pl.DataFrame) -> pl.DataFrame:
    """The rows to apply, in their sealed order."""
    return plan.filter(IS_PENDING)


def canonical_text(plan: pl.DataFrame) -> str:
    """A line a row, fields parted by tabs, amounts in satoshi, nothing for no reason: what the hash is over."""
    return _canonical(plan).decode()


def plan_sha256(plan: pl.DataFrame) -> str:
    """Names the plan; its rows must be in the sealed order, by `user_id`."""
    digest = sha256()
    for part in plan.iter_slices(_LINES):
        digest.update(_canonical(part))
    return digest.hexdigest()


def _canonical(plan: pl.DataFrame) -> bytes:
    # no id has a control character, so nothing has to be quoted
    lines = BytesIO()
    plan.select(*SEALED).write_csv(
        lines, separator="\t", include_header=False, quote_style="never", null_value="", line_terminator="\n"
    )
    return lines.getvalue()


def plan_sum(plan: pl.DataFrame) -> int:
    """Satoshi the users get together."""
    return _total(plan, "amount")


def summarise(plan: pl.DataFrame) -> Summary:
    """What a plan comes to."""
    states = dict(plan.group_by("state").len().iter_rows())
    reasons = dict(plan.group_by("reason").len().iter_rows())
    targets = plan.filter(pl.col("state") != RowState.EXCLUDED)
    ranked = pending(plan).sort(pl.col("amount").abs(), "user_id", descending=[True, False])
    amounts = ranked.get_column("amount")
    return Summary(
        rows=plan.height,
        targets=targets.height,
        counts={state: states.get(state, 0) for state in RowState},
        excluded={reason: reasons.get(reason, 0) for reason in Exclusion},
        amount=plan_sum(plan),
        balance_before=_total(targets, "balance_before"),
        balance_after=_total(targets, "balance_after"),
        balance_excluded=_total(plan.filter(pl.col("state") == RowState.EXCLUDED), "balance_before"),
        smallest=amounts[-1] if len(amounts) else None,
        largest=amounts[0] if len(amounts) else None,
        median=amounts[len(amounts) // 2] if len(amounts) else None,
        top=tuple(Change(*row) for row in ranked.select(*_CHANGE).head(TOP_CHANGES).iter_rows()),
        distribution=_distribution(ranked),
    )


def _distribution(rows: pl.DataFrame) -> tuple[Bucket, ...]:
    """Amounts by their number of digits, every decade from the smallest to the largest, empty ones too."""
    decades = rows.group_by(pl.col("amount").abs().cast(pl.String()).str.len_chars().cast(pl.Int64()).alias("digits"))
    sizes = {
        digits: (users, int(amount))
        for digits, users, amount in decades.agg(
            pl.len().alias("users"), pl.col("amount").cast(pl.Int128()).sum()
        ).iter_rows()
    }
    if not sizes:
        return ()
    return tuple(
        Bucket(10 ** (digits - 1), 10**digits, *sizes.get(digits, (0, 0)))
        for digits in range(min(sizes), max(sizes) + 1)
    )


def _accounts(users: pl.DataFrame, balances: pl.DataFrame) -> pl.DataFrame:
    """`user_id`, `status` (null: nobody of that name) and `balance_before` of everybody but the house."""
    joined = (
        _only_once(users.select(*USER_SCHEMA), "users")
        .join(_only_once(balances.select(*BALANCE_SCHEMA), "balances"), on="user_id", how="full", coalesce=True)
        .filter(pl.col("user_id") != HOUSE)
        .select("user_id", "status", pl.col("balance").fill_null(0).alias("balance_before"))
    )
    unprintable = joined.filter(pl.col("user_id").str.contains(_CONTROL)).get_column("user_id")
    if len(unprintable):
        raise PermanentFailure(
            "user-id-with-control-character",
            "The user id {user} has a control character and cannot be sealed.",
            user=repr(unprintable.to_list()[0]),
        )
    return joined


def _only_once(rows: pl.DataFrame, where: str) -> pl.DataFrame:
    twice = rows.filter(pl.col("user_id").is_duplicated() | pl.col("user_id").is_null()).get_column("user_id")
    if len(twice):
        raise PermanentFailure(
            "user-twice", "The user {user} is there more than once in {where}.", user=twice.to_list()[0], where=where
        )
    return rows


def _exclusion(ahead: Collection[str]) -> pl.Expr:
    """Why a row is no target, from its rounded `amount`; null for targets."""
    after = pl.col("balance_before").cast(pl.Int128()) + pl.col("amount")
    return (
        pl.when(pl.col("status").ne_missing(pl.lit(str(UserStatus.ACTIVE))))
        .then(pl.lit(str(Exclusion.INACTIVE)))
        .when(pl.col("user_id").is_in(list(ahead)))
        .then(pl.lit(str(Exclusion.CLOCK_AHEAD)))
        .when(pl.col("balance_before") == 0)
        .then(pl.lit(str(Exclusion.ZERO_BALANCE)))
        # a balance that is below zero already is nothing to take a share of
        .when((pl.col("balance_before") < 0) | (after < 0))
        .then(pl.lit(str(Exclusion.BELOW_ZERO)))
        .otherwise(_NO_REASON)
    )


def _plan(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with an Int128 `amount` and a `reason` as a plan: with their state, in the sealed order."""
    after = pl.col("balance_before").cast(pl.Int128()) + pl.col("amount")
    plan = rows.with_columns(
        amount=pl.col("amount").cast(pl.Int64(), strict=False),
        balance_after=after.cast(pl.Int64(), strict=False),
        state=pl.when(pl.col("reason").is_not_null())
        .then(pl.lit(str(RowState.EXCLUDED)))
        .when(pl.col("amount") == 0)
        .then(pl.lit(str(RowState.SKIPPED_ZERO)))
        .otherwise(pl.lit(str(RowState.PENDING))),
    )
    beyond = plan.filter(pl.col("amount").is_null() | pl.col("balance_after").is_null()).get_column("user_id")
    if len(beyond):
        raise InvalidInput(
            "rate-beyond-all-btc",
            "adjustment_rate makes more BTC of the balance of {user} than there can be.",
            user=beyond.to_list()[0],
            field="adjustment_rate",
        )
    return plan.select(pl.col(name).cast(kind) for name, kind in PLAN_SCHEMA.items()).sort("user_id")


def _total(rows: pl.DataFrame, column: str) -> int:
    """An exact sum, however large: 64 bits would wrap around."""
    return int(rows.get_column(column).cast(pl.Int128()).sum())
