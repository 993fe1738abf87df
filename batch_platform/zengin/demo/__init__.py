"""`make demo`, the bank master: two real releases, what differs by class and risk, two approvers, and the result."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.settings import Settings
from batch_platform.zengin.demo import releases

if TYPE_CHECKING:
    import polars as pl

    from batch_platform.kit.session import Session
    from batch_platform.operations.dagster.launch import Launcher
    from batch_platform.zengin.service import ZenginContext

Step = Callable[[str], None]

APPROVERS: Final = ("hanako", "taro")


def run(settings: Settings, step: Step, launcher: Launcher | None = None) -> None:
    """Bring the master to the later release by the way of every release. Run again, it changes nothing.

    With a `launcher` the parts that a schedule or sensor would start run as Dagster runs. Without a network, and
    without the releases of an earlier run, it says so and does nothing.
    """
    from batch_platform.kit.session import of_demo
    from batch_platform.zengin.opening import open_context

    step("bank master: fetching two releases of the package zengin-code")
    try:
        earlier, later = (releases.fetch(version, settings.home) for version in (releases.EARLIER, releases.LATER))
    except TransientFailure as failure:
        step(f"  left out, this machine seems to be offline: {failure.message}")
        return
    with open_context(settings) as context, of_demo(settings, context) as session:
        frames = _read(earlier, context), _read(later, context)
        if _is(context, frames[1]):
            step("  the master holds the later release already")
        elif _is_empty(context) or _is(context, frames[0]):
            accounts = _approvers(settings, context)
            today = context.business_date()
            if not _is(context, frames[0]):
                _take(session, launcher, earlier, today - timedelta(days=1), step, accounts, bootstrap=True)
            _take(session, launcher, later, today, step, accounts)
        else:
            step("  the master holds another release: it is left alone")
            return
        _show(context, frames[1])


def _take(
    session: Session[ZenginContext],
    launcher: Launcher | None,
    release: Path,
    day: date,
    step: Step,
    accounts: tuple[str, ...],
    *,
    bootstrap: bool = False,
) -> None:
    """One release the whole way: snapshot, diff, approval by two, application."""
    from batch_platform.zengin import service

    context = session.context
    config = {"source": str(release), "bootstrap": bootstrap}
    if launcher is None:
        service.take_snapshot(context, str(release), day, bootstrap=bootstrap)
        service.propose(context, day)
    else:
        step(f"  running zengin_intake for {day}")
        run_config = {"ops": {"zengin__zengin_snapshot": {"config": config}}}
        launcher.run("zengin_intake", partition=day.isoformat(), config=run_config).require_success()
    changeset = service.propose(context, day).changeset
    step(f"  {release.name}: {changeset.verdict}: {changeset.reason}")
    for line in _counted(changeset.counts):
        step(f"    {line}")
    for account in accounts:
        approve(session.speaking_for(account), changeset.id, step)
    if launcher is None:
        service.apply(context, day)
    else:
        step(f"  running zengin_apply for {day}")
        launcher.run("zengin_apply", partition=day.isoformat()).require_success()


def approve(session: Session[ZenginContext], changeset_id: str, step: Step) -> None:
    """The account's word, where it is still missing: a demo that was killed goes on where it stood."""
    from batch_platform.kit.actions import perform
    from batch_platform.zengin import service
    from batch_platform.zengin.model import Status
    from batch_platform.zengin.web.actions import APPROVE_CHANGESET, BulkApproveRequest

    context, account = session.context, session.by
    seen = service.changeset(context, changeset_id)
    pending = [record for record in service.records_of(context, changeset_id) if record.status is Status.PENDING]
    if not any(all(given.account != account for given in record.approvals) for record in pending):
        return
    request = BulkApproveRequest(payload_hash=seen.payload_hash, count=seen.counts["rows"])
    done = perform(APPROVE_CHANGESET, session, {changeset_id: None}, request)
    rest = f"; {done.waiting} wait for another account" if done.waiting else ""
    step(f"    approved by {account}: {seen.counts['rows']} rows, payload {seen.payload_hash[:12]}{rest}")


def _counted(counts: Mapping[str, int]) -> Iterator[str]:
    for prefix in ("class", "risk"):
        parts = {name.partition(".")[2]: rows for name, rows in counts.items() if name.startswith(f"{prefix}.")}
        yield f"by {prefix}: " + ", ".join(f"{rows:,} {name}" for name, rows in parts.items())


def _read(release: Path, context: ZenginContext) -> tuple[pl.DataFrame, pl.DataFrame]:
    from batch_platform.zengin.readers import read_release
    from batch_platform.zengin.service.sources import read_source

    banks, branches, _ = read_release(read_source(str(release), context.s3).files, where=release.name)
    return banks, branches


def _is(context: ZenginContext, frames: tuple[pl.DataFrame, pl.DataFrame]) -> bool:
    from batch_platform.zengin import service

    return all(ours.equals(theirs) for ours, theirs in zip(service.master_as_of(context, None), frames, strict=True))


def _is_empty(context: ZenginContext) -> bool:
    from batch_platform.zengin import service

    return all(frame.is_empty() for frame in service.master_as_of(context, None))


def _approvers(settings: Settings, context: ZenginContext) -> tuple[str, ...]:
    """Two accounts with the role of approver, added at the first run with passwords that nobody knows."""
    from batch_platform.core import postgres
    from batch_platform.web.access import service
    from batch_platform.web.access.model import Role

    pool = postgres.open_pool(settings.database(), application_name="batch-platform demo")
    try:
        known = {user.name for user in service.users(pool)}
        for name in APPROVERS:
            if name not in known:
                change = service.Change(by="platform:demo", now=context.clock())
                service.add_user(pool, name, [Role.APPROVER], lambda: secrets.token_urlsafe(24), change)
    finally:
        pool.close()
    return tuple(f"local:{name}" for name in APPROVERS)


def _show(context: ZenginContext, release: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    from batch_platform.zengin import service

    console = Console(highlight=False)
    banks, branches = service.master_as_of(context, None)
    equal = banks.equals(release[0]) and branches.equals(release[1])
    verdict = "equal the release" if equal else "DIFFER from the release"
    rows = f"{banks.height:,} banks and {branches.height:,} branches"
    console.print(f"\nBank master: {rows} {verdict} {releases.LATER} row by row", soft_wrap=True)
    if not equal:
        raise PermanentFailure(
            "demo-master-differs", "the master is not the release {release}", release=releases.LATER
        )
    console.print(_WHERE_NEXT, soft_wrap=True)


_WHERE_NEXT: Final = """  .venv/bin/batch-platform zengin changesets
  .venv/bin/batch-platform zengin search みずほ
  .venv/bin/batch-platform zengin export --format zengin --output banks.txt"""
