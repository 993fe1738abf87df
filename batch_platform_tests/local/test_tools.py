"""Pinned tools: what does not match its checksum is refused, what is half done is done again."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.local import clients, environment, services, tools
from batch_platform.local.aws import backend_marker
from batch_platform_tests.local.conftest import LocalHome


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "tool.tgz"
    with tarfile.open(path, "w:gz") as packed:
        member = tarfile.TarInfo("package/dynoxide")
        member.size = 4
        packed.addfile(member, io.BytesIO(b"tool"))
    return path


def integrity(archive: Path) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()


def test_a_verified_archive_is_unpacked(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "bin" / "dynoxide"
    tools.unpack_verified(archive, integrity(archive), "package/dynoxide", target)
    assert target.read_bytes() == b"tool"
    assert target.stat().st_mode & 0o111


def test_a_tampered_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    expected = integrity(archive)
    archive.write_bytes(archive.read_bytes() + b"\0")
    target = tmp_path / "bin" / "dynoxide"
    with pytest.raises(PermanentFailure, match=r"tool\.tgz is not the expected file"):
        tools.unpack_verified(archive, expected, "package/dynoxide", target)
    assert not target.parent.exists()


def test_an_unknown_platform_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools, "TOOLS", tmp_path)
    monkeypatch.setattr(tools.platform, "machine", lambda: "riscv64")
    with pytest.raises(PermanentFailure, match="riscv64"):
        tools.install_dynoxide(lambda _: None)


def test_a_failing_npm_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho noise\necho 'no such host' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(tools, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(tools, "_npm", lambda _: str(npm))
    with pytest.raises(TransientFailure, match=r"^fetching dynoxide failed: no such host$"):
        tools.install_dynoxide(lambda _: None)


def test_a_half_finished_environment_is_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built: list[Path] = []

    def build(directory: Path, lock: Path) -> None:
        built.append(directory)
        directory.mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(tools, "TOOLS", tmp_path)
    monkeypatch.setattr(tools, "build_environment", build)
    tools.ministack_python().parents[1].mkdir()  # killed before it was complete
    (tmp_path / "ministack-old").mkdir()
    tools.install_ministack(lambda _: None)
    tools.install_ministack(lambda _: None)
    assert built == [tools.ministack_python().parents[1]]
    assert not (tmp_path / "ministack-old").exists()


def test_without_dynoxide_tables_live_in_ministack(local_home: LocalHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> Path:
        raise TransientFailure("no-network", "no network")

    with monkeypatch.context() as offline:
        offline.setattr(tools, "install_dynoxide", fail)
        said: list[str] = []
        names = frozenset({"postgres", "aws", "dynamodb", "mail"})
        state = services.start(local_home.home, names, said.append)
    assert any("no network" in line for line in said)
    assert any("ministack" in notice for notice in state.notices)
    local_home.variables = environment.environment(local_home.home)
    assert local_home.variables["AWS_ENDPOINT_URL_DYNAMODB"] == local_home.variables["AWS_ENDPOINT_URL"]
    local_home.write()
    services.stop(local_home.home)
    local_home.start()  # dynoxide could be installed now, but this home's tables are elsewhere
    assert local_home.read() == local_home.written
    assert clients.dynamodb(local_home.variables).list_tables()["TableNames"] == [
        *(f"batch-platform-local-{name}" for name in ("balances", "batch-operations", "transactions", "users")),
        *("kept", "zengin-data-diff-local"),
    ]


def test_tables_in_dynoxide_are_not_hidden_by_the_fallback(
    monkeypatch: pytest.MonkeyPatch, local_home: LocalHome
) -> None:
    def fail(_: object) -> Path:
        raise TransientFailure("no-network", "no network")

    marker = backend_marker(local_home.home.create())
    marker.write_text("dynoxide")
    monkeypatch.setattr(tools, "install_dynoxide", fail)
    with pytest.raises(TransientFailure, match="keeps its tables in dynoxide, but no network"):
        tools.choose_dynamodb(marker, lambda _: None)
