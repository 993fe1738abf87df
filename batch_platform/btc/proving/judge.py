"""The oracle's books against what is in the tables: each ledger row, each balance, what batches say of themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from batch_platform.btc.proving.ground import Ground, Seen
from batch_platform.btc.proving.oracle import HOUSE, SATOSHI, Books, End, Line

NAMED: Final = 8
"""So many differences are told of each kind."""


def differences(ground: Ground, books: Books, ends: Mapping[str, tuple[End, Sequence[Line]]]) -> list[str]:
    """Everything that is otherwise than the oracle says; empty when all is equal.

    `ends` are the batches that have ended, with the lines they had to apply.
    """
    found = [*_ledger(ground, books), *_balances(ground, books)]
    seen = {one.batch_id: one for one in ground.batches()}
    if others := sorted(seen.keys() - ends.keys()):
        found.append(f"batches nobody asked for: {', '.join(others)}")
    if locks := ground.locks():
        found.append(f"still locked by {', '.join(locks)}")
    for batch_id, (end, lines) in ends.items():
        if batch_id not in seen:
            found.append(f"batch {batch_id} is gone")
        else:
            found += [*_batch(seen[batch_id], end), *_plan(ground, seen[batch_id], lines)]
    return found


def _ledger(ground: Ground, books: Books) -> list[str]:
    there, wanted = Counter(ground.entries()), Counter(books.entries)
    missing = [f"missing in the ledger: {_told(one)}" for one in sorted((wanted - there).elements())]
    extra = [f"not to be in the ledger: {_told(one)}" for one in sorted((there - wanted).elements())]
    return [*missing[:NAMED], *extra[:NAMED]]


def _balances(ground: Ground, books: Books) -> list[str]:
    there = ground.balances()
    wanted = {HOUSE: Decimal(0), **books.balances}
    rows = Counter(one.name for one in books.entries if one.state == "applied")
    found = [
        f"balance of {name}: {there.get(name)}, not {wanted.get(name)} after {rows[name]} rows"
        for name in sorted({*there, *wanted})
        if there.get(name) != (wanted.get(name), rows[name])
    ]
    total = sum((balance for balance, _ in there.values()), Decimal(0))
    opened = sum((one.amount for one in books.entries if not _of_batch(one.transaction, books)), Decimal(0))
    if total != opened:
        found.insert(0, f"all balances add up to {total}, but {opened} was paid in")
    return found[: NAMED + 1]


def _of_batch(transaction: str, books: Books) -> bool:
    return any(one.name == HOUSE and one.transaction == transaction for one in books.entries)


def _batch(seen: Seen, end: End) -> Iterable[str]:
    said = {
        "status": seen.status,
        "target_user_count": seen.numbers.get("target_user_count", 0),
        "processed_user_count": seen.numbers.get("processed_user_count", 0),
        "skipped_zero_count": seen.numbers.get("skipped_zero_count", 0),
        "failed_user_count": seen.numbers.get("failed_user_count", 0),
        "excluded_count": seen.numbers.get("excluded_count", 0),
        "plan_sum": seen.numbers.get("plan_sum"),
        "applied_sum": seen.numbers.get("applied_sum"),
        "plan_sha256": seen.plan_sha256,
    }
    wanted = dict(
        zip(
            said,
            (
                end.status,
                end.target,
                end.applied,
                end.skipped_zero,
                end.failed,
                end.excluded,
                end.plan_sum,
                end.applied_sum,
                end.plan_sha256,
            ),
            strict=True,
        )
    )
    return [
        f"{name} of batch {seen.batch_id}: {said[name]}, not {wanted[name]}"
        for name in said
        if said[name] != wanted[name]
    ]


def _plan(ground: Ground, seen: Seen, lines: Sequence[Line]) -> list[str]:
    """The sealed file's rows, one by one: equal hashes alone would not say that the rows are those hashed."""
    if seen.plan_sha256 is None:
        return []
    names = ("user_id", "balance_before", "amount", "balance_after", "state", "reason")
    there = [
        Line(name, before * SATOSHI, amount * SATOSHI, after * SATOSHI, state, reason or "")
        for name, before, amount, after, state, reason in ground.sealed(seen.batch_id, seen.plan_sha256)
        .select(names)
        .iter_rows()
    ]
    found = [
        f"sealed row: {is_there}, not {wanted}"
        for is_there, wanted in zip(there, lines, strict=False)
        if is_there != wanted
    ]
    if len(there) != len(lines):
        found.insert(0, f"the sealed plan has {len(there)} rows, not {len(lines)}")
    return found[:NAMED]


def _told(one: object) -> str:
    return ", ".join(str(value) for value in vars(one).values() if value != "")
