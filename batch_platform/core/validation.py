"""What pydantic finds wrong, as messages: told apart by the error's `type`, filled from its `ctx`.

As text they are pydantic's own English.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message

# pydantic's own templates, by type: what a field of a form, a query or a body can be told.
TEXTS: Final[Mapping[str, str]] = {
    "bool_parsing": "Input should be a valid boolean, unable to interpret input",
    "bool_type": "Input should be a valid boolean",
    "date_from_datetime_parsing": "Input should be a valid date or datetime, {error}",
    "date_parsing": "Input should be a valid date in the format YYYY-MM-DD, {error}",
    "date_type": "Input should be a valid date",
    "datetime_parsing": "Input should be a valid datetime, {error}",
    "datetime_type": "Input should be a valid datetime",
    "decimal_max_digits": "Decimal input should have no more than {max_digits} digit{expected_plural} in total",
    "decimal_max_places": "Decimal input should have no more than {decimal_places} decimal place{expected_plural}",
    "decimal_parsing": "Input should be a valid decimal",
    "decimal_type": "Decimal input should be an integer, float, string or Decimal object",
    "decimal_whole_digits": (
        "Decimal input should have no more than {whole_digits} digit{expected_plural} before the decimal point"
    ),
    "dict_type": "Input should be a valid dictionary",
    "enum": "Input should be {expected}",
    "extra_forbidden": "Extra inputs are not permitted",
    "finite_number": "Input should be a finite number",
    "float_parsing": "Input should be a valid number, unable to parse string as a number",
    "float_type": "Input should be a valid number",
    "greater_than": "Input should be greater than {gt}",
    "greater_than_equal": "Input should be greater than or equal to {ge}",
    "int_from_float": "Input should be a valid integer, got a number with a fractional part",
    "int_parsing": "Input should be a valid integer, unable to parse string as an integer",
    "int_type": "Input should be a valid integer",
    "less_than": "Input should be less than {lt}",
    "less_than_equal": "Input should be less than or equal to {le}",
    "list_type": "Input should be a valid list",
    "literal_error": "Input should be {expected}",
    "missing": "Field required",
    "model_attributes_type": "Input should be a valid dictionary or object to extract fields from",
    "model_type": "Input should be a valid dictionary or instance of {class_name}",
    "string_pattern_mismatch": "String should match pattern '{pattern}'",
    "string_too_long": "String should have at most {max_length} character{expected_plural}",
    "string_too_short": "String should have at least {min_length} character{expected_plural}",
    "string_type": "Input should be a valid string",
    "string_unicode": "Input should be a valid string, unable to parse raw data as a unicode string",
    "too_long": (
        "{field_type} should have at most {max_length} item{expected_plural} after validation, not {actual_length}"
    ),
    "too_short": (
        "{field_type} should have at least {min_length} item{expected_plural} after validation, not {actual_length}"
    ),
}
_COUNTS: Final = ("max_digits", "decimal_places", "whole_digits", "max_length", "min_length")


def message_of(error: Mapping[str, Any]) -> Message:
    """The message of one of `errors()`, which must have its `ctx`."""
    context = error.get("ctx", {})
    if error["type"] in ("value_error", "assertion_error"):  # raised by a validator of ours, at best with a message
        own = next((argument for argument in context["error"].args if isinstance(argument, Message)), None)
        return own or Message("invalid-value", "{reason}", reason=str(context["error"]))
    text = TEXTS.get(error["type"])
    if text is None:
        return Message("invalid-value", "{reason}", reason=str(error["msg"]))
    count = next((context[name] for name in _COUNTS if name in context), None)
    filling = {name: _written(value) for name, value in context.items()}
    return Message(error["type"].replace("_", "-"), text, **filling, expected_plural="" if count == 1 else "s")


def refusal_of(error: ValidationError) -> InvalidInput:
    """The first finding as one failure that names its field, without the value, which may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    if not field:
        return InvalidInput.of(message_of(first))
    return InvalidInput("invalid-input", "{field}: {reason}", field=field, reason=message_of(first))


def _written(value: Any) -> str:
    """As pydantic writes it: a bound of binary numbers without the .0 of a whole one."""
    return str(value) if isinstance(value, Decimal) else str(value).removesuffix(".0")
