"""Every action of zengin, on every surface that carries it out, leaves exactly one row in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from batch_platform.core import postgres
from batch_platform.core.audit import AuditEntry
from batch_platform.core.failures import NotFound
from batch_platform.operations.actions import EXECUTE
from batch_platform.web.access.model import Role
from batch_platform.zengin import cli, service
from batch_platform.zengin.model import Changeset, ChangesetStatus, Record, Status
from batch_platform.zengin.opening import open_work
from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.web import api, pages, review_pages
from batch_platform.zengin.web.actions import ACTIONS
from batch_platform_tests.surfaces import Surfaces, of_commands, of_routers, one_row
from batch_platform_tests.web.rig import app_of, caller
from batch_platform_tests.web.served import served
from batch_platform_tests.zengin.test_cli_zengin import Shell, shell

__all__ = ["shell"]

BRANCHES = [f"0001-{number:03}" for number in range(1, 13)]
MASTER = {"0001": "みずほ", **{key: f"東京{number}号" for number, key in enumerate(BRANCHES)}}
WAYS = ("api", "form", "command")
HTML = {"Accept": "text/html"}


class Surface:
    """An approver of each way, who decides about records and changesets; what was decided how is remembered."""

    def __init__(self, shell: Shell, pool: postgres.Pool, work: ZenginContext, origin: str) -> None:
        self.shell, self.pool, self.work, self.origin = shell, pool, work, origin
        self.walked: Surfaces = set()

    def decide(self, way: str, about: Record | Changeset, verb: str, *, by: str = "hana", **given: Any) -> AuditEntry:
        kind = "diff" if isinstance(about, Record) else "changeset"
        name = f"bank-{kind}.{verb}"
        self.walked.add((name, way))
        with one_row(self.pool, name) as rows:
            if way == "command":
                named = (
                    ["--changeset", about.id] if kind == "changeset" and verb in ("approve", "reject") else [about.id]
                )
                options = [word for option, value in given.items() for word in (f"--{option}", value)]
                self.shell(verb, *named, *options, "--as", by)
            else:
                self._send(way, kind, about, verb, by, given)
        return rows[0]

    def run(self, *words: str) -> None:
        self.walked.add((EXECUTE, "command"))
        with one_row(self.pool, EXECUTE):
            self.shell(*words)

    def changed(self, **names: str) -> Changeset:
        """The changeset of a release with other names of these branches."""
        rows = {**MASTER, **{key.replace("b", "0001-"): name for key, name in names.items()}}
        service.take_snapshot(self.work, self.shell.release(rows))
        return service.propose(self.work).changeset

    def _send(self, way: str, kind: str, about: Any, verb: str, by: str, given: dict[str, str]) -> None:
        seen: dict[str, Any] = {"version": about.version, **given}
        if kind == "changeset" and verb == "approve":
            hashed = "payloadHash" if way == "api" else "payload_hash"
            seen |= {hashed: about.payload_hash, "count": about.counts["rows"]}
        with caller(self.origin, Role.APPROVER, by) as client:
            if way == "api":
                answer = client.post(f"/api/zengin/{kind}s/{about.id}/{verb}", json=seen)
                assert answer.status_code == 200, answer.text
            else:
                place = "records" if kind == "diff" else "changesets"
                answer = client.post(f"/console/zengin/{place}/{about.id}/{verb}", data=seen, headers=HTML)
                assert answer.status_code == 303, answer.text


@pytest.fixture
def surface(shell: Shell, pool: postgres.Pool) -> Iterator[Surface]:
    app = app_of(pool, pages.WEB.part, pages.WEB.card)
    with open_work() as work, served(app) as origin:
        app.state.zengin = work
        shell.load(MASTER)
        yield Surface(shell, pool, work, origin)


def test_the_decisions_about_records_and_changesets(surface: Surface) -> None:
    work = surface.work
    everything = surface.changed(**{f"b{key[-3:]}": f"大阪{key}" for key in BRANCHES})
    first, second, third = (service.records_of(work, everything.id)[at : at + 3] for at in (0, 3, 6))
    for way, record in zip(WAYS, first, strict=True):
        row = surface.decide(way, record, "approve")
        assert (row.target, row.before["status"], row.after["status"]) == (record.id, "pending", "approved")
        assert row.who == ("local:hana" if way == "command" else "token:hana")
    for way, record in zip(WAYS, first, strict=True):
        surface.decide(way, service.record(work, record.id), "revoke")
    for way, record in zip(WAYS, second, strict=True):
        assert surface.decide(way, record, "reject", reason="not so").after["reason"] == "not so"
    service.approve(work, [record.id for record in third], by="local:hana")
    with postgres.transaction(surface.pool) as connection:
        connection.execute("UPDATE zengin.branches SET branch_name = 'by hand'")
    service.apply(work)
    for way, record in zip(WAYS, third, strict=True):
        failed = service.record(work, record.id)
        assert failed.status is Status.FAILED
        surface.decide(way, failed, "retry")
    for way, number in zip(WAYS, ("001", "002", "003"), strict=True):
        changeset = surface.changed(**{f"b{number}": f"京都{way}"})
        surface.decide(way, changeset, "reject", reason="not so")
    for way, number in zip(WAYS, ("010", "011", "012"), strict=True):
        changeset = surface.changed(**{f"b{number}": f"神戸{way}"})
        row = surface.decide(way, changeset, "approve")
        assert (row.target, row.after["moved"]) == (changeset.id, changeset.counts["rows"])
        service.apply(work)
    applied = service.changesets(work, ChangesetStatus.APPLIED)[0][0]
    for way in WAYS:
        assert surface.decide(way, applied, "rollback").after["inverse"] == f"{applied.id}.inverse"
    assert surface.walked == {
        (action.name, way) for action in ACTIONS if action.name != "bank-changeset.override" for way in WAYS
    }


@pytest.mark.parametrize("shell", ["the limits of production"], indirect=True)
def test_a_hold_is_overridden(surface: Surface) -> None:
    held = surface.changed(**{f"b{key[-3:]}": f"大阪{key}" for key in BRANCHES})
    assert held.status is ChangesetStatus.HELD
    surface.decide("api", held, "override")
    surface.decide("form", service.changeset(surface.work, held.id), "override", by="jiro")
    again = surface.changed(**{f"b{key[-3:]}": f"奈良{key}" for key in BRANCHES})
    surface.decide("command", again, "override")
    assert surface.walked == {("bank-changeset.override", way) for way in WAYS}


def test_what_runs_a_job(surface: Surface) -> None:
    surface.run("snapshot", surface.shell.release({**MASTER, "0001-001": "大阪"}))
    surface.run("diff")
    surface.run("apply")
    with one_row(surface.pool, EXECUTE) as rows, pytest.raises(NotFound, match="does not exist") as refused:
        surface.shell("snapshot", "/nowhere/at/all")
    assert (refused.value.exit_code, rows[0].target, rows[0].after["status"]) == (2, "zengin-snapshot", "failure")


def test_every_surface_is_walked() -> None:
    """What is marked is what the tests above walk: a new surface of an action is named here or fails."""
    marked = of_routers(api.router, review_pages.router) | of_commands(cli.app)
    declared = {(action.name, way) for action in ACTIONS for way in WAYS}
    assert marked == declared | {(EXECUTE, "command")}


def test_nothing_is_written_down_where_nothing_is_done(surface: Surface) -> None:
    changeset = surface.changed(b001="大阪")
    [record] = service.records_of(surface.work, changeset.id)
    with one_row(surface.pool, "bank-diff.approve"), caller(surface.origin, Role.APPROVER, "hana") as client:
        path = f"/api/zengin/diffs/{record.id}/approve"
        assert client.post(path, json={"version": 9}).status_code == 409
        assert client.post(path, json={"notBefore": "x"}).status_code == 422
        key = {"Idempotency-Key": "one-approval"}
        answers = [client.post(path, json={}, headers=key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert client.post(path, json={}).status_code == 409
        form = httpx.post(f"{surface.origin}/console/zengin/records/{record.id}/approve", data={"version": 1})
        assert form.status_code == 401
