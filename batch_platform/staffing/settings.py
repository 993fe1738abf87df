"""The settings of staffing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr

from batch_platform.core.numbers import parse_whole
from batch_platform.settings import DomainSettings


def _listed(value: Any) -> Any:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    return parse_whole(value) if isinstance(value, str) else value


class BackupSettings(DomainSettings):
    """Where backups go, to whom they are encrypted, and how they are proved. Buckets unset are the environment's."""

    backup_bucket: str | None = Field(None, validation_alias="STAFFING_BACKUP_BUCKET")
    backup_remote_bucket: str | None = Field(None, validation_alias="STAFFING_BACKUP_REMOTE_BUCKET")
    """A second place, which every backup is copied to and restored from when it is proved."""
    backup_remote_region: str | None = Field(None, validation_alias="STAFFING_BACKUP_REMOTE_REGION")
    files_bucket: str | None = Field(None, validation_alias="STAFFING_FILES_BUCKET")
    """The files of the SaaS."""

    backup_recipients: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), validation_alias="STAFFING_BACKUP_RECIPIENTS"
    )
    """Public keys of age (age1…), two at least: a lost identity loses no backup. Locally they are generated."""
    backup_identity_file: Path | None = Field(None, validation_alias="STAFFING_BACKUP_IDENTITY_FILE")
    """An identity of one of them, as age-keygen writes it: proof and restoration read it, nothing else does."""
    backup_keep_verified: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=10_000)] = Field(
        7, validation_alias="STAFFING_BACKUP_KEEP_VERIFIED"
    )
    """So many verified backups stay, however old they are."""

    backup_scratch_url: SecretStr | None = Field(None, validation_alias="STAFFING_BACKUP_SCRATCH_URL")
    """A server on which a proof may create a database and drop it; unset, PostgreSQL's programs make a cluster."""
    backup_scratch_directory: Path | None = Field(None, validation_alias="STAFFING_BACKUP_SCRATCH_DIRECTORY")
    """Room for a decrypted dump and a restored database; unset, the system's directory of temporary files."""
    backup_programs: Path | None = Field(None, validation_alias="STAFFING_BACKUP_PROGRAMS")
    """The directory of pg_dump, pg_restore, initdb and postgres; unset, the embedded ones, else those of the PATH."""


class StaffingSettings(BackupSettings):
    """Review of invoices, what retention leaves alone, who gets reports, and all of backups."""

    legal_hold: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), validation_alias="STAFFING_LEGAL_HOLD"
    )
    """Classes of rows from which weekly maintenance deletes nothing for now: a dispute or an audit needs them."""

    invoice_review: bool = Field(False, validation_alias="STAFFING_INVOICE_REVIEW")
    """Scheduled runs then leave drafts, which a second person approves by their count and sum."""

    report_recipients: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), validation_alias="STAFFING_REPORT_RECIPIENTS"
    )
    """Mail addresses, with commas between them, to which the reports for operators go; none: they are stored only."""
