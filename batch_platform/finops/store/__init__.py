"""Every read and write of the finops tables; statements stand in `sql/`.

All state changes are conditional: a worker that lost its lease, a second registration of the same delivery and a
repeated publication change nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from batch_platform.core.store import BaseStore
from batch_platform.finops.model import Stamp
from batch_platform.finops.store.archive import Archive
from batch_platform.finops.store.budgets import Budgets
from batch_platform.finops.store.costs import (
    FORECAST_SCHEMA,
    RESTATEMENT_SCHEMA,
    Costs,
    Place,
    columns_of,
    stamp_of,
)
from batch_platform.finops.store.deliveries import Deliveries

__all__ = ["FORECAST_SCHEMA", "RESTATEMENT_SCHEMA", "FinopsStore", "Place", "Session"]


class Session(Deliveries, Costs, Archive, Budgets):
    """The statements of one transaction."""


class FinopsStore(BaseStore[Session]):
    """Opens transactions on the finops tables."""

    _session = Session

    async def stamps(self, places: Collection[Place]) -> dict[Place, Stamp]:
        """What the costs of the published ones among these months are computed from now."""
        stamps = map(stamp_of, await self._rows("costs_stamps", **columns_of(places)))
        return {(stamp.project_id, stamp.month): stamp for stamp in stamps}
