"""How a process opens the context of btc: clients, clock, and how batches are handled by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_platform.btc.model import Options, Rounding
from batch_platform.btc.money import to_satoshi
from batch_platform.btc.settings import BtcSettings
from batch_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch_platform.btc.service import BtcContext
    from batch_platform.core.clock import Clock


def options_of(own: BtcSettings) -> Options:
    """How batches are planned, approved and written here."""
    above = own.confirm_above
    return Options(
        rounding=Rounding(own.rounding),
        shards=own.shards,
        require_approval=own.require_approval,
        second_approver=own.second_approver,
        max_rate=own.max_rate,
        confirm_above=None if above is None else to_satoshi(above, field="BTC_CONFIRM_ABOVE"),
        rate_limit=own.write_units,
    )


def open_context(settings: Settings | None = None, *, clock: Clock | None = None) -> BtcContext:
    """The context of this process. It holds nothing that has to be closed."""
    from batch_platform.btc import service
    from batch_platform.core import aws
    from batch_platform.core.clock import utc_now

    settings = settings or load_settings()
    own = settings.of(BtcSettings)
    return service.build_context(
        dynamodb=aws.client("dynamodb", settings),
        s3=aws.client("s3", settings),
        lake_bucket=settings.lake_bucket,
        env=settings.env,
        table_prefix=own.table_prefix,
        options=options_of(own),
        clock=clock or utc_now,
    )
