"""What the zengin commands work with: the stores of this process, who decides, and the audit log of decisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_platform.core.caller import system_user
from batch_platform.core.failures import InvalidInput, PermanentFailure
from batch_platform.settings import Settings
from batch_platform.zengin.opening import open_work

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool
    from batch_platform.zengin.model import Changeset, Record
    from batch_platform.zengin.service import ZenginContext


@dataclass(frozen=True)
class Desk:
    """An account that decides, and where its decisions are written down as those of API and console are.

    `by` is its subject (`local:ann`); the log also names the system's user, who may be another by `--as`.
    """

    work: ZenginContext
    by: str
    pool: Pool

    def told(self, what: str, before: Sequence[Record], after: Sequence[Record]) -> None:
        """A row for each record that a decision was about."""
        from batch_platform.zengin.web.context import rows_of_records, written_down

        rows = rows_of_records(before, after, via=_via())
        written_down(self.pool, rows, who=self.by, what=what, now=self.work.clock())

    def told_changeset(self, what: str, before: Changeset, after: Changeset, **more: str | int | None) -> None:
        """A row for a decision about a whole changeset."""
        from batch_platform.zengin.web.context import row_of_changeset, written_down

        row = row_of_changeset(before, after, **more, via=_via())
        written_down(self.pool, [row], who=self.by, what=what, now=self.work.clock())


@contextmanager
def open_desk(settings: Settings, account: str | None) -> Iterator[Desk]:
    """The desk of `account`, which only the local environment may name, or of the account this process runs under.

    Raises `InvalidInput` for a named account elsewhere, `NotFound` for no such account and `PermanentFailure` for one
    that may not approve.
    """
    if account is not None and settings.env != "local":
        raise InvalidInput("--as works in the local environment only", field="as")
    with _platform_pool(settings) as pool:
        by = _approver(pool, account or system_user())
        with open_work(settings) as work:
            yield Desk(work, by, pool)


def _approver(pool: Pool, name: str) -> str:
    from batch_platform.operations import platform
    from batch_platform.web.access.model import allowed
    from batch_platform.web.access.store import AccessStore

    with AccessStore(pool).transaction() as session:
        user = session.user(name)
    if not user.enabled or not allowed(user.roles, "zengin:approve", platform.given().grants()):
        raise PermanentFailure(f"account {name} may not approve: it needs the role approver")
    return f"local:{user.name}"


def _via() -> str:
    return f"cli:{system_user()}"


@contextmanager
def _platform_pool(settings: Settings) -> Iterator[Pool]:
    from batch_platform.core import postgres

    pool = postgres.open_pool(settings.database(), application_name="batch-platform zengin", max_size=1)
    try:
        yield pool
    finally:
        pool.close()
