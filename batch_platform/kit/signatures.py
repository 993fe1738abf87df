"""One pydantic model as the parameters of a route, as the options of a command, and out of the texts of either.

FastAPI and typer read the parameters of a function. Those of a declared list or action are its model's fields, so the
function's signature is put together here, as data, and given to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import date
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import ValidationError

from batch_platform.core.failures import InvalidInput
from batch_platform.core.validation import message_of

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo
    from typer.models import ParameterInfo

Model = TypeVar("Model", bound="BaseModel")


def parameter(name: str, annotation: Any, default: Any = Parameter.empty) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def signed(function: Callable[..., Any], name: str, doc: str, parameters: Collection[Parameter]) -> None:
    """Give a function that takes `**given` a name, a docstring and the parameters that frameworks see."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    function.__signature__ = Signature(list(parameters))  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in parameters}


def of_route(model: type[BaseModel], path: str) -> list[Parameter]:
    """A parameter for each field: of the path where that has it in braces, else of the query."""
    from fastapi import Path, Query

    arguments = []
    for name, field in model.model_fields.items():
        alias = field.alias or name
        place = Path if f"{{{alias}}}" in path or f"{{{alias}:" in path else Query
        shown = place(alias=alias, description=field.description, examples=field.examples)
        annotation = Annotated.__class_getitem__((field.annotation, *field.metadata, shown))  # type: ignore[attr-defined]
        arguments.append(parameter(name, annotation, Parameter.empty if field.is_required() else _default(field)))
    return arguments


def of_command(
    model: type[BaseModel], options: Mapping[str, ParameterInfo], *, left_out: Collection[str] = ()
) -> list[Parameter]:
    """An option for each field; `options` says by name what the field itself does not."""
    import typer

    from batch_platform.kit.options import whole

    arguments = []
    for name, field in model.model_fields.items():
        if name in left_out:
            continue
        kinds, flag, default = _kinds(field.annotation), f"--{name.replace('_', '-')}", _default(field)
        kind: Any = bool if bool in kinds else int if int in kinds else str
        shown = typer.Option(flag, help=field.description)
        if kind is int:
            shown = typer.Option(flag, parser=whole(*_bounds(field)), metavar="N", help=field.description)
        elif date in kinds:
            shown = typer.Option(flag, metavar="YYYY-MM-DD", help=field.description)
        if field.is_required():
            default = Parameter.empty
        elif default is None:
            kind = kind | None
        elif kind is str:
            default = str(default)
        arguments.append(parameter(name, Annotated[kind, options.get(name, shown)], default))
    return arguments


def from_texts(model: type[Model], texts: Mapping[str, Any], *, by_option: bool = False) -> Model:
    """The model of what a form or a command line says, by the fields' names or aliases; what is blank is left out.

    Raises `InvalidInput` that names the first field that does not fit, as its option where that was typed.
    """
    from batch_platform.operations.parameters import read

    aliases = {name: field.alias or name for name, field in model.model_fields.items()}
    given = {aliases.get(name, name): value for name, value in texts.items() if value is not None}
    values = {name: value for name, value in given.items() if not isinstance(value, str)}
    values |= read(model, {name: value for name, value in given.items() if isinstance(value, str)})
    try:
        # as JSON: strict models then take the strings that enums are written as, and still no number for a date
        return model.model_validate_json(json.dumps(values), by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        alias = str(first["loc"][0]) if first["loc"] else ""
        name = next((name for name, own in aliases.items() if own == alias), alias)
        if not by_option:
            raise InvalidInput.of(message_of(first), field=name) from None
        option = name.replace("_", "-")
        raise InvalidInput(
            "invalid-option", "--{option}: {reason}", option=option, reason=message_of(first), field=name
        ) from None


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)


def _kinds(annotation: Any) -> set[Any]:
    """The plain types in a union of annotated ones."""
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _kinds(parts[0])
    return set[Any]().union(*map(_kinds, parts)) if parts else {annotation}


def _bounds(field: FieldInfo) -> tuple[Any, Any]:
    low = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
    return low, next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
