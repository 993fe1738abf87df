"""Periodic approaches under `/api/staffing/approaches`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from batch_platform.kit import actions, lists
from batch_platform.staffing.web.approaches import APPROACHES, OCCURRENCES, RETRY, RetriedAnswer
from batch_platform.staffing.web.context import Acting, Work

router = APIRouter(prefix="/api/staffing/approaches", tags=["staffing"])

lists.route(
    router,
    APPROACHES,
    "",
    name="list_approaches",
    doc="Periodic approaches, with the moments at which each was due last and is due next.",
    context=Work,
    permission="staffing:read",
)
lists.route(
    router,
    OCCURRENCES,
    "/occurrences",
    name="list_approach_occurrences",
    doc="What became of each moment at which an approach was due, the newest first.",
    context=Work,
    permission="staffing:read",
)
actions.route(
    router,
    RETRY,
    "/{approach_id}/retry",
    name="retry_approach",
    doc="Deliver the occurrences of an approach that failed, by its criteria as they are now.",
    session=Acting,
    target=Annotated[str, Path(alias="approach_id", max_length=500, description="A periodic approach.")],
    answer=RetriedAnswer,
    of=RetriedAnswer.of,
)
