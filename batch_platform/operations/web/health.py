"""Health: every part of the platform with its last sign of life, as a page and a route."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from batch_platform.operations import health
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.schemas import ComponentAnswer
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.console import NavItem, Words, render
from batch_platform.web.i18n import N_

HERE: Final = "/console/health"
NAVIGATION: Final = NavItem(key="health", label=N_("Health"), path=HERE, permission="batch:read", order=36)
STATES: Final[Words] = {
    "alive": (N_("Alive"), "good"),
    "silent": (N_("Silent"), "bad"),
    "never": (N_("Never seen"), "warning"),
}
NAMES: Final = {
    health.MONITOR: N_("Monitor"),
    "postgres": "PostgreSQL",
    "s3": "S3",
    "dynamodb": "DynamoDB",
    "code_server": N_("Code server of Dagster"),
    "daemon": N_("Daemon of Dagster"),
}

router = APIRouter(prefix="/api/admin/batch", tags=["batch"])
pages = APIRouter(include_in_schema=False)


@router.get("/health", dependencies=[requires("batch:read")])
def list_components(request: Request) -> Envelope[list[ComponentAnswer]]:
    """Every part of the platform with its last sign of life; `silent` after 90 seconds without one."""
    operations = operations_of(request)
    now = operations.clock()
    components = health.components(operations.pool)
    return Envelope(data=[ComponentAnswer.of(each, state=each.state(now)) for each in components])


@pages.get(HERE, dependencies=[requires("batch:read")])
def health_page(request: Request) -> Response:
    operations = operations_of(request)
    return render(
        request,
        "operations/health.html",
        components=health.components(operations.pool),
        component_states=STATES,
        names=NAMES,
        now=operations.clock(),
    )
