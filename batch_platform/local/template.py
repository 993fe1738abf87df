"""Reads deploy/aws.yaml the way CloudFormation does, as far as that file goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from batch_platform.core.failures import InvalidInput

_NO_VALUE = "AWS::NoValue"


def resources(path: Path, kind: str, parameters: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Properties of all resources of one type, by logical name, with every reference resolved."""
    try:
        template = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - a SafeLoader with a few tags
    except FileNotFoundError:
        raise InvalidInput(
            "template-missing", "{path} is missing: it defines every bucket and table", path=path
        ) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise InvalidInput(
            "template-no-yaml",
            "{path} is not YAML: line {line}: {problem}",
            path=path,
            line=line,
            problem=str(error.problem),
        ) from error
    resolver = _Resolver(path, template, parameters)
    return {
        name: resolver.resolve(resource.get("Properties", {}))
        for name, resource in template.get("Resources", {}).items()
        if resource["Type"] == kind and resolver.included(resource)
    }


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Sub x` reads as `{"Fn::Sub": "x"}`."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(cast(yaml.MappingNode, node), deep=True)}


_Loader.add_multi_constructor("!", _short_form)


class _Resolver:
    def __init__(self, path: Path, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self.path = path
        self.conditions = template.get("Conditions", {})
        defaults = {
            name: str(parameter["Default"])
            for name, parameter in template.get("Parameters", {}).items()
            if "Default" in parameter
        }
        self.values = {**defaults, **parameters}

    def included(self, resource: Mapping[str, Any]) -> bool:
        return "Condition" not in resource or self._holds(resource["Condition"])

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item != _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._function(name, argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item != _NO_VALUE}

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._parameter(argument)
            case "Fn::Sub" if isinstance(argument, str):
                return re.sub(r"\$\{([^!][^}]*)\}", lambda match: self._parameter(match[1]), argument)
            case "Fn::If":
                condition, yes, no = argument
                return self.resolve(yes if self._holds(condition) else no)
            case "Fn::Equals":
                left, right = self.resolve(argument)
                return left == right
            case "Fn::Not":
                return not self.resolve(argument[0])
            case "Condition":
                return self._holds(argument)
        raise InvalidInput(
            "unknown-template-function",
            "{path}: {name} is not understood; use !Ref, !Sub, !If, !Equals, !Not",
            path=self.path,
            name=name,
        )

    def _holds(self, condition: str) -> bool:
        if condition not in self.conditions:
            raise InvalidInput(
                "unknown-template-condition",
                "{path}: there is no condition {condition}",
                path=self.path,
                condition=condition,
            )
        return bool(self.resolve(self.conditions[condition]))

    def _parameter(self, name: str) -> str:
        if name == _NO_VALUE:
            return _NO_VALUE
        if name not in self.values:
            raise InvalidInput(
                "unknown-template-parameter",
                "{path}: {name} is no parameter of this template",
                path=self.path,
                name=name,
            )
        return self.values[name]
