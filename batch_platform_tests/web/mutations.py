"""Writes a call of any mutation of Dagster's schema: arguments of the right shape, every message asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)


def new_schema() -> GraphQLSchema:
    from dagster_graphql.schema import create_schema

    return create_schema().graphql_schema


schema = cache(new_schema)
"""The same each time: making it takes seconds."""


def mutations() -> Mapping[str, GraphQLField]:
    kind = schema().mutation_type
    assert kind is not None
    return kind.fields


def written(fields: Mapping[str, Any], known: Mapping[str, str]) -> str:
    """What is required of a mutation or an input object, or known to us, as a query has it."""
    types = {key: field.type for key, field in fields.items() if is_non_null_type(field.type) or key in known}
    return ", ".join(f"{key}: {example(kind, key, known)}" for key, kind in types.items())


def example(kind: Any, key: str, known: Mapping[str, str]) -> str:
    if is_non_null_type(kind):
        return example(kind.of_type, key, known)
    if is_list_type(kind):
        return f"[{example(kind.of_type, key, known)}]"
    if is_enum_type(kind):
        return next(iter(kind.values))
    if is_input_object_type(kind):
        return f"{{{written(kind.fields, known)}}}"
    return {"Int": "1", "Float": "1.0", "Boolean": "true"}.get(str(kind), json.dumps(known.get(key, "x")))


def selected(schema: Any, kind: Any, *, deep: bool = False) -> str:
    """What an answer tells: its type, every message, and one level of what it holds."""
    if is_leaf_type(kind):
        return ""
    parts = ["__typename"]
    for member in schema.get_possible_types(kind) if is_abstract_type(kind) else [kind]:
        held = {} if deep else {key: get_named_type(field.type) for key, field in member.fields.items()}
        inside = [key + selected(schema, of, deep=True) for key, of in held.items() if is_abstract_type(of)]
        inside += [f"told_by_{member.name}: message"] if "message" in member.fields else []
        parts += [f"... on {member.name} {{ {' '.join(inside)} }}"] if inside else []
    return f" {{ {' '.join(parts)} }}"
