"""Backups on real parts: pg_dump, S3, age, a scratch cluster; and each planted fault by its name."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pyrage
import pytest

from batch_platform import migrations
from batch_platform.core import postgres
from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PermanentFailure
from batch_platform.settings import Settings
from batch_platform.staffing.backups import AGE_HEADER, DATABASE, FILES, MANIFEST, expired
from batch_platform.staffing.backups import read as read_manifest
from batch_platform.staffing.backups import write as write_manifest
from batch_platform.staffing.model import BackupState, FaultKind, KeptBackup
from batch_platform.staffing.opening import open_backups
from batch_platform.staffing.service import backup_restore, backups
from batch_platform.staffing.settings import StaffingSettings
from batch_platform.staffing.store.backup_contents import contents
from batch_platform.staffing.store.backup_programs import of_name
from batch_platform.staffing.web.words import fault_text
from batch_platform.web import i18n
from batch_platform_tests.databases import empty_database
from batch_platform_tests.staffing.backup_ground import FILE, NIGHT, Ground, open_ground

if TYPE_CHECKING:
    pass


@pytest.fixture(scope="module")
def ground(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Two nights' backups: the one before, and `NIGHT`; at two sites."""
    with open_ground(settings, tmp_path_factory.mktemp("home")) as made:
        made.run(NIGHT - timedelta(days=1))
        made.execute("INSERT INTO staffing.companies (company_id, name) VALUES ('x', 'new')")
        made.run(NIGHT)
        yield made


def test_a_night_is_stored_encrypted_and_proved(ground: Ground) -> None:
    [row, before] = backups.page(ground.context, limit=10)
    assert (row["night"], row["state"], row["worker"]) == (NIGHT, BackupState.VERIFIED, None)
    assert row["proof_passed"]
    assert (before["night"], row["files"], row["missing_files"]) == (NIGHT - timedelta(days=1), 1, 1)
    assert row["amcheck"].startswith(("not run", f"{row['tables']}"))
    for bucket in (ground.bucket, ground.remote):
        manifest = read_manifest(ground.get(MANIFEST, bucket=bucket))
        assert manifest.contents.tables["staffing.companies"].rows == 51
        assert manifest.files.missing == ("lost",)
        for name in (DATABASE, FILES):
            data = ground.get(name, bucket=bucket)
            assert data.startswith(AGE_HEADER)
            assert hashlib.sha256(data).hexdigest() == manifest.objects[name].sha256
    keys = ground.settings.home / "backup-keys"
    for name in ("identity.txt", "escrow.txt"):
        assert (keys / name).stat().st_mode & 0o777 == 0o600
        identity = pyrage.x25519.Identity.from_str((keys / name).read_text().splitlines()[-1])
        assert pyrage.decrypt(ground.get(DATABASE), [identity]).startswith(b"PGDMP")


def test_again_it_meets_what_is_there(ground: Ground) -> None:
    again = ground.run(NIGHT)
    assert (again.state, again.attempt, again.proof) == (BackupState.VERIFIED, 1, None)
    assert backups.plan(ground.context, NIGHT).action == "nothing"
    with pytest.raises(InvalidInput, match="today is 2026-11-30"):
        backups.run(ground.context, date(2026, 11, 1))


@pytest.mark.parametrize(
    ("tonight", "gone"),
    [(BackupState.VERIFIED, [40, 38]), (BackupState.STORED, []), (BackupState.FAILED, [])],
)
def test_what_is_old_goes_only_after_a_proof_and_never_the_last_proved(tonight: BackupState, gone: list[int]) -> None:
    states = {0: tonight, 3: BackupState.FAILED, 30: BackupState.STORED, 31: BackupState.VERIFIED}
    states |= {35: BackupState.VERIFIED, 38: BackupState.FAILED, 40: BackupState.VERIFIED, 50: BackupState.DELETED}
    kept = [KeptBackup(NIGHT - timedelta(days=days), state) for days, state in states.items()]
    assert expired(kept, NIGHT, keep=3) == [NIGHT - timedelta(days=days) for days in gone]


Plant = Callable[[Ground], str]
"""Does harm at the remote site, and says what a fault of it names."""


def flipped_bit(ground: Ground) -> str:
    data = bytearray(ground.get(DATABASE))
    data[len(data) // 2] ^= 1
    ground.put(DATABASE, bytes(data))
    return "altered-object"


def flipped_bit_of_files(ground: Ground) -> str:
    data = bytearray(ground.get(FILES))
    data[-1] ^= 128
    ground.put(FILES, bytes(data))
    return "altered-object"


def cut_object(ground: Ground) -> str:
    ground.put(DATABASE, ground.get(DATABASE)[:-1000])
    return "cut-object"


def plaintext_object(ground: Ground) -> str:
    identity = pyrage.x25519.Identity.from_str(_identity(ground))
    ground.put(DATABASE, pyrage.decrypt(ground.get(DATABASE), [identity]))
    return "plaintext-object"


def object_gone(ground: Ground) -> str:
    ground.s3.delete_object(Bucket=ground.remote, Key=ground.key(FILES))
    return "missing-object"


def older_object(ground: Ground) -> str:
    ground.put(DATABASE, ground.get(DATABASE, NIGHT - timedelta(days=1)))
    return "older-snapshot"


def older_manifest(ground: Ground) -> str:
    for name in (MANIFEST, DATABASE, FILES):
        ground.put(name, ground.get(name, NIGHT - timedelta(days=1)))
    return "older-snapshot"


def changed_manifest(ground: Ground) -> str:
    ground.put(MANIFEST, ground.get(MANIFEST).replace(b'"rows": 51', b'"rows": 50'))
    return "manifest-replaced"


@pytest.mark.parametrize(
    "plant",
    [
        flipped_bit,
        flipped_bit_of_files,
        cut_object,
        plaintext_object,
        object_gone,
        older_object,
        older_manifest,
        changed_manifest,
    ],
    ids=lambda plant: plant.__name__,
)
def test_what_is_planted_in_the_bucket_is_found_by_its_name(ground: Ground, plant: Plant) -> None:
    whole = {name: ground.get(name) for name in (MANIFEST, DATABASE, FILES)}
    kind = plant(ground)
    try:
        proof = backups.verify(ground.context)
    finally:
        for name, data in whole.items():
            ground.put(name, data)
    assert [(fault.kind, fault.site) for fault in proof.faults] == [(kind, "remote")]
    [row, _] = backups.page(ground.context, limit=2)
    assert (row["state"], row["error"]) == (BackupState.FAILED, proof.faults[0].text)
    with i18n.speaking(i18n.load(["batch_platform.staffing.web"])["ja"]):
        assert re.search("[a-z]+ [a-z]+", said := fault_text(row["faults"][0])) is None, said


def test_the_first_site_is_read_too(ground: Ground) -> None:
    whole = ground.get(DATABASE, bucket=ground.bucket)
    ground.put(DATABASE, whole[:-1] + b"\0", bucket=ground.bucket)
    proof = backups.verify(ground.context)
    ground.put(DATABASE, whole, bucket=ground.bucket)
    assert {(FaultKind.ALTERED, "local")} == {(fault.kind, fault.site) for fault in proof.faults}
    assert backups.verify(ground.context, NIGHT).passed
    assert backups.page(ground.context, limit=1)[0]["state"] == BackupState.VERIFIED


def test_another_key_opens_nothing(ground: Ground, tmp_path: Path) -> None:
    other = tmp_path / "identity.txt"
    other.write_text(f"# mine\n{pyrage.x25519.Identity.generate()}\n")
    own = ground.settings.of(StaffingSettings).model_copy(update={"backup_identity_file": other})
    with open_backups(ground.settings.having(own), clock=ground.clock) as context:
        proof = backups.verify(context)
        assert {fault.kind for fault in proof.faults} == {FaultKind.WRONG_KEY}
        with pytest.raises(PermanentFailure, match="identity given does not open"):
            backup_restore.restore(
                replace(context, database_url=of_name(context.database_url, "nowhere")), dry_run=True
            )
    other.write_text("AGE-SECRET-KEY-1NONSENSE")
    with (
        open_backups(ground.settings.having(own)) as context,
        pytest.raises(InvalidInput, match=r"IDENTITY_FILE: .+ holds no identity") as refused,
    ):
        backups.verify(context)
    assert "NONSENSE" not in refused.value.message
    assert backups.verify(ground.context).passed


def rewritten(ground: Ground, harm: str) -> None:
    """The backup as a dumper would have made it that loses something: object, manifest and row agree."""
    identity = pyrage.x25519.Identity.from_str(_identity(ground))
    with (
        ground.context.programs.directory_of_scratch() as directory,
        empty_database(ground.settings, "harmed") as url,
    ):
        dump = directory / "dump"
        dump.write_bytes(pyrage.decrypt(ground.get(DATABASE), [identity]))
        ground.context.programs.restore(dump, url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(harm.encode())
        with psycopg.connect(url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            [snapshot] = connection.execute("SELECT pg_export_snapshot()").fetchone() or ()
            with ground.context.programs.dump(url, snapshot) as stream:
                plain = stream.read()
    out = io.BytesIO()
    recipients = [pyrage.x25519.Recipient.from_str(key) for key in ground.context.recipients]
    pyrage.encrypt_io(io.BytesIO(plain), out, recipients)
    manifest = read_manifest(ground.get(MANIFEST))
    stored = replace(manifest.objects[DATABASE], sha256=hashlib.sha256(out.getvalue()).hexdigest())
    stored = replace(stored, bytes=len(out.getvalue()))
    written = write_manifest(replace(manifest, objects={**manifest.objects, DATABASE: stored}))
    for bucket in (ground.bucket, ground.remote):
        ground.put(DATABASE, out.getvalue(), bucket=bucket)
        ground.put(MANIFEST, written, bucket=bucket)
    ground.execute(
        "UPDATE staffing.backups SET manifest_sha256 = %s WHERE night = %s",
        hashlib.sha256(written).hexdigest(),
        NIGHT,
    )


@pytest.mark.parametrize(
    ("harm", "kinds"),
    [
        ("DELETE FROM staffing.companies WHERE company_id = '7'", {"missing-rows"}),
        (
            "UPDATE staffing.companies SET name = 'E' WHERE company_id = '7'; DROP INDEX staffing.logins_at; "
            "SELECT setval('staffing.backup_proofs_proof_no_seq', 1, false); UPDATE staffing.backups SET attempt = 9",
            {"different-values", "different-schema", "sequence-behind", "older-snapshot"},
        ),
    ],
    ids=["row", "other-things"],
)
def test_what_the_dump_itself_lacks_is_found(ground: Ground, harm: str, kinds: set[str]) -> None:
    whole = {name: ground.get(name) for name in (MANIFEST, DATABASE)}
    rewritten(ground, harm)
    proof = backups.verify(ground.context)
    for bucket in (ground.bucket, ground.remote):
        for name, data in whole.items():
            ground.put(name, data, bucket=bucket)
    digest = hashlib.sha256(whole[MANIFEST]).hexdigest()
    ground.execute("UPDATE staffing.backups SET manifest_sha256 = %s WHERE night = %s", digest, NIGHT)
    assert {str(fault.kind) for fault in proof.faults} == kinds


def test_a_backup_comes_back_into_an_empty_server(ground: Ground) -> None:
    with empty_database(ground.settings, "restored") as url, postgres.open_pool(url, application_name="test") as pool:
        context = replace(ground.context, database_url=url, pool=pool)
        server = replace(ground.context.programs, scratch_url=ground.context.database_url)
        assert backups.verify(replace(ground.context, programs=server)).passed  # on a server that is there
        looked = backup_restore.restore(context, dry_run=True)
        ground.s3.delete_object(Bucket=ground.files, Key=FILE)
        done = backup_restore.restore(context)
        assert (looked.night, done.night, done.files, done.files_left) == (NIGHT, NIGHT, 1, 0)
        assert ground.s3.get_object(Bucket=ground.files, Key=FILE)["Body"].read() == b"pdf"
        manifest = read_manifest(ground.get(MANIFEST))
        there = contents(url)
        assert there.tables["staffing.companies"] == manifest.contents.tables["staffing.companies"]
        assert there.schema == manifest.contents.schema
        [row, _] = backups.page(context, limit=5)
        assert (row["state"], row["tables"]) == (BackupState.STORED, len(manifest.contents.tables))
        with pytest.raises(Conflict, match="not empty"):
            backup_restore.restore(context)
        assert migrations.pending(url) == []
        assert backups.verify(context).passed
    with pytest.raises(NotFound, match="no backup of 2026-01-01"):
        backup_restore.restore(ground.context, date(2026, 1, 1))


def test_old_nights_go_once_a_newer_one_is_proved(ground: Ground) -> None:
    later = NIGHT + timedelta(days=40)
    ground.clock.night(later)
    assert backups.plan(ground.context, later).deleted == (NIGHT - timedelta(days=1),)
    done = ground.run(later)
    assert (done.state, done.deleted) == (BackupState.VERIFIED, (NIGHT - timedelta(days=1),))
    stored = [(one.night, one.site) for one in backup_restore.stored(ground.context)]
    assert stored == [(later, "remote"), (later, "local"), (NIGHT, "remote"), (NIGHT, "local")]
    proof = json.loads(ground.get("proof.json", later))
    assert proof["passed"] is True
    with pytest.raises(NotFound):
        backups.verify(ground.context, NIGHT - timedelta(days=1))


def _identity(ground: Ground) -> str:
    return (ground.settings.home / "backup-keys" / "identity.txt").read_text().splitlines()[-1]
