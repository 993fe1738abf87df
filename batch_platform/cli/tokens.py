"""`batch-platform token`: access to the API from the command line, audited like that of the web."""

from __future__ import annotations

from typing import Annotated

import typer

from batch_platform.core.surfaces import writes
from batch_platform.kit.options import Json

Roles = Annotated[list[str], typer.Option("--role", help="viewer, operator, approver or administrator; repeatable.")]


@writes("token.issue")
def token_command(
    role: Roles,
    ttl: Annotated[str, typer.Option(help="Lifetime: 90s, 30m, 1h, 7d; 24h at most, 90d for viewers.")] = "1h",
    name: Annotated[str, typer.Option(help="Who will use it; the audit log shows it.")] = "cli",
    as_json: Json = False,
) -> None:
    """Print a bearer token for the API. It cannot be taken back before it ends."""
    import secrets
    from datetime import UTC

    from batch_platform.core import audit, postgres
    from batch_platform.core.caller import system_user
    from batch_platform.core.clock import utc_now
    from batch_platform.core.failures import InvalidInput
    from batch_platform.core.terminal import print_json
    from batch_platform.settings import load_settings
    from batch_platform.web.access.model import roles_of
    from batch_platform.web.access.tokens import Tokens, parse_ttl

    settings = load_settings()
    if settings.secret is None:
        raise InvalidInput("variable-not-set", "{field} is not set", field="BATCH_PLATFORM_SECRET")
    roles, lifetime, now = roles_of(role), parse_ttl(ttl), utc_now()
    tokens = Tokens.of(settings.secret.get_secret_value().encode())
    token = tokens.issue(name=name, roles=roles, ttl=lifetime, now=now, random=secrets.token_bytes)
    ends = (now + lifetime).astimezone(UTC).isoformat(timespec="seconds")
    with (
        postgres.open_pool(settings.database(), application_name="batch-platform-token", max_size=1) as pool,
        postgres.transaction(pool) as connection,
    ):
        after = {"roles": sorted(roles), "expires_at": ends}
        who, target = f"cli:{system_user()}", f"token:{name}"
        audit.record(connection, who=who, what="token.issue", target=target, after=after, now=now)
    if as_json:
        print_json({"token": token, "roles": sorted(roles), "expires_at": ends})
        return
    typer.echo(token)
