"""Small releases of a bank master in the layout of zengin-code, made up: no row names a real bank."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, str]


def row(code: str, name: str, kana: str, hira: str = "", roma: str = "") -> Row:
    return {"code": code, "name": name, "kana": kana, "hira": hira or kana, "roma": roma or "roma"}


@dataclass
class Release:
    """Banks by code, branches by bank and branch code; change it and `write` it."""

    banks: dict[str, Row] = field(default_factory=dict)
    branches: dict[str, dict[str, Row]] = field(default_factory=dict)

    def copy(self) -> Release:
        return deepcopy(self)

    def bank(self, code: str, name: str, kana: str) -> None:
        self.banks[code] = row(code, name, kana)
        self.branches.setdefault(code, {})

    def branch(self, bank: str, code: str, name: str, kana: str) -> None:
        self.branches[bank][code] = row(code, name, kana)

    def drop_bank(self, code: str) -> None:
        del self.banks[code]
        del self.branches[code]

    def write(self, folder: Path) -> str:
        (folder / "branches").mkdir(parents=True)
        self._dump(folder / "banks.json", self.banks)
        for bank, branches in self.branches.items():
            self._dump(folder / "branches" / f"{bank}.json", branches)
        return str(folder)

    @staticmethod
    def _dump(path: Path, content: Any) -> None:
        path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def first(many: int = 160) -> Release:
    """Four banks; the second has many branches."""
    release = Release()
    release.bank("0901", "あおば", "アオバ")
    release.branch("0901", "001", "本店営業部", "ホンテン")
    release.branch("0901", "002", "駅前", "エキマエ")
    release.branch("0901", "003", "霞ヶ関", "カスミガセキ")
    release.bank("0902", "みどり", "ミドリ")
    for number in range(1, many + 1):
        release.branch("0902", f"{number:03}", f"第{number}", f"ダイ{number}")
    release.bank("0903", "さくら信用金庫", "サクラシンキン")
    release.branch("0903", "001", "本店", "ホンテン")
    release.branch("0903", "002", "センター通", "センタ－ドオリ")
    release.bank("0904", "ゆうひ", "ユウヒ")
    release.branch("0904", "001", "本店", "ホンテン")
    return release


def second(many: int = 160, renamed: int = 130) -> Release:
    """Names, spellings and kana change, a branch comes, a branch and a bank go: 7 rows, and `renamed` branches."""
    release = first(many)
    release.branch("0901", "001", "本店", "ホンテン")
    release.branch("0901", "003", "霞ケ関", "カスミガセキ")
    release.branch("0903", "002", "センター通", "センターードオリ")
    release.branch("0901", "010", "港南", "コウナン")
    del release.branches["0901"]["002"]
    release.drop_bank("0904")
    for number in range(1, renamed + 1):
        release.branch("0902", f"{number:03}", f"新町{number}", f"シンマチ{number}")
    return release
