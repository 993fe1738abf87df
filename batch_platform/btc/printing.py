"""What the btc commands print: JSON for programs, sentences and tables for people.

Amounts are BTC with 8 decimals: texts in JSON, grouped by thousands only where people read them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import typer

from batch_platform.btc.frames import Format, grouped, print_csv, print_json, print_rows, print_table
from batch_platform.btc.model import Batch, BatchStatus, LedgerRow, Options, RowState, reversal_of
from batch_platform.btc.money import btc_text, rate_text
from batch_platform.core.terminal import shown

if TYPE_CHECKING:
    from pydantic import BaseModel

    from batch_platform.btc.plan import Summary
    from batch_platform.btc.proof import Check, Proof
    from batch_platform.btc.service import Detail, Draft, HistoryPage, SeedOutcome, Verification

PLAN_COLUMNS: Final = ("user_id", "balance_before", "amount", "balance_after", "state")
BALANCE_COLUMNS: Final = ("user_id", "balance", "status")

# the only number of an answer that is no count: written digit by digit, never by way of a float
_RATE: Final = re.compile(r'("adjustment_rate": )"(-?[0-9]+(?:\.[0-9]+)?)"')
_END: Final = "\n}"


# answers


def print_answer(answer: BaseModel, **more: Any) -> None:
    """An answer of the API, and what only a command has to say."""
    print_values({**answer.model_dump(mode="json"), **more})


def print_values(values: Mapping[str, Any]) -> None:
    """JSON with amounts as texts and rates as numbers."""
    typer.echo(_written(values))


# commands


def seeded(done: SeedOutcome, *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        print_values({**vars(done), "dry_run": dry_run})
        return
    verb = "would be opened" if dry_run else "opened"
    there = done.users - done.opened
    typer.echo(f"{done.opened:,} users {verb}" + (f", {there:,} were there already" if there else ""))


def draft(found: Draft, *, rows: int | None, kind: Format) -> None:
    """A preview: what it comes to, and `rows` of its rows; in CSV the rows alone, all unless told otherwise."""
    from batch_platform.btc.web.schemas import PlanRow, PreviewAnswer

    if kind is Format.CSV:
        print_csv(found.plan if rows is None else found.plan.head(rows), PLAN_COLUMNS)
        return
    first = 20 if rows is None else rows
    if kind is Format.JSON:
        # however many rows: they are written by polars
        answer = PreviewAnswer.of(found, rows=0).model_dump(mode="json", exclude={"rows"})
        typer.echo(f'{_written(answer).removesuffix(_END)},\n  "rows": ', nl=False)
        print_json(found.plan.head(first), tuple(PlanRow.model_fields))
        typer.echo("}")
        return
    outlined(found)
    if first:
        print_table(found.plan.head(first), (*PLAN_COLUMNS, "reason"))
    if (more := found.plan.height - first) > 0:
        typer.echo(f"… and {more:,} more rows")


def rehearsed(found: Draft, *, as_json: bool) -> None:
    """A preview in the place of a batch that a dry run does not make."""
    from batch_platform.btc.web.schemas import PreviewAnswer

    if as_json:
        print_answer(PreviewAnswer.of(found, rows=0), dry_run=True)
        return
    outlined(found)
    typer.echo("nothing is written")


def outlined(found: Draft) -> None:
    """A plan that is not sealed, for people."""
    typer.echo(f"{_rate(found.rate)} as of {shown(found.cutoff_at)}, hash {found.plan_sha256}")
    summed(found.summary)


def summed(summary: Summary) -> None:
    skipped = summary.counts[RowState.SKIPPED_ZERO]
    reasons = ", ".join(f"{users:,} {reason}" for reason, users in summary.excluded.items() if users)
    left_out = summary.rows - summary.targets
    typer.echo(
        f"  {summary.targets:,} targets, {skipped:,} of them rounded to zero; {left_out:,} excluded"
        + (f" ({reasons}), who have {grouped(summary.balance_excluded)} BTC" if reasons else "")
    )
    before, after = grouped(summary.balance_before), grouped(summary.balance_after)
    typer.echo(f"  together {grouped(summary.amount)} BTC: from {before} to {after} BTC")
    if summary.smallest is not None:
        amounts = (grouped(one or 0) for one in (summary.smallest, summary.median, summary.largest))
        typer.echo("  smallest {}, median {}, largest {} BTC".format(*amounts))


def batch(
    found: Batch,
    options: Options,
    *,
    as_json: bool,
    proof: Proof | None = None,
    others: Mapping[str, Batch] = MappingProxyType({}),
    **more: Any,
) -> None:
    """A batch, its proof where it was applied just now, and for people what can be done next.

    `others` has the batch that reverses it.
    """
    from batch_platform.btc.web.schemas import BatchAnswer, ProofAnswer

    if as_json:
        told = {} if proof is None else {"proof": ProofAnswer.of(proof).model_dump(mode="json")}
        print_answer(BatchAnswer.of(found, options), **told, **more)
        return
    _told(found, options, others)
    if proof is not None:
        proved(proof)
    for line in next_steps(found, options):
        typer.echo(line)


def next_steps(found: Batch, options: Options, *, acting: bool = False) -> list[str]:
    """The commands that bring a batch on; only those that do something to it, where somebody is `acting`."""
    from batch_platform.btc.service import approvals_missing

    own, command = found.batch_id, "batch-platform btc"
    match found.status:
        case BatchStatus.PLANNED if missing := approvals_missing(found, options):
            counted = f"--count {found.target_user_count} --sum {btc_text(found.plan_sum or 0)}"
            who = "" if missing == 1 and not found.approvals else f" ({missing} more)"
            look = [] if acting else [f"look at it: {command} plan {own}"]
            return [
                *look,
                f"approve it{who}: {command} approve {own} {counted} --hash {found.plan_sha256}",
                f"or drop it: {command} cancel {own}",
            ]
        case BatchStatus.PLANNED:
            return [f"apply it: {command} resume {own}", f"or drop it: {command} cancel {own}"]
        case BatchStatus.PENDING | BatchStatus.PROCESSING:
            return [f"go on with it: {command} resume {own}"]
        case BatchStatus.FAILED if found.is_open:
            return [f"look at it, then go on with it: {command} resume {own}"]
        case _:
            return []


def batches(page: HistoryPage, options: Options, *, as_json: bool) -> None:
    from batch_platform.btc.web.schemas import HistoryAnswer

    if as_json:
        print_answer(HistoryAnswer.of(page, options))
        return
    rows = [
        {
            "batch": one.batch_id,
            "created": shown(one.created_at),
            "rate": _rate(one.adjustment_rate),
            "status": one.status.value,
            "reversal": reversal_of(one, page.reversals),
            "targets": f"{one.target_user_count:,}",
            "applied": f"{one.processed_user_count:,}",
            "failed": f"{one.failed_user_count:,}",
            "sum": "" if one.plan_sum is None else grouped(one.plan_sum),
            "memo": one.memo or "",
        }
        for one in page.batches
    ]
    print_rows(rows, right={"rate", "targets", "applied", "failed", "sum"}, empty="no batch")
    if page.cursor is not None:
        typer.echo(f"{page.total:,} in all; the next ones: --cursor {page.cursor}")


def detail(found: Detail, options: Options, *, as_json: bool) -> None:
    from batch_platform.btc.web.schemas import DetailAnswer

    if as_json:
        print_answer(DetailAnswer.of(found, options))
        return
    back = {} if found.reversal is None else {found.reversal.batch_id: found.reversal}
    batch(found.batch, options, as_json=False, others=back)
    if found.summary is not None:
        summed(found.summary)
    for one in found.failures:
        typer.echo(f"  failed: {one.user_id}: {one.reason}")
    booked = [
        {
            "user_id": row.user_id,
            "amount": grouped(row.amount),
            "state": row.state.value,
            "committed": shown(row.committed_at),
        }
        for row in found.transactions.rows
    ]
    if booked:
        print_rows(booked, right={"amount"}, empty="")
    if found.transactions.cursor is not None:
        typer.echo(f"… all of them: batch-platform btc plan {found.batch.batch_id} --format csv")


def user_rows(
    rows: Sequence[LedgerRow], batches: Mapping[str, Batch], cursor: str | None, *, as_json: bool, user_id: str
) -> None:
    from batch_platform.btc.web.schemas import UserRowAnswer, UserRowsAnswer

    if as_json:
        items = [UserRowAnswer.of_user(row, batches) for row in rows]
        print_answer(UserRowsAnswer(items=items, next_cursor=cursor))
        return
    told = [
        {
            "committed": shown(row.committed_at),
            "type": row.transaction_type.value,
            "amount": grouped(row.amount),
            "state": row.state.value,
            "transaction": row.batch_id,
            "reversal": reversal_of(known, batches) if (known := batches.get(row.batch_id)) else "",
            "memo": row.memo or row.reason or "",
        }
        for row in rows
    ]
    print_rows(told, right={"amount"}, empty=f"nothing was booked to {user_id}")
    if cursor is not None:
        typer.echo(f"the next ones: --cursor {cursor}")


def proof(found: Proof, *, as_json: bool) -> None:
    from batch_platform.btc.web.schemas import ProofAnswer

    if as_json:
        print_answer(ProofAnswer.of(found))
    else:
        proved(found)


def proved(found: Proof) -> None:
    for check in found.checks:
        _checked(check)
    typer.echo("proof: equal" if found.ok else "proof: DIFFERS")


def verified(found: Verification, *, as_json: bool) -> None:
    from batch_platform.btc.web.schemas import CheckAnswer, ProofAnswer

    if as_json:
        proofs = [ProofAnswer.of(one).model_dump(mode="json") for one in found.proofs]
        balances = CheckAnswer.of(found.balances).model_dump(mode="json")
        print_values({"ok": found.ok, "batches": proofs, "balances": balances})
        return
    for one in found.proofs:
        counted = ", ".join(f"{count:,} {name}" for name, count in one.counters._asdict().items())
        verdict = "equal" if one.ok else "DIFFERS"
        typer.echo(f"{one.batch_id} {verdict}: {counted}; {grouped(one.applied_sum)} BTC applied")
        for check in one.failed:
            _checked(check)
    verdict = "equal" if found.balances.ok else "DIFFER"
    typer.echo(f"balances {verdict}: {found.balances.expected if found.balances.ok else found.balances.found}")
    if not found.balances.ok:
        _checked(found.balances)
    typer.echo("all equal" if found.ok else "there are differences")


# parts


def _written(values: Mapping[str, Any]) -> str:
    return _RATE.sub(r"\1\2", json.dumps(values, ensure_ascii=False, indent=2))


def _told(found: Batch, options: Options, others: Mapping[str, Batch]) -> None:
    from batch_platform.btc.service import approvals_missing, asks_for_sum

    counters = found.counters
    reversal = f", {words}" if (words := reversal_of(found, others)) else ""
    memo = f": {found.memo}" if found.memo else ""
    typer.echo(f"batch {found.batch_id} is {found.status}, {_rate(found.adjustment_rate)}{reversal}{memo}")
    if found.plan_sha256 is not None:
        typer.echo(
            f"  {counters.target:,} targets: {counters.applied:,} applied, {counters.skipped_zero:,} rounded to "
            f"zero, {counters.failed:,} failed, {counters.pending:,} pending; {counters.excluded:,} excluded"
        )
        done = "" if found.applied_sum is None else f", applied {grouped(found.applied_sum)} BTC"
        typer.echo(f"  sum {grouped(found.plan_sum or 0)} BTC{done}, hash {found.plan_sha256}")
    given = ", ".join(f"{one.account} ({shown(one.at)})" for one in found.approvals)
    missing = approvals_missing(found, options) if found.status is BatchStatus.PLANNED else 0
    if given:
        typer.echo(f"  approved by {given}")
    if missing:
        named = " that names its sum (BTC_CONFIRM_ABOVE)" if asks_for_sum(found.plan_sum or 0, options) else ""
        typer.echo(f"  waits for {missing} approval{'' if missing == 1 else 's'}{named}")
    if found.error_message is not None:
        typer.echo(f"  {found.error_message}")


def _checked(check: Check) -> None:
    typer.echo(f"  {'ok     ' if check.ok else 'DIFFERS'}  {check.name}: {check.found}")
    if check.ok:
        return
    typer.echo(f"           expected: {check.expected}")
    for one in check.differences:
        typer.echo(f"           {one.user_id}: {one.found}, not {one.expected}")
    if more := check.difference_count - len(check.differences):
        typer.echo(f"           … and {more:,} more")


def _rate(percent: Decimal) -> str:
    return f"{'+' if percent > 0 else ''}{rate_text(percent)} %"
