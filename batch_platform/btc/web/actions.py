"""What people do with batches, by the names of the audit log and with the sentences that are read there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batch_platform.btc.actions import APPROVE, CANCEL, CREATE, RESUME, SEED
from batch_platform.web.i18n import N_

ACTIONS: Final[Mapping[str, str]] = {
    CREATE: N_("%(who)s orders the BTC batch %(target)s"),
    APPROVE: N_("%(who)s approves the BTC batch %(target)s"),
    CANCEL: N_("%(who)s cancels the BTC batch %(target)s"),
    RESUME: N_("%(who)s resumes the BTC batch %(target)s"),
    SEED: N_("%(who)s makes up users with BTC balances: %(target)s"),
}
