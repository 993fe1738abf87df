"""What people do in staffing, by the names of the audit log and with the sentences that are read there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batch_platform.staffing.service.backup_restore import RESTORE
from batch_platform.staffing.service.backups import VERIFY
from batch_platform.staffing.service.loading import LOAD
from batch_platform.staffing.web.approaches import RETRY
from batch_platform.staffing.web.invoice_actions import CREDIT, ISSUE, VOID
from batch_platform.staffing.web.reports import MAIL
from batch_platform.web.i18n import N_

ACTIONS: Final[Mapping[str, str]] = {
    LOAD: N_("%(who)s loads staffing facts: %(target)s"),
    VERIFY: N_("%(who)s verifies the backup %(target)s"),
    RESTORE: N_("%(who)s restores the backup %(target)s"),
    RETRY.name: N_("%(who)s retries the approach %(target)s"),
    MAIL.name: N_("%(who)s mails the report %(target)s"),
    ISSUE.name: N_("%(who)s issues the invoices of %(target)s"),
    VOID.name: N_("%(who)s voids the invoice %(target)s"),
    CREDIT.name: N_("%(who)s gives money back for the invoice %(target)s"),
}
