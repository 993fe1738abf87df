"""`batch-platform zengin …` as users type it, in a local environment of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PermanentFailure
from batch_platform.settings import Settings
from batch_platform.web.access import service as access
from batch_platform.web.access.model import Role
from batch_platform.zengin import cli
from batch_platform.zengin.model import Limits
from batch_platform_tests.zengin.workflow import GENEROUS, SMALL, release, written

ACCOUNTS = {"hana": Role.APPROVER, "jiro": Role.APPROVER, "saki": Role.VIEWER}


class Shell:
    """Runs a command and reads its JSON."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.releases = 0

    def text(self, *words: str) -> str:
        ended = CliRunner().invoke(cli.app, list(words), catch_exceptions=False)
        assert ended.exit_code == 0, ended.output
        return ended.stdout

    def __call__(self, *words: str) -> Any:
        return json.loads(self.text(*words, "--json"))

    def refused(self, *words: str) -> Exception:
        ended = CliRunner().invoke(cli.app, list(words))
        assert ended.exception is not None
        return ended.exception  # type: ignore[return-value]

    def release(self, rows: dict[str, str]) -> str:
        self.releases += 1
        return written(self.folder / f"release-{self.releases}", release(rows))

    def approve(self, changeset: dict[str, Any]) -> None:
        for account in ("hana", "jiro")[: changeset["needs_approvals"]]:
            self("approve", "--changeset", changeset["changeset_id"], "--as", account)

    def load(self, rows: dict[str, str]) -> None:
        self("snapshot", self.release(rows), "--bootstrap")
        self.approve(self("diff"))
        self("apply")


@pytest.fixture
def shell(
    request: pytest.FixtureRequest,
    provisioned: Settings,
    pool: postgres.Pool,
    table: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Shell]:
    from batch_platform.zengin import service

    plain = service.build_context
    limits = GENEROUS if not hasattr(request, "param") else Limits()
    monkeypatch.setattr(service, "build_context", lambda **options: plain(**options, table=table, limits=limits))
    for name, role in ACCOUNTS.items():
        change = access.Change(by="tests", now=utc_now())
        access.add_user(pool, name, [role], lambda: "a long password of the tests", change)
    yield Shell(tmp_path)
    with postgres.transaction(pool) as connection:
        connection.execute("DELETE FROM web.users WHERE name = ANY(%s)", [list(ACCOUNTS)])


def test_a_release_from_snapshot_to_apply(shell: Shell) -> None:
    taken = shell("snapshot", shell.release(SMALL), "--bootstrap")
    assert (taken["banks"], taken["branches"], taken["taken"]) == (3, 5, True)
    first = shell("diff")
    assert first["verdict"] == "accepted"
    assert first["counts"]["branches"] == {"addition": 5, "update": 0, "deletion": 0}
    shell.approve(first)
    assert shell("apply")["applied"] == 8
    second = shell("snapshot", shell.release(SMALL | {"0001-001": "東京"}))
    assert second["taken"]
    changed = shell("diff")
    assert (changed["rows"], changed["counts"]["branches"]["update"]) == (1, 1)
    [record] = shell("list", "--status", "pending")
    assert record["changes"] == {"branch_name": {"old": "東京営業部", "new": "東京"}}
    assert shell("show", record["id"])["key"] == "0001-001"
    [approved] = shell("approve", record["id"], "--as", "hana")["records"]
    assert approved["approvals"][0]["account"] == "local:hana"
    assert shell("apply", "--dry-run")["applied"] == 1
    assert shell("apply")["applied"] == 1
    assert shell("search", "とうきょう") == []
    [found] = shell("search", "東京", "--bank", "0001")
    assert found["branch_code"] == "001"
    inverse = shell("rollback", changed["changeset_id"], "--as", "hana")
    assert inverse["inverse_of"] == changed["changeset_id"]
    shell.approve(inverse)
    shell("apply")
    assert shell("search", "東京営業部", "--bank", "0001")


@pytest.mark.parametrize("shell", ["the limits of production"], indirect=True)
def test_held_noop_and_override(shell: Shell) -> None:
    shell.load(SMALL)
    shell("snapshot", shell.release(SMALL))
    assert shell("diff")["verdict"] == "noop"
    smaller = {key: name for key, name in SMALL.items() if not key.startswith("0005")}
    shell("snapshot", shell.release(smaller))
    held = shell("diff")
    assert (held["verdict"], held["hold_reason"]) == ("held", "brake")
    assert shell("override", held["changeset_id"], "--as", "hana")["status"] == "held"
    assert isinstance(shell.refused("override", held["changeset_id"], "--as", "hana"), Conflict)
    overridden = shell("override", held["changeset_id"], "--as", "jiro")
    assert (overridden["status"], overridden["needs_approvals"]) == ("pending", 2)
    shell.approve(overridden)
    assert shell("apply")["applied"] == 3


def test_who_may_decide(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.load(SMALL)
    shell("snapshot", shell.release(SMALL | {"0001-001": "東京"}))
    changeset = shell("diff")["changeset_id"]
    approve = ("approve", "--changeset", changeset, "--as")
    assert isinstance(shell.refused(*approve, "saki"), PermanentFailure)
    assert isinstance(shell.refused(*approve, "nobody"), NotFound)
    assert isinstance(shell.refused(*approve, "hana", "--hash", "0" * 64), Conflict)
    assert isinstance(shell.refused(*approve, "hana", "--count", "2"), Conflict)
    assert isinstance(shell.refused("approve"), InvalidInput)
    assert {record["status"] for record in shell("list")} == {"pending"}
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(cli, "load_settings", _prod)
        with pytest.raises(InvalidInput, match="local environment"):
            cli.approver(_prod(), "hana")
    rejected = shell("reject", "--changeset", changeset, "--reason", "not so", "--as", "hana")
    assert rejected["status"] == "rejected"


def test_exports(shell: Shell, tmp_path: Path) -> None:
    """Fact 5: half-width kana of at most 15 bytes, cp932, CRLF."""
    shell.load(SMALL)
    file = tmp_path / "banks.txt"
    shell.text("export", "--format", "zengin", "--output", str(file))
    lines = file.read_bytes().decode("cp932").split("\r\n")
    assert lines[0] == '"0001","000","ｶﾅ","みずほ","1"'
    assert len(lines) == len(SMALL) + 1
    assert "みずほ" in shell.text("export")


def test_people_read_tables(shell: Shell) -> None:
    shell.load(SMALL)
    assert "kept" in shell.text("snapshot", shell.release(SMALL | {"0001-001": "東京"}))
    diff = shell.text("diff")
    assert "accepted" in diff
    assert "1 update" in diff
    assert "0001-001" in shell.text("list")
    [changeset, *_] = shell("changesets")
    assert "東京営業部" in shell.text("show", changeset["changeset_id"])
    assert isinstance(shell.refused("diff", "--date", "2026-13-01"), InvalidInput)
    assert isinstance(shell.refused("diff", "--date", "20261101"), InvalidInput)


def _prod() -> Settings:
    return Settings.model_construct(env="prod")
