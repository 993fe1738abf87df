"""What is said of each change of a classified diff, of all rows at once: a sentence, and its message as JSON."""

from __future__ import annotations

import json
import re
from typing import Final

import polars as pl

from batch_platform.core.messages import Message
from batch_platform.zengin.model import ChangeClass, DiffType, Table

IS_BANK: Final = pl.col("table") == Table.BANKS
LOSES_LETTERS: Final = pl.any_horizontal(
    (pl.col("old").struct.field(value) != "") & (pl.col("new").struct.field(value) == "")
    for value in ("hira", "roma")
).fill_null(False)

_CHANGE: Final = "change"
"""The column of what was said so far: a struct of `reason` and `message`."""
_PLACE: Final = re.compile(r"\{(\w+)\}")


def with_reasons(classed: pl.DataFrame) -> pl.DataFrame:
    """The rows with `reason`, one English sentence, and `message`: that sentence as `core.messages.to_json`."""
    kana, was = (pl.col(name) for name in ("becomes_kana", "was"))
    emptied = (kana == "") & (pl.col("was_kana") != "") & (was != pl.col("becomes"))
    frame = classed.with_columns(_change().alias(_CHANGE))
    frame = _also(
        frame,
        emptied,
        Message("change-empties-kana", "{change}, and its kana {kana} is gone", change=_CHANGE, kana="was_kana"),
    )
    frame = _also(
        frame,
        pl.col("elsewhere").is_not_null(),
        Message(
            "change-moves-name",
            "{change}, and {was} is now the name of {key}",
            change=_CHANGE,
            was="was",
            key="elsewhere",
        ),
    )
    added, deleted = (pl.col("diff_type") == kind for kind in (DiffType.ADDITION, DiffType.DELETION))
    sentence = (
        pl.when(added)
        .then(_addition())
        .when(deleted)
        .then(_deletion())
        .otherwise(_each(Message("change-said", "{change}.", change=_CHANGE)))
    )
    return frame.with_columns(sentence.alias(_CHANGE)).unnest(_CHANGE)


def _also(frame: pl.DataFrame, where: pl.Expr, more: Message) -> pl.DataFrame:
    return frame.with_columns(pl.when(where).then(_each(more)).otherwise(pl.col(_CHANGE)).alias(_CHANGE))


def _each(message: Message) -> pl.Expr:
    """The message of every row; its parameters are the names of the columns that hold them."""
    columns = {name: str(column) for name, column in message.parameters.items()}
    literals = _PLACE.split(message.text)
    reason = [
        _text(columns[part]) if place % 2 else pl.lit(part)
        for place, part in enumerate(literals)
        if part or place % 2
    ]
    opened = json.dumps({"id": message.id, "text": message.text}, ensure_ascii=False).removesuffix("}")
    kept = [pl.lit(f'{opened}, "parameters": {{')]
    for place, (name, column) in enumerate(columns.items()):
        kept += [pl.lit(f'{", " if place else ""}"{name}": '), _json(column)]
    return pl.struct(reason=pl.concat_str(reason), message=pl.concat_str([*kept, pl.lit("}}")]))


def _text(column: str) -> pl.Expr:
    return pl.col(_CHANGE).struct.field("reason") if column == _CHANGE else pl.col(column)


def _json(column: str) -> pl.Expr:
    """The value of a column as JSON."""
    if column == _CHANGE:
        return pl.col(_CHANGE).struct.field("message")
    whole = pl.struct(pl.col(column).alias("")).struct.json_encode()
    return whole.str.strip_prefix('{"":').str.strip_suffix("}")


def _addition() -> pl.Expr:
    return (
        pl.when(pl.col("former").is_not_null())
        .then(
            _each(
                Message(
                    "code-used-again",
                    "{name} is new under a code that once was {former}.",
                    name="becomes",
                    former="former",
                )
            )
        )
        .when(pl.col("takes_over").is_not_null())
        .then(
            _each(
                Message(
                    "takes-over",
                    "{name} seems to take over from {key} {predecessor} (score {score}).",
                    name="becomes",
                    key="from_key",
                    predecessor="from_name",
                    score="from_score",
                )
            )
        )
        .when(pl.col("mute"))
        .then(
            _each(
                Message(
                    "new-without-kana", "{name} is new, without a kana that a transfer can carry.", name="becomes"
                )
            )
        )
        .otherwise(_each(Message("new-name", "{name} is new.", name="becomes")))
    )


def _deletion() -> pl.Expr:
    gone = _each(Message("gone-without-successor", "{name} is gone, and no successor is in sight.", name="was"))
    return (
        pl.when(pl.col("successor_key").is_not_null())
        .then(
            _each(
                Message(
                    "gone-to-successor",
                    "{name} is gone and seems to live on as {key} {successor} (score {score}).",
                    name="was",
                    key="successor_key",
                    successor="successor_name",
                    score="score",
                )
            )
        )
        .when(IS_BANK)
        .then(gone)
        .when(pl.col("gone_bank").is_not_null())
        .then(_each(Message("gone-with-bank", "{name} is gone with its bank {bank}.", name="was", bank="gone_bank")))
        .otherwise(gone)
    )


def _change() -> pl.Expr:
    """What an update changes, as a clause that others may follow."""
    kind = pl.col("change_class")
    kana_stays = (pl.col("was_kana") == pl.col("becomes_kana")) & (pl.col("becomes_kana") != "")
    return (
        pl.when(kind == ChangeClass.MERGER)
        .then(
            _each(
                Message(
                    "renamed-and-takes-over",
                    "{was} becomes {name} and seems to take over from {key} {predecessor} (score {score})",
                    was="was",
                    name="becomes",
                    key="from_key",
                    predecessor="from_name",
                    score="from_score",
                )
            )
        )
        .when(pl.col("was") == pl.col("becomes"))
        .then(_change_of_kana())
        .when(kind == ChangeClass.ORTHOGRAPHY)
        .then(_each(Message("written-otherwise", "{was} is now written {name}", was="was", name="becomes")))
        .when(kind == ChangeClass.KANA)
        .then(
            _each(
                Message(
                    "written-with-other-kana",
                    "{was} is now written {name}, with another kana",
                    was="was",
                    name="becomes",
                )
            )
        )
        .when((kind == ChangeClass.RENAME) & kana_stays)
        .then(
            _each(
                Message(
                    "renamed-under-same-kana",
                    "{was} is renamed {name}, while its kana {kana} stays",
                    was="was",
                    name="becomes",
                    kana="becomes_kana",
                )
            )
        )
        .when(kind == ChangeClass.RENAME)
        .then(_each(Message("renamed", "{was} is renamed {name}", was="was", name="becomes")))
        .when(kana_stays)
        .then(
            _each(
                Message(
                    "code-passed-on-under-same-kana",
                    "The code of {was} now belongs to {name}, an unrelated name, while its kana {kana} stays",
                    was="was",
                    name="becomes",
                    kana="becomes_kana",
                )
            )
        )
        .otherwise(
            _each(
                Message(
                    "code-passed-on",
                    "The code of {was} now belongs to {name}, an unrelated name",
                    was="was",
                    name="becomes",
                )
            )
        )
    )


def _change_of_kana() -> pl.Expr:
    return (
        pl.when((pl.col("was_kana") == pl.col("becomes_kana")) & LOSES_LETTERS)
        .then(_each(Message("letters-lost", "{name} loses its hiragana or letters", name="becomes")))
        .when(pl.col("was_kana") == pl.col("becomes_kana"))
        .then(_each(Message("letters-changed", "Only the hiragana or letters of {name} change", name="becomes")))
        .when(pl.col("becomes_kana") == "")
        .then(_each(Message("kana-lost", "{name} loses its kana {kana}", name="becomes", kana="was_kana")))
        .when(pl.col("was_kana") == "")
        .then(_each(Message("kana-gained", "{name} gets the kana {kana}", name="becomes", kana="becomes_kana")))
        .otherwise(
            _each(
                Message(
                    "kana-changed",
                    "The kana of {name} changes from {was} to {kana}",
                    name="becomes",
                    was="was_kana",
                    kana="becomes_kana",
                )
            )
        )
    )
