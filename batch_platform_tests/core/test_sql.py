"""Named statements read from the files of a package made for the test."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.sql import SQL

from batch_platform.core import sql


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    name = f"statements_{uuid4().hex}"
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name, folder


def test_files_hold_one_or_more_statements(package: tuple[str, Path]) -> None:
    name, folder = package
    (folder / "a.sql").write_text(
        "-- About the files below.\n\n-- name: claim_files\n-- why: so\nUPDATE t\nSET s = 'ü';\n\n"
        "--name:done\nSELECT 1"
    )
    (folder / "b.sql").write_text("-- name: more\nSELECT '{}' -- name: not_a_header\n")
    (folder / "notes.txt").write_text("no SQL")
    statements = sql.load(name)
    assert sorted(statements) == ["claim_files", "done", "more"]
    assert statements["claim_files"] == SQL("-- why: so\nUPDATE t\nSET s = 'ü';")
    assert statements["more"].as_string() == "SELECT '{}' -- name: not_a_header"
    assert sql.load(name) is statements


def test_an_unknown_name_says_what_there_is(package: tuple[str, Path]) -> None:
    name, folder = package
    (folder / "a.sql").write_text("-- name: one\nSELECT 1")
    with pytest.raises(KeyError, match=f"{name} has no statement 'two'; it has one"):
        sql.load(name)["two"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1;\n-- name: one\nSELECT 1", "before the first"),
        ("-- name: one\n-- nothing\n", "'one' is empty"),
        ("-- name: one\nSELECT 1\n-- name: one\nSELECT 2", "'one' is defined twice"),
    ],
)
def test_a_malformed_file_is_named(package: tuple[str, Path], text: str, complaint: str) -> None:
    name, folder = package
    (folder / "bad.sql").write_text(text)
    with pytest.raises(ValueError, match=f"{name}/bad.sql.*{complaint}"):
        sql.load(name)
