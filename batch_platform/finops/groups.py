"""What costs are grouped and filtered by, as users write it.

service account region charge_class day      in the cost summary
resource usage_type operation                in the line items
tag:KEY  cost_category:NAME                  in the line items, found by keys.py

In a filter, GROUP=VALUE, a `=` of a key is written %3D.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from batch_platform.core.failures import InvalidInput
from batch_platform.finops.keys import Family
from batch_platform.finops.report import GROUPS

LINE_ITEM_GROUPS: Final = {"resource": "resource_id", "usage_type": "usage_type", "operation": "operation"}
"""What users call a group -> the column of the line items."""

FAMILIES: Final = ("tag", "cost_category")
AT_MOST: Final = 6
KNOWN: Final = ", ".join([*GROUPS, *LINE_ITEM_GROUPS, "tag:KEY", "cost_category:NAME"])


@dataclass(frozen=True)
class Group:
    """`text` is the name as written; a tag or cost category has its family and key."""

    text: str
    family: Family | None = None
    key: str = ""

    @property
    def in_summary(self) -> bool:
        return self.text in GROUPS


@dataclass(frozen=True)
class Filter:
    """Only rows whose `group` is one of `values`; the empty value is a row without one."""

    group: Group
    values: tuple[str, ...]


def filter_text(group: str, value: str) -> str:
    """A filter as `parse_filters` reads it."""
    return f"{group.replace('=', '%3D')}={value}"


def split_filter(text: str) -> tuple[str, str]:
    """Group and value of a filter. Raises `InvalidInput`."""
    name, sign, value = text.partition("=")
    if not sign:
        raise InvalidInput(
            "no-filter", "a filter is written GROUP=VALUE, not {text}", text=repr(text), field="filter"
        )
    return name.strip().replace("%3D", "="), value


def parse_groups(texts: Iterable[str]) -> tuple[Group, ...]:
    """Raises `InvalidInput` for an unknown group, one that is named twice, or too many."""
    groups = tuple(_group(text, "group_by") for text in texts)
    if len(set(groups)) < len(groups):
        raise InvalidInput(
            "group-twice",
            "group_by names a group twice: {groups}",
            groups=[group.text for group in groups],
            field="group_by",
        )
    if len(groups) > AT_MOST:
        raise InvalidInput(
            "too-many-groups",
            "group_by takes {limit} groups at most, not {count}",
            limit=AT_MOST,
            count=len(groups),
            field="group_by",
        )
    return groups


def parse_filters(texts: Iterable[str]) -> tuple[Filter, ...]:
    """`GROUP=VALUE` each; several values of one group are alternatives, several groups must all be met.

    Raises `InvalidInput`.
    """
    values: dict[Group, dict[str, None]] = {}
    for text in texts:
        name, value = split_filter(text)
        group = _group(name, "filter")
        if group.text == "day":
            raise InvalidInput("filter-of-days", "days are chosen by start and end, not by a filter", field="filter")
        values.setdefault(group, {})[value] = None
    return tuple(Filter(group, tuple(sorted(given))) for group, given in sorted(values.items(), key=_by_text))


def texts(filters: Sequence[Filter]) -> list[str]:
    """The filters as they were written."""
    return [filter_text(given.group.text, value) for given in filters for value in given.values]


def _by_text(item: tuple[Group, object]) -> str:
    return item[0].text


def _group(text: str, field: str) -> Group:
    if text in GROUPS or text in LINE_ITEM_GROUPS:
        return Group(text)
    family, _, key = text.partition(":")
    if family in FAMILIES and key:
        return Group(text, cast(Family, family), key)
    raise InvalidInput(
        "unknown-group", "{field} knows {groups}, not {group}", groups=KNOWN, group=repr(text), field=field
    )
