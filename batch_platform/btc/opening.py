"""How a process opens the context of btc: clients, clock, and how batches are handled by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_platform.btc.model import Options, Rounding
from batch_platform.btc.money import to_satoshi
from batch_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch_platform.btc.service import BtcContext
    from batch_platform.core.clock import Clock


def options_of(settings: Settings) -> Options:
    """How batches are planned, approved and written here."""
    above = settings.btc_confirm_above
    return Options(
        rounding=Rounding(settings.btc_rounding),
        shards=settings.btc_shards,
        require_approval=settings.btc_require_approval,
        second_approver=settings.btc_second_approver,
        max_rate=settings.btc_max_rate,
        confirm_above=None if above is None else to_satoshi(above, field="BTC_CONFIRM_ABOVE"),
        rate_limit=settings.btc_write_units,
    )


def open_work(settings: Settings | None = None, *, clock: Clock | None = None) -> BtcContext:
    """The context of this process. It holds nothing that has to be closed."""
    from batch_platform.btc import service
    from batch_platform.core import aws
    from batch_platform.core.clock import utc_now

    settings = settings or load_settings()
    return service.build_context(
        dynamodb=aws.client("dynamodb", settings),
        s3=aws.client("s3", settings),
        lake_bucket=settings.lake_bucket,
        env=settings.env,
        project=settings.project,
        options=options_of(settings),
        clock=clock or utc_now,
    )
