"""The asset checks of btc: what is proved of every batch before anybody relies on it."""

from collections.abc import Iterator, Sequence
from typing import Final

import dagster as dg

from batch_platform.btc.proof import Check, Proof
from batch_platform.kit.assets import Verdict, check_results

TRANSACTIONS: Final = dg.AssetKey(["btc", "btc_adjustment_transactions"])

OF_EVERY_BATCH: Final = {
    "hash_equal": "the sealed rows are those that were approved, by their hash",
    "counters": "the counters of the batch are those recounted from its rows",
    "each_user_once": "every planned user has exactly one ledger row, and nobody else has one",
    "amounts_equal": "every ledger row books its planned amount to the satoshi",
    "zero_sum": "the house took the opposite of what the users got",
    "no_negative": "no target is planned below zero",
    "satoshi": "every amount is its exact one rounded by the rule of the batch, and every sum is right",
    "balances_equal": "every balance in the batch is what it was planned to be, or the sum of its user's rows",
}
OF_SOME: Final = {
    "negates": "a reversal takes back from each user exactly what was booked",
    "nothing_booked": "a batch that never began has no ledger row",
}
CHECKS: Final = [
    dg.AssetCheckSpec(name, asset=TRANSACTIONS, description=text, blocking=True)
    for name, text in {**OF_EVERY_BATCH, **OF_SOME}.items()
]


def proof_results(proofs: Sequence[Proof]) -> Iterator[dg.AssetCheckResult]:
    """One result a check over all batches of a run."""
    verdicts = [verdict for proof in proofs for verdict in _verdicts(proof)]
    yield from check_results(TRANSACTIONS, (spec.name for spec in CHECKS), verdicts, none="does not apply")


def _verdicts(proof: Proof) -> Iterator[Verdict]:
    for check in proof.checks:
        text = check.found if check.ok else f"{check.found}, not {check.expected}"
        yield Verdict(check.name, proof.batch_id, check.ok, text, detail="" if check.ok else _named(check))
    # what could not be looked at, because something else is wrong already, does not hold either
    seen = {check.name for check in proof.checks}
    for name in () if proof.ok else OF_EVERY_BATCH:
        if name not in seen:
            yield Verdict(name, proof.batch_id, False, "could not be looked at")


def _named(check: Check) -> str:
    """The first users that differ."""
    return "; ".join(
        f"{difference.user_id}: {difference.found}, not {difference.expected}" for difference in check.differences
    )
