"""Writes from the web: in the name of whoever asks, with the job's own permission, and audited."""

from __future__ import annotations

from typing import cast

from fastapi import Request

from batch_platform.core.failures import InvalidInput
from batch_platform.operations import service
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.model import DeadLetter, Job, JobParameters, Run
from batch_platform.operations.web.schemas import brief
from batch_platform.web.access.dependencies import authorize, current
from batch_platform.web.audit import audited


def operations_of(request: Request) -> OperationsContext:
    """The context that the server put into the app's state."""
    return cast(OperationsContext, request.app.state.operations)


def start(request: Request, job: Job, given: JobParameters, *, idempotency_key: str | None) -> Run:
    """Execute in the name of whoever asks; 403 without the job's permission. One key is one run."""
    by = authorize(request, job.permission).subject
    operations = operations_of(request)
    try:
        run = service.execute(operations, job.name, given, by=by, idempotency_key=idempotency_key)
    except InvalidInput as error:
        raise _of_parameter(job, error) from None
    audited(operations.pool, request, "job.execute", job.name, after=brief(run))
    return run


def cancel(request: Request, run_id: str) -> Run:
    """Stop a run in the name of whoever asks; 403 without its job's permission."""
    operations = operations_of(request)
    before = service.run(operations, run_id).run
    principal = authorize(request, operations.registry.get(before.job).permission)
    after = service.cancel(operations, run_id, by=principal.subject)
    audited(operations.pool, request, "run.cancel", run_id, before=brief(before), after=brief(after))
    return after


def retry(request: Request, letter_id: str, version: int) -> DeadLetter:
    """Run a dead letter again in the name of whoever asks."""
    operations = operations_of(request)
    before = service.dead_letter(operations, letter_id)
    after = service.retry_dead_letter(operations, letter_id, version=version, by=current(request).subject)
    audited(operations.pool, request, "dead-letter.retry", letter_id, before=brief(before), after=brief(after))
    return after


def discard(request: Request, letter_id: str, version: int, reason: str) -> DeadLetter:
    """Close a dead letter in the name of whoever asks."""
    operations = operations_of(request)
    by = current(request).subject
    before = service.dead_letter(operations, letter_id)
    after = service.discard_dead_letter(operations, letter_id, version=version, reason=reason, by=by)
    audited(operations.pool, request, "dead-letter.discard", letter_id, before=brief(before), after=brief(after))
    return after


def _of_parameter(job: Job, error: InvalidInput) -> InvalidInput:
    """What a job's plan refuses is a parameter of the request: a project that does not exist is no missing page."""
    for name, field in job.parameters.model_fields.items():
        if error.field in (name, field.alias):
            return InvalidInput(error.message, field=f"parameters.{field.alias or name}")
    return error
