"""What a surface, be it a route, a form's handler or a command, carries out: names as the audit log has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Surface = TypeVar("Surface", bound=Callable[..., Any])


def writes(*names: str) -> Callable[[Surface], Surface]:
    """Marks a route, a form's handler or a command with the actions it carries out, as `thing.verb`."""

    def mark(surface: Surface) -> Surface:
        surface.__dict__["audited"] = names
        return surface

    return mark
