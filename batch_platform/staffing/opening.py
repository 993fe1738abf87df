"""How a process opens the context of staffing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_platform.settings import Settings, load_settings
from batch_platform.staffing.settings import StaffingSettings

if TYPE_CHECKING:
    from batch_platform.core.clock import Clock
    from batch_platform.core.postgres import Pool
    from batch_platform.staffing.service import StaffingContext
    from batch_platform.staffing.service.backup_context import BackupContext


def build_context(pool: Pool, settings: Settings, *, clock: Clock | None = None) -> StaffingContext:
    """The context on a pool that somebody else closes."""
    from batch_platform.core import aws
    from batch_platform.core.clock import utc_now
    from batch_platform.staffing.service import StaffingContext
    from batch_platform.staffing.store.originals import Originals

    own = settings.of(StaffingSettings)
    files = own.files_bucket or f"{settings.env}-staffing-files"
    return StaffingContext(
        pool,
        clock or utc_now,
        Originals(lambda: aws.client("s3", settings), f"{settings.env}-staffing-originals"),
        Originals(lambda: aws.client("s3", settings), files),
        invoice_review=own.invoice_review,
        report_recipients=own.report_recipients,
    )


def maintenance_options(settings: Settings) -> dict[str, Any]:
    """The folder with logs and temporary files, and what retention leaves alone."""
    return {"home": settings.home, "held": settings.of(StaffingSettings).legal_hold}


@contextmanager
def open_context(settings: Settings | None = None, *, clock: Clock | None = None) -> Iterator[StaffingContext]:
    """The context of this process, its connections closed at the end."""
    from batch_platform.core import postgres

    settings = settings or load_settings()
    with postgres.open_pool(settings.database(), application_name="batch-platform staffing") as pool:
        yield build_context(pool, settings, clock=clock)


@contextmanager
def open_backups(settings: Settings | None = None, *, clock: Clock | None = None) -> Iterator[BackupContext]:
    """What backups are made and restored with. Raises `InvalidInput` for keys that are not set."""
    import tempfile

    from batch_platform.core import aws, postgres
    from batch_platform.core.clock import utc_now
    from batch_platform.staffing.service.backup_context import BackupContext
    from batch_platform.staffing.store.backup_encryption import identities_in, recipients_of
    from batch_platform.staffing.store.backup_programs import Programs
    from batch_platform.staffing.store.backup_sites import Site

    settings = settings or load_settings()
    own = settings.of(StaffingSettings)
    recipients, identity = _backup_keys(settings, own)
    recipients_of(recipients)
    s3 = aws.client("s3", settings)
    sites = [Site("local", s3, own.backup_bucket or f"{settings.env}-staffing-backups")]
    if own.backup_remote_bucket is not None:
        there = settings.model_copy(update={"aws_region": own.backup_remote_region or settings.aws_region})
        sites.append(Site("remote", aws.client("s3", there), own.backup_remote_bucket))
    scratch = own.backup_scratch_directory or Path(tempfile.gettempdir())
    scratch_url = own.backup_scratch_url.get_secret_value() if own.backup_scratch_url else None
    with postgres.open_pool(settings.database(), application_name="batch-platform backup", max_size=4) as pool:
        yield BackupContext(
            pool=pool,
            clock=clock or utc_now,
            database_url=settings.database(),
            environment=settings.env,
            sites=tuple(sites),
            files=Site("files", s3, own.files_bucket or f"{settings.env}-staffing-files"),
            recipients=recipients,
            identities=lambda: identities_in(identity),
            programs=Programs(own.backup_programs, scratch, scratch_url),
            keep_verified=own.backup_keep_verified,
        )


def _backup_keys(settings: Settings, own: StaffingSettings) -> tuple[tuple[str, ...], Path]:
    """Public keys, and the file of an identity. The local environment generates both pairs in its home."""
    from batch_platform.core.failures import InvalidInput
    from batch_platform.staffing.store.backup_encryption import generated

    keys = settings.home / "backup-keys"
    recipients = own.backup_recipients
    if not recipients and settings.env == "local":
        recipients = tuple(generated(keys / name) for name in ("identity.txt", "escrow.txt"))
    if len(recipients) < 2:
        raise InvalidInput(
            "backup-recipients-too-few",
            "{field} names two public keys of age at least: whoever loses one identity has the other",
            field="STAFFING_BACKUP_RECIPIENTS",
        )
    return recipients, own.backup_identity_file or keys / "identity.txt"
