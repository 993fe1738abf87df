"""What staffing gives to the web: its routes, its pages, its texts."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import WebRoom
from batch_platform.staffing.web import approaches_api, maintenance_api, performance_api, reports_api
from batch_platform.staffing.web.context import open_state
from batch_platform.web.app import Part

PART: Final = Part(
    routers=(approaches_api.router, maintenance_api.router, performance_api.router, reports_api.router),
    locale="batch_platform.staffing.web",
)
"""What the app needs of staffing."""

WEB: Final = WebRoom(part=PART, card=None, open_state=open_state)
