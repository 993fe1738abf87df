"""What people do in staffing, by the names of the audit log."""

from __future__ import annotations

from typing import Final

from batch_platform.staffing.service.backup_restore import RESTORE
from batch_platform.staffing.service.backups import VERIFY
from batch_platform.staffing.service.loading import LOAD
from batch_platform.staffing.web.approaches import RETRY
from batch_platform.staffing.web.invoice_actions import INVOICE_ACTIONS
from batch_platform.staffing.web.reports import MAIL

ACTIONS: Final = (LOAD, VERIFY, RESTORE, RETRY.name, MAIL.name, *(action.name for action in INVOICE_ACTIONS))
