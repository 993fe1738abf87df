"""`batch-platform token` and `batch-platform users`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from batch_platform.cli.api_tokens import app as tokens_app
from batch_platform.cli.audit import app as audit_app
from batch_platform.cli.tokens import token_command
from batch_platform.cli.users import app as users_app
from batch_platform.core import postgres
from batch_platform.core.audit import AuditStore
from batch_platform.core.clock import utc_now
from batch_platform.core.failures import PlatformError
from batch_platform.web.access import service, sign_in
from batch_platform.web.access.model import Role
from batch_platform.web.access.sessions import Sessions
from batch_platform.web.access.tokens import Tokens
from batch_platform_tests.accounts import PASSWORD as ACCOUNT_PASSWORD
from batch_platform_tests.accounts import add_account
from batch_platform_tests.web.site import PASSWORD, SECRET, make_context

app = typer.Typer()
app.command("token")(token_command)
app.add_typer(tokens_app, name="tokens")
app.add_typer(users_app, name="users")
app.add_typer(audit_app, name="audit")

Cli = Callable[..., Result]


@pytest.fixture
def cli(pool: postgres.Pool, web_database: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("DATABASE_URL", web_database)
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", SECRET.decode())

    def run(*arguments: str, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, arguments, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit | PlatformError):
            raise result.exception
        return result

    return run


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_token(cli: Cli, pool: postgres.Pool) -> None:
    told = said(cli("token", "--role", "operator", "--role", "viewer", "--ttl", "2h", "--name", "ci", "--json"))
    principal = Tokens.of(SECRET).read(told["token"], now=utc_now())
    assert (principal.subject, principal.roles) == ("token:ci", {Role.OPERATOR, Role.VIEWER})
    plain = cli("token", "--role", "viewer").stdout
    assert plain.count("\n") == 1
    Tokens.of(SECRET).read(plain.strip(), now=utc_now())
    row = AuditStore(pool).rows(what="token.issue", limit=1, offset=1)[0]
    assert row.who.startswith("cli:")
    assert row.after["roles"] == ["operator", "viewer"]
    assert told["token"] not in repr(row)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--role", "root"], "roles"),
        (["--role", "operator", "--ttl", "25h"], "ttl"),
        (["--role", "viewer", "--ttl", "1"], "ttl"),
        (["--role", "viewer", "--name", "a b"], "name"),
    ],
)
def test_tokens_that_are_refused(cli: Cli, arguments: list[str], field: str) -> None:
    result = cli("token", *arguments)
    assert isinstance(result.exception, PlatformError)
    assert getattr(result.exception, "field", None) == field
    assert "ey" not in result.stdout


def test_accounts(cli: Cli, pool: postgres.Pool) -> None:
    assert said(cli("users", "list", "--json")) == []
    add = ["users", "add", "ann", "--role", "administrator", "--password-stdin", "--json"]
    assert said(cli(*add, "--dry-run")) == {"name": "ann", "changed": True, "dry_run": True}
    assert service.users(pool) == []
    assert said(cli(*add, stdin=f"{PASSWORD}\n"))["changed"] is True
    assert said(cli(*add, stdin="never read\n"))["changed"] is False
    assert cli("users", "add", "bob", "--role", "viewer", "--password-stdin", stdin=f"{PASSWORD}\n").exit_code == 0
    for verb, changes in [("disable", True), ("disable", False), ("enable", True), ("enable", False)]:
        assert said(cli("users", verb, "bob", "--json"))["changed"] is changes
    assert said(cli("users", "set-roles", "bob", "--role", "approver", "--json"))["changed"] is True
    assert cli("users", "reset-password", "bob", "--password-stdin", stdin="another long one\n").exit_code == 0
    [ann, bob] = said(cli("users", "list", "--json"))
    assert (ann["roles"], bob["roles"], bob["enabled"]) == (["administrator"], ["approver"], True)
    assert "bob  approver  enabled  last sign-in never" in cli("users", "list").stdout
    assert "would be disabled" in cli("users", "disable", "bob", "--dry-run").stdout
    assert PASSWORD not in cli("users", "list").output


def test_sessions(cli: Cli, pool: postgres.Pool) -> None:
    assert cli("users", "sessions").stdout == "nobody is signed in\n"
    sessions = Sessions(make_context(pool, utc_now))
    for name in ("ann", "bob"):
        add_account(pool, name, Role.VIEWER)
        sign_in.log_in(sessions, name, ACCOUNT_PASSWORD, address="192.0.2.1", correlation_id=None)
    [row] = said(cli("users", "sessions", "ann", "--json"))
    assert (row["subject"], row["address"]) == ("local:ann", "192.0.2.1")
    assert "local:bob  192.0.2.1  signed in 20" in cli("users", "sessions").stdout
    assert "would be signed out everywhere" in cli("users", "end-sessions", "ann", "--dry-run").stdout
    for changed in (True, False):
        assert said(cli("users", "end-sessions", "ann", "--json"))["changed"] is changed
    assert [row["name"] for row in said(cli("users", "sessions", "--json"))] == ["bob"]


def test_the_password_comes_from_nowhere_else(cli: Cli) -> None:
    result = cli("users", "add", "ann", "--role", "viewer", stdin=PASSWORD)
    assert isinstance(result.exception, PlatformError)
    assert "--password-stdin" in str(result.exception)
    assert "--password TEXT" not in cli("users", "add", "--help").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["disable", "nobody"],
        ["sessions", "nobody"],
        ["end-sessions", "nobody"],
        ["reset-second-factor", "nobody"],
        ["set-roles", "nobody", "--role", "viewer"],
        ["reset-password", "nobody", "--password-stdin"],
        ["unlock"],
        ["unlock", "nobody"],
        ["unlock", "ann", "--address", "192.0.2.1"],
        ["unlock", "--address", "office"],
        ["add", "Ann", "--role", "viewer", "--password-stdin"],
    ],
)
def test_what_cannot_be_done_is_an_error(cli: Cli, arguments: list[str]) -> None:
    result = cli("users", *arguments, stdin=f"{PASSWORD}\n")
    assert isinstance(result.exception, PlatformError)
    assert result.exception.exit_code == 2
