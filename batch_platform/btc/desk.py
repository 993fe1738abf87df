"""What commands and the web of btc work with: the stores of this process, who acts, the audit log, and the way to
apply a batch from a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from batch_platform.btc.model import REVERSIBLE, Batch, BatchStatus
from batch_platform.btc.opening import open_work
from batch_platform.core.caller import system_user
from batch_platform.core.failures import InvalidInput, PermanentFailure, TransientFailure
from batch_platform.core.messages import Message
from batch_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch_platform.btc.service import BtcContext
    from batch_platform.core.postgres import Pool
    from batch_platform.operations.dagster.launch import Launcher, RunResult

_PERMISSION: Final = "batch:execute"


@dataclass(frozen=True)
class Desk:
    """An account that acts on batches, and where that is written down as what API and console do is.

    `by` is its subject (`local:ann`); the log also names the system's user, who may be another by `--as`.
    """

    work: BtcContext
    by: str
    pool: Pool
    settings: Settings

    def told(self, what: str, before: Batch | None, after: Batch) -> None:
        """A row for a decision about a batch."""
        from batch_platform.btc.web.context import brief

        self.record(what, after.batch_id, None if before is None else brief(before), brief(after))

    def told_once(self, what: str, after: Batch) -> None:
        """A row for what brought a batch about, unless an earlier command with the same key has written it."""
        from batch_platform.core.audit import AuditStore

        if not AuditStore(self.pool).rows(what=what, target=after.batch_id, limit=1):
            self.told(what, None, after)

    def record(self, what: str, target: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        """A row for anything else; the deed itself is done."""
        from batch_platform.core import audit, postgres

        with postgres.transaction(self.pool) as own:
            audit.record(
                own,
                who=self.by,
                what=what,
                target=target,
                before=before,
                after={**after, "via": _caller()},
                now=self.work.clock(),
            )


@contextmanager
def open_desk(account: str | None, *, settings: Settings | None = None) -> Iterator[Desk]:
    """The desk of the account this process runs under; in the local environment of `account`, or of nobody's.

    There the system's user acts when none is named: whoever has the home could add any account. Raises `InvalidInput`
    for a named account elsewhere, `NotFound` for no such account and `PermanentFailure` for one that may not act.
    """
    from batch_platform.core import postgres
    from batch_platform.core.audit import AuditStore

    settings = settings or load_settings()
    local = settings.env == "local"
    if account is not None and not local:
        raise InvalidInput("as-elsewhere", "--as works in the local environment only", field="as")
    pool = postgres.open_pool(settings.database(), application_name="batch-platform btc", max_size=1)
    try:
        AuditStore(pool).require()
        by = _caller() if account is None and local else _administrator(pool, account or system_user())
        yield Desk(open_work(settings), by, pool, settings)
    finally:
        pool.close()


def apply(desk: Desk, batch_id: str, launcher: Launcher | None = None) -> Batch:
    """Apply an approved batch, or go on with one, in a Dagster run of this process; the batch when it has ended.

    While another worker has it, that one is watched to the end instead; without a `launcher` one is made when it is
    needed. Raises `Conflict` when there is nothing to apply, `PermanentFailure` when the batch or its run failed, and
    `TransientFailure` when it is interrupted.
    """
    from batch_platform.btc import service

    batch = service.submit(desk.work, batch_id)
    try:
        while batch.status is BatchStatus.PROCESSING:
            if service.is_held(desk.work, batch):
                batch = service.await_worker(desk.work, batch)
                continue
            launcher = launcher or _launcher(desk.settings)
            ended = _run(launcher, desk, batch_id)
            batch = service.batch(desk.work, batch_id)
            if not ended.success:
                raise PermanentFailure(_why(batch, ended))
    except KeyboardInterrupt:
        raise TransientFailure(
            "btc-interrupted", "{reason}", reason=_interrupted(service.batch(desk.work, batch_id))
        ) from None
    if batch.status not in REVERSIBLE:
        raise PermanentFailure(
            "batch-ended-so",
            "batch {batch} is {status}: {reason}",
            batch=batch_id,
            status=batch.status.word,
            reason=batch.error_message or "see it in the history",
        )
    return batch


def _run(launcher: Launcher, desk: Desk, batch_id: str) -> RunResult:
    """The run as operations launches it, but here."""
    from batch_platform.btc.jobs import AdjustmentParameters, plan_adjustment
    from batch_platform.operations.model import REQUESTED_BY_TAG

    launch = plan_adjustment(desk.pool, AdjustmentParameters(batch_id=batch_id), desk.work.clock())
    for name, keys in launch.dynamic_partitions.items():
        launcher.instance.add_dynamic_partitions(name, list(keys))
    tags = {**launch.tags, REQUESTED_BY_TAG: desk.by}
    return launcher.run(launch.job, partition=launch.partition, config=launch.config, tags=tags)


def _launcher(settings: Settings) -> Launcher:
    from batch_platform.operations import platform

    launcher = platform.given().launcher(settings)
    launcher.end_dead_runs()
    return launcher


def _interrupted(batch: Batch) -> str:
    own = batch.batch_id
    if batch.status in REVERSIBLE:
        return f"interrupted, but batch {own} is {batch.status}; its proof: batch-platform btc proof {own}"
    return f"interrupted: batch {own} keeps what is booked; go on with: batch-platform btc resume {own}"


def _why(batch: Batch, ended: RunResult) -> Message:
    reason = ended.reason or f"run {ended.run_id} failed"
    if batch.status in REVERSIBLE:
        return Message(
            "batch-ended-but-its-run-failed",
            "batch {batch} is {status}, but its run failed: {reason}",
            batch=batch.batch_id,
            status=batch.status.word,
            reason=reason,
        )
    return Message("run-failed", "{reason}", reason=reason)


def _administrator(pool: Pool, name: str) -> str:
    from batch_platform.operations import platform
    from batch_platform.web.access.model import allowed
    from batch_platform.web.access.store import AccessStore

    with AccessStore(pool).transaction() as session:
        user = session.user(name)
    if not user.enabled or not allowed(user.roles, _PERMISSION, platform.given().grants()):
        raise PermanentFailure(
            "account-may-not-run-batches",
            "account {name} may not run batches: it needs the role administrator",
            name=name,
        )
    return f"local:{user.name}"


def _caller() -> str:
    return f"cli:{system_user()}"
