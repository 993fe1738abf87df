"""What a domain is to the platform: one frozen value, declared in its `domain.py` and listed in `domains.py`.

The roots loop over that list; none names a domain. What needs a framework is told by functions that import when they
are called: a command line that prints its help loads neither Dagster nor the web.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextlib import ExitStack

    # by their own names, so that a `domain.py` finds all it is typed with in one place
    from dagster import Definitions as Definitions
    from typer import Typer as Typer

    from batch_platform.kit.actions import Action as Action
    from batch_platform.kit.workers import Worker as Worker
    from batch_platform.operations.alerts import Rule as Rule
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.dagster.launch import Launcher as Launcher
    from batch_platform.operations.gauges import Gauge as Gauge
    from batch_platform.operations.model import Job as Job
    from batch_platform.operations.web.pages import DashboardCard
    from batch_platform.settings import DomainSettings
    from batch_platform.settings import Settings as Settings
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


class Declared(Protocol):
    """What somebody may do: a `kit.actions.Action`, or what a domain does by functions of its own."""

    @property
    def name(self) -> str:
        """As the audit log has it, `thing.verb`."""


@dataclass(frozen=True)
class Domain:
    """`name` is the domain's folder, the first part of its asset keys and, as `team:<name>`, their owner.

    `settings` is what it reads of the environment; `stack_parameters` are what deploy/aws.yaml takes of them.
    `actions` are what people may do in it, each of which leaves a row in the audit log.
    `workers` are what it runs as long as the platform runs.
    `permissions` are what roles may do beyond reading; an administrator may everything.
    `commands` are groups of `batch-platform` by their name. `definitions` takes the platform's resources by name and
    adds the domain's own; a domain that Dagster knows nothing of has none.
    `templates` is the package whose folder `notices/` has the templates of what it tells people by the outbox.
    `gauges` are its figures in /metrics.
    """

    name: str
    settings: type[DomainSettings]
    commands: Mapping[str, Callable[[], Typer]]
    rules: Callable[[], Sequence[Rule]]
    web: Callable[[], WebRoom]
    jobs: Callable[[Settings], Sequence[Job]] = lambda _: ()
    definitions: Callable[[Settings, Mapping[str, Any]], Definitions] | None = None
    permissions: Grants = field(default_factory=dict)
    demo: Demo | None = None
    workers: Callable[[], Sequence[Worker]] = tuple
    actions: Callable[[], Sequence[Declared]] = tuple
    templates: str | None = None
    gauges: Callable[[], Sequence[Gauge]] = tuple
    stack_parameters: Callable[[Settings], Mapping[str, str]] = lambda _: {}
