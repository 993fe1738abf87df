"""Transactions on the zengin tables; statements stand in `sql/`."""

from __future__ import annotations

from batch_platform.core.store import BaseStore
from batch_platform.zengin.store.apply import Apply
from batch_platform.zengin.store.changesets import Changesets
from batch_platform.zengin.store.history import History
from batch_platform.zengin.store.master import Master
from batch_platform.zengin.store.mirror import Mirror
from batch_platform.zengin.store.snapshots import Snapshots


class Session(Snapshots, Changesets, Mirror, Apply, History, Master):
    """The statements of one transaction."""


class ZenginStore(BaseStore[Session]):
    """Opens transactions on the zengin tables."""

    _session = Session
