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
    wrong = [*_ledger(ground, books), *_balances(ground, books)]
    seen = {batch.batch_id: batch for batch in ground.batches()}
    if others := sorted(seen.keys() - ends.keys()):
        wrong.append(f"batches nobody asked for: {', '.join(others)}")
    if locks := ground.locks():
        wrong.append(f"still locked by {', '.join(locks)}")
    for batch_id, (end, lines) in ends.items():
        if batch_id not in seen:
            wrong.append(f"batch {batch_id} is gone")
        else:
            wrong += [*_batch(seen[batch_id], end), *_plan(ground, seen[batch_id], lines)]
    return wrong


def _ledger(ground: Ground, books: Books) -> list[str]:
    there, expected = Counter(ground.entries()), Counter(books.entries)
    missing = [f"missing in the ledger: {_text(entry)}" for entry in sorted((expected - there).elements())]
    extra = [f"not to be in the ledger: {_text(entry)}" for entry in sorted((there - expected).elements())]
    return [*missing[:NAMED], *extra[:NAMED]]


def _balances(ground: Ground, books: Books) -> list[str]:
    there = ground.balances()
    expected = {HOUSE: Decimal(0), **books.balances}
    rows = Counter(entry.name for entry in books.entries if entry.state == "applied")
    wrong = [
        f"balance of {name}: {there.get(name)}, not {expected.get(name)} after {rows[name]} rows"
        for name in sorted({*there, *expected})
        if there.get(name) != (expected.get(name), rows[name])
    ]
    total = sum((balance for balance, _ in there.values()), Decimal(0))
    opened = sum((entry.amount for entry in books.entries if not _of_batch(entry.transaction, books)), Decimal(0))
    if total != opened:
        wrong.insert(0, f"all balances add up to {total}, but {opened} was paid in")
    return wrong[: NAMED + 1]


def _of_batch(transaction: str, books: Books) -> bool:
    return any(entry.name == HOUSE and entry.transaction == transaction for entry in books.entries)


def _batch(seen: Seen, end: End) -> Iterable[str]:
    there = {
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
    expected = dict(
        zip(
            there,
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
        f"{name} of batch {seen.batch_id}: {there[name]}, not {expected[name]}"
        for name in there
        if there[name] != expected[name]
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
    wrong = [
        f"sealed row: {is_there}, not {line}"
        for is_there, line in zip(there, lines, strict=False)
        if is_there != line
    ]
    if len(there) != len(lines):
        wrong.insert(0, f"the sealed plan has {len(there)} rows, not {len(lines)}")
    return wrong[:NAMED]


def _text(entry: object) -> str:
    return ", ".join(str(value) for value in vars(entry).values() if value != "")
