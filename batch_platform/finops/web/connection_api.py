"""The finops API of connections: projects are added, changed, tested, disabled and removed."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import Field

from batch_platform.core.surfaces import writes
from batch_platform.finops import revisions, service
from batch_platform.finops.model import Connection, Format
from batch_platform.finops.service.audit import CHANGE, CREATE, DISABLE, REMOVE
from batch_platform.finops.web.context import OPERATE, READ, WRITE, Context, ProjectId, RecordOf, like, wire_names
from batch_platform.finops.web.schemas import FormatName, ProjectAnswer, RemovalAnswer, TestAnswer
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.preconditions import Seen, tell_revision
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import QueryBool, StrictBool, StrictModel, Text

router = APIRouter(prefix="/api/projects", tags=["finops"])

ROLE: Final = "arn:aws:iam::123456789012:role/reader"
AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$", examples=["123456789012"])]


class ConnectionRequest(StrictModel):
    """Where a project's reports lie. `externalId` left out keeps the one that is stored, null removes it."""

    name: Text = Field(min_length=1, examples=["Acme production"])
    bucket: Text = Field(examples=["acme-billing"], json_schema_extra=like(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))
    prefix: Text = Field(
        default="",
        examples=["cur/acme"],
        description="The key prefix before the report's folder, as AWS was given it.",
    )
    report_name: Text = Field(examples=["cur"], json_schema_extra=like(r"^[^/]+$"))
    region: Text = Field(examples=["ap-northeast-1"], json_schema_extra=like(r"^[a-z]{2}(-[a-z]{1,12}){1,2}-[0-9]$"))
    format: FormatName = "auto"
    role_arn: Text | None = Field(
        default=None, examples=[ROLE], json_schema_extra=like(r"^arn:aws:iam::\d{12}:role/\w+$")
    )
    external_id: Text | None = Field(default=None, min_length=1, description="Write only.")
    account_scope: list[AccountId] | None = Field(
        default=None, min_length=1, max_length=1_000, description="Only these usage accounts; null: all."
    )
    enabled: StrictBool = True
    without_manifest: StrictBool = Field(
        default=False, description="Only data files are there: a listing that stands still is taken."
    )

    def connection(self, project_id: str) -> Connection:
        given = self.model_dump(exclude={"project_id", "format", "account_scope"})
        scope = None if self.account_scope is None else tuple(self.account_scope)
        return Connection(**given, project_id=project_id, format=Format(self.format), account_scope=scope)


class ProjectRequest(ConnectionRequest):
    """A new project."""

    project_id: Text = Field(examples=["acme"], json_schema_extra=like(r"^[a-z0-9][a-z0-9_-]{0,62}$"))


@router.post("", status_code=201, dependencies=WRITE, responses=documented(409))
@writes(CREATE)
def create_project(
    body: ProjectRequest, response: Response, context: Context, record: RecordOf
) -> Envelope[ProjectAnswer]:
    """Add a project. Its deliveries are polled from now on; `:test` says whether they can be read."""
    project = body.connection(body.project_id)
    with wire_names():
        service.create_project(context, project, record=record)
    response.headers["Location"] = f"/api/projects/{project.project_id}"
    tell_revision(response, revisions.of_connection(project))
    return Envelope(data=ProjectAnswer.of(project), message=f"project {project.project_id} is added")


@router.get("/{projectId:name}", dependencies=READ, responses=documented(404))
def show_project(project_id: ProjectId, response: Response, context: Context) -> Envelope[ProjectAnswer]:
    """One project. Its ETag goes into the If-Match of a change."""
    project = context.connection(project_id)
    tell_revision(response, revisions.of_connection(project))
    return Envelope(data=ProjectAnswer.of(project))


@router.put("/{projectId:name}", dependencies=WRITE, responses=documented(404, 409))
@writes(CHANGE)
def change_project(
    project_id: ProjectId,
    body: ConnectionRequest,
    response: Response,
    context: Context,
    record: RecordOf,
    seen: Seen,
) -> Envelope[ProjectAnswer]:
    """Replace a project's connection.

    Another place (bucket, prefix, report, format, manifests): every known month is read again, and withdrawn where
    the new place lacks it. Other accounts: published months are computed again.
    """
    keep = "external_id" not in body.model_fields_set
    with wire_names():
        project = service.change_project(
            context,
            body.connection(project_id),
            keep_external_id=keep,
            seen=seen,
            record=record,
        )
    tell_revision(response, revisions.of_connection(project))
    return Envelope(data=ProjectAnswer.of(project))


@router.delete("/{projectId:name}", dependencies=WRITE, responses=documented(404))
@writes(REMOVE)
def remove_project(
    project_id: ProjectId,
    context: Context,
    record: RecordOf,
    dry_run: Annotated[QueryBool, Query(alias="dryRun", description="Only tell what would be archived.")] = False,
) -> Envelope[RemovalAnswer]:
    """Remove a project with all it has; its costs are archived, its accounts are free for another project."""
    removal = service.remove_project(context, project_id, dry_run=dry_run, record=record)
    message = f"project {project_id} {'would be' if dry_run else 'is'} removed"
    return Envelope(data=RemovalAnswer.of(removal, dry_run=dry_run), message=message)


@router.post("/{projectId:name}:disable", dependencies=WRITE, responses=documented(404))
@writes(DISABLE)
def disable_project(project_id: ProjectId, context: Context, record: RecordOf) -> Envelope[ProjectAnswer]:
    """Stop polling a project. Its costs stay, its accounts are free, and PUT with `enabled` brings it back."""
    project = service.disable_project(context, project_id, record=record)
    return Envelope(data=ProjectAnswer.of(project), message=f"project {project_id} is disabled")


@router.post("/{projectId:name}:test", dependencies=OPERATE, responses=documented(404))
def try_project(project_id: ProjectId, context: Context) -> Envelope[TestAnswer]:
    """Try what the batches will do: role, bucket, newest manifest, files. Writes nothing."""
    return Envelope(data=TestAnswer.of_steps(project_id, service.test_project(context, project_id)))
