"""The asset checks of btc: what is proved of every batch before anybody relies on it."""

from collections.abc import Iterator, Sequence
from typing import Final

import dagster as dg

from batch_platform.btc.proof import Check, Proof

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
    for spec in CHECKS:
        found = {proof.batch_id: check for proof in proofs for check in proof.checks if check.name == spec.name}
        # what could not be looked at, because something else is wrong already, does not hold either
        unseen = [one.batch_id for one in proofs if spec.name in OF_EVERY_BATCH and not one.ok]
        unseen = [batch_id for batch_id in unseen if batch_id not in found]
        failed = {batch_id: check for batch_id, check in found.items() if not check.ok}
        told = [f"{batch_id}: {_told(check)}" for batch_id, check in (failed or found).items()]
        told += [f"{batch_id} could not be looked at" for batch_id in unseen]
        yield dg.AssetCheckResult(
            asset_key=TRANSACTIONS,
            check_name=spec.name,
            passed=not failed and not unseen,
            description="; ".join(told) or "does not apply",
            metadata={batch_id: _named(check) for batch_id, check in failed.items() if check.differences},
        )


def _told(check: Check) -> str:
    return check.found if check.ok else f"{check.found}, not {check.expected}"


def _named(check: Check) -> str:
    """The first users that differ."""
    return "; ".join(f"{one.user_id}: {one.found}, not {one.expected}" for one in check.differences)
