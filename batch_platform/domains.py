"""The one list of domains. To add a domain: its folder, its migrations, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from batch_platform.btc.domain import DOMAIN as BTC
from batch_platform.finops.domain import DOMAIN as FINOPS
from batch_platform.outbox.domain import DOMAIN as OUTBOX
from batch_platform.staffing.domain import DOMAIN as STAFFING
from batch_platform.trading.domain import DOMAIN as TRADING
from batch_platform.zengin.domain import DOMAIN as ZENGIN

if TYPE_CHECKING:
    from batch_platform.kit.domain import Domain
    from batch_platform.settings import Settings

DOMAINS: Final[tuple[Domain, ...]] = (FINOPS, ZENGIN, BTC, TRADING, STAFFING, OUTBOX)
"""In the order of commands, dashboard cards and demo."""


def load_settings() -> Settings:
    """The settings with those of every domain: a bad variable stops every start by its name."""
    from batch_platform import settings

    return settings.load_settings(*(domain.settings() for domain in DOMAINS))
