"""Periodic approaches under `/api/staffing/approaches`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from batch_platform.kit import actions
from batch_platform.staffing.web.approaches import RETRY, RetriedAnswer
from batch_platform.staffing.web.context import Acting

router = APIRouter(prefix="/api/staffing/approaches", tags=["staffing"])

actions.route(
    router,
    RETRY,
    "/{approach_id}/retry",
    name="retry_approach",
    doc="Deliver the occurrences of an approach that failed, by its criteria as they are now.",
    session=Acting,
    target=Annotated[str, Path(alias="approach_id", max_length=500, description="A periodic approach.")],
    answer=RetriedAnswer,
)
