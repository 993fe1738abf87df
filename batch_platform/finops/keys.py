"""Tags and cost categories: how users name them and how each export spells them.

    export                              spelled                                       named
    CUR legacy CSV                      resourceTags/user:CostCenter (a column)       user:CostCenter
    CUR legacy Parquet, CUR 2.0 column  resource_tags_user_cost_center                user:cost_center
    CUR 2.0                             user_cost_center in the map `resource_tags`   user:cost_center
    CUR 2.0, all tags                   resourceTags/CostCenter in the map `tags`     CostCenter
    FOCUS                               CostCenter in the map `Tags`                  CostCenter
    cost categories likewise            costCategory/Env, cost_category_env, the maps `cost_category`, `tags`
                                        and `x_CostCategories`                        Env, env

Users may leave `user:` out. Where an export keeps a key's capital letters and signs, the key must be given exactly:
keys that differ only by case are different keys. Where it has lost them (`is_folded`), a key is found by what it is
folded to, so that one name finds a tag in every export.

Sources: AWS CUR user guide (resource tags, cost categories, "column names" of the Athena integration), AWS Data
Exports table dictionary (CUR 2.0: resource_tags, cost_category, tags; FOCUS: Tags, x_CostCategories).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Family = Literal["tag", "cost_category"]

MAPS: Final = ("resource_tags", "cost_category", "tags", "Tags", "x_CostCategories")
"""Columns of the lake that hold many keys, as JSON text."""

_COLUMNS: Final[tuple[tuple[str, Family, str], ...]] = (
    ("resourceTags/", "tag", ""),
    ("accountTag/", "tag", "accountTag/"),
    ("userAttribute/", "tag", "userAttribute/"),
    ("costCategory/", "cost_category", ""),
)
_FOLDED_COLUMNS: Final[tuple[tuple[str, Family], ...]] = (
    ("resource_tags_", "tag"),
    ("cost_category_", "cost_category"),
)
_OWNERS: Final = ("user", "aws")


@dataclass(frozen=True)
class Key:
    """One tag or cost category: where its values stand.

    `column` is the lake's column, `entry` the key inside it when it is a map.
    """

    family: Family
    name: str
    column: str
    entry: str | None = None
    is_folded: bool = False


def of_column(column: str) -> Key | None:
    """The key whose values a column holds; None for any other column."""
    for prefix, family, kept in _COLUMNS:
        if column.startswith(prefix):
            return Key(family, kept + column.removeprefix(prefix), column)
    for prefix, family in _FOLDED_COLUMNS:
        if column.startswith(prefix):
            return Key(family, _unfolded(family, column.removeprefix(prefix)), column, is_folded=True)
    return None


def of_entry(column: str, entry: str) -> Key | None:
    """The key of an entry of one of `MAPS`."""
    if column == "tags":
        key = of_column(entry)
        return None if key is None else Key(key.family, key.name, column, entry)
    family: Family = "cost_category" if column in ("cost_category", "x_CostCategories") else "tag"
    if column in ("Tags", "x_CostCategories"):
        return Key(family, entry, column, entry)
    return Key(family, _unfolded(family, entry), column, entry, is_folded=entry == folded(entry))


def find(family: Family, name: str, keys: Iterable[Key]) -> Key | None:
    """The key that a user's name means."""
    candidates = [key for key in keys if key.family == family]
    spellings = _spellings(name) if family == "tag" else (name,)
    for spelling in spellings:
        for key in candidates:
            if key.name == spelling:
                return key
    for spelling in spellings:
        for key in candidates:
            if key.is_folded and folded(key.name) == folded(spelling):
                return key
    return None


def names(family: Family, keys: Iterable[Key]) -> list[str]:
    """The names of a family, each once, sorted."""
    return sorted({key.name for key in keys if key.family == family})


def folded(name: str) -> str:
    """What AWS makes of a key in a column name: `user:CostCenter` -> `user_cost_center`."""
    snake = re.sub(r"(?<=[^\W_])(?=[A-Z])", "_", name).lower()
    return re.sub(r"[\W_]+", "_", snake).strip("_")


def _unfolded(family: Family, name: str) -> str:
    owner, _, rest = name.partition("_")
    return f"{owner}:{rest}" if family == "tag" and owner in _OWNERS and rest else name


def _spellings(name: str) -> Sequence[str]:
    owner, colon, rest = name.partition(":")
    if not colon or owner not in _OWNERS:
        return name, f"user:{name}"
    return (name, rest) if owner == "user" else (name,)
