"""Accounts as they are after their owners have chosen a password: tests sign in to them as such."""

from __future__ import annotations

from datetime import datetime

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.web.access import service
from batch_platform.web.access.model import Role

PASSWORD = "correct horse battery staple"


def add_account(
    pool: postgres.Pool, name: str, *roles: Role, password: str = PASSWORD, now: datetime | None = None
) -> None:
    """An account whose password nobody else has set."""
    service.add_user(pool, name, roles, lambda: password, service.Change("test:setup", now or utc_now()))
    with postgres.transaction(pool) as connection:
        connection.execute("UPDATE web.users SET password_temporary = false WHERE name = %s", [name])
