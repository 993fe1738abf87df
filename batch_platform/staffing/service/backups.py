"""The backup of a night: taken, stored at every site, proved; only then may old ones go.

Run again it goes on where it is: a stored backup is proved, a verified one is left. A killed attempt is followed by
another; what it has left in the bucket has no manifest and goes with the night's other attempts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PlatformError, TransientFailure
from batch_platform.core.leases import KeptLease, is_held
from batch_platform.core.objects import StoredObject
from batch_platform.core.progress import report
from batch_platform.staffing import backups
from batch_platform.staffing.model import BackupProof, BackupState, KeptBackup
from batch_platform.staffing.service import backup_proof, backup_taking
from batch_platform.staffing.service.backup_context import LEASE, BackupContext
from batch_platform.staffing.service.backup_inspection import Known
from batch_platform.staffing.store import backup_contents

Row = dict[str, Any]

VERIFY: Final = "backup.verify"
"""What a proof is called in the audit log, where a person asks for it."""

_RENEWED: Final = 15.0


@dataclass(frozen=True)
class Outcome:
    """The backup as it stands now; `proof` is None where it was verified before. `deleted`: nights that went."""

    night: date
    state: BackupState
    attempt: int
    tables: int
    rows: int
    files: int
    bytes: int
    missing_files: int
    proof: BackupProof | None
    deleted: tuple[date, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a run would do: `action` is take, prove or nothing; sizes are of what would be read, in bytes."""

    night: date
    action: str
    database_bytes: int
    tables: int
    files: int
    file_bytes: int
    sites: tuple[str, ...]
    recipients: tuple[str, ...]
    deleted: tuple[date, ...]


def run(context: BackupContext, night: date) -> Outcome:
    """The backup of a night as far as it can come. A fault that the proof finds is in the outcome, never raised.

    Raises `InvalidInput` for a night that is over and was not stored, and `Conflict` while another worker is at it.
    """
    row = _look(context, night)
    if row is not None and row["state"] in (BackupState.VERIFIED, BackupState.DELETED):
        return _outcome(row, None)
    with _held(context, night, row) as attempt:
        if row is None or row["state"] != BackupState.STORED:
            _take(context, night, attempt)
        backup_taking.copy(context, night, attempt)
        proof = _prove(context, night)
    gone = _retain(context, night) if proof.passed else ()
    done = _row(context, night)
    return _outcome(done, proof, gone)


def plan(context: BackupContext, night: date) -> Plan:
    """What `run` would do. Raises what it would raise."""
    row = _look(context, night)
    action = "take"
    if row is not None and row["state"] in (BackupState.STORED, BackupState.VERIFIED, BackupState.DELETED):
        action = "prove" if row["state"] == BackupState.STORED else "nothing"
    files = _files(context)
    with context.store.snapshot() as session:
        kept = session.backups_for_retention()
        size = session.database_size()
    with backup_contents.snapshot(context.database_url) as moment:
        tables = len(moment.tables())
    proved = [backup for backup in kept if backup.night != night] + [KeptBackup(night, BackupState.VERIFIED)]
    return Plan(
        night,
        action,
        size,
        tables,
        len(files),
        sum(stored.size for stored in files),
        tuple(f"{site.name}: {site.bucket}" for site in context.sites),
        tuple(map(backups.fingerprint, context.recipients)),
        () if action == "nothing" else tuple(backups.expired(proved, night, keep=context.keep_verified)),
    )


def verify(context: BackupContext, night: date | None = None) -> BackupProof:
    """Prove a stored backup again, by default the newest. Raises `NotFound` for none, `Conflict` while one runs."""
    with context.store.snapshot() as session:
        row = session.newest_backup() if night is None else session.backup(night)
    if row is None or row["manifest_sha256"] is None or row["state"] == BackupState.DELETED:
        of = "any night" if night is None else night
        raise NotFound("no-stored-backup", "there is no stored backup of {night}", night=str(of))
    if is_held(row["worker"], row["lease_until"], context.clock()):
        raise _under_way(row["night"])
    with _held(context, row["night"], row, anew=False):
        return _prove(context, row["night"])


def page(context: BackupContext, *, before: date | None = None, limit: int) -> list[Row]:
    """Nights, newest first, each with its newest proof; only those before one, if it is given."""
    with context.store.snapshot() as session:
        return session.backups_page(before=before, limit=limit)


def _look(context: BackupContext, night: date) -> Row | None:
    """The night's row, if it may be worked on."""
    with context.store.snapshot() as session:
        row = session.backup(night)
    is_stored = row is not None and row["state"] in (BackupState.STORED, BackupState.VERIFIED, BackupState.DELETED)
    if not is_stored and night != context.tonight:
        raise InvalidInput(
            "backup-of-another-day",
            "a backup is taken on its own day: today is {today}, and none of {night} is stored",
            today=context.tonight,
            night=night,
            field="targetDate",
        )
    if row is not None and is_held(row["worker"], row["lease_until"], context.clock()):
        raise _under_way(night)
    return row


@contextmanager
def _held(context: BackupContext, night: date, row: Row | None, *, anew: bool = True) -> Iterator[int]:
    """The lease of a night while the block runs: on a new attempt, or on the one that is stored.

    What ends the block is written down as the failure of an attempt that has not stored anything.
    """
    now = context.clock()
    begins = anew and (row is None or row["state"] != BackupState.STORED)
    with context.store.transaction() as session:
        if begins:
            attempt = session.begin_backup(night, row, worker=context.worker, until=now + LEASE, now=now)
        else:
            assert row is not None
            is_mine = session.lease_backup(row, worker=context.worker, until=now + LEASE)
            attempt = row["attempt"] if is_mine else None
    if attempt is None:
        raise _under_way(night)

    def renew() -> None:
        with context.store.transaction() as session:
            until = context.clock() + LEASE
            if not session.renew_backup(night, attempt, worker=context.worker, until=until):
                raise _under_way(night)

    with KeptLease(renew, every=_RENEWED, name=f"backup of {night}"):
        try:
            yield attempt
        except PlatformError as error:
            if begins:
                _write_failure(context, night, attempt, str(error.message))
            raise
        finally:
            _release(context, night, attempt)


def _take(context: BackupContext, night: date, attempt: int) -> None:
    for site in context.sites:
        site.abort_uploads(backups.nights_folder(night))
    manifest, sha256 = backup_taking.take(context, night, attempt)
    with context.store.transaction() as session:
        if not session.store_backup(manifest, sha256, worker=context.worker, now=context.clock()):
            raise _under_way(night)


def _prove(context: BackupContext, night: date) -> BackupProof:
    row = _row(context, night)
    proof = backup_proof.prove(context, Known(night, row["attempt"], row["manifest_sha256"]))
    for site in context.sites:
        site.put(backups.folder(night, proof.attempt) + backups.PROOF, backups.write_proof(proof))
    with context.store.transaction() as session:  # last: what is verified here can be told from the bucket too
        session.add_proof(proof)
    return proof


def _retain(context: BackupContext, night: date) -> tuple[date, ...]:
    """Other attempts of the night go, and nights that are old enough. Killed, it goes on at the next run."""
    kept_attempt = _row(context, night)["attempt"]
    for site in context.sites:
        for attempt in site.attempts(night):
            if attempt < kept_attempt:
                site.delete(backups.folder(night, attempt))
    with context.store.snapshot() as session:
        gone = backups.expired(session.backups_for_retention(), night, keep=context.keep_verified)
    for old in gone:
        report(f"deleting the backup of {old}")
        for site in context.sites:
            site.delete(backups.nights_folder(old))
        with context.store.transaction() as session:
            session.delete_backup(old, now=context.clock())
    return tuple(gone)


def _write_failure(context: BackupContext, night: date, attempt: int, error: str) -> None:
    _quietly(
        context,
        lambda session: session.fail_backup(night, attempt, worker=context.worker, error=error),
    )


def _release(context: BackupContext, night: date, attempt: int) -> None:
    _quietly(context, lambda session: session.release_backup(night, attempt, worker=context.worker))


def _quietly(context: BackupContext, write: Callable[[Any], None]) -> None:
    """A database that does not answer hides no failure: the lease ends by itself."""
    try:
        with context.store.transaction() as session:
            write(session)
    except TransientFailure:
        return


def _row(context: BackupContext, night: date) -> Row:
    with context.store.snapshot() as session:
        row = session.backup(night)
    assert row is not None
    return row


def _files(context: BackupContext) -> Sequence[StoredObject]:
    return list(context.files.list_files())


def _outcome(row: Row, proof: BackupProof | None, deleted: tuple[date, ...] = ()) -> Outcome:
    return Outcome(
        night=row["night"],
        state=BackupState(row["state"]),
        attempt=row["attempt"],
        tables=row["tables"] or 0,
        rows=row["rows"] or 0,
        files=row["files"] or 0,
        bytes=row["bytes"] or 0,
        missing_files=row["missing_files"] or 0,
        proof=proof,
        deleted=deleted,
    )


def _under_way(night: date) -> Conflict:
    return Conflict("backup-under-way", "another worker is at the backup of {night}", night=night)
