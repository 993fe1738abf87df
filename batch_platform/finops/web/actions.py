"""What people do with costs, by the names of the audit log and with the sentences that are read there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batch_platform.finops.service.audit import CHANGE, CREATE, DELETE_BUDGET, DISABLE, REMOVE, REQUEUE, SET_BUDGET
from batch_platform.web.i18n import N_

ACTIONS: Final[Mapping[str, str]] = {
    CREATE: N_("%(who)s adds the project %(target)s"),
    CHANGE: N_("%(who)s changes the project %(target)s"),
    DISABLE: N_("%(who)s disables the project %(target)s"),
    REMOVE: N_("%(who)s removes the project %(target)s"),
    REQUEUE: N_("%(who)s has the cost files of %(target)s read again"),
    SET_BUDGET: N_("%(who)s sets the budget %(target)s"),
    DELETE_BUDGET: N_("%(who)s deletes the budget %(target)s"),
}
