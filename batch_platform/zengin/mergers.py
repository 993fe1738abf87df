"""Where a bank or branch that vanishes seems to live on. The feed names no successors: these are scored guesses.

A branch lives on where its name turns up anew: under another code of its bank (`recode`), or in another bank
(`moved`; `merger` when its own bank is gone). A bank lives on in the one where most of its branches do. Nothing is
ever applied by a guess; people see it beside the change.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from batch_platform.zengin.kana import fold_expr
from batch_platform.zengin.model import ChangeClass, DiffType, Table

PROPOSAL_SCHEMA: Final = {
    "table": pl.String(),
    "key": pl.String(),
    "name": pl.String(),
    "successor_key": pl.String(),
    "successor_name": pl.String(),
    "relation": pl.String(),
    "score": pl.Int64(),
}
"""One row for each key that seems to live on; `relation` is merger, moved or recode, `score` 1 to 1000."""

LEAST_BANK_SCORE: Final = 300
LEAST_MOVED: Final = 2
"""Fewer branches with equal names, gone here and new there, are a coincidence between two living banks."""

_KIND: Final = r"(農協|信金|信組|労金|信漁連|漁協|漁連|信連|信託)$"
RENAMED_BONUS: Final = 150
"""A bank that changes its name on the same day is likelier to be the one that grew."""
NAMESAKE_BONUS: Final = 400
"""Likelier still when its new name contains that of the bank that is gone."""

_GENERIC: Final = ("本店", "東京", "中央", "東", "西", "南", "北", "東部", "西部", "南部", "北部", "駅前")
"""Names so common that one alone says nothing about whose branch it is."""

_DUTIES: Final = r"^(.+?)(?:営業部|特別出張所|出張所|代理店|支所|エイギヨウブ|シユツチヨウジヨ|ダイリテン|シシヨ)+$"


def proposals(changes: pl.DataFrame, new_banks: pl.DataFrame, new_branches: pl.DataFrame) -> pl.DataFrame:
    """The likely successors of what a diff deletes, as `PROPOSAL_SCHEMA` sorted by table and key.

    The tables are those the diff leads to: a branch of a merged bank may live on in one that was there before.
    """
    if changes.filter(pl.col("diff_type") == DiffType.DELETION).is_empty():
        return pl.DataFrame(schema=PROPOSAL_SCHEMA)
    gone = _gone(changes)
    arrived = _arrived(changes)
    banks = _bank_successors(changes, gone, arrived, new_banks)
    merged = _merged_branches(gone, banks, new_branches)
    living = gone.join(_deleted_banks(changes), on="bank_code", how="anti")
    recoded = _recoded(living, arrived)
    moved = _moved(living.join(recoded, on="key", how="anti"), arrived)
    frames = [frame.select(*PROPOSAL_SCHEMA) for frame in (banks, merged, recoded, moved)]
    return pl.concat(frames).sort("table", "key")


def loosely(name: pl.Expr) -> pl.Expr:
    """A name for comparison: folded, without the words for what kind of office it is; every head office is 本店."""
    return fold_expr(name).str.replace(_DUTIES, "$1").str.replace("^(?:本所|本部|営業部)$", "本店")


def without_kind(name: pl.Expr) -> pl.Expr:
    """A folded name without what kind of bank it is; one that is only a kind stays."""
    return name.str.replace(f"^(.+?){_KIND}", "$1")


def _deleted_banks(changes: pl.DataFrame) -> pl.DataFrame:
    deleted = (pl.col("table") == Table.BANKS) & (pl.col("diff_type") == DiffType.DELETION)
    return changes.filter(deleted).select("bank_code", pl.col("old").struct.field("name", "kana"))


def _side(changes: pl.DataFrame, side: str) -> pl.DataFrame:
    """Branches on one side of the changes that the other side does not have under that code and name."""
    name, kana = (pl.col(side).struct.field(value) for value in ("name", "kana"))
    other = pl.col("new" if side == "old" else "old").struct.field("name")
    return changes.filter((pl.col("table") == Table.BRANCHES) & name.is_not_null() & name.ne_missing(other)).select(
        "key",
        "bank_code",
        "branch_code",
        name,
        loose=loosely(name),
        reading=loosely(kana),
    )


def _gone(changes: pl.DataFrame) -> pl.DataFrame:
    return _side(changes.filter(pl.col("diff_type") == DiffType.DELETION), "old")


def _arrived(changes: pl.DataFrame) -> pl.DataFrame:
    return _side(changes, "new").select(pl.all().name.prefix("new_"))


def _bank_successors(
    changes: pl.DataFrame, gone: pl.DataFrame, arrived: pl.DataFrame, new_banks: pl.DataFrame
) -> pl.DataFrame:
    """For each deleted bank the one in which most of its branches turn up anew."""
    deleted = _deleted_banks(changes)
    evidence = (
        gone.join(deleted.select("bank_code"), on="bank_code", how="semi")
        .filter(~pl.col("loose").is_in(_GENERIC))
        .join(arrived, left_on="loose", right_on="new_loose")
        .filter(pl.col("bank_code") != pl.col("new_bank_code"))
        .select("bank_code", "new_bank_code", "branch_code", same=pl.col("branch_code") == pl.col("new_branch_code"))
    )
    # The head office often lives on under the name the bank had: 真室川町農協 as the branch 真室川.
    stems = deleted.select("bank_code", stem=_stem(pl.col("name")))
    heads = (
        stems.join(arrived, left_on="stem", right_on="new_loose")
        .filter(pl.col("bank_code") != pl.col("new_bank_code"))
        .select("bank_code", "new_bank_code", branch_code=pl.lit("head"), same=pl.lit(False))
    )
    renamed = _renamed_banks(changes)
    namesakes = (
        stems.join(renamed, how="cross")
        .filter(pl.col("new_bank_name").str.contains(pl.col("stem"), literal=True))
        .select("bank_code", "new_bank_code", namesake=pl.lit(True))
    )
    counted = (
        pl.concat([evidence, heads])
        .group_by("bank_code", "new_bank_code")
        .agg(matched=pl.col("branch_code").n_unique(), same=pl.col("same").sum())
        .join(namesakes, on=["bank_code", "new_bank_code"], how="full", coalesce=True)
        .with_columns(pl.col("matched", "same").fill_null(0), pl.col("namesake").fill_null(False))
        .with_columns(renamed=pl.col("new_bank_code").is_in(renamed.get_column("new_bank_code").implode()))
        .join(gone.group_by("bank_code").agg(size=pl.len()), on="bank_code")
        .join(deleted, on="bank_code")
        .join(new_banks.select(new_bank_code="bank_code", new_bank_name="bank_name"), on="new_bank_code")
    )
    kind, new_kind = (name.str.extract(_KIND).fill_null("") for name in (pl.col("name"), pl.col("new_bank_name")))
    share = pl.min_horizontal(pl.col("matched") * 1000 // pl.col("size"), 1000)
    doubts = (kind != new_kind).cast(pl.Int64) + (pl.col("matched") < LEAST_MOVED).cast(pl.Int64)
    bonus = pl.col("renamed").cast(pl.Int64) * RENAMED_BONUS + pl.col("namesake").cast(pl.Int64) * NAMESAKE_BONUS
    score = pl.min_horizontal(share // pl.lit(2).pow(doubts).cast(pl.Int64) + bonus, 1000)
    distance = (pl.col("bank_code").cast(pl.Int64) - pl.col("new_bank_code").cast(pl.Int64)).abs()
    return (
        counted.with_columns(score=score, distance=distance)
        .filter(pl.col("score") >= LEAST_BANK_SCORE)
        .sort("bank_code", "score", "same", "distance", descending=[False, True, True, False])
        .unique("bank_code", keep="first", maintain_order=True)
        .select(
            "name",
            "score",
            key="bank_code",
            successor_key="new_bank_code",
            successor_name="new_bank_name",
            table=pl.lit(str(Table.BANKS)),
            relation=pl.lit(str(ChangeClass.MERGER)),
        )
    )


def _stem(name: pl.Expr) -> pl.Expr:
    """A bank's name without its kind and without 町 or 市."""
    return loosely(name.str.replace(_KIND, "")).str.replace(r"^(.{2,})[町村市郡]$", "$1")


def _renamed_banks(changes: pl.DataFrame) -> pl.DataFrame:
    """Banks that are new or bear another name than before."""
    name, before = pl.col("new").struct.field("name"), pl.col("old").struct.field("name")
    return changes.filter((pl.col("table") == Table.BANKS) & name.is_not_null() & name.ne_missing(before)).select(
        new_bank_code="bank_code", new_bank_name=name
    )


def _merged_branches(gone: pl.DataFrame, banks: pl.DataFrame, new_branches: pl.DataFrame) -> pl.DataFrame:
    """Each branch of a merged bank in the successor's: by name, else by reading, the same code first."""
    successors = banks.select(bank_code="key", new_bank_code="successor_key", bank_score="score")
    pool = new_branches.join(successors, left_on="bank_code", right_on="new_bank_code", how="semi").select(
        new_bank_code="bank_code",
        new_branch_code="branch_code",
        new_key=pl.concat_str("bank_code", "branch_code", separator="-"),
        new_name="branch_name",
        new_loose=loosely(pl.col("branch_name")),
        new_reading=loosely(pl.col("branch_kana")),
    )
    pairs = gone.join(successors, on="bank_code").join(pool, on="new_bank_code")
    by_name = pl.col("loose") == pl.col("new_loose")
    by_reading = (pl.col("reading") == pl.col("new_reading")) & (pl.col("reading") != "")
    certainty = pl.when(by_name).then(900).otherwise(700) + pl.when(_SAME_CODE).then(100).otherwise(0)
    return _best(
        pairs.filter(by_name | by_reading).with_columns(score=certainty * pl.col("bank_score") // 1000),
        ChangeClass.MERGER,
    )


def _recoded(gone: pl.DataFrame, arrived: pl.DataFrame) -> pl.DataFrame:
    """Branches whose name turns up under another code of the same bank."""
    pairs = gone.join(arrived, left_on=["bank_code", "loose"], right_on=["new_bank_code", "new_loose"])
    score = pl.when(pl.col("reading") == pl.col("new_reading")).then(950).otherwise(800)
    return _best(pairs.with_columns(score=score), ChangeClass.RECODE)


def _moved(gone: pl.DataFrame, arrived: pl.DataFrame) -> pl.DataFrame:
    """Branches that turn up in another bank, of which several came from the same one."""
    pairs = gone.join(arrived, left_on=["loose", "reading"], right_on=["new_loose", "new_reading"]).filter(
        (pl.col("bank_code") != pl.col("new_bank_code")) & ~pl.col("loose").is_in(_GENERIC)
    )
    together = pl.col("key").n_unique().over("bank_code", "new_bank_code")
    score = pl.when(_SAME_CODE).then(900).otherwise(700)
    return _best(pairs.filter(together >= LEAST_MOVED).with_columns(score=score), ChangeClass.MOVED)


_SAME_CODE: Final = pl.col("branch_code") == pl.col("new_branch_code")


def _best(pairs: pl.DataFrame, relation: ChangeClass) -> pl.DataFrame:
    """Of the pairs of each vanished branch the one with the highest score, then the lowest code."""
    return (
        pairs.sort("key", "score", "new_key", descending=[False, True, False])
        .unique("key", keep="first", maintain_order=True)
        .select(
            "key",
            "name",
            pl.col("score").cast(pl.Int64),
            successor_key="new_key",
            successor_name="new_name",
            table=pl.lit(str(Table.BRANCHES)),
            relation=pl.lit(str(relation)),
        )
    )
