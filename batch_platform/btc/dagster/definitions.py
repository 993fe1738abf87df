"""What btc declares to Dagster and to the registry."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from batch_platform.btc.dagster import assets, dry_runs, recurring, sensors
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.btc.jobs import ADJUSTMENT, AdjustmentParameters, plan_adjustment
from batch_platform.btc.settings import BtcSettings
from batch_platform.kit.jobs import DagsterRoom, DeclaredJob, Run, Schedule, Sensor, job
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.settings import Settings

_HOUR: Final = timedelta(hours=1)
_ASSETS: Final = (assets.btc_adjustment_plan, assets.btc_adjustment_transactions, assets.btc_adjustment_report)


def build_jobs(settings: Settings) -> tuple[DeclaredJob, ...]:
    """The application of approved batches, and the recurring one that waits for approval."""
    common: dict[str, Any] = {"domain": "btc", "permission": "batch:execute", "dry_run_max": _HOUR}
    cron = settings.of(BtcSettings).adjustment_cron
    monthly = [] if cron is None else [Schedule("btc_recurring_schedule", cron, sensors.recurring)]
    return (
        job(
            id="BTC_001",
            name=ADJUSTMENT,
            title=N_("Apply a BTC adjustment"),
            description=N_("Books the sealed rows of an approved batch, user by user, and proves the result."),
            plan=plan_adjustment,
            parameters=AdjustmentParameters,
            runs=[
                Run("btc_adjustment", _ASSETS),
                Run("btc_plan", _ASSETS[:1], "Plan a batch again whose creator died before the seal.", _HOUR),
            ],
            dry_run=dry_runs.adjustment,
            sensor=Sensor(
                "btc_batch_sensor",
                timedelta(seconds=10),
                "Adds a partition for each new batch; requests runs for approved batches, for those whose worker "
                "died and for plans whose creator died; and tells what people are to know of batches.",
                looks=sensors.waiting_batches,
                runs=("btc_adjustment", "btc_plan"),
            ),
            critical=True,
            max_duration=timedelta(hours=6),
            deadline=timedelta(minutes=5),
            **common,
        ),
        job(
            id="BTC_002",
            name="btc-recurring",
            title=N_("Plan the recurring BTC adjustment"),
            description=N_("Plans and seals a batch of the rate in the settings; people approve it."),
            runs=[Run("btc_recurring", recurring.plan_recurring_batch)],
            dry_run=dry_runs.recurring,
            schedules=monthly,
            max_duration=_HOUR,
            deadline=timedelta(minutes=30),
            **common,
        ),
    )


DAGSTER: Final = DagsterRoom("btc", BtcResource, build_jobs)
