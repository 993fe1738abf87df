"""What routes and pages of staffing work with."""

from __future__ import annotations

from typing import Annotated

from batch_platform.kit.domain import AppContext
from batch_platform.kit.requests import session_on, state_of
from batch_platform.kit.session import Session
from batch_platform.staffing.opening import open_context
from batch_platform.staffing.service import StaffingContext


def open_state(app: AppContext) -> StaffingContext:
    """The use cases' context of this process."""
    return app.opened.enter_context(open_context(app.settings))


Context = Annotated[StaffingContext, state_of("staffing")]
Acting = Annotated[Session[StaffingContext], session_on("staffing")]
