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
    """Print a bearer token for the API, which is a program's own. `tokens revoke` takes it back."""
    import secrets

    from batch_platform.cli.database import opened_log
    from batch_platform.core.failures import InvalidInput
    from batch_platform.core.terminal import print_json
    from batch_platform.settings import load_settings
    from batch_platform.web.access.model import roles_of
    from batch_platform.web.access.token_service import make
    from batch_platform.web.access.tokens import Tokens, parse_ttl

    settings = load_settings()
    if settings.secret is None:
        raise InvalidInput("variable-not-set", "{field} is not set", field="BATCH_PLATFORM_SECRET")
    roles, lifetime = roles_of(role), parse_ttl(ttl)
    tokens = Tokens.of(settings.secret.get_secret_value().encode())
    with opened_log() as log:
        token, made = make(tokens, log, name=name, roles=roles, ttl=lifetime, random=secrets.token_bytes)
    if as_json:
        ends = made.expires_at.isoformat(timespec="seconds")
        print_json({"token": token, "id": made.id, "roles": sorted(roles), "expires_at": ends})
        return
    typer.echo(token)
