"""A worker of the backup dies at its writes, or by SIGKILL; the next one ends as if nothing had been."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from batch_platform.proving.faults import Mortal, WorkerKilled, disturbed, quiet_deaths
from batch_platform.proving.postgres import disturbed_pool
from batch_platform.settings import Settings
from batch_platform.staffing.model import BackupState
from batch_platform.staffing.service import backup_restore, backups
from batch_platform.staffing.service.backup_context import LEASE
from batch_platform_tests.staffing.backup_ground import NIGHT, Ground, open_ground
from batch_platform_tests.waiting import eventually

pytestmark = pytest.mark.faults

POINTS = 12


@pytest.fixture(scope="module")
def ground(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with open_ground(settings, tmp_path_factory.mktemp("home")) as made:
        yield made


def killed(ground: Ground, night: int, hazard: Mortal) -> bool:
    """A worker of its own backs up a night until it dies."""
    day = NIGHT + timedelta(days=night)
    ground.clock.night(day)
    context = ground.context
    with closing(disturbed_pool(context.database_url, hazard)) as pool, quiet_deaths():
        sites = tuple(replace(site, client=disturbed(site.client, hazard)) for site in context.sites)
        try:
            backups.run(replace(context, pool=pool, sites=sites, worker=f"killed/{night}"), day)
        except WorkerKilled:
            return True
    return False


def is_as_if_nothing_had_been(ground: Ground, night: int) -> None:
    """The next worker, once the dead one's lease has run out."""
    day = NIGHT + timedelta(days=night)
    ground.clock.now += LEASE + timedelta(seconds=1)
    done = backups.run(ground.context, day)
    assert (done.state, done.proof is None or done.proof.passed) == (BackupState.VERIFIED, True)
    [row, *_] = backups.page(ground.context, limit=1)
    assert (row["night"], row["error"], row["proof_passed"]) == (day, None, True)
    stored = [(one.attempt, one.proved) for one in backup_restore.stored(ground.context) if one.night == day]
    assert stored == [(row["attempt"], True)] * len(ground.context.sites)
    for site in ground.context.sites:
        assert site.attempts(day) == [row["attempt"]]
        assert site.client.list_multipart_uploads(Bucket=site.bucket).get("Uploads", []) == []


def test_every_write_is_counted(ground: Ground) -> None:
    hazard = Mortal()
    assert not killed(ground, 0, hazard)
    assert hazard.writes >= POINTS  # where it is slow, renewals of the lease come to it


@pytest.mark.parametrize(
    "at",
    [pytest.param(at, marks=[] if at % 4 == 2 else [pytest.mark.every_kill_point]) for at in range(1, POINTS + 1)],
)
def test_a_worker_that_dies_at_a_write_is_followed_by_another(ground: Ground, at: int) -> None:
    assert killed(ground, at, Mortal(at, after=at % 2 == 0))
    is_as_if_nothing_had_been(ground, at)


def test_sigkill_leaves_no_cluster_and_no_login_behind(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="bk-"))
    scratch.chmod(0o711)
    night = NIGHT + timedelta(days=40)
    program = (
        "import sys, datetime\n"
        "from batch_platform.staffing.opening import open_backups\n"
        "from batch_platform.staffing.service import backups\n"
        "with open_backups(clock=lambda: datetime.datetime.fromisoformat(sys.argv[1])) as context:\n"
        "    backups.run(context, datetime.date.fromisoformat(sys.argv[2]))\n"
    )
    ground.clock.night(night)
    for variable, value in {
        "DATABASE_URL": ground.context.database_url,
        "BATCH_PLATFORM_HOME": str(ground.settings.home),
        "STAFFING_BACKUP_BUCKET": ground.bucket,
        "STAFFING_BACKUP_REMOTE_BUCKET": ground.remote,
        "STAFFING_FILES_BUCKET": ground.files,
        "STAFFING_BACKUP_SCRATCH_DIRECTORY": str(scratch),
    }.items():
        monkeypatch.setenv(variable, value)
    arguments = [ground.clock.now.isoformat(), night.isoformat()]
    with subprocess.Popen([sys.executable, "-c", program, *arguments]) as worker:
        pid = eventually(lambda: _server(scratch))
        worker.kill()
    context = replace(ground.context, programs=replace(ground.context.programs, scratch=scratch))
    done = backups.run(context, night)  # at once: the process is known to be dead
    assert (done.state, list(scratch.iterdir())) == (BackupState.VERIFIED, [])
    assert not Path(f"/proc/{pid}").exists()
    shutil.rmtree(scratch)


def _server(scratch: Path) -> int | None:
    """The process of the cluster, once it is more than initdb's, which leaves a negative number for a moment."""
    for file in scratch.glob("*/data/postmaster.pid"):
        with suppress(FileNotFoundError):
            pid = int((file.read_text().splitlines() or ["0"])[0])
            return pid if pid > 0 else None
    return None
