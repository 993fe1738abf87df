"""Groups of commands that are imported when one of theirs is called or their own help is asked for.

A domain's commands need what the domain computes with, which takes longer to import than most commands take to run.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

if TYPE_CHECKING:
    from batch_platform.kit.domain import Commands


def group(declared: Commands) -> typer.Typer:
    """The group as its parent lists it: with its line of help, without its commands before they are asked for."""

    class Group(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            del self.commands

        @cached_property
        def commands(self) -> MutableMapping[str, Any]:  # type: ignore[override]
            return get_group(declared.app()).commands

    return typer.Typer(cls=Group, no_args_is_help=True, help=declared.help)
