"""The console's form for a project's connection: add and change, asked about before it is saved."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.finops import service
from batch_platform.finops.model import Connection, Format
from batch_platform.finops.service.audit import CHANGE, CREATE, REMOVE
from batch_platform.finops.web.connection_api import ConnectionRequest
from batch_platform.finops.web.context import WRITE, Context, RecordOf, page
from batch_platform.web.console import field_errors, redirect
from batch_platform.web.forms import Form, Texts
from batch_platform.web.i18n import gettext as _

HOME: Final = "/console/projects"

router = APIRouter(include_in_schema=False)


@router.get(f"{HOME}/~new", dependencies=WRITE)
def new_project_page(request: Request) -> Response:
    return _form_page(request, None, {"region": "ap-northeast-1", "format": "auto", "enabled": "true"})


@router.post(f"{HOME}/~new", dependencies=WRITE)
@writes(CREATE)
def create_project(request: Request, context: Context, form: Form, record: RecordOf) -> Response:
    """One form, two steps: `ask` shows the question, `save` writes."""
    try:
        project = _connection(form, form["projectId"])
        if form["step"] != "save":
            service.create_project(context, project, dry_run=True)
            return _form_page(request, None, form, asking=True)
        service.create_project(context, project, record=record)
    except (InvalidInput, ValidationError) as error:
        return _form_page(request, None, form, error=error)
    return redirect(request, f"{HOME}/{project.project_id}", message=_("The project is added."))


@router.get(f"{HOME}/{{project_id}}/edit", dependencies=WRITE)
def edit_project_page(request: Request, context: Context, project_id: str) -> Response:
    project = context.connection(project_id)
    return _form_page(request, project, _values(project))


@router.post(f"{HOME}/{{project_id}}/edit", dependencies=WRITE)
@writes(CHANGE)
def change_project(request: Request, context: Context, project_id: str, form: Form, record: RecordOf) -> Response:
    """As `create_project`; an external id left empty stays as it is."""
    known = context.connection(project_id)
    try:
        project = _connection(form, project_id)
        keep = not form["externalId"] and form["forgetExternalId"] != "true"
        if form["step"] != "save":
            service.add_project(context, project, dry_run=True)
            return _form_page(request, known, form, asking=True, changed=project)
        service.change_project(context, project, keep_external_id=keep, record=record)
    except (InvalidInput, ValidationError) as error:
        return _form_page(request, known, form, error=error)
    return redirect(request, f"{HOME}/{project_id}", message=_("The project is saved."))


@router.post(f"{HOME}/{{project_id}}/remove", dependencies=WRITE)
@writes(REMOVE)
def remove_project(request: Request, context: Context, project_id: str, record: RecordOf) -> Response:
    service.remove_project(context, project_id, record=record)
    return redirect(request, HOME, message=_("The project is removed; its costs are archived."))


def _form_page(
    request: Request,
    project: Connection | None,
    values: dict[str, str],
    *,
    asking: bool = False,
    changed: Connection | None = None,
    error: InvalidInput | ValidationError | None = None,
) -> Response:
    # the form's field of a name that the service uses: `accountScope` of `account_scope` or `accountScope.0`
    errors = {to_camel(name.partition(".")[0]): text for name, text in field_errors(error).items()}
    return page(
        request,
        "project_form",
        status=409 if isinstance(error, Conflict) else None,
        project=project,
        values=values,
        asking=asking,
        changed=changed,
        errors=errors,
        formats=[(known, known) for known in Format],
    )


def _connection(form: Texts, project_id: str) -> Connection:
    """What the form says, through the API's own model."""
    given: dict[str, Any] = {name: form[name] for name in ("name", "bucket", "prefix", "reportName", "region")}
    given |= {name: form[name] for name in ("roleArn", "externalId", "format") if form[name]}
    given |= {name: form[name] == "true" for name in ("enabled", "withoutManifest")}
    if accounts := form["accountScope"].replace(",", " ").split():
        given["accountScope"] = accounts
    return ConnectionRequest(**given).connection(project_id)


def _values(project: Connection) -> dict[str, str]:
    """A connection as its form has it; the external id is never shown."""
    values = {
        to_camel(name): getattr(project, name) for name in ConnectionRequest.model_fields if name != "external_id"
    }
    texts = {name: "true" if value is True else str(value or "") for name, value in values.items()}
    return texts | {"accountScope": " ".join(project.account_scope or ())}
