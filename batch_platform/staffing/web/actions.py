"""What people do in staffing, by the names of the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from batch_platform.staffing.service.backup_restore import RESTORE
from batch_platform.staffing.service.backups import VERIFY
from batch_platform.staffing.service.loading import LOAD
from batch_platform.staffing.web.approaches import RETRY
from batch_platform.staffing.web.invoice_actions import INVOICE_ACTIONS
from batch_platform.staffing.web.reports import MAIL

if TYPE_CHECKING:
    from batch_platform.kit.domain import Declared


class Deed(NamedTuple):
    """What somebody may do, by its name in the log."""

    name: str


ACTIONS: Final[tuple[Declared, ...]] = (Deed(LOAD), Deed(VERIFY), Deed(RESTORE), RETRY, MAIL, *INVOICE_ACTIONS)
