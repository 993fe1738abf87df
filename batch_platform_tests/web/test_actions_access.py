"""Every action of the access to the platform, on every surface that carries it out, leaves exactly one row."""

from __future__ import annotations

import typer

from batch_platform.core import postgres
from batch_platform.web.access import api, pages
from batch_platform.web.access.cli import token_command, users_app
from batch_platform.web.access.model import Role
from batch_platform.web.access.service import ACTIONS
from batch_platform_tests.surfaces import Surfaces, of_commands, of_routers, one_row
from batch_platform_tests.web.site import Site
from batch_platform_tests.web.test_users_cli import Cli, cli

__all__ = ["cli"]

WORD = "a long enough password"


def test_every_action_leaves_one_row_on_every_surface(site: Site, pool: postgres.Pool, cli: Cli) -> None:
    walked: Surfaces = set()
    ann = site.signed_in("ann", Role.ADMINISTRATOR)
    token = {"csrf_token": ann.csrf("/console/users")}
    forms = {
        "user.add": ("/console/users", {"name": "bob", "password": WORD, "roles": ["viewer"]}),
        "user.disable": ("/console/users/bob/disable", {}),
        "user.enable": ("/console/users/bob/enable", {}),
    }
    for action, (path, given) in forms.items():
        with one_row(pool, action) as rows:
            assert ann.send(path, {**token, **given}).status_code == 303
        assert (rows[0].who, rows[0].target) == ("local:ann", "bob")
        walked.add((action, "form"))
    bob = site.browser()
    with one_row(pool, "session.start"):
        assert bob.log_in("bob", WORD).status_code == 303
    with one_row(pool, "session.end"):
        assert bob.send("/logout", {"csrf_token": bob.csrf("/console/audit")}).status_code == 303
    walked |= {("session.start", "form"), ("session.end", "form")}
    commands = {
        "token.issue": ("token", "--role", "viewer"),
        "user.add": ("users", "add", "cat", "--role", "viewer", "--password-stdin"),
        "user.disable": ("users", "disable", "cat"),
        "user.enable": ("users", "enable", "cat"),
        "user.set-roles": ("users", "set-roles", "cat", "--role", "operator"),
        "user.reset-password": ("users", "reset-password", "cat", "--password-stdin"),
    }
    for action, words in commands.items():
        with one_row(pool, action) as rows:
            assert cli(*words, stdin=f"{WORD} {action}\n").exit_code == 0
        assert rows[0].who.startswith("cli:")
        walked.add((action, "command"))
    app = typer.Typer()
    app.command("token")(token_command)
    app.add_typer(users_app, name="users")
    assert walked == of_routers(api.router, pages.router) | of_commands(app)
    assert {action for action, _ in walked} == set(ACTIONS)
