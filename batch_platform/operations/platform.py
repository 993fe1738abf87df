"""What commands need of all domains at once, handed to them by the root of the command line, which knows these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_platform.operations.alerts import Rule
    from batch_platform.operations.dagster.launch import Launcher
    from batch_platform.operations.model import Registry
    from batch_platform.operations.waiting_lists import WaitingList
    from batch_platform.settings import Settings
    from batch_platform.web.access.model import Grants
    from batch_platform.web.i18n import Language


@dataclass(frozen=True)
class Platform:
    """Registry, alert rules, launcher, permissions, templates of notices, what waits, what to look at by failures and
    the texts of a language by its code.

    Each is made when it is needed: a launcher takes seconds.
    """

    registry: Callable[[Settings], Registry]
    rules: Callable[[], tuple[Rule, ...]]
    launcher: Callable[[Settings], Launcher]
    grants: Callable[[], Grants]
    templates: Callable[[], Mapping[str, str]]
    waiting: Callable[[], tuple[WaitingList, ...]]
    remedies: Callable[[], Mapping[str, str]]
    language: Callable[[str], Language]


_given: list[Platform] = []


def give(platform: Platform) -> None:
    """Say what the commands of this process work with; the newest counts."""
    _given[:] = [platform]


def given() -> Platform:
    """What `give` was told. Raises `LookupError` in a process without a root."""
    if not _given:
        raise LookupError("no root has said which platform this process belongs to")
    return _given[0]
