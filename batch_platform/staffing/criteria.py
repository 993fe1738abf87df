"""Which engineers a periodic approach is for."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationError

from batch_platform.core.json_lines import Strict, Text
from batch_platform.core.validation import refusal_of
from batch_platform.staffing.ids import IdText

AVAILABLE: Final = ("waiting", "waiting_soon")
"""The statuses of engineers who can be had; what criteria mean that name none."""


def _several(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class Criteria(Strict):
    """All of it holds: one of the statuses, all of the skills, one of the companies (None: any)."""

    status: Annotated[list[Text], BeforeValidator(_several)] = Field(default=list(AVAILABLE), min_length=1)
    skills: Annotated[list[Text], BeforeValidator(_several)] = Field(default_factory=list)
    company_id: Annotated[list[IdText], BeforeValidator(_several)] | None = None


def read(criteria: Any) -> Criteria:
    """The criteria of an approach. Raises `InvalidInput` naming what cannot be read."""
    try:
        return Criteria.model_validate(criteria)
    except ValidationError as error:
        raise refusal_of(error) from None
