"""What people do in the competition, by the names of the audit log."""

from __future__ import annotations

from typing import Final

from batch_platform.trading.service.contests import LOAD
from batch_platform.trading.service.notices import SET_MAILS
from batch_platform.trading.service.registration import REGISTER
from batch_platform.trading.service.retention import PRUNE
from batch_platform.trading.service.trades import PLACE
from batch_platform.trading.web.administration import ADMINISTRATION

ACTIONS: Final = (REGISTER, PLACE, LOAD, PRUNE, SET_MAILS, *(action.name for action in ADMINISTRATION))
