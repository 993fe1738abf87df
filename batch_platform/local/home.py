"""The directory that holds all local state, and safe ways to read and write it."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from batch_platform.core.failures import InvalidInput
from batch_platform.core.file_locks import locked

REPOSITORY = Path(__file__).resolve().parents[2]
_LOG_LIMIT = 10 * 1024 * 1024


@dataclass(frozen=True)
class Home:
    """Paths below `BATCH_PLATFORM_HOME`."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / "services.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def aws(self) -> Path:
        return self.root / "aws"

    @property
    def dynamodb(self) -> Path:
        return self.root / "dynamodb"

    @property
    def prices(self) -> Path:
        return self.root / "prices"

    @property
    def mail(self) -> Path:
        return self.root / "mail"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def supervisor_lock(self) -> Path:
        return self.root / "supervisor.lock"

    def create(self) -> Home:
        try:
            for directory in (self.root, self.logs, self.aws, self.dynamodb, self.prices, self.dagster):
                directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                "home-unusable",
                "BATCH_PLATFORM_HOME: {path} cannot be used: {reason}",
                path=self.root,
                reason=str(error.strerror),
                field="BATCH_PLATFORM_HOME",
            ) from error
        return self

    def secret(self, name: str) -> str:
        """A generated secret of this home, created at its first use, readable by its owner only."""
        with locked(self.root / "secrets.lock"):
            known = self.secrets()
            if name not in known:
                known[name] = secrets.token_urlsafe(24)
                write_atomically(self.root / "secrets.json", json.dumps(known, indent=2), mode=0o600)
            return known[name]

    def secrets(self) -> dict[str, str]:
        try:
            known = json.loads((self.root / "secrets.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Readers see the old text or the new one, also when this process dies half way."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def trim_log(path: Path) -> None:
    """Keep one old generation. The writer appends, so it goes on writing in the emptied file."""
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.with_suffix(".log.1").write_bytes(path.read_bytes())
        os.truncate(path, 0)


def last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return ""
    return lines[-1] if lines else ""
