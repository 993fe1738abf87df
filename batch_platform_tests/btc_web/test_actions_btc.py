"""Every action of btc, on every surface that carries it out, leaves exactly one row in the audit log."""

from __future__ import annotations

from functools import partial

import httpx
import pytest

from batch_platform.btc.actions import APPROVE, CANCEL, CREATE, RESUME, SEED
from batch_platform.btc.domain import DOMAIN
from batch_platform.btc.web.actions import ACTIONS
from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform_tests.btc.cli_shell import AS_KEI, Shell, accounts, shell
from batch_platform_tests.btc.test_cli import seen as seen_by_command
from batch_platform_tests.btc_web import asking, forms
from batch_platform_tests.btc_web.conftest import Office
from batch_platform_tests.btc_web.test_api_decisions import seen
from batch_platform_tests.surfaces import Walk, of_commands, of_web
from batch_platform_tests.web.rig import Call

__all__ = ["accounts", "shell"]

WEB, COMMANDS = of_web(DOMAIN), of_commands(*DOMAIN.commands)
SURFACES = WEB | COMMANDS
NAMES = set(ACTIONS)


@pytest.fixture
def walk(pool: postgres.Pool) -> Walk:
    return Walk(pool, WEB, intents=NAMES)


@pytest.fixture
def post(walk: Walk, administrator: httpx.Client, viewer: httpx.Client) -> Call:
    return partial(walk.send, administrator, "POST", by="token:ann", stranger=viewer)


def test_every_action_of_the_api(office: Office, walk: Walk, administrator: httpx.Client, post: Call) -> None:
    here, client = asking.HERE, administrator
    office.set(require_approval=True)
    [created] = post(here, CREATE, json={"adjustment_rate": 5, "memo": "10月"})
    made = asking.data(client.get(f"{here}/{created.target}"))["operation"]
    assert (made["created_by"], created.after["status"]) == ("token:ann", "planned")
    approval = seen(made)
    walk.leaves_none(client, "POST", here, 409, json={"adjustment_rate": 5})
    walk.leaves_none(client, "POST", f"{here}/preview", 422, json={"adjustment_rate": "x"})
    walk.leaves_none(client, "POST", f"{here}/{created.target}/approve", 409, json={**approval, "count": 9})
    place = f"{here}/{created.target}"
    [row] = post(f"{place}/approve", APPROVE, target=created.target, json=approval)
    assert (row.before["approvals"], row.after["approvals"]) == ([], ["token:ann"])
    office.apply()
    [reversal] = post(f"{place}/reverse", CREATE)
    assert reversal.after["reverses"] == created.target
    cancel = f"{here}/{reversal.target}/cancel"
    post(cancel, CANCEL, target=reversal.target)
    walk.leaves_none(client, "POST", cancel, 200)  # cancelled already
    walk.leaves_none(client, "POST", f"{place}/cancel", 409)
    held = office.take(office.make(apply=False)).batch_id
    walk.leaves_none(client, "POST", f"{here}/{held}/resume", 409)
    office.later()
    post(f"{here}/{held}/resume", RESUME, target=held)
    assert walk.walked == {surface for surface in WEB if "/api/" in surface[0]}


def test_every_action_of_the_forms(office: Office, walk: Walk, administrator: httpx.Client, post: Call) -> None:
    home, client = forms.HOME, administrator
    answer = forms.question_form(client)
    walk.leaves_none(client, "POST", f"{home}/execute", 422, data={**answer, "count": "x"})
    created, approved = post(f"{home}/execute", CREATE, APPROVE, data=answer)
    assert created.target == approved.target
    walk.leaves_none(client, "POST", f"{home}/execute", 303, data=answer)  # the same answer once more
    office.apply()
    place = f"{home}/{created.target}"
    question = forms.hidden(forms.form(client, f"/{created.target}/preview-reversal"), "question")
    reversal, _ = post(f"{place}/reverse", CREATE, APPROVE, data=question)
    assert reversal.after["reverses"] == created.target
    office.apply()
    planned = office.make(apply=False, approve=False).batch_id
    seal = forms.hidden(client.get(f"{home}/{planned}", headers=forms.HTML), "approve")
    walk.leaves_none(client, "POST", f"{home}/{planned}/approve", 303, data={**seal, "plan_sha256": "0" * 64})
    post(f"{home}/{planned}/approve", APPROVE, target=planned, data=seal)
    office.apply()
    dropped = office.make(apply=False, approve=False).batch_id
    post(f"{home}/{dropped}/cancel", CANCEL, target=dropped)
    held = office.take(office.make(apply=False)).batch_id
    for verb in ("cancel", "resume"):
        walk.leaves_none(client, "POST", f"{home}/{held}/{verb}", 303)
    office.later()
    post(f"{home}/{held}/resume", RESUME, target=held)
    assert walk.walked == {surface for surface in WEB if "/console/" in surface[0]}


def test_every_action_of_a_command(shell: Shell) -> None:
    walk = Walk(shell.pool, COMMANDS, intents=NAMES)

    def call(_: str, *words: str, code: int = 0) -> None:
        assert shell(*words, *AS_KEI).code == code

    def walked(name: str, *words: str, target: str | None = None) -> str:
        [row] = walk.command(call, "btc", *words, does=(name,), by="local:kei", target=target)
        assert row.after["via"] == f"cli:{system_user()}"
        return row.target

    walked(SEED, "seed", "--users", "5", target="5 users")
    created = walked(CREATE, "adjust", "--rate", "5", "--memo", "10月")
    batch = shell.json("show", created)["operation"]
    with walk.nothing():
        call("btc", "adjust", "--rate", "5", "--memo", "10月", code=2)
        call("btc", "approve", *seen_by_command({**batch, "plan_sum": "1"}), code=2)
        assert shell("cancel", created, "--as", "yui").code == 1  # who may not
    walked(APPROVE, "approve", *seen_by_command(batch), "--no-run", target=created)
    walked(RESUME, "resume", created, target=created)
    reversal = walked(CREATE, "rollback", created)
    walked(CANCEL, "cancel", reversal, target=reversal)
    with walk.nothing():
        call("btc", "cancel", created, code=2)
    assert walk.walked == COMMANDS


def test_every_action_has_a_surface() -> None:
    assert {name for _, name in SURFACES} == NAMES
