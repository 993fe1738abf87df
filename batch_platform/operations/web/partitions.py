"""One partition's materializations on the web, looked at and wiped with a reason; API and page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import Field

from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.core.surfaces import writes
from batch_platform.operations import actions, partitions
from batch_platform.operations.actions import WIPE
from batch_platform.operations.partitions import Partition
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.partition_schemas import PartitionAnswer
from batch_platform.web.access.dependencies import authorize, current, requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import StrictBool, StrictModel, Text
from batch_platform.web.console import field_errors, redirect, render
from batch_platform.web.context import log_of
from batch_platform.web.i18n import gettext as _

router = APIRouter()
"""Below the prefix of the operations API."""

pages = APIRouter(include_in_schema=False)

Reason = Annotated[str, Form(max_length=1_000)]


class WipeRequest(StrictModel):
    """Which partition of which asset, and why. `dryRun` says what would be forgotten."""

    asset: Text = Field(examples=["finops/cur_line_items"])
    partition: Text = Field(examples=["2026-10-01|acme"])
    reason: Text = Field(examples=["made from a file that was withdrawn"])
    dry_run: StrictBool = False


@router.get("/partitions", dependencies=[requires("batch:read")], responses=documented(404))
def show_partition(
    request: Request,
    asset: Annotated[Text, Query(description="An asset's key.", examples=["finops/cur_line_items"])],
    partition: Annotated[Text, Query(description="A partition's key.", examples=["2026-10-01|acme"])],
) -> Envelope[PartitionAnswer]:
    """When and by which runs a partition of an asset was materialized; never: an empty list."""
    return Envelope(data=PartitionAnswer.of(partitions.partition(operations_of(request), asset, partition)))


@router.post("/partitions/wipe", dependencies=[requires("jobs:run")], responses=documented(404, 409))
@writes(WIPE)
def wipe_partition(body: WipeRequest, request: Request) -> Envelope[PartitionAnswer]:
    """Let Dagster forget that a partition was materialized. Its data stays. 409 while a run works on it."""
    wiped = _wipe(request, body.asset, body.partition, body.reason, dry_run=body.dry_run)
    verb = "would be" if body.dry_run else "are"
    message = f"{len(wiped.materializations)} materializations {verb} forgotten; the data stays"
    return Envelope(data=PartitionAnswer.of(wiped), message=message)


@pages.get("/console/jobs/{name}/partition", dependencies=[requires("batch:read")])
def partition_page(request: Request, name: str, partition: str = "") -> Response:
    """A partition of the assets that a job makes: when each was made, and the wiping."""
    return _page(request, name, partition.strip())


@pages.post("/console/jobs/{name}/partition", dependencies=[requires("jobs:run")])
@writes(WIPE)
def wipe_from_page(
    request: Request,
    name: str,
    asset: Annotated[str, Form()],
    partition: Annotated[str, Form()],
    reason: Reason = "",
) -> Response:
    try:
        _wipe(request, asset, partition, reason)
    except NotFound:
        raise
    except Conflict as error:
        return redirect(request, _address(name, partition), message=error.message, tone="warning")
    except InvalidInput as error:
        refused = {"asset": asset, "reason": reason, "errors": field_errors(error)}
        return _page(request, name, partition, refused=refused, status=422)
    message = _("Dagster has forgotten %(partition)s of %(asset)s. Its data is still there.")
    return redirect(request, _address(name, partition), message=message % {"partition": partition, "asset": asset})


def _wipe(request: Request, asset: str, partition: str, reason: str, *, dry_run: bool = False) -> Partition:
    """403 without the permission of every job that makes the asset."""
    operations = operations_of(request)
    for job in partitions.makers(operations, asset):
        authorize(request, job.permission)
    if dry_run:
        return partitions.wipeable(operations, asset, partition, reason=reason)
    return actions.wipe(operations, log_of(request), asset, partition, reason=reason)


def _page(
    request: Request,
    name: str,
    partition: str,
    *,
    refused: Mapping[str, Any] | None = None,
    status: int | None = None,
) -> Response:
    operations = operations_of(request)
    job = operations.registry.get(name)
    may = current(request).may
    return render(
        request,
        "operations/partition.html",
        status=status,
        job=job,
        partition=partition,
        assets=partitions.of_job(operations, name, partition) if partition else [],
        may_wipe=may("jobs:run")
        and all(may(maker.permission) for asset in job.assets for maker in partitions.makers(operations, asset)),
        refused=refused or {"asset": None},
    )


def _address(name: str, partition: str) -> str:
    return f"/console/jobs/{quote(name)}/partition?{urlencode({'partition': partition})}"
