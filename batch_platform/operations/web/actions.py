"""Writes from the web: in the name of whoever asks, with the job's own permission, and audited."""

from __future__ import annotations

from typing import cast

from fastapi import Request

from batch_platform.core.failures import InvalidInput
from batch_platform.operations import actions, run_queue, service, triage
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.model import DeadLetter, Job, JobParameters, Run
from batch_platform.operations.runner import QueuedRun
from batch_platform.web.access.dependencies import authorize
from batch_platform.web.context import log_of


def operations_of(request: Request) -> OperationsContext:
    """The context that the server put into the app's state."""
    return cast(OperationsContext, request.app.state.operations)


def start(request: Request, job: Job, given: JobParameters, *, idempotency_key: str | None) -> Run:
    """Execute in the name of whoever asks; 403 without the job's permission. One key is one run."""
    authorize(request, job.permission)
    try:
        return actions.start(
            operations_of(request), log_of(request), job.name, given, idempotency_key=idempotency_key
        )
    except InvalidInput as error:
        raise _of_parameter(job, error) from None


def cancel(request: Request, run_id: str) -> Run:
    """Stop a run in the name of whoever asks; 403 without its job's permission."""
    operations = operations_of(request)
    run = service.run(operations, run_id).run
    authorize(request, operations.registry.get(run.job).permission)
    return actions.cancel(operations, log_of(request), run_id)


def prioritize(request: Request, run_id: str, priority: int, reason: str) -> QueuedRun:
    """Change the priority of a queued run in the name of whoever asks; 403 without its job's permission."""
    operations = operations_of(request)
    run = service.run(operations, run_id).run
    authorize(request, operations.registry.get(run.job).permission)
    return run_queue.prioritize(operations, log_of(request), run_id, priority, reason=reason)


def retry(request: Request, letter_id: str, version: int) -> DeadLetter:
    """Run a dead letter again in the name of whoever asks; 403 without its job's permission."""
    _authorize(request, letter_id)
    return actions.retry(operations_of(request), log_of(request), letter_id, version=version)


def discard(request: Request, letter_id: str, version: int, reason: str) -> DeadLetter:
    """Close a dead letter in the name of whoever asks; 403 without its job's permission."""
    _authorize(request, letter_id)
    return actions.discard(operations_of(request), log_of(request), letter_id, version=version, reason=reason)


def switch(request: Request, name: str, trigger: str, *, on: bool, reason: str) -> None:
    """Switch a schedule or sensor in the name of whoever asks; 403 without its job's permission."""
    operations = operations_of(request)
    job = operations.registry.get(name)
    authorize(request, job.permission)
    actions.switch(operations, log_of(request), job.name, trigger, on=on, reason=reason)


def _authorize(request: Request, letter_id: str) -> None:
    operations = operations_of(request)
    letter = service.dead_letter(operations, letter_id)
    authorize(request, triage.permission_of(operations.registry, letter.job))


def _of_parameter(job: Job, error: InvalidInput) -> InvalidInput:
    """What a job's plan refuses is a parameter of the request: a project that does not exist is no missing page."""
    for name, field in job.parameters.model_fields.items():
        if error.field in (name, field.alias):
            return InvalidInput.of(error.message, field=f"parameters.{field.alias or name}")
    return error
