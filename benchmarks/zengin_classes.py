"""How the changes between real releases are classed: counts by operation, class and risk, and every update.

    .venv/bin/python -m benchmarks.zengin_classes [FOLDER] [--save FILE] [--against FILE]

FOLDER has wheels of `zengin-code`, compared in the order of their versions; without it the excerpts of the tests are.
`--against` names what another revision has saved: the rows must be the same, and what is classed otherwise is listed.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import polars as pl

from batch_platform.zengin.classify import classify
from batch_platform.zengin.diff import diff
from batch_platform.zengin.mergers import proposals
from batch_platform.zengin.model import CHANGE_SCHEMA
from batch_platform.zengin.readers import read_release
from batch_platform.zengin.service.sources import read_source

Master = tuple[pl.DataFrame, pl.DataFrame]

EXCERPTS: Final = Path(__file__).parents[1] / "batch_platform_tests" / "data" / "zengin"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, nargs="?")
    options.add_argument("--save", type=Path)
    options.add_argument("--against", type=Path)
    chosen = options.parse_args()
    runs = [_wheels(chosen.folder)] if chosen.folder else [_days(), _replay()]
    found = pl.concat([classes for run in runs for classes in _classed(run)])
    if chosen.save:
        found.write_parquet(chosen.save)
    if chosen.against:
        return _compared(pl.read_parquet(chosen.against), found)
    _print(found.group_by("diff_type", "change_class", "risk").len().sort("diff_type", "change_class", "risk"))
    _print(found.filter(diff_type="update").select("version", "key", *_shown(), "change_class", "risk"))
    return 0


def _classed(run: Iterator[tuple[str, Master]]) -> Iterator[pl.DataFrame]:
    for (_, old), (version, new) in pairwise(run):
        changes = diff(*old, *new)
        yield classify(changes, proposals(changes, *new)).with_columns(version=pl.lit(version))


def _compared(before: pl.DataFrame, after: pl.DataFrame) -> int:
    rows = ["version", *CHANGE_SCHEMA]
    if not before.select(rows).equals(after.select(rows)):
        print("the changes themselves differ", file=sys.stderr)  # noqa: T201
        return 1
    both = after.with_columns(was_class=before["change_class"], was_risk=before["risk"])
    moved = both.filter((pl.col("was_class") != pl.col("change_class")) | (pl.col("was_risk") != pl.col("risk")))
    _print(moved.select("version", "key", *_shown(), "was_class", "was_risk", "change_class", "risk"))
    return 0


def _shown() -> list[pl.Expr]:
    return [
        pl.col(side).struct.field(value).alias(f"{side}_{value}")
        for value in ("name", "kana")
        for side in ("old", "new")
    ]


def _wheels(folder: Path) -> Iterator[tuple[str, Master]]:
    wheels = {re.findall(r"\d{8}", path.name)[-1]: path for path in folder.glob("*.whl")}
    for version, path in sorted(wheels.items()):
        yield version, _read(read_source(str(path), None).files, version)  # type: ignore[arg-type]


def _days() -> Iterator[tuple[str, Master]]:
    for folder in sorted(path for path in EXCERPTS.iterdir() if path.is_dir()):
        yield folder.name, _read(read_source(str(folder), None).files, folder.name)  # type: ignore[arg-type]


def _replay() -> Iterator[tuple[str, Master]]:
    for version, files in json.loads((EXCERPTS / "replay.json").read_text()).items():
        yield version, _read({name: json.dumps(content).encode() for name, content in files.items()}, version)


def _read(files: dict[str, bytes], version: str) -> Master:
    banks, branches, _ = read_release(files, where=version)
    return banks, branches


def _print(rows: pl.DataFrame) -> None:
    print(rows.write_csv(separator="\t"))  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
