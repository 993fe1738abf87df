"""Backups by command: each leaves exactly one row, a restoration in the log that has come back."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from batch_platform.core import aws, postgres
from batch_platform.core.audit import AuditStore
from batch_platform.core.caller import system_user
from batch_platform.core.failures import PermanentFailure
from batch_platform.operations.actions import EXECUTE
from batch_platform.settings import Settings
from batch_platform.staffing.cli import app
from batch_platform.staffing.service.backup_restore import RESTORE
from batch_platform.staffing.service.backups import VERIFY
from batch_platform_tests.databases import empty_database
from batch_platform_tests.surfaces import Walk

SURFACES = {
    ("staffing backup run", EXECUTE),
    ("staffing backup verify", VERIFY),
    ("staffing backup restore", RESTORE),
}


def call(*words: str) -> str:
    result = CliRunner().invoke(app, words[1:])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_backups_by_command(
    pool: postgres.Pool, staffing_database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, suffix = aws.client("s3", settings), uuid4().hex[:8]
    bucket = f"backup-commands-{suffix}"
    for variable, name in (("STAFFING_BACKUP_BUCKET", bucket), ("STAFFING_FILES_BUCKET", f"files-{suffix}")):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
        monkeypatch.setenv(variable, name)
    monkeypatch.setenv("DATABASE_URL", staffing_database)
    walk, by = Walk(pool, SURFACES, intents={EXECUTE, VERIFY}), f"cli:{system_user()}"

    walk.command(call, "staffing", "backup", "run", does=(EXECUTE,), by=by, target="daily-backup")
    [night] = json.loads(call("staffing", "backup", "list", "--json"))
    assert (night["state"], night["faults"]) == ("verified", [])
    walk.command(call, "staffing", "backup", "verify", does=(VERIFY,), by=by, target="newest")

    [stored] = json.loads(call("staffing", "backup", "list", "--in-buckets", "--json"))
    assert stored == {"night": night["night"], "attempt": 1, "site": "local", "proved": True}
    with empty_database(settings, "restored") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        call("staffing", "backup", "restore", "--dry-run")
        done = json.loads(call("staffing", "backup", "restore", "--json"))
        assert (done["night"], done["tables"]) == (night["night"], night["tables"])
        with postgres.open_pool(url, application_name="test", max_size=1) as restored:
            [row] = [row for row in AuditStore(restored).rows(limit=20) if row.what == RESTORE]
        assert (row.who, row.target, row.after["rows"]) == (by, night["night"], done["rows"])
        walk.walked |= {("staffing backup restore", RESTORE)}

        key = f"backups/{night['night']}/0001/database.dump.age"
        data = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=bucket, Key=key, Body=data[:-1])
        with pytest.raises(PermanentFailure, match="has faults: cut-object"):
            call("staffing", "backup", "verify", night["night"])
    assert walk.walked == SURFACES
