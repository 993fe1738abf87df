"""Who acts, on what, and where it is written down: one value for a route, a page and a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from batch_platform.core.caller import system_user
from batch_platform.core.failures import InvalidInput, PermanentFailure

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from batch_platform.core.audit import Log
    from batch_platform.core.postgres import Pool
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.dagster.launch import Launcher
    from batch_platform.operations.model import JobParameters
    from batch_platform.settings import Settings

C = TypeVar("C")

DEMO: Final = "platform:demo"


@dataclass(frozen=True)
class Session(Generic[C]):
    """A domain's opened context in the hands of one who acts.

    `log` is the audit log in that one's name; `operations` asks for runs, and is opened when it is first needed.
    """

    context: C
    log: Log
    operations: Callable[[], OperationsContext]

    @property
    def by(self) -> str:
        """The subject: `local:ann`, `token:nightly`, `cli:root`."""
        return self.log.who

    def speaking_for(self, account: str) -> Session[C]:
        """The demo in the name of a person who is not there; its rows say so."""
        return replace(self, log=replace(self.log, who=account, via=self.by))

    def run(self, job: str, parameters: JobParameters) -> Any:
        """Run a job here to its end, as `jobs run` does, and answer with what it left. Raises what ended it."""
        from batch_platform.operations import actions

        return actions.run_here(self.operations(), self.log, job, parameters).outcome


def of_request(connection: HTTPConnection, context: C) -> Session[C]:
    """Whoever asks, on the context that the server keeps for the domain."""
    from batch_platform.web.context import log_of

    return Session(context, log_of(connection), lambda: cast("OperationsContext", connection.app.state.operations))


@contextmanager
def of_command(
    opened: Callable[[Settings], AbstractContextManager[C]],
    account: str | None = None,
    *,
    permission: str | None = None,
    unnamed: bool = False,
) -> Iterator[Session[C]]:
    """Whoever runs this process, or in the local environment the `account` that was named by `--as`.

    With a `permission` that account must hold it; with `unnamed` the system's user may act for itself where none is
    named in the local environment: whoever has that home could add any account. Everything is closed at the end.
    Raises `InvalidInput` for an account named elsewhere, `NotFound` for no such account and `PermanentFailure` for
    one that may not act.
    """
    from batch_platform.core import postgres
    from batch_platform.core.audit import AuditStore, Log
    from batch_platform.core.clock import utc_now
    from batch_platform.settings import load_settings

    settings = load_settings()
    local, caller = settings.env == "local", f"cli:{system_user()}"
    if account is not None and not local:
        raise InvalidInput("account-named-elsewhere", "--as works in the local environment only", field="as")
    with ExitStack() as stack:
        pool = postgres.open_pool(settings.database(), application_name="batch-platform", max_size=2)
        stack.callback(pool.close)
        AuditStore(pool).require()
        by = caller
        if permission is not None and not (unnamed and local and account is None):
            by = _account(pool, account or system_user(), permission)
        context = stack.enter_context(opened(settings))
        log = Log(pool, utc_now, by, via=caller)
        yield Session(context, log, _opened_once(settings, stack))


@contextmanager
def of_demo(settings: Settings, context: C, launcher: Launcher | None = None) -> Iterator[Session[C]]:
    """The demo, as `DEMO`, on a context that it has opened; what it does leaves the rows that people leave."""
    from batch_platform.core import postgres
    from batch_platform.core.audit import Log
    from batch_platform.core.clock import utc_now

    with ExitStack() as stack:
        pool = postgres.open_pool(settings.database(), application_name="batch-platform demo", max_size=1)
        stack.callback(pool.close)
        yield Session(context, Log(pool, utc_now, DEMO), _opened_once(settings, stack, launcher))


def _opened_once(
    settings: Settings, stack: ExitStack, launcher: Launcher | None = None
) -> Callable[[], OperationsContext]:
    kept: list[OperationsContext] = []

    def operations() -> OperationsContext:
        from batch_platform.operations.opening import open_operations

        if not kept:
            ways = {"runs": True} if launcher is None else {"launcher": launcher}
            kept.append(stack.enter_context(open_operations(settings, **ways)))
        return kept[0]

    return operations


def _account(pool: Pool, name: str, permission: str) -> str:
    from batch_platform.operations import platform
    from batch_platform.web.access.model import allowed
    from batch_platform.web.access.store import AccessStore

    with AccessStore(pool).transaction() as session:
        user = session.user(name)
    if not user.enabled or not allowed(user.roles, permission, platform.given().grants()):
        raise PermanentFailure(
            "account-may-not",
            "account {account} may not do this: it needs the permission {permission}",
            account=name,
            permission=permission,
        )
    return f"local:{user.name}"
