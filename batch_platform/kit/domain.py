"""What a domain is to the platform: one frozen value, declared in its `domain.py` and listed in `domains.py`.

The roots loop over that list; none names a domain. What needs a framework is named, and imported when it is asked
for: a command loads only what it needs itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import ExitStack

    from typer import Typer

    from batch_platform.kit.jobs import DagsterRoom
    from batch_platform.kit.workers import Worker
    from batch_platform.operations.alerts import Rule
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.costs import Costs
    from batch_platform.operations.dagster.launch import Launcher
    from batch_platform.operations.gauges import Gauge
    from batch_platform.operations.model import Job
    from batch_platform.operations.movements import Movement
    from batch_platform.operations.waiting_lists import WaitingList
    from batch_platform.operations.web.pages import DashboardCard
    from batch_platform.settings import DomainSettings, Settings
    from batch_platform.web.access.model import Grants
    from batch_platform.web.app import Part
    from batch_platform.web.context import WebContext


@dataclass(frozen=True)
class AppContext:
    """What the web of this process is made of; what has to be closed with it goes on the stack `opened`.

    `templates` are the packages of all domains' notices.
    """

    settings: Settings
    web: WebContext
    operations: OperationsContext
    templates: Mapping[str, str]
    opened: ExitStack


@dataclass(frozen=True)
class WebRoom:
    """What a domain gives to the web; `card` is None where it has none for the dashboard. `open_state` makes what its
    routes find at `app.state.<name of the domain>`."""

    part: Part
    card: DashboardCard | None
    open_state: Callable[[AppContext], object]


Demo = Callable[["Settings", Callable[[str], None], "Launcher"], None]
"""A domain's part of `make demo`: it says each step, runs its jobs by the launcher and prints the result. Run again,
or after a kill, it ends as one run does."""


def named_in(package: str) -> Callable[[str], Callable[[], Any]]:
    """For what stands in a package: of `alerts:RULES` a function that imports it when it is called."""
    return lambda name: lambda: resolve_name(f"{package}.{name}")


@dataclass(frozen=True)
class Commands:
    """A group of `batch-platform`: the line that its help begins with, and its commands."""

    help: str
    app: Callable[[], Typer]


@dataclass(frozen=True)
class Domain:
    """`name` is the domain's folder, the first part of its asset keys and, as `team:<name>`, their owner.

    `settings` is what it reads of the environment; `stack_parameters` are what deploy/aws.yaml takes of them, fields
    by the names that they have there.
    `actions` are what people may do in it: by the name of the row that it leaves in the audit log, `thing.verb`, the
    sentence that is read there, a msgid with the places `who` and `target`.
    `workers` are what it runs as long as the platform runs.
    `permissions` are what roles may do beyond reading; an administrator may everything.
    `commands` are groups of `batch-platform` by their name. A domain without batches has no `dagster`.
    `templates` is the package whose folder `notices/` has the templates of what it tells people by the outbox.
    `gauges` are its figures in /metrics, `waiting` its lists of what waits for people, `movements`
    what the dashboard tells of it by day, `costs` what it compares of it with the former month.
    `remedies` say what to look at, by the id of a failure's message or the name of an alert rule.
    """

    name: str
    settings: Callable[[], type[DomainSettings]]
    commands: Mapping[str, Commands]
    web: Callable[[], WebRoom]
    rules: Callable[[], Sequence[Rule]] = tuple
    dagster: Callable[[], DagsterRoom] | None = None
    permissions: Grants = field(default_factory=dict)
    demo: Callable[[], Demo] | None = None
    workers: Callable[[], Sequence[Worker]] = tuple
    actions: Callable[[], Mapping[str, str]] = dict
    templates: str | None = None
    gauges: Callable[[], Sequence[Gauge]] = tuple
    waiting: Callable[[], Sequence[WaitingList]] = tuple
    movements: Callable[[], Sequence[Movement]] = tuple
    costs: Callable[[], Sequence[Costs]] = tuple
    remedies: Callable[[], Mapping[str, str]] = dict
    stack_parameters: Mapping[str, str] = field(default_factory=dict)

    def jobs(self, settings: Settings) -> Sequence[Job]:
        """As the registry has them."""
        return [] if self.dagster is None else [job.entry for job in self.dagster().jobs(settings)]
