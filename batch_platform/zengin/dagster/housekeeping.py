"""Jobs without partitions: what time does to proposals, the digest of what waits, and retention."""

from typing import Any

import dagster as dg

from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.resources.failures import dagster_failures
from batch_platform.zengin import service
from batch_platform.zengin.dagster.resource import ZenginResource


@dg.op(description="Expires old proposals, mends what a killed apply left, and tells what waits for a decision.")
def sweep_records(context: dg.OpExecutionContext, zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(context, STANDARD_RETRY), zengin.open_context() as zengin_context:
        done = service.sweep(zengin_context)
        waiting = service.digest(zengin_context)
    shown: dict[str, Any] = {
        "expired": done.expired,
        "finished": done.finished,
        "given back": done.given_back,
        "pending": waiting.pending,
        "oldest, hours": 0 if waiting.oldest is None else int(waiting.oldest.total_seconds() // 3600),
        "held": list(waiting.held),
    }
    return dg.Output(None, metadata={**shown, **{f"risk {risk}": rows for risk, rows in waiting.by_risk.items()}})


@dg.op(description="Deletes the history of changes that is older than a year.")
def purge_history(context: dg.OpExecutionContext, zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(context, STANDARD_RETRY), zengin.open_context() as zengin_context:
        deleted = service.purge(zengin_context)
    return dg.Output(None, metadata={"rows deleted": deleted})
