"""A night's backup with its proof, beside a bare pg_dump and pg_restore of the same database.

    .venv/bin/python -m benchmarks.staffing_backup [--megabytes 100|1000] [--rounds 1]

On embedded services of its own, which go at the end. Ours: dump under a snapshot with sums of all tables, age, S3,
read back, decrypt, restore into a scratch cluster, sums again. The peer: `pg_dump -Fc -Z1` into a file, and
`pg_restore --jobs=2` into a scratch cluster of the same settings (`scratch`) or a database of the server (`server`).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import psycopg

from batch_platform.core import postgres_programs
from batch_platform.core.clock import utc_now
from batch_platform.local import services
from batch_platform.local.home import Home
from batch_platform.local.provision import provision
from batch_platform.settings import Settings, load_settings
from batch_platform.staffing.opening import open_backups
from batch_platform.staffing.service import backups
from batch_platform.staffing.service.backup_context import BackupContext
from batch_platform.staffing.store.backup_programs import of_name

_ROW_BYTES: Final = 230
_FILL: Final = """
INSERT INTO staffing.api_requests (id, user_id, company_id, at, feature, status, duration_ms, line_digest)
SELECT n::text, 'user-' || n %% 5000, 'company-' || n %% 40, timestamptz '2026-11-01' + n * interval '1 second',
    'skill-sheets/' || md5(n::text) || '/' || repeat(md5((n %% 100)::text), 2), 200, n %% 900, sha256(n::text::bytea)
FROM generate_series(1, %s) AS n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    home = Home(Path(tempfile.mkdtemp(prefix="benchmark-backup-")))
    os.environ["BATCH_PLATFORM_HOME"] = str(home.root)
    try:
        variables = services.ensure_running(load_settings(), owner=os.getpid())
        os.environ.update(variables)
        settings = load_settings()
        provision(settings, variables)
        with open_backups(settings, clock=utc_now) as context:
            _measure(settings, context, megabytes=given.megabytes, rounds=given.rounds)
    finally:
        services.stop(home)
        shutil.rmtree(home.root, ignore_errors=True)


def _measure(settings: Settings, context: BackupContext, *, megabytes: int, rounds: int) -> None:
    with psycopg.connect(settings.database(), autocommit=True) as connection:
        connection.execute(_FILL.encode(), (megabytes * 1_000_000 // _ROW_BYTES,))
        connection.execute("VACUUM ANALYZE staffing.api_requests")
        [size] = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
    ours, scratch, server = [], [], []
    for _ in range(rounds):
        _forget(settings)
        ours.append(_timed(lambda: backups.run(context, context.tonight)))
        scratch.append(_timed(lambda: _bare_into_scratch(context)))
        server.append(_timed(lambda: _bare_into_server(context)))
    out = sys.stdout.write
    out(f"{size / 1e6:.0f} MB, seconds: ours {median(ours):.1f}, bare into a scratch cluster {median(scratch):.1f}, ")
    out(f"bare into the server {median(server):.1f}\n")
    out(f"ratios: {median(ours) / median(scratch):.2f} and {median(ours) / median(server):.2f}\n")


def _timed(act: Callable[[], object]) -> float:
    begun = time.monotonic()
    act()
    return time.monotonic() - begun


def _forget(settings: Settings) -> None:
    with psycopg.connect(settings.database(), autocommit=True) as connection:
        connection.execute("TRUNCATE staffing.backups, staffing.backup_proofs")


def _bare_into_scratch(context: BackupContext) -> None:
    with context.programs.scratch_database() as url:
        _bare(context, url)


def _bare_into_server(context: BackupContext) -> None:
    with psycopg.connect(context.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bare TEMPLATE template0")
        _bare(context, of_name(context.database_url, "bare"))
        connection.execute("DROP DATABASE bare WITH (FORCE)")


def _bare(context: BackupContext, target: str) -> None:
    with tempfile.NamedTemporaryFile() as dump:
        of = ["pg_dump", "-Fc", "-Z1", "--no-owner", f"--dbname={context.database_url}", f"--file={dump.name}"]
        into = ["pg_restore", "--no-owner", "--jobs=2", f"--dbname={target}", dump.name]
        for name, *options in (of, into):
            subprocess.run([str(postgres_programs.binary(name)), *options], check=True)


if __name__ == "__main__":
    main()
