"""`make demo`, BTC balances: +5 % for everybody, previewed, sealed, applied and proved; then taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl
from rich.console import Console

from batch_platform.btc.model import HOUSE, REVERSIBLE, SATOSHI, Batch, BatchStatus
from batch_platform.btc.money import btc_text
from batch_platform.btc.opening import open_context
from batch_platform.core.failures import PermanentFailure
from batch_platform.settings import Settings

if TYPE_CHECKING:
    from batch_platform.btc.actions import Acting
    from batch_platform.btc.service import BtcContext
    from batch_platform.operations.dagster.launch import Launcher

Step = Callable[[str], None]

USERS: Final = 2_000
RATE: Final = "5"
MEMO: Final = "demo: the month's result"
MEMO_BACK: Final = "demo: taken back"
BY: Final = "platform:demo"
SECOND: Final = "platform:demo-second"
"""Approves where the settings ask for two."""

FOLLOWED: Final = "user-0000009"
# users and satoshi; the name of each transaction is fixed, so that it is booked once
WHILE_SEALED: Final = {"demo-deposit-1": ("user-0000002", 150), "demo-deposit-2": (FOLLOWED, 25 * 10**6)}
AFTER: Final = {"demo-deposit-3": ("user-0000010", 10**SATOSHI), "demo-withdrawal-1": (FOLLOWED, -(10**6))}


def run(settings: Settings, step: Step, launcher: Launcher | None = None) -> None:
    """Adjust every balance and take that back, by the way of every batch. Run again, it changes nothing.

    With a `launcher` the batches are applied by Dagster runs. Where there are other users than the demo's, or another
    batch is open, it says so and does nothing.
    """
    from batch_platform.btc import actions, service
    from batch_platform.kit.session import of_demo

    step(f"BTC balances: {USERS:,} made-up users")
    context = open_context(settings)
    with of_demo(settings, context, launcher) as session:
        made = list(_made(context))
        first = next((batch for batch in made if batch.is_open or batch.status in REVERSIBLE), None)
        back = service.batch(context, first.reversed_by) if first is not None and first.reversed_by else None
        if first is None or back is None or back.status not in REVERSIBLE:
            if why := _in_the_way(context, first):
                step(f"  left out: {why}")
                return
            opened = partial(service.seed_users, context, USERS, by=BY, believable=True)
            done = actions.seed(session, f"{USERS} made-up users", opened)
            step(f"  {done.opened:,} opened, {done.users - done.opened:,} were there")
            by_runs = launcher is not None
            first = _adjusted(session, first, step, by_runs=by_runs, number=len(made))
            back = _taken_back(session, first, back, step, by_runs=by_runs)
        else:
            step("  adjusted and taken back before")
        _show(context, service.batch(context, first.batch_id), back)


def _adjusted(session: Acting, batch: Batch | None, step: Step, *, by_runs: bool, number: int) -> Batch:
    """+5 % applied, with money coming in after the seal and after the end."""
    from batch_platform.btc import actions, service

    context = session.context
    if batch is None:
        draft = service.preview(context, RATE)
        step(f"  preview of +{RATE} %: {_summed(draft.summary.targets, draft.plan_sum, draft.plan_sha256)}")
        key = service.idempotency_key(f"demo {number}", by=BY, request={"rate": RATE, "memo": MEMO})
        batch = actions.create(session, RATE, memo=MEMO, key=key)
    batch = _sealed(context, batch, step)
    if batch.status not in REVERSIBLE:
        _pay(context, WHILE_SEALED, step)
        batch = _applied(session, batch, step, by_runs=by_runs)
    _pay(context, AFTER, step)
    return batch


def _taken_back(session: Acting, first: Batch, batch: Batch | None, step: Step, *, by_runs: bool) -> Batch:
    """What the first batch has booked, negated; a batch is reversed once, whoever asks again."""
    from batch_platform.btc import actions

    batch = batch or actions.reverse(session, first.batch_id, memo=MEMO_BACK)
    batch = _sealed(session.context, batch, step)
    return batch if batch.status in REVERSIBLE else _applied(session, batch, step, by_runs=by_runs)


def _sealed(context: BtcContext, batch: Batch, step: Step) -> Batch:
    from batch_platform.btc import service

    batch = service.replan(context, batch.batch_id)
    step(f"  sealed: {_plan_of(batch)}")
    return batch


def _applied(session: Acting, batch: Batch, step: Step, *, by_runs: bool) -> Batch:
    """Approved as it was sealed, and applied; from wherever a killed demo has left it."""
    from batch_platform.btc import actions, service

    context, own = session.context, batch.batch_id
    for account in (BY, SECOND):
        if batch.status is BatchStatus.PLANNED and service.approvals_missing(batch, context.options):
            approver = replace(session, log=replace(session.log, who=account))
            count, amount, digest = batch.target_user_count, batch.plan_sum or 0, batch.plan_sha256 or ""
            batch = actions.approve(approver, own, count=count, amount=amount, plan_sha256=digest)
            step(f"  approved by {account}")
    if not by_runs:
        return service.run(context, own)
    step(f"  running btc_adjustment for {own}")
    return actions.run(session, own)


def _pay(context: BtcContext, payments: dict[str, tuple[str, int]], step: Step) -> None:
    for name, (user, amount) in payments.items():
        if context.store.accounts.deposit(user, amount, transaction_id=name, created_by=BY):
            step(f"  {user} {'pays in' if amount > 0 else 'takes out'} {btc_text(abs(amount))} BTC")


def _made(context: BtcContext) -> Iterator[Batch]:
    """The demo's adjustments, the newest first, however long ago: idempotency keys are forgotten after days."""
    from batch_platform.btc import service

    cursor: str | None = None
    while True:
        page = service.history(context, limit=100, cursor=cursor)
        yield from (batch for batch in page.batches if (batch.created_by, batch.memo) == (BY, MEMO))
        cursor = page.cursor
        if cursor is None:
            return


def _in_the_way(context: BtcContext, first: Batch | None) -> str | None:
    """Why the demo keeps away from these balances, if it does."""
    from batch_platform.btc.service.seed import customers

    open_id = context.store.batches.open_batch_id()
    if open_id is not None and context.store.batches.get(open_id).created_by != BY:
        return f"batch {open_id} is open"
    if first is not None:
        return None
    ours = [*customers(USERS).get_column("user_id"), HOUSE]
    others = context.store.accounts.scan_users().filter(~pl.col("user_id").is_in(ours)).height
    return f"there are {others:,} other users, whose balances stay as they are" if others else None


def _show(context: BtcContext, first: Batch, back: Batch) -> None:
    """The history, the proofs, and that everybody has what they had, and what they paid in and out since."""
    from batch_platform.btc import service
    from batch_platform.btc.service import draft

    console = Console(highlight=False)
    console.print("\nBTC balances: one rate over all of them, and back", soft_wrap=True)
    for batch in (first, back):
        proof = service.proof(context, batch.batch_id)
        verdict = "holds" if proof.ok else "FAILS"
        console.print(f"  {batch.adjustment_rate:+f} % {batch.status}: {_plan_of(batch)}", soft_wrap=True)
        names = ", ".join(check.name for check in proof.checks)
        console.print(f"    proof {verdict}: {names}", soft_wrap=True)
        if not proof.ok:
            raise PermanentFailure("demo-proof-fails", "the proof of batch {batch} fails", batch=batch.batch_id)
    rows, _ = service.user_rows(context, FOLLOWED)
    booked = ", ".join(f"{row.transaction_type} {btc_text(row.amount)}" for row in reversed(rows))
    console.print(f"  {FOLLOWED}: {booked}", soft_wrap=True)
    before = draft.sealed(context, first).select("user_id", before="balance_before")
    everybody = _accounted(context, before, first, back)
    wrong = everybody.filter(pl.col("balance") != pl.col("before") + pl.col("later"))
    since = everybody.filter(pl.col("later") != 0)
    verdict = "equal" if wrong.is_empty() else "DIFFER from"
    console.print(
        f"  {everybody.height:,} balances {verdict} those before plus what was paid in and out since "
        f"({since.height} users, {btc_text(int(since.get_column('later').sum()))} BTC)",
        soft_wrap=True,
    )
    if not wrong.is_empty():
        raise PermanentFailure(
            "demo-balances-differ",
            "{count} balances are not those before plus what was paid since",
            count=wrong.height,
        )
    console.print(_WHERE_NEXT.format(first=first.batch_id), soft_wrap=True)


def _accounted(context: BtcContext, before: pl.DataFrame, first: Batch, back: Batch) -> pl.DataFrame:
    """Of each user the `balance` now, the one `before` the first batch, and what the ledger booked `later` apart from
    the two batches."""
    ledger = context.store.ledger
    booked = pl.concat([ledger.rows(batch.batch_id, batch.shards) for batch in (first, back)])
    batches = booked.group_by("user_id").agg(pl.col("amount").sum().alias("batches"))
    return (
        before.join(context.store.accounts.scan_balances().select("user_id", "balance"), on="user_id")
        .join(ledger.totals(), on="user_id", how="left")
        .join(batches, on="user_id", how="left")
        .with_columns(later=pl.col("amount").fill_null(0) - pl.col("batches").fill_null(0) - pl.col("before"))
    )


def _plan_of(batch: Batch) -> str:
    return _summed(batch.target_user_count, batch.plan_sum or 0, batch.plan_sha256 or "")


def _summed(targets: int, amount: int, digest: str) -> str:
    return f"{targets:,} users, {btc_text(amount)} BTC, plan {digest[:12]}"


_WHERE_NEXT: Final = """  .venv/bin/batch-platform btc list
  .venv/bin/batch-platform btc plan {first}
  .venv/bin/batch-platform btc verify
  .venv/bin/batch-platform btc preview --rate 3"""
