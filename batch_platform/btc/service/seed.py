"""Users with balances for the demo and for tests: made up, always the same ones, or read from a CSV file."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import Final

import polars as pl

from batch_platform.btc.model import HOUSE, SATOSHI, UserStatus
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.store import Opening
from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message

COLUMNS: Final = ("user_id", "balance", "status")
STATUSES: Final = (UserStatus.ACTIVE, UserStatus.SUSPENDED, UserStatus.CLOSED)
USERS_AT_MOST: Final = 10_000_000
ALL_BTC: Final = 21_000_000 * 10**SATOSHI
"""More BTC than there will ever be, in satoshi."""
ID_AT_MOST: Final = 128

_AT_ONCE: Final = 10_000
_AWKWARD: Final = {
    1: (0, UserStatus.ACTIVE),
    2: (1, UserStatus.ACTIVE),
    3: (2_099_999_997_690_000, UserStatus.ACTIVE),
    4: (123_456_789, UserStatus.SUSPENDED),
    5: (987_654_321, UserStatus.CLOSED),
    6: (10, UserStatus.ACTIVE),
    7: (30, UserStatus.ACTIVE),
}
"""Nothing, one satoshi, almost all BTC there are, users who are no targets, and halves of a satoshi at 5 %."""
_CUSTOMERS: Final = (
    *((0, 100), (250, 100_000), (500, 800_000), (750, 5_000_000), (900, 20_000_000)),
    *((970, 80_000_000), (995, 300_000_000), (1_000, 1_200_000_000)),
)
"""How balances lie at an exchange: thousandths of its users, and the satoshi that so many of them have at most."""
_DUST: Final = 10
"""Satoshi that are left over: less than a satoshi at 5 %."""
_MULTIPLIER: Final = 6_364_136_223_846_793_005
_LARGEST: Final = 5 * 10**SATOSHI


@dataclass(frozen=True)
class SeedOutcome:
    """How many users were asked for, and how many of them were new."""

    users: int
    opened: int


def seed_users(
    context: BtcContext, count: int, *, by: str, dry_run: bool = False, believable: bool = False
) -> SeedOutcome:
    """Open `user-0000001` and so on: each number has the same balance and status always. Who is there stays.

    Their balances are those that tests want, or `believable` ones.
    """
    if not 0 <= count <= USERS_AT_MOST:
        raise InvalidInput(
            "users-out-of-range", "users must be 0 to {limit}.", limit=f"{USERS_AT_MOST:,}", field="users"
        )
    users = customers(count) if believable else generated(count)
    return _open(context, users, by, dry_run=dry_run)


def seed_csv(context: BtcContext, data: bytes, *, by: str, dry_run: bool = False) -> SeedOutcome:
    """Open the users of a CSV file (`read_csv`); nobody when any of its rows is wrong. Who is there stays."""
    return _open(context, read_csv(data), by, dry_run=dry_run)


def generated(count: int) -> pl.DataFrame:
    """`user_id`, `balance` in satoshi, `status` of the first users."""
    number = pl.int_range(1, count + 1, dtype=pl.Int64(), eager=True).alias("number")
    size = _spread(pl.col("number")) % pl.lit(_LARGEST, dtype=pl.UInt64())
    digits = pl.lit(10, dtype=pl.Int64()).pow(pl.col("number") % 8)
    frame = pl.DataFrame(number).with_columns(
        user_id="user-" + pl.col("number").cast(pl.String()).str.zfill(7),
        balance=size.cast(pl.Int64()) // digits,
        status=pl.when(pl.col("number") % 101 == 0)
        .then(pl.lit(str(UserStatus.SUSPENDED)))
        .when(pl.col("number") % 211 == 0)
        .then(pl.lit(str(UserStatus.CLOSED)))
        .otherwise(pl.lit(str(UserStatus.ACTIVE))),
    )
    awkward = pl.DataFrame(
        [(number, balance, str(status)) for number, (balance, status) in _AWKWARD.items()],
        schema={"number": pl.Int64(), "balance": pl.Int64(), "status": pl.String()},
        orient="row",
    )
    return frame.update(awkward, on="number").select(COLUMNS)


def customers(count: int) -> pl.DataFrame:
    """As `generated`, and whoever has more than dust has as much as customers have: half of them less than 0.008 BTC,
    one in ten more than 0.2, nobody more than 12."""
    number = pl.int_range(1, count + 1, dtype=pl.Int64(), eager=True)
    # where in the distribution a user stands, in millionths
    place = (_spread(pl.lit(number)) % pl.lit(1_000_000, dtype=pl.UInt64())).cast(pl.Int64())
    balance = pl.lit(0, dtype=pl.Int64())
    for (low, least), (high, most) in pairwise(_CUSTOMERS):
        inside = least + (place - low * 1_000) * (most - least) // ((high - low) * 1_000)
        balance = pl.when(place >= low * 1_000).then(inside).otherwise(balance)
    left_over = pl.col("balance") <= _DUST
    return generated(count).with_columns(balance=pl.when(left_over).then("balance").otherwise(balance))


def _spread(number: pl.Expr) -> pl.Expr:
    """The upper bits of a product that wraps around: numbers spread over all sizes, the same everywhere."""
    return (number.cast(pl.UInt64()) * pl.lit(_MULTIPLIER, dtype=pl.UInt64())) // 2**32


def read_csv(data: bytes) -> pl.DataFrame:
    """`user_id`, `balance` in satoshi, `status` of a CSV file with this header, balances in BTC.

    Raises `InvalidInput` for the first wrong row, which it names with its field; the header is row 1.
    """
    columns = [*COLUMNS, "more"]
    try:
        cells = pl.read_csv(
            BytesIO(data),
            has_header=False,
            schema=dict.fromkeys(columns, pl.String()),
            truncate_ragged_lines=True,
            missing_columns="insert",
        )
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(
            "file-no-csv", "The file is no CSV in UTF-8: {reason}", reason=str(error).splitlines()[0], field="file"
        ) from error
    header = tuple((cell or "").removeprefix("\ufeff") for cell in cells.row(0)) if cells.height else ()
    if header != (*COLUMNS, ""):
        raise InvalidInput(
            "bad-header", "Row 1: the header must be {columns}.", columns=",".join(COLUMNS), field="header"
        )
    rows = cells.with_row_index("row", offset=1).slice(1)
    _refuse_first(rows)
    parts = pl.col("balance").str.splitn(".", 2).struct
    whole, part = parts.field("field_0"), parts.field("field_1").fill_null("")
    satoshi = whole.cast(pl.Int64()) * 10**SATOSHI + part.str.pad_end(SATOSHI, "0").cast(pl.Int64())
    opened = rows.with_columns(balance=satoshi)
    rich = opened.filter(pl.col("balance") > ALL_BTC)
    if rich.height:
        raise _wrong(
            int(rich.item(0, "row")), "balance", Message("more-btc-than-exists", "is more BTC than there can be")
        )
    return opened.select(COLUMNS)


def _refuse_first(rows: pl.DataFrame) -> None:
    """Raises `InvalidInput` for the first row, and in it the first field, that cannot be."""
    user, balance, status = (pl.col(name).fill_null("") for name in COLUMNS)
    rules = (
        ("user_id", user == "", Message("id-empty", "is empty")),
        (
            "user_id",
            user.str.contains(r"[\x00-\x1f\x7f]|^\s|\s$"),
            Message("id-unclean", "has a control character, or spaces around it"),
        ),
        (
            "user_id",
            user.str.len_chars() > ID_AT_MOST,
            Message("id-too-long", "is longer than {limit} characters", limit=ID_AT_MOST),
        ),
        ("user_id", user == HOUSE, Message("id-of-the-house", "is the name of the house account")),
        ("user_id", ~pl.col("user_id").is_first_distinct() & (user != ""), Message("id-twice", "is there twice")),
        (
            "balance",
            ~balance.str.contains(rf"^[0-9]{{1,8}}(\.[0-9]{{1,{SATOSHI}}})?$"),
            Message("balance-no-btc", "must be BTC with at most {count} decimals, not negative", count=SATOSHI),
        ),
        (
            "status",
            ~status.is_in([str(known) for known in STATUSES]),
            Message("one-of", "must be one of {choices}", choices=list(STATUSES)),
        ),
        (
            "status",
            pl.col("more").is_not_null(),
            Message("followed-by-another-field", "is followed by another field"),
        ),
    )
    broken = rows.with_columns(rule.alias(f"_{place}") for place, (_, rule, _) in enumerate(rules)).filter(
        pl.any_horizontal(f"_{place}" for place in range(len(rules)))
    )
    if broken.is_empty():
        return
    first = broken.row(0, named=True)
    field, _, why = next(rule for place, rule in enumerate(rules) if first[f"_{place}"])
    raise _wrong(first["row"], field, why)


def _wrong(row: int, field: str, why: Message) -> InvalidInput:
    return InvalidInput("bad-row", "Row {row}: {field} {reason}.", row=row, reason=why, field=field)


def _open(context: BtcContext, users: pl.DataFrame, by: str, *, dry_run: bool) -> SeedOutcome:
    """Open users, and the house, some thousands at once so that there is progress to tell; `dry_run` only counts."""
    if dry_run:
        new = users.join(context.store.accounts.scan_users(), on="user_id", how="anti")
        return SeedOutcome(users.height, new.height)
    opened = context.store.accounts.open_many([], created_by=by)
    for part in users.iter_slices(_AT_ONCE):
        openings = [Opening(user, balance, UserStatus(status)) for user, balance, status in part.rows()]
        opened += context.store.accounts.open_many(openings, created_by=by)
        context.progress(f"{opened} users opened")
    return SeedOutcome(users.height, opened)
