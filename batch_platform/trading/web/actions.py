"""What people do in the competition, by the names of the audit log."""

from __future__ import annotations

from typing import Final, NamedTuple

from batch_platform.trading.service.contests import LOAD
from batch_platform.trading.service.notices import SET_MAILS
from batch_platform.trading.service.registration import REGISTER
from batch_platform.trading.service.retention import PRUNE
from batch_platform.trading.service.trades import PLACE
from batch_platform.trading.web.administration import ADMINISTRATION


class Deed(NamedTuple):
    """What somebody may do, by its name in the log."""

    name: str


ACTIONS: Final = (Deed(REGISTER), Deed(PLACE), Deed(LOAD), Deed(PRUNE), Deed(SET_MAILS), *ADMINISTRATION)
