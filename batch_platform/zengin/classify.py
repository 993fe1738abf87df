"""What a change means and what a wrong approval would cost, so that people see the few that matter first.

An update keeps its code. Its class is decided by the first of these that holds, names and kana compared loosely
(folded, without 営業部 or 出張所):
    orthography   the kana is the same, and both names are read so or are one but for their writing: 員弁 and いなべ
    kana          the name is the same but for its writing, the kana that transfers carry is another
    rename        one name is part of the other or begins as it is read, or they share a good part of their letters
    reuse         the name has nothing to do with the one the code had; its kana may have been left as it was

What leaves a bank or branch without a kana that a transfer can carry is of high risk whatever its class.
Where the old name of a code turns up under another code of the bank, a transfer by name and one by code part ways:
that is of high risk whatever the class, as is every change by which a whole bank goes or grows. Additions, deletions,
and updates of a bank that grows are explained by `mergers.proposals` where it has a successor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from batch_platform.zengin import readings
from batch_platform.zengin.kana import fold_expr, writable_expr
from batch_platform.zengin.mergers import loosely, without_kind
from batch_platform.zengin.model import CLASSIFIED_SCHEMA, ChangeClass, DiffType, Risk, Table
from batch_platform.zengin.reasons import IS_BANK, LOSES_LETTERS, with_reasons

ALIKE: Final = 400
"""Two names that share so many thousandths of their pairs of letters are related."""
SHORTEST_PART: Final = 2
"""A name of fewer letters is contained in too many others."""

RISKS: Final[Mapping[ChangeClass, Risk]] = {
    ChangeClass.BANK_CLOSED: Risk.MEDIUM,
    ChangeClass.BANK_NEW: Risk.MEDIUM,
    ChangeClass.REUSE: Risk.HIGH,
    ChangeClass.MERGER: Risk.MEDIUM,
    ChangeClass.MOVED: Risk.HIGH,
    ChangeClass.RECODE: Risk.MEDIUM,
    ChangeClass.CLOSED: Risk.MEDIUM,
    ChangeClass.RENAME: Risk.MEDIUM,
    ChangeClass.NEW: Risk.LOW,
    ChangeClass.KANA: Risk.MEDIUM,
    ChangeClass.ORTHOGRAPHY: Risk.LOW,
}
"""Of a branch; a bank that is closed or merged is of high risk."""

CLOSED_SCHEMA: Final = {"table": pl.String(), "key": pl.String(), "name": pl.String()}
"""Rows that were deleted once: what a code meant before it was used again."""


def classify(changes: pl.DataFrame, successors: pl.DataFrame, *, closed: pl.DataFrame | None = None) -> pl.DataFrame:
    """The changes of a `diff`, in their order, as `CLASSIFIED_SCHEMA`.

    `successors` are `mergers.proposals` of the same changes. `closed` (`CLOSED_SCHEMA`, several rows a key allowed)
    tells an addition that uses a code again under an unrelated name.
    """
    judged = (
        changes.with_row_index("place")
        .join(_successors_of(successors), on=["table", "key"], how="left")
        .join(_takeovers_of(successors), on=["table", "key"], how="left")
        .join(_former_names(changes, closed), on=["table", "key"], how="left")
        .join(_gone_banks(changes), on="bank_code", how="left")
        .join(_names_elsewhere(changes), on=["table", "key"], how="left")
        .join(_likeness(changes), on=["table", "key"], how="left")
        .sort("place")
        .with_columns(
            was=pl.col("old").struct.field("name"),
            becomes=pl.col("new").struct.field("name"),
            was_kana=pl.col("old").struct.field("kana"),
            becomes_kana=pl.col("new").struct.field("kana"),
        )
        .with_columns(mute=_MUTE)
    )
    added, deleted = (pl.col("diff_type") == kind for kind in (DiffType.ADDITION, DiffType.DELETION))
    change_class = pl.when(added).then(_class_of_addition()).when(deleted).then(_class_of_deletion())
    classed = judged.with_columns(change_class=change_class.otherwise(_class_of_update()))
    usual = pl.col("change_class").replace_strict(
        {str(change_class): str(risk) for change_class, risk in RISKS.items()}
    )
    whole_bank = IS_BANK & pl.col("change_class").is_in([ChangeClass.BANK_CLOSED, ChangeClass.MERGER])
    parted = pl.col("elsewhere").is_not_null()
    judged = classed.with_columns(
        risk=pl.when(whole_bank | parted | pl.col("mute"))
        .then(pl.lit(str(Risk.HIGH)))
        .when(LOSES_LETTERS & (usual == Risk.LOW))
        .then(pl.lit(str(Risk.MEDIUM)))
        .otherwise(usual),
    )
    return with_reasons(judged).select(*CLASSIFIED_SCHEMA)


def _successors_of(successors: pl.DataFrame) -> pl.DataFrame:
    return successors.select("table", "key", "relation", "successor_key", "successor_name", "score")


def _takeovers_of(successors: pl.DataFrame) -> pl.DataFrame:
    """By the key that takes over: the best of those it takes over from."""
    return (
        successors.sort("score", descending=True)
        .unique(["table", "successor_key"], keep="first", maintain_order=True)
        .select(
            "table",
            key="successor_key",
            takes_over="relation",
            from_key="key",
            from_name="name",
            from_score="score",
        )
    )


def _former_names(changes: pl.DataFrame, closed: pl.DataFrame | None) -> pl.DataFrame:
    """The names an added key had in earlier times, when none of them is related to its new one."""
    schema = {"table": pl.String(), "key": pl.String(), "former": pl.String()}
    if closed is None:
        return pl.DataFrame(schema=schema)
    pairs = changes.filter(pl.col("diff_type") == DiffType.ADDITION).join(closed, on=["table", "key"])
    if pairs.is_empty():
        return pl.DataFrame(schema=schema)
    becomes = pl.col("new").struct.field("name")
    related = (loosely(pl.col("name")) == loosely(becomes)) | _related(pl.col("name"), becomes)
    return (
        pairs.group_by("table", "key", maintain_order=True)
        .agg(known=related.any(), former=pl.col("name").last())
        .filter(~pl.col("known"))
        .select(*schema)
    )


def _gone_banks(changes: pl.DataFrame) -> pl.DataFrame:
    gone = (pl.col("table") == Table.BANKS) & (pl.col("diff_type") == DiffType.DELETION)
    return changes.filter(gone).select("bank_code", gone_bank=pl.col("old").struct.field("name"))


def _names_elsewhere(changes: pl.DataFrame) -> pl.DataFrame:
    """Branches whose old name another code of their bank now bears."""
    was, becomes = (pl.col(side).struct.field("name") for side in ("old", "new"))
    branches = changes.filter((pl.col("table") == Table.BRANCHES) & becomes.is_not_null() & was.ne_missing(becomes))
    bearers = branches.select("bank_code", loose=loosely(becomes), elsewhere="key")
    return (
        branches.filter(was.is_not_null() & (loosely(was) != loosely(becomes)))
        .select("table", "key", "bank_code", loose=loosely(was))
        .join(bearers, on=["bank_code", "loose"])
        .group_by("table", "key")
        .agg(pl.col("elsewhere").min())
    )


def _likeness(changes: pl.DataFrame) -> pl.DataFrame:
    """What the two names and kana of each update have in common."""
    sides = [(f"{side}_{value}", pl.col(side).struct.field(value)) for side in ("old", "new") for value in _SAID]
    updates = (
        changes.filter(pl.col("diff_type") == DiffType.UPDATE)
        .select("table", "key", *(text.alias(name) for name, text in sides))
        .with_columns(loosely(pl.col(name)).name.prefix("loose_") for name, _ in sides)
    )
    same_name, same_kana = (pl.col(f"loose_old_{value}") == pl.col(f"loose_new_{value}") for value in _SAID)
    related = _related(pl.col("old_name"), pl.col("new_name"))
    judged = updates.with_columns(same_name=same_name, same_kana=same_kana, related=related)
    names = judged.select("same_name", pl.col(f"loose_{name}" for name, _ in sides)).iter_rows()
    read = [(None, None) if same else (_fit(*words), _begin(*words)) for same, *words in names]
    schema = {"both_read": pl.Boolean(), "begins": pl.Boolean()}
    return judged.hstack(pl.DataFrame(read, schema=schema, orient="row")).select(
        "table", "key", "same_name", "same_kana", "both_read", related=pl.col("related") | pl.col("begins")
    )


def _fit(was: str, was_kana: str, becomes: str, becomes_kana: str) -> bool:
    return readings.fits(was, was_kana) and readings.fits(becomes, becomes_kana)


def _begin(was: str, was_kana: str, becomes: str, becomes_kana: str) -> bool:
    """Whether one name, read whole, is how the other begins; where the kana ends inside a word it is an accident."""
    short, long = sorted(((was, was_kana), (becomes, becomes_kana)), key=lambda pair: len(pair[1]))
    if len(short[1]) < SHORTEST_PART or not long[1].startswith(short[1]):
        return False
    return readings.fits(*short) and readings.begins(long[0], short[1])


_SAID: Final = ("name", "kana")
_MUTE: Final = ~writable_expr(pl.col("becomes_kana")) & pl.col("was_kana").ne_missing(pl.col("becomes_kana"))
"""The kana becomes one that no transfer can carry."""


def _class_of_addition() -> pl.Expr:
    return (
        pl.when(pl.col("former").is_not_null())
        .then(pl.lit(str(ChangeClass.REUSE)))
        .when(IS_BANK)
        .then(pl.lit(str(ChangeClass.BANK_NEW)))
        .otherwise(pl.coalesce("takes_over", pl.lit(str(ChangeClass.NEW))))
    )


def _class_of_deletion() -> pl.Expr:
    without = pl.when(pl.col("gone_bank").is_not_null()).then(pl.lit(str(ChangeClass.BANK_CLOSED)))
    return pl.coalesce("relation", without.otherwise(pl.lit(str(ChangeClass.CLOSED))))


def _class_of_update() -> pl.Expr:
    return (
        pl.when(IS_BANK & pl.col("takes_over").is_not_null())
        .then("takes_over")
        .when(pl.col("same_kana") & (pl.col("becomes_kana") != "") & (pl.col("same_name") | pl.col("both_read")))
        .then(pl.lit(str(ChangeClass.ORTHOGRAPHY)))
        .when(pl.col("same_name"))
        .then(pl.lit(str(ChangeClass.KANA)))
        .when(pl.col("related"))
        .then(pl.lit(str(ChangeClass.RENAME)))
        .otherwise(pl.lit(str(ChangeClass.REUSE)))
    )


def _related(first: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Whether one name is part of the other, or they share a good part of their pairs of letters and among those one
    that names something: neither a number nor the kind of bank or office."""
    pairs, others = (_pairs(fold_expr(name)) for name in (first, other))
    total = pairs.list.len().cast(pl.Int64) + others.list.len().cast(pl.Int64)
    first, other = (without_kind(loosely(name)) for name in (first, other))
    naming = [_pairs(name.str.replace_all("[0-9]", "")) for name in (first, other)]
    akin = (_shared(pairs, others) * 2000 >= total * ALIKE) & (_shared(*naming) > 0)
    return _part_of(first, other) | _part_of(other, first) | akin


def _shared(pairs: pl.Expr, others: pl.Expr) -> pl.Expr:
    return pairs.list.set_intersection(others).list.len().cast(pl.Int64)


def _part_of(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Whether a name stands in another one: kana only where it begins, as syllables recur in unrelated words."""
    inside = whole.str.contains(part, literal=True) & part.str.contains(r"\p{Han}")
    return (whole.str.starts_with(part) | inside) & (part.str.len_chars() >= SHORTEST_PART)


def _pairs(text: pl.Expr) -> pl.Expr:
    letters = text.str.split("")
    return letters.list.eval((pl.element() + pl.element().shift(-1)).drop_nulls()).list.unique()
