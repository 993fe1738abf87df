"""Tools that live outside the platform's own environment: installed once per checkout, pinned and verified.

`ministack` pins botocore exactly and `dynoxide` is a binary from the npm registry; both are kept in `tools/`
beside the interpreter's environment, so that removing the environment removes them.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

from batch_platform.core.failures import PermanentFailure, PlatformError, TransientFailure
from batch_platform.core.file_locks import locked
from batch_platform.local.home import last_line

TOOLS = Path(sys.prefix) / "tools"
MINISTACK_LOCK = Path(__file__).with_name("ministack.lock")
NODE_LOCK = Path(__file__).with_name("nodejs.lock")
DYNOXIDE_VERSION = "1.2.1"
# One entry for each platform whose package the registry carries; any other uses ministack's DynamoDB.
DYNOXIDE_INTEGRITY = {
    "x86_64": (
        "@dynoxide/linux-x64",
        "sha512-sBHqlxJ9ANkLluFkYRfd5r8Y0ApFew4FhOrlhgRAgD4XzEoFOukEo1nuBTQ1+jTtofqwn4NWQ2k0Tn5mNTjgUg==",
    ),
}

Progress = Callable[[str], None]


def ministack_python(lock: Path = MINISTACK_LOCK) -> Path:
    """The interpreter of ministack's environment; the lock file is part of its name."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:8]
    return TOOLS / f"{lock.stem}-{digest}" / "bin" / "python"


def install_ministack(progress: Progress) -> Path:
    """Build ministack's environment unless it is complete; a half-finished one is built anew."""
    python = ministack_python()
    directory = python.parents[1]
    complete = directory / "complete"
    if complete.exists():
        return python
    with locked(TOOLS / "ministack.lock"):
        if not complete.exists():
            progress("installing ministack (once per checkout)")
            build_environment(directory, MINISTACK_LOCK)
            complete.touch()
            _remove_others(directory, "ministack-*")
    return python


def dynoxide_binary() -> Path:
    return TOOLS / f"dynoxide-{DYNOXIDE_VERSION}" / "dynoxide"


def install_dynoxide(progress: Progress) -> Path:
    """Fetch the static binary once; what does not match its known checksum is never unpacked."""
    binary = dynoxide_binary()
    if binary.exists():
        return binary
    with locked(TOOLS / "dynoxide.lock"):
        if not binary.exists():
            progress("installing dynoxide (once per checkout)")
            _fetch_dynoxide(binary)
    return binary


def unpack_verified(archive: Path, integrity: str, member: str, target: Path) -> None:
    """Take one executable out of an archive whose sha512 is the expected one."""
    content = archive.read_bytes()
    digest = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if digest != integrity:
        raise PermanentFailure(
            "other-archive",
            "{archive} is not the expected file: {found} instead of {integrity}",
            archive=archive.name,
            found=digest,
            integrity=integrity,
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    with tarfile.open(archive) as packed:
        source = packed.extractfile(member)
        if source is None:
            raise PermanentFailure(
                "archive-incomplete", "{archive} does not contain {member}", archive=archive.name, member=member
            )
        with source, partial.open("wb") as unpacked:
            shutil.copyfileobj(source, unpacked)
    partial.chmod(0o755)
    partial.replace(target)


def build_environment(directory: Path, lock: Path) -> None:
    """A virtual environment with exactly what the lock file names, every file checked against its hash."""
    shutil.rmtree(directory, ignore_errors=True)
    venv.create(directory, with_pip=True, symlinks=True)
    pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    _run([*pip, "--disable-pip-version-check", "-r", str(lock)], f"installing {lock.name}")


def _fetch_dynoxide(binary: Path) -> None:
    known = DYNOXIDE_INTEGRITY.get(platform.machine()) if sys.platform == "linux" else None
    if known is None:
        raise PermanentFailure(
            "no-dynoxide",
            "dynoxide has no verified package for {system} {machine}",
            system=sys.platform,
            machine=platform.machine(),
        )
    package, integrity = known
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        pack = ["pack", f"{package}@{DYNOXIDE_VERSION}", "--ignore-scripts", "--fetch-retries=1"]
        where = ["--pack-destination", scratch, "--cache", str(directory / "cache")]
        _run([_npm(directory), *pack, *where], "fetching dynoxide", directory=directory)
        archive = next(directory.glob("*.tgz"), None)
        if archive is None:
            raise PermanentFailure("npm-without-archive", "npm pack {package} left no archive", package=package)
        unpack_verified(archive, integrity, "package/dynoxide", binary)


def _npm(scratch: Path) -> str:
    """npm from PATH, or the one that a wheel carries, in an environment thrown away after use."""
    program = shutil.which("npm")
    if program:
        return program
    build_environment(scratch / "node", NODE_LOCK)
    return str(scratch / "node" / "bin" / "npm")


def _run(command: list[str], purpose: str, *, directory: Path | None = None) -> None:
    with tempfile.NamedTemporaryFile(suffix=".log") as output:
        try:
            path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            code = subprocess.run(  # noqa: S603 - pip and npm with fixed arguments
                command,
                cwd=directory,
                env={**os.environ, "PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=600,
                check=False,
            ).returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TransientFailure(
                "program-failed", "{program} failed: {reason}", program=purpose, reason=str(error)
            ) from error
        if code:
            raise TransientFailure(
                "program-failed", "{program} failed: {reason}", program=purpose, reason=last_line(Path(output.name))
            )


def _remove_others(keep: Path, pattern: str) -> None:
    for directory in keep.parent.glob(pattern):
        if directory != keep:
            shutil.rmtree(directory, ignore_errors=True)


def choose_dynamodb(marker: Path, progress: Progress) -> str:
    """`dynoxide` or `ministack`; what a home began with it keeps, because the data is in there."""
    chosen = marker.read_text().strip() if marker.exists() else None
    if chosen == "ministack":
        return chosen
    try:
        install_dynoxide(progress)
    except PlatformError as error:
        if chosen == "dynoxide":
            raise TransientFailure(
                "dynoxide-needed", "this home keeps its tables in dynoxide, but {reason}", reason=error.message
            ) from error
        progress(f"using ministack's DynamoDB instead of dynoxide: {error}")
        marker.write_text("ministack")
        return "ministack"
    marker.write_text("dynoxide")
    return "dynoxide"
