"""The recurring batch: planned and sealed by the rate in the settings; people approve it."""

import dagster as dg

from batch_platform.btc import service
from batch_platform.btc.dagster import run_metadata
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.btc.service import SYSTEM
from batch_platform.btc.settings import BtcSettings
from batch_platform.core.failures import InvalidInput
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.resources.failures import dagster_failures
from batch_platform.settings import load_settings


class RecurringConfig(dg.Config):
    """Which tick of the schedule a recurring batch is of; none: a person asks for one."""

    scheduled_at: str | None = None  # ISO 8601


@dg.op(description="Plans and seals a batch of the rate in the settings; it waits for its approval.")
def plan_recurring_batch(
    context: dg.OpExecutionContext, config: RecurringConfig, btc: BtcResource
) -> dg.Output[None]:
    # the same tick, or the same run tried again, finds the batch it has made
    tick = config.scheduled_at or f"run {context.run.root_run_id or context.run.run_id}"
    with dagster_failures(context, STANDARD_RETRY), btc.open_context() as btc_context:
        key = service.idempotency_key(f"recurring {tick}", by=SYSTEM, request={})
        batch = service.create(btc_context, recurring_rate(), by=SYSTEM, memo="Recurring adjustment", key=key)
        shown = run_metadata.of_plan(btc_context, batch)
    return dg.Output(None, metadata=shown)


def recurring_rate() -> str:
    """The rate of recurring batches, in percent. Raises `InvalidInput` where there is none."""
    rate = load_settings().of(BtcSettings).adjustment_rate
    if rate is None:
        raise InvalidInput("variable-not-set", "{field} is not set", field="BTC_ADJUSTMENT_RATE")
    return f"{rate:f}"
