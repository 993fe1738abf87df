"""Every action of the outbox, on every surface that carries it out, leaves exactly one row in the audit log."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from batch_platform.core import postgres
from batch_platform.core.audit import Log
from batch_platform.core.caller import system_user
from batch_platform.kit.session import Session
from batch_platform.outbox import cli, links
from batch_platform.outbox.domain import DOMAIN
from batch_platform.outbox.web.actions import ACTIONS, DECLINE, RETRY, SUPPRESS, UNSUPPRESS
from batch_platform_tests.outbox.rig import KEY, Outbox
from batch_platform_tests.surfaces import Walk, of_commands, of_web

WEB, COMMANDS = of_web(DOMAIN), of_commands(*DOMAIN.commands)
SURFACES = WEB | COMMANDS
A, B = "a@example.com", "b@example.com"
TOO = "mail:b@example.com"


def letter(outbox: Outbox, key: str) -> str:
    """A dead letter: its template lacks a parameter."""
    outbox.add(A, key=key, parameters={})
    outbox.deliver()
    return str(outbox.rows()[-1]["id"])


def test_every_action_of_the_web(
    outbox: Outbox, pool: postgres.Pool, operator: httpx.Client, viewer: httpx.Client, nobody: httpx.Client
) -> None:
    walk = Walk(pool, WEB)
    post = partial(walk.send, operator, "POST", by="token:operator", stranger=viewer)
    nothing = partial(walk.leaves_none, operator, "POST")
    for place, body in (("/api/outbox", "json"), ("/console/outbox", "data")):
        failed = letter(outbox, place)
        [row] = post(f"{place}/{failed}/retry", RETRY.name, target=failed)
        assert (row.before["state"], row.after["state"]) == ("failed", "pending")
        nothing(f"{place}/{failed}/retry", 409 if body == "json" else 303)
        given: dict[str, Any] = {body: {"recipient": B, "channel": "mail", "detail": "asked for it"}}
        [row] = post(f"{place}/suppressions", SUPPRESS.name, target=TOO, **given)
        assert (row.before, row.after["detail"]) == (None, "asked for it")
        [row] = post(f"{place}/suppressions/remove", UNSUPPRESS.name, target=TOO, **{body: {"recipient": B}})
        assert (row.before["recipient"], row.after) == (B, None)
        nothing(f"{place}/suppressions/remove", 404 if body == "json" else 303, **{body: {"recipient": B}})
        bad = {body: {"recipient": "nobody", "channel": "mail"}}
        nothing(f"{place}/suppressions", 422 if body == "json" else 303, **bad)
    token = links.link("https://x.example", KEY, outbox.rows()[0]["number"]).partition("?")[2]
    walk.leaves_none(nobody, "GET", f"/u?{token}", 200)
    with walk.rows("POST /u", DECLINE, by="recipient", target=str(outbox.rows()[0]["id"])):
        assert nobody.post(f"/u?{token}").status_code == 200
    walk.leaves_none(nobody, "POST", f"/u?{token}", 200)  # declined already
    assert walk.walked == WEB


def test_every_action_of_a_command(outbox: Outbox, pool: postgres.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    user = f"cli:{system_user()}"
    context = outbox.worker()

    class Acting:
        def __enter__(self) -> Session[Any]:
            log = Log(pool, outbox.clock, user, via=user)
            return Session(context, log, lambda: pytest.fail("no run is asked for"))

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(cli.session, "of_command", lambda *_, **__: Acting())

    def call(_: str, *words: str, failing: bool = False) -> None:
        ended = CliRunner().invoke(cli.app, list(words))
        assert (ended.exception is not None) == failing, ended.output

    walk = Walk(pool, COMMANDS)
    failed = letter(outbox, "1 ")
    walk.command(call, "outbox", "retry", failed, does=(RETRY.name,), by=user, target=failed)
    walk.command(call, "outbox", "suppress", B, "--detail", "asked", does=(SUPPRESS.name,), by=user, target=TOO)
    walk.command(call, "outbox", "unsuppress", B, does=(UNSUPPRESS.name,), by=user, target=TOO)
    with walk.nothing():
        call("outbox", "retry", failed, failing=True)
        call("outbox", "unsuppress", B, failing=True)
        call("outbox", "suppress", "nobody", failing=True)
    assert walk.walked == COMMANDS


def test_every_action_has_a_surface() -> None:
    assert {name for _, name in SURFACES} == set(ACTIONS)
