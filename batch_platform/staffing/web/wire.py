"""Values as the API of staffing carries them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from batch_platform.staffing import ids
from batch_platform.staffing.ids import Id
from batch_platform.staffing.instants import instant_text


def _decoded(text: Any) -> Any:
    return None if text is None else ids.decode(text)


DecodedId = Annotated[Id, BeforeValidator(_decoded)]
"""An id as it was given, of a row, which has it encoded."""

InstantText = Annotated[str, BeforeValidator(lambda at: instant_text(at) if isinstance(at, datetime) else at)]
"""A moment, to the second in UTC."""
