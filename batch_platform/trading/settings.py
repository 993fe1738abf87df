"""The settings of trading."""

from __future__ import annotations

from batch_platform.settings import DomainSettings


class TradingSettings(DomainSettings):
    """Nothing yet depends on where it runs."""
