"""The use cases of btc: what assets, sensors, the API and the command line call.

context     what every use case works with
draft       the rows of a batch as of now, not sealed yet
plan        preview; create a batch, plan and seal it; plan again what a killed worker left
review      approve as seen, by one or two people; cancel
lease       a batch while this process works on it, or waits for another one
apply       the sealed rows into the ledger, recount, proof, end; what waits for a worker
reverse     the batch that takes back another
proof       sealed rows, ledger rows and counters of one batch, each against the others
verify      everything recomputed from the ledger
notices     what people are to be told, for the alert rules
lists       history, detail, rows, failed users, balances
seed        users for the demo and for tests, or from a CSV file
"""

from batch_platform.btc.service.apply import require_applicable, run, run_when_free, submit, waiting_for_worker
from batch_platform.btc.service.context import SYSTEM, BtcContext, build_context
from batch_platform.btc.service.draft import Draft
from batch_platform.btc.service.lease import await_worker, is_held
from batch_platform.btc.service.lists import (
    Detail,
    FailedUser,
    HistoryPage,
    balances,
    batch,
    batches_of,
    detail,
    failed_users,
    history,
    reversals,
    sealed_rows,
    summary,
    transactions,
    user_rows,
)
from batch_platform.btc.service.notices import publish
from batch_platform.btc.service.plan import (
    Overrides,
    abandoned,
    create,
    idempotency_key,
    preview,
    replan,
)
from batch_platform.btc.service.proof import proof
from batch_platform.btc.service.reverse import preview_reversal, reverse
from batch_platform.btc.service.review import approvals_missing, approve, asks_for_sum, cancel, is_approved
from batch_platform.btc.service.seed import SeedOutcome, seed_csv, seed_users
from batch_platform.btc.service.verify import Verification, check_balances, check_balances_after, verify

__all__ = [
    "SYSTEM",
    "BtcContext",
    "Detail",
    "Draft",
    "FailedUser",
    "HistoryPage",
    "Overrides",
    "SeedOutcome",
    "Verification",
    "abandoned",
    "approvals_missing",
    "approve",
    "asks_for_sum",
    "await_worker",
    "balances",
    "batch",
    "batches_of",
    "build_context",
    "cancel",
    "check_balances",
    "check_balances_after",
    "create",
    "detail",
    "failed_users",
    "history",
    "idempotency_key",
    "is_approved",
    "is_held",
    "preview",
    "preview_reversal",
    "proof",
    "publish",
    "replan",
    "require_applicable",
    "reversals",
    "reverse",
    "run",
    "run_when_free",
    "sealed_rows",
    "seed_csv",
    "seed_users",
    "submit",
    "summary",
    "transactions",
    "user_rows",
    "verify",
    "waiting_for_worker",
]
