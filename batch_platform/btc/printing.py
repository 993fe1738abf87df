"""What the btc commands print: the API's own JSON for programs, lines and tables for people.

Amounts are BTC with 8 decimals: texts in JSON, grouped by thousands only where people read them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from batch_platform.btc.model import Batch, BatchStatus, LedgerRow, Options, RowState, reversal_of
from batch_platform.btc.money import btc_text, rate_text, to_btc
from batch_platform.btc.row_texts import AMOUNTS
from batch_platform.btc.service import approvals_missing, asks_for_sum
from batch_platform.core.terminal import Figure, shown

if TYPE_CHECKING:
    import polars as pl
    from pydantic import BaseModel

    from batch_platform.btc.plan import Summary
    from batch_platform.btc.proof import Check, Proof
    from batch_platform.btc.service import Detail, Draft, Verification

Lines = Iterator[str]

# the only number of an answer that is no count: written digit by digit, never by way of a float
_RATE: Final = re.compile(r'("adjustment_rate": )"(-?[0-9]+(?:\.[0-9]+)?)"')


def as_json(value: BaseModel | Mapping[str, Any] | Sequence[BaseModel], **more: Any) -> str:
    """Answers of the API, and what only a command has to say: amounts as texts, rates as numbers."""
    if isinstance(value, Sequence):
        plain: Any = [answer.model_dump(mode="json") for answer in value]
    else:
        plain = {**(value if isinstance(value, Mapping) else value.model_dump(mode="json")), **more}
    return _RATE.sub(r"\1\2", json.dumps(plain, ensure_ascii=False, indent=2))


def table(rows: pl.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a plan or of balances as people read them."""
    return [
        {name: grouped(value) if name in AMOUNTS else value for name, value in row.items()}
        for row in rows.select(columns).iter_rows(named=True)
    ]


def booked(rows: Sequence[LedgerRow]) -> list[dict[str, Any]]:
    """Rows of the ledger as people read them."""
    return [
        {
            "user_id": row.user_id,
            "amount": grouped(row.amount),
            "state": row.state.value,
            "committed": row.committed_at,
        }
        for row in rows
    ]


def grouped(satoshi: int) -> Figure:
    """BTC for people."""
    return Figure(f"{to_btc(satoshi):,f}")


def rate(percent: Decimal) -> Figure:
    return Figure(f"{'+' if percent > 0 else ''}{rate_text(percent)} %")


def outline(draft: Draft) -> Lines:
    """A plan that is not sealed."""
    yield f"{rate(draft.rate)} as of {shown(draft.cutoff_at)}, hash {draft.plan_sha256}"
    yield from totals(draft.summary)


def totals(summary: Summary) -> Lines:
    """What a plan comes to."""
    skipped = summary.counts[RowState.SKIPPED_ZERO]
    reasons = ", ".join(f"{users:,} {reason}" for reason, users in summary.excluded.items() if users)
    apart = f" ({reasons}), who have {grouped(summary.balance_excluded)} BTC" if reasons else ""
    excluded = summary.rows - summary.targets
    yield f"  {summary.targets:,} targets, {skipped:,} of them rounded to zero; {excluded:,} excluded{apart}"
    before, after = grouped(summary.balance_before), grouped(summary.balance_after)
    yield f"  together {grouped(summary.amount)} BTC: from {before} to {after} BTC"
    if summary.smallest is not None:
        amounts = (grouped(amount or 0) for amount in (summary.smallest, summary.median, summary.largest))
        yield "  smallest {}, median {}, largest {} BTC".format(*amounts)


def batch(
    batch: Batch, options: Options, proof: Proof | None = None, others: Mapping[str, Batch] = MappingProxyType({})
) -> Lines:
    """A batch, its proof where it was applied just now, and what can be done next; `others` has what reverses it."""
    yield from _standing(batch, options, others)
    if proof is not None:
        yield from proven(proof)
    yield from next_steps(batch, options)


def _standing(batch: Batch, options: Options, others: Mapping[str, Batch]) -> Lines:
    counters = batch.counters
    reversal = f", {words}" if (words := reversal_of(batch, others)) else ""
    memo = f": {batch.memo}" if batch.memo else ""
    yield f"batch {batch.batch_id} is {batch.status}, {rate(batch.adjustment_rate)}{reversal}{memo}"
    if batch.plan_sha256 is not None:
        yield (
            f"  {counters.target:,} targets: {counters.applied:,} applied, {counters.skipped_zero:,} rounded to "
            f"zero, {counters.failed:,} failed, {counters.pending:,} pending; {counters.excluded:,} excluded"
        )
        done = "" if batch.applied_sum is None else f", applied {grouped(batch.applied_sum)} BTC"
        yield f"  sum {grouped(batch.plan_sum or 0)} BTC{done}, hash {batch.plan_sha256}"
    if batch.approvals:
        yield "  approved by " + ", ".join(f"{given.account} ({shown(given.at)})" for given in batch.approvals)
    missing = approvals_missing(batch, options) if batch.status is BatchStatus.PLANNED else 0
    if missing:
        named = " that names its sum (BTC_CONFIRM_ABOVE)" if asks_for_sum(batch.plan_sum or 0, options) else ""
        yield f"  waits for {missing} approval{'' if missing == 1 else 's'}{named}"
    if batch.error_message is not None:
        yield f"  {batch.error_message}"


def next_steps(batch: Batch, options: Options, *, acting: bool = False) -> list[str]:
    """The commands that bring a batch on; only those that do something to it, where somebody is `acting`."""
    own, command = batch.batch_id, "batch-platform btc"
    match batch.status:
        case BatchStatus.PLANNED if missing := approvals_missing(batch, options):
            seen = (
                f"--count {batch.target_user_count} --sum {btc_text(batch.plan_sum or 0)} --hash {batch.plan_sha256}"
            )
            who = "" if missing == 1 and not batch.approvals else f" ({missing} more)"
            return [
                *([] if acting else [f"look at it: {command} plan {own}"]),
                f"approve it{who}: {command} approve {own} {seen}",
                f"or drop it: {command} cancel {own}",
            ]
        case BatchStatus.PLANNED:
            return [f"apply it: {command} resume {own}", f"or drop it: {command} cancel {own}"]
        case BatchStatus.PENDING | BatchStatus.PROCESSING:
            return [f"go on with it: {command} resume {own}"]
        case BatchStatus.FAILED if batch.is_open:
            return [f"look at it, then go on with it: {command} resume {own}"]
        case _:
            return []


def detail(detail: Detail, options: Options) -> Lines:
    """A batch, what its plan comes to, and whose row failed."""
    back = {} if detail.reversal is None else {detail.reversal.batch_id: detail.reversal}
    yield from batch(detail.batch, options, others=back)
    if detail.summary is not None:
        yield from totals(detail.summary)
    for failure in detail.failures:
        yield f"  failed: {failure.user_id}: {failure.reason}"


def proven(proof: Proof) -> Lines:
    for check in proof.checks:
        yield from _checked(check)
    yield "proof: equal" if proof.ok else "proof: DIFFERS"


def verified(verification: Verification) -> Lines:
    for proof in verification.proofs:
        counted = ", ".join(f"{count:,} {name}" for name, count in proof.counters._asdict().items())
        verdict = "equal" if proof.ok else "DIFFERS"
        yield f"{proof.batch_id} {verdict}: {counted}; {grouped(proof.applied_sum)} BTC applied"
        for check in proof.failed:
            yield from _checked(check)
    balances = verification.balances
    yield f"balances {'equal' if balances.ok else 'DIFFER'}: {balances.expected if balances.ok else balances.found}"
    if not balances.ok:
        yield from _checked(balances)
    yield "all equal" if verification.ok else "there are differences"


def _checked(check: Check) -> Lines:
    yield f"  {'ok     ' if check.ok else 'DIFFERS'}  {check.name}: {check.found}"
    if check.ok:
        return
    yield f"           expected: {check.expected}"
    for difference in check.differences:
        yield f"           {difference.user_id}: {difference.found}, not {difference.expected}"
    if more := check.difference_count - len(check.differences):
        yield f"           … and {more:,} more"
