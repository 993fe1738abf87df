"""What staffing gives to the web: its routes, its pages, its texts."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import WebRoom
from batch_platform.staffing.web import (
    approach_pages,
    approaches_api,
    backup_pages,
    finding_pages,
    invoice_decisions,
    invoice_pages,
    invoices_api,
    lists_api,
    overview_pages,
    performance_api,
    report_pages,
    reports_api,
    status_pages,
    usage_pages,
)
from batch_platform.staffing.web.context import open_state
from batch_platform.staffing.web.rendering import HOME
from batch_platform.web.app import Part
from batch_platform.web.console import NavItem
from batch_platform.web.i18n import N_

NAVIGATION: Final = (NavItem(key="staffing", label=N_("Staffing"), path=HOME, permission="staffing:read", order=70),)

PART: Final = Part(
    routers=(
        lists_api.router,
        approaches_api.router,
        invoices_api.router,
        performance_api.router,
        reports_api.router,
    ),
    pages=(
        overview_pages.router,
        status_pages.router,
        usage_pages.router,
        invoice_pages.router,
        invoice_decisions.router,
        report_pages.router,
        approach_pages.router,
        backup_pages.router,
        finding_pages.router,
    ),
    navigation=NAVIGATION,
    package="batch_platform.staffing.web",
    tags={"staffing": "Engineers, approaches, usage, invoices, reports, backups and upkeep. Fields are snake_case."},
)
"""What the app needs of staffing."""

WEB: Final = WebRoom(part=PART, card=overview_pages.CARD, open_state=open_state)
