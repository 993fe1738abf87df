"""What the supervisor publishes about its services: a file without secrets, replaced as a whole."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from batch_platform.core.file_locks import is_locked
from batch_platform.local.home import Home, write_atomically
from batch_platform.local.processes import Process
from batch_platform.local.programs import Phase

ALL = ("postgres", "aws", "dynamodb", "prices", "mail")


class Service(BaseModel):
    """One supervised service as it was when the file was written."""

    phase: Phase
    port: int
    url: str
    log: str
    process: Process | None = None
    starts: int = 0
    failures: int = 0
    error: str | None = None


class State(BaseModel):
    """The content of services.json. Ports are remembered while the services are stopped."""

    supervisor: Process | None = None
    services: dict[str, Service] = {}
    ports: dict[str, int] = {}
    dynamodb_backend: str = "dynoxide"
    restored: bool = False
    notices: list[str] = []

    @classmethod
    def load(cls, home: Home) -> State:
        """An absent, truncated or foreign file is an empty state: everything in it can be found out again."""
        try:
            return cls.model_validate_json(home.state.read_bytes())
        except (OSError, ValidationError):
            return cls()

    def save(self, home: Home) -> None:
        write_atomically(home.state, self.model_dump_json(indent=2))

    def ready(self, names: frozenset[str]) -> bool:
        """Whether the live supervisor has each of these services up, its buckets and tables in place."""
        return self.restored and all(name in self.services and self.services[name].phase == "ready" for name in names)


def supervisor_runs(home: Home) -> bool:
    """The lock tells it, because the kernel frees it however the supervisor ends."""
    return is_locked(home.supervisor_lock)
