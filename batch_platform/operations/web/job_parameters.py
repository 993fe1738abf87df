"""The `parameters` of a request, checked by the model of the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from batch_platform.operations.model import Job, JobParameters
from batch_platform.operations.parameters import validated


def checked(job: Job, values: Mapping[str, Any]) -> JobParameters:
    """Raises `RequestValidationError` that names each parameter at fault as `parameters.targetDate`."""
    try:
        return validated(job, values)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise RequestValidationError(
            [{**fault, "loc": ("body", "parameters", *fault["loc"])} for fault in faults]
        ) from None
