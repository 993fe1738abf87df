"""Every action of zengin, on every surface that carries it out, leaves exactly one row in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from batch_platform.core import postgres
from batch_platform.core.audit import AuditEntry, AuditStore
from batch_platform.core.caller import system_user
from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.operations.actions import EXECUTE
from batch_platform.web.access.model import Role
from batch_platform.zengin import service
from batch_platform.zengin.domain import DOMAIN
from batch_platform.zengin.model import Changeset, ChangesetStatus, Record, Status
from batch_platform.zengin.opening import open_context
from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.web import pages
from batch_platform.zengin.web.actions import ACTIONS, OVERRIDE
from batch_platform.zengin.web.review_pages import Selection
from batch_platform_tests.surfaces import Walk, of_commands, of_web
from batch_platform_tests.web.rig import app_of, caller
from batch_platform_tests.web.served import served
from batch_platform_tests.zengin.test_cli_zengin import Shell, shell

__all__ = ["shell"]

SURFACES = of_web(DOMAIN) | of_commands(*DOMAIN.commands)
NAMES = set(ACTIONS)
INTENTS = {EXECUTE, *NAMES}
PLACES = {"diff": "records", "changeset": "changesets"}

BRANCHES = [f"0001-{number:03}" for number in range(1, 16)]
MASTER = {"0001": "みずほ", **{key: f"東京{number}号" for number, key in enumerate(BRANCHES)}}
WAYS = ("api", "form", "command")
RECORD_WAYS = (*WAYS, "list")  # of the console: a record's own page, or those marked in the list


class Surface:
    """An approver of each way, who decides about records and changesets."""

    def __init__(self, shell: Shell, pool: postgres.Pool, context: ZenginContext, origin: str) -> None:
        self.shell, self.pool, self.context, self.origin = shell, pool, context, origin
        self.walk = Walk(pool, SURFACES, INTENTS)

    def decide(self, way: str, about: Record | Changeset, verb: str, *, by: str = "hana", **given: Any) -> AuditEntry:
        kind = "diff" if isinstance(about, Record) else "changeset"
        name = f"bank-{kind}.{verb}"
        if way == "command":
            named = ["--changeset"] if kind == "changeset" and verb in ("approve", "reject") else []
            options = [word for option, value in given.items() for word in (f"--{option}", value)]
            words = ("zengin", verb, *named, about.id, *options, "--as", by)
            [row] = self.walk.command(self._call, *words, does=(name,), by=f"local:{by}", target=about.id)
            assert row.after["via"] == f"cli:{system_user()}"
            return row
        seen: dict[str, Any] = {"version": about.version, **given}
        if isinstance(about, Changeset) and verb == "approve":
            hashed = "payloadHash" if way == "api" else "payload_hash"
            seen |= {hashed: about.payload_hash, "count": about.counts["rows"]}
        body = "json" if way == "api" else "data"
        place = f"/api/zengin/{kind}s" if way == "api" else f"/console/zengin/{PLACES[kind]}"
        path = f"{place}/{about.id}/{verb}"
        if way == "list":
            assert isinstance(about, Record)
            path = "/console/zengin/decide"
            records = [f"{about.id}:{about.version}"]
            shown = Selection((about,), {about.id: about.version}).hash
            seen = {"action": verb, "record": records, "payload_hash": shown, "count": "1", **given}
        with caller(self.origin, Role.APPROVER, by) as client, caller(self.origin, Role.VIEWER) as viewer:
            [row] = self.walk.send(
                client, "POST", path, name, by=f"token:{by}", target=about.id, stranger=viewer, **{body: seen}
            )
        return row

    def run(self, *words: str) -> None:
        job = f"zengin-{words[0]}"
        by = f"cli:{system_user()}"
        self.walk.command(self._call, "zengin", *words, does=(EXECUTE,), by=by, target=job)

    def walked(self, *names: str) -> bool:
        """Whether every surface of these actions, and no other, was walked."""
        return self.walk.walked == {surface for surface in SURFACES if surface[1] in names}

    def changed(self, **names: str) -> Changeset:
        """The changeset of a release with other names of these branches."""
        rows = {**MASTER, **{key.replace("b", "0001-"): name for key, name in names.items()}}
        service.take_snapshot(self.context, self.shell.release(rows))
        return service.propose(self.context).changeset

    def _call(self, _: str, *words: str) -> None:
        self.shell(*words)


@pytest.fixture
def surface(shell: Shell, pool: postgres.Pool) -> Iterator[Surface]:
    app = app_of(pool, pages.WEB.part, pages.WEB.card)
    with open_context() as context, served(app) as origin:
        app.state.zengin = context
        shell.load(MASTER)
        yield Surface(shell, pool, context, origin)


def test_the_decisions_about_records_and_changesets(surface: Surface) -> None:
    context = surface.context
    everything = surface.changed(**{f"b{key[-3:]}": f"大阪{key}" for key in BRANCHES})
    first, second, third = (service.records_of(context, everything.id)[at : at + 4] for at in (0, 4, 8))
    for way, record in zip(RECORD_WAYS, first, strict=True):
        row = surface.decide(way, record, "approve")
        assert (row.before["status"], row.after["status"]) == ("pending", "approved")
    for way, record in zip(RECORD_WAYS, first, strict=True):
        surface.decide(way, service.record(context, record.id), "revoke")
    for way, record in zip(RECORD_WAYS, second, strict=True):
        assert surface.decide(way, record, "reject", reason="not so").after["reason"] == "not so"
    service.approve(context, [record.id for record in third], by="local:hana")
    with postgres.transaction(surface.pool) as connection:
        connection.execute("UPDATE zengin.branches SET branch_name = 'by hand'")
    service.apply(context)
    for way, record in zip(WAYS, third[:3], strict=True):
        failed = service.record(context, record.id)
        assert failed.status is Status.FAILED
        surface.decide(way, failed, "retry")
    for way, number in zip(WAYS, ("001", "002", "003"), strict=True):
        changeset = surface.changed(**{f"b{number}": f"京都{way}"})
        surface.decide(way, changeset, "reject", reason="not so")
    for way, number in zip(WAYS, ("013", "014", "015"), strict=True):
        changeset = surface.changed(**{f"b{number}": f"神戸{way}"})
        row = surface.decide(way, changeset, "approve")
        assert row.after["moved"] == changeset.counts["rows"]
        service.apply(context)
    applied = service.changesets(context, ChangesetStatus.APPLIED)[0][0]
    for way in WAYS:
        assert surface.decide(way, applied, "rollback").after["inverse"] == f"{applied.id}.inverse"
    assert surface.walked(*NAMES - {OVERRIDE.name})


@pytest.mark.parametrize("shell", ["the limits of production"], indirect=True)
def test_a_hold_is_overridden(surface: Surface) -> None:
    held = surface.changed(**{f"b{key[-3:]}": f"大阪{key}" for key in BRANCHES})
    assert held.status is ChangesetStatus.HELD
    surface.decide("api", held, "override")
    surface.decide("form", service.changeset(surface.context, held.id), "override", by="jiro")
    again = surface.changed(**{f"b{key[-3:]}": f"奈良{key}" for key in BRANCHES})
    surface.decide("command", again, "override")
    assert surface.walked(OVERRIDE.name)


def test_what_runs_a_job(surface: Surface) -> None:
    surface.run("snapshot", surface.shell.release({**MASTER, "0001-001": "大阪"}))
    surface.run("diff")
    surface.run("apply")
    unreadable = surface.shell.folder / "banks.whl"
    unreadable.write_text("no archive")
    failed = surface.walk.rows("zengin snapshot", EXECUTE, by=f"cli:{system_user()}", target="zengin-snapshot")
    with failed as rows, pytest.raises(PermanentFailure) as refused:
        surface.shell("snapshot", str(unreadable))
    assert (refused.value.exit_code, rows[0].after["status"]) == (1, "failure")
    assert surface.walked(EXECUTE)


@pytest.mark.parametrize("source", ["/nowhere/at/all", "s3://{bucket}/nothing", "s3://{bucket}/nothing/"])
def test_a_release_that_is_not_there_starts_no_run(surface: Surface, source: str) -> None:
    named = source.format(bucket=surface.context.bucket)
    before = len(AuditStore(surface.pool).rows(what=EXECUTE))
    with pytest.raises(NotFound, match="does not exist") as refused:
        surface.shell("snapshot", named)
    assert (refused.value.exit_code, len(AuditStore(surface.pool).rows(what=EXECUTE))) == (2, before)


def test_every_action_has_a_surface() -> None:
    assert {name for _, name in SURFACES} == {EXECUTE, *NAMES}


def test_nothing_is_written_down_where_nothing_is_done(surface: Surface) -> None:
    changeset = surface.changed(b001="大阪")
    [record] = service.records_of(surface.context, changeset.id)
    path = f"/api/zengin/diffs/{record.id}/approve"
    with caller(surface.origin, Role.APPROVER, "hana") as client:
        with surface.walk.nothing():
            assert client.post(path, json={"version": 9}).status_code == 409
            assert client.post(path, json={"notBefore": "x"}).status_code == 422
            form = httpx.post(f"{surface.origin}/console/zengin/records/{record.id}/approve", data={"version": 1})
            assert form.status_code == 401
        key = {"Idempotency-Key": "one-approval"}
        surface.walk.send(
            client, "POST", path, "bank-diff.approve", by="token:hana", target=record.id, json={}, headers=key
        )
        with surface.walk.nothing():
            assert client.post(path, json={}, headers=key).status_code == 200
            assert client.post(path, json={}).status_code == 409
