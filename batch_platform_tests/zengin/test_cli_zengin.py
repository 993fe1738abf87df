"""`batch-platform zengin …` as users type it, in a local environment of its own."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from batch_platform.cli import PLATFORM
from batch_platform.core import postgres
from batch_platform.core.clock import BUSINESS_ZONE, utc_now
from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PermanentFailure
from batch_platform.operations import platform
from batch_platform.settings import Settings
from batch_platform.web.access import service as access
from batch_platform.web.access.model import Role
from batch_platform.zengin import cli, service
from batch_platform.zengin.model import Limits
from batch_platform.zengin.opening import open_context
from batch_platform_tests.zengin.workflow import GENEROUS, SMALL, release, written

ACCOUNTS = {"hana": Role.APPROVER, "jiro": Role.APPROVER, "saki": Role.VIEWER}


AuditRows = Callable[[str], list[tuple[Any, ...]]]


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
        for account in ("hana", "jiro")[: changeset["needsApprovals"]]:
            self("approve", "--changeset", changeset["id"], "--as", account)

    def load(self, rows: dict[str, str]) -> None:
        """Fill the master, without the runs that the commands would make of it."""
        with open_context() as context:
            service.take_snapshot(context, self.release(rows), bootstrap=True)
            changeset = service.propose(context).changeset
            seen: dict[str, Any] = {"payload_hash": changeset.payload_hash, "count": changeset.counts["rows"]}
            for account in ("local:hana", "local:jiro")[: changeset.needs_approvals]:
                service.approve_changeset(context, changeset.id, by=account, **seen)
            service.apply(context)


@pytest.fixture
def shell(
    request: pytest.FixtureRequest,
    provisioned: Settings,
    pool: postgres.Pool,
    table: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Shell]:
    plain = service.build_context
    limits = GENEROUS if not hasattr(request, "param") else Limits()

    def build(**options: Any) -> service.ZenginContext:
        return plain(**{**options, "table": table, "limits": limits})

    monkeypatch.setattr(service, "build_context", build)
    launchers: dict[Path, Any] = {}
    platform.give(
        replace(
            PLATFORM,
            launcher=lambda settings: (
                launchers.get(settings.home) or launchers.setdefault(settings.home, PLATFORM.launcher(settings))
            ),
        )
    )
    for name, role in ACCOUNTS.items():
        change = access.Change(by="tests", now=utc_now())
        access.add_user(pool, name, [role], lambda: "a long password of the tests", change)
    yield Shell(tmp_path)
    platform.give(PLATFORM)
    with postgres.transaction(pool) as connection:
        connection.execute("DELETE FROM web.users WHERE name = ANY(%s)", [list(ACCOUNTS)])


@pytest.fixture
def audit_rows(pool: postgres.Pool) -> AuditRows:
    """What the log says of a target since the test began: ids are made of content, so other tests have the same."""
    began = utc_now()

    def rows(target: str) -> list[tuple[Any, ...]]:
        with postgres.transaction(pool) as connection:
            return connection.execute(
                "SELECT who, what, before, after FROM web.audit_log WHERE target = %s AND at >= %s ORDER BY id",
                [target, began],
            ).fetchall()

    return rows


def test_a_release_from_snapshot_to_apply(shell: Shell) -> None:
    taken = shell("snapshot", shell.release(SMALL), "--bootstrap")
    assert (taken["banks"], taken["branches"], taken["taken"]) == (3, 5, True)
    first = shell("diff")
    assert first["verdict"] == "accepted"
    assert first["counts"]["branches.addition"] == 5
    shell.approve(first)
    assert shell("apply")["applied"] == 8
    second = shell("snapshot", shell.release(SMALL | {"0001-001": "東京"}))
    assert second["taken"]
    changed = shell("diff")
    assert (changed["counts"]["rows"], changed["counts"]["branches.update"]) == (1, 1)
    [record] = shell("list", "--status", "pending")
    assert record["changes"] == {"branchName": {"old": "東京営業部", "new": "東京"}}
    assert shell("show", record["id"])["key"] == "0001-001"
    [approved] = shell("approve", record["id"], "--as", "hana")
    assert approved["record"]["approvals"][0]["account"] == "local:hana"
    assert shell("apply", "--dry-run")["applied"] == 1
    assert shell("apply")["applied"] == 1
    assert shell("search", "とうきょう") == []
    [found] = shell("search", "東京", "--bank", "0001")
    assert found["branch_code"] == "001"
    inverse = shell("rollback", changed["id"], "--as", "hana")
    assert inverse["inverseOf"] == changed["id"]
    assert (inverse["proposedBy"], inverse["needsApprovals"]) == ("local:hana", 1)
    rehearsed = shell.text("approve", "--changeset", inverse["id"], "--dry-run", "--as", "hana")
    assert "local:hana has proposed it: another account must approve it too" in rehearsed
    own = shell("approve", "--changeset", inverse["id"], "--as", "hana")
    assert (own["moved"], own["waiting"], own["changeset"]["status"]) == (1, 1, "pending")
    [undone] = shell("show", inverse["id"])["changes"]
    assert shell("approve", undone["diff_id"], "--dry-run", "--as", "jiro")[0]["stillNeeded"] == 1
    assert isinstance(shell.refused("approve", undone["diff_id"], "--as", "hana"), Conflict)
    assert shell("apply")["applied"] == 0
    assert shell("approve", undone["diff_id"], "--as", "jiro")[0]["record"]["status"] == "approved"
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
    assert (held["verdict"], held["holdReason"]) == ("held", "brake")
    assert shell("override", held["id"], "--as", "hana")["changeset"]["status"] == "held"
    assert isinstance(shell.refused("override", held["id"], "--as", "hana"), Conflict)
    shown = shell.text("show", held["id"])
    assert "overridden by local:hana" in shown
    assert "1 of 2" in shown
    told = shell.text("override", held["id"], "--as", "jiro")
    assert "is pending: 3 records raised" in told
    overridden = shell("show", held["id"])
    assert (overridden["status"], overridden["needsApprovals"]) == ("pending", 2)
    assert (overridden["verdict"], overridden["holdReason"]) == ("accepted", "brake")
    shell.approve(overridden)
    assert shell("apply")["applied"] == 3


def test_a_dry_run_refuses_as_the_decision_would_and_writes_nothing(shell: Shell, audit_rows: AuditRows) -> None:
    shell.load(SMALL)
    shell("snapshot", shell.release(SMALL | {"0001-001": "東京"}))
    changeset = shell("diff")["id"]
    [record] = shell("list")
    dry, words = ("--dry-run", "--as", "hana"), ("reject", "--reason", "not so")
    assert [one["id"] for one in shell(*words, record["id"], *dry)] == [record["id"]]
    assert isinstance(shell.refused("revoke", record["id"], *dry), Conflict)
    assert isinstance(shell.refused("retry", record["id"], *dry), Conflict)
    assert isinstance(shell.refused("override", changeset, *dry), Conflict)
    assert isinstance(shell.refused("rollback", changeset, *dry), Conflict)
    shell("approve", record["id"], "--as", "hana")
    assert [one["status"] for one in shell("revoke", record["id"], *dry)] == ["approved"]
    assert isinstance(shell.refused(*words, record["id"], *dry), Conflict)
    shell("apply")
    before = shell("changesets")
    assert shell("rollback", changeset, *dry)["inverseOf"] == changeset
    assert shell("changesets") == before
    assert [what for _, what, *_ in audit_rows(record["id"])] == ["bank-diff.approve"]
    assert audit_rows(changeset) == []


def test_who_may_decide(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.load(SMALL)
    shell("snapshot", shell.release(SMALL | {"0001-001": "東京"}))
    changeset = shell("diff")["id"]
    approve = ("approve", "--changeset", changeset, "--as")
    assert isinstance(shell.refused(*approve, "saki"), PermanentFailure)
    assert isinstance(shell.refused(*approve, "nobody"), NotFound)
    assert isinstance(shell.refused(*approve, "hana", "--hash", "0" * 64), Conflict)
    assert isinstance(shell.refused(*approve, "hana", "--count", "2"), Conflict)
    for words, told in (((), "records by their ids, or --changeset"), (("diff-1", *approve[1:3]), "not both")):
        refused = shell.refused("approve", *words)
        assert isinstance(refused, InvalidInput)
        assert told in refused.message
    assert {record["status"] for record in shell("list")} == {"pending"}
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("batch_platform.settings.load_settings", _prod)
        refused = shell.refused(*approve, "hana")
        assert isinstance(refused, InvalidInput)
        assert "local environment" in refused.message
    monkeypatch.setenv("LOGNAME", "hana")
    monkeypatch.setenv("USER", "hana")
    unnamed = shell.refused("approve", "--changeset", changeset)
    assert isinstance(unnamed, NotFound | PermanentFailure)  # the user by its number, not by what it calls itself
    assert pwd.getpwuid(os.getuid()).pw_name in unnamed.message
    rejected = shell("reject", "--changeset", changeset, "--reason", "not so", "--as", "hana")
    assert rejected["changeset"]["status"] == "rejected"


def test_a_bootstrap_can_be_asked_for_later(shell: Shell) -> None:
    release = shell.release(SMALL)
    taken = shell("snapshot", release)
    held = shell("diff")
    assert (held["verdict"], held["holdReason"]) == ("held", "bootstrap")
    for _ in range(2):
        again = shell("snapshot", release, "--bootstrap")
        assert (again["snapshot_id"], again["taken"]) == (taken["snapshot_id"], False)
    assert shell("diff", "--dry-run")["raised"] == 8
    assert shell("changesets")[0]["status"] == "held"
    filled = shell("diff")
    assert (filled["id"], filled["verdict"], filled["holdReason"]) == (
        held["id"],
        "accepted",
        None,
    )
    assert shell("diff")["version"] == filled["version"]
    shell.approve(filled)
    assert shell("apply")["applied"] == 8


def test_a_day_to_come_is_not_applied(shell: Shell) -> None:
    shell.load(SMALL)
    shell("snapshot", shell.release(SMALL | {"0001-001": "東京"}))
    [record] = shell("show", shell("diff")["id"])["changes"]
    later = utc_now().astimezone(BUSINESS_ZONE).date() + timedelta(days=3)
    shell("approve", record["diff_id"], "--not-before", str(later), "--as", "hana")
    for options in ((), ("--dry-run",)):
        assert isinstance(shell.refused("apply", "--date", str(later), *options), InvalidInput)
    assert shell("apply")["applied"] == 0


def test_decisions_stand_in_the_audit_log(shell: Shell, pool: postgres.Pool, audit_rows: AuditRows) -> None:
    shell.load(SMALL)
    shell("snapshot", shell.release(SMALL | {"0001-001": "東京", "0005-002": "大手町"}))
    changeset = shell("diff")["id"]
    first, second = (change["diff_id"] for change in shell("show", changeset)["changes"])
    shell("approve", first, "--as", "hana")
    shell("revoke", first, "--as", "jiro")
    shell("approve", "--changeset", changeset, "--as", "hana")
    with postgres.transaction(pool) as connection:
        connection.execute("UPDATE zengin.branches SET branch_name = 'by hand' WHERE branch_code = '001'")
    assert shell("apply")["conflicts"] == 1
    assert isinstance(shell.refused("retry", second, "--as", "hana"), Conflict)
    [retried] = shell("retry", first, "--as", "jiro")
    assert retried["record"]["status"] == "approved"
    inverse = shell("rollback", changeset, "--as", "hana")["id"]
    shell("reject", "--changeset", inverse, "--reason", "not so", "--as", "jiro")
    user = pwd.getpwuid(os.getuid()).pw_name
    assert [(who, what, after["status"]) for who, what, _, after in audit_rows(first)] == [
        ("local:hana", "bank-diff.approve", "approved"),
        ("local:jiro", "bank-diff.revoke", "pending"),
        ("local:jiro", "bank-diff.retry", "approved"),
    ]
    assert {after["via"] for _, _, _, after in audit_rows(first)} == {f"cli:{user}"}
    whole, undone = audit_rows(changeset)
    assert (whole[1], whole[2]["status"], whole[3]["moved"]) == ("bank-changeset.approve", "pending", 2)
    assert (undone[1], undone[3]["inverse"]) == ("bank-changeset.rollback", inverse)
    [refused] = audit_rows(inverse)
    assert (refused[1], refused[3]["reason"]) == ("bank-changeset.reject", "not so")


def test_a_rehearsed_approval_says_what_is_lacking(shell: Shell) -> None:
    shell.load(SMALL)
    closing = {key: name for key, name in SMALL.items() if not key.startswith("0009")}
    shell("snapshot", shell.release(closing | {"0001-001": "東京"}))
    changeset = shell("diff")["id"]
    by_key = {change["key"]: change["diff_id"] for change in shell("show", changeset)["changes"]}
    rehearse = ("approve", "--dry-run", "--as")
    [one] = shell(*rehearse, "hana", by_key["0001-001"])
    assert (one["stillNeeded"], one["refusal"]) == (1, None)
    [bank] = shell(*rehearse, "hana", by_key["0009"])
    assert (bank["stillNeeded"], bank["refusal"]) == (2, None)
    told = shell.text("approve", by_key["0009"], "--as", "hana")
    assert "1 record needs the approval of another account" in told
    [bank] = shell(*rehearse, "hana", by_key["0009"])
    assert (bank["stillNeeded"], bank["refusal"]) == (1, "local:hana has approved it already")
    assert "no: local:hana" in shell.text(*rehearse, "hana", by_key["0009"])
    whole = shell.text(*rehearse, "hana", "--changeset", changeset)
    assert "1 pending record still needs 1 approval" in whole
    assert "2 pending records still need 2 approvals" in whole
    assert "local:hana may approve 2 records of it" in whole
    assert isinstance(shell.refused(*rehearse, "hana", "--changeset", changeset, "--count", "9"), Conflict)
    assert {record["status"] for record in shell("list")} == {"pending"}
    answer = shell(*rehearse, "jiro", "--changeset", changeset)
    assert (answer["pending"], answer["stillNeeded"], answer["wouldApprove"]) == (3, 2, 3)


def test_a_reason_tells_of_what_is_not_raised_again(shell: Shell) -> None:
    shell.load(SMALL)
    changed = SMALL | {"0001-001": "東京", "0005-002": "大手町"}
    release = shell.release(changed)
    shell("snapshot", release)
    by_key = {change["key"]: change["diff_id"] for change in shell("show", shell("diff")["id"])["changes"]}
    shell("approve", by_key["0001-001"], "--as", "hana")
    shell("reject", by_key["0005-002"], "--reason", "not so", "--as", "hana")
    wider = shell.release(changed | {"0009-001": "本店"})
    shell("snapshot", wider)
    third = shell("diff")
    told = "waiting for approval or application already: 1; rejected before: 1."
    assert (third["counts"]["rows"], third["reason"]) == (1, f"3 changes within the limits. Raised: 1; {told}")
    [last] = shell("show", third["id"])["changes"]
    shell("reject", last["diff_id"], "--reason", "not so", "--as", "hana")
    shell("snapshot", wider)
    told = "waiting for approval or application already: 1; rejected before: 2."
    assert shell("diff")["reason"] == f"Nothing new; {told}"


def test_exports(shell: Shell, tmp_path: Path) -> None:
    """Fact 5: half-width kana of at most 15 bytes, cp932, CRLF."""
    shell.load(SMALL)
    file = tmp_path / "banks.txt"
    shell.text("export", "--format", "zengin", "--output", str(file))
    nowhere = shell.refused("export", "--output", str(tmp_path / "none" / "banks.txt"))
    assert isinstance(nowhere, InvalidInput)
    assert "cannot be written: No such file or directory" in str(nowhere)
    lines = file.read_bytes().decode("cp932").split("\r\n")
    assert lines[0] == '"0001","000","ｶﾅ","みずほ","1"'
    assert len(lines) == len(SMALL) + 1
    assert "みずほ" in shell.text("export")
    assert shell("snapshot", str(file), "--dry-run")["encoding"] == "cp932"
    file.write_bytes(file.read_bytes().decode("cp932").encode("utf-8-sig") + b"\x1a")
    assert "read as UTF-8 with a byte order mark" in shell.text("snapshot", str(file), "--dry-run")


def test_an_export_that_would_lack_something_is_refused(shell: Shell, tmp_path: Path) -> None:
    """34 banks of a release of 2017 had no kana: none of them may be missing from a file without a word."""
    files = release(SMALL)
    files["banks.json"]["0005"]["kana"] = ""
    files["branches/0009.json"]["001"]["kana"] = "漢字"
    taken = shell("snapshot", written(tmp_path / "emptied", files), "--bootstrap")
    [complete] = [check for check in taken["checks"] if check["name"] == "complete"]
    assert not complete["passed"]
    assert "0005 三菱ＵＦＪ" in complete["description"]
    found = shell("diff")
    assert [check["name"] for check in shell("show", found["id"])["failedChecks"]] == [
        "characters",
        "complete",
    ]
    assert "0005 三菱ＵＦＪ" in shell.text("show", found["id"])
    shell.approve(found)
    shell("apply")
    file = tmp_path / "banks.txt"
    words = ("export", "--format", "zengin", "--output", str(file))
    ended = CliRunner().invoke(cli.app, list(words))
    assert isinstance(ended.exception, Conflict)
    assert ended.exception.exit_code == 1
    assert not file.exists()
    for key, why in (("0005 三菱ＵＦＪ", "it has no kana"), ("0009-001 本店営業部", "its kana holds 漢字")):
        assert f"cannot be written: {key}: {why}" in ended.stderr
        assert f"{key} ({why})" in str(ended.exception)
    shell.text(*words, "--skip-unwritable")
    assert [line[:10] for line in file.read_bytes().decode("cp932").splitlines()] == [
        '"0001","00',
        '"0001","00',
        '"0001","00',
        '"0009","00',
    ]
    assert "三菱ＵＦＪ" in shell.text("export")


def test_people_read_tables(shell: Shell) -> None:
    shell.load(SMALL)
    assert "kept" in shell.text("snapshot", shell.release(SMALL | {"0001-001": "東京"}))
    diff = shell.text("diff")
    assert "accepted" in diff
    assert "1 update" in diff
    assert "0001-001" in shell.text("list")
    [changeset, *_] = shell("changesets")
    assert "東京営業部" in shell.text("show", changeset["id"])
    for day in ("2026-13-01", "20261101", "2026-W45-1", "2026-1-5", "２０２６-11-01"):
        assert isinstance(shell.refused("diff", "--date", day), InvalidInput)


def _prod() -> Settings:
    return Settings.model_construct(env="prod")
