"""A job's parameters as people write them: inputs of a form, `key=value` of a command line, checked by its model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from batch_platform.core.validation import refusal_of
from batch_platform.operations.model import Job, JobParameters
from batch_platform.web.api.strict import Month
from batch_platform.web.i18n import N_

_DRY_RUN: Final = "dry_run"
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_MONTH: Final = TypeAdapter(Month).json_schema()["pattern"]
# Labels of the fields that every job has; a job's own fields bring theirs as `Field(title=N_("…"))`.
_LABELS: Final = {"target_date": N_("Target date")}
_HINTS: Final = {"target_date": N_("Chooses the partition. Empty: as the schedule would.")}


@dataclass(frozen=True)
class Input:
    """One parameter as a form shows it; label and hint are msgids."""

    name: str  # as in the API
    label: str
    hint: str | None
    type: str
    options: tuple[tuple[str, str], ...] | None  # value and label of each choice
    required: bool
    default: str


def inputs(parameters: type[BaseModel]) -> tuple[Input, ...]:
    """The job's parameters but `dryRun`, which has a button of its own."""
    return tuple(
        Input(
            name=name,
            label=field.title or _LABELS.get(key) or key.replace("_", " ").capitalize(),
            hint=field.description or _HINTS.get(key),
            type=_type(schema),
            options=_options(schema, required=field.is_required()),
            required=field.is_required(),
            default=written(field.get_default(call_default_factory=True)) if not field.is_required() else "",
        )
        for key, field, name, schema in _fields(parameters)
        if key != _DRY_RUN
    )


def read(parameters: type[BaseModel], texts: Mapping[str, str]) -> dict[str, Any]:
    """Texts as the JSON values that the model takes; what is blank is left out, what does not fit stays as it is."""
    schemas = {name: schema for _, _, name, schema in _fields(parameters)}
    return {name: _value(schemas.get(name, {}), text.strip()) for name, text in texts.items() if text.strip()}


def written(value: Any) -> str:
    """A JSON value as `read` takes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(written, value))
    return str(value)


def validated(job: Job, values: Mapping[str, Any]) -> JobParameters:
    """The job's own model of JSON values. Raises pydantic's `ValidationError`."""
    # as JSON: strict models then take the strings that enums are written as, and still no number for a date
    return job.parameters.model_validate_json(json.dumps(values), by_alias=True, by_name=False)


def parse(job: Job, texts: Mapping[str, str], *, dry_run: bool) -> JobParameters:
    """A command line's. Raises `InvalidInput` for the first text that does not fit."""
    try:
        return validated(job, read(job.parameters, texts) | {"dryRun": dry_run})
    except ValidationError as error:
        raise refusal_of(error) from None


def _fields(parameters: type[BaseModel]) -> Iterator[tuple[str, Any, str, Mapping[str, Any]]]:
    """Attribute, pydantic field, name in the API, and JSON schema without references and null."""
    schema = parameters.model_json_schema(by_alias=True)
    for key, field in parameters.model_fields.items():
        name = field.alias or key
        yield key, field, name, _plain(schema["properties"][name], schema.get("$defs", {}))


def _plain(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return _plain(choice, definitions)
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return schema


def _type(schema: Mapping[str, Any]) -> str:
    if schema.get("pattern") == _MONTH:
        return "month"
    if schema.get("format") == "date":
        return "date"
    return {"boolean": "checkbox", "integer": "number"}.get(schema.get("type", ""), "text")


def _options(schema: Mapping[str, Any], *, required: bool) -> tuple[tuple[str, str], ...] | None:
    if "enum" not in schema:
        return None
    return tuple((text, text or "–") for text in (*([] if required else [""]), *map(str, schema["enum"])))


def _value(schema: Mapping[str, Any], text: str) -> Any:
    kind = schema.get("type")
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "array":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
