"""Columns of a delivered Parquet file as a CSV file holds them, whatever type the writer chose.

Text is text: of dictionaries, bytes, whole numbers and doubles that hold some; a map, a list or a struct becomes the
JSON text that AWS writes for it in CSV. So files of a month whose types differ (a column without a value gets any
type at all) come to the same columns, and blank text is null everywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

_ACCOUNT_DIGITS: Final = 12
_AS_TEXT: Final = (pl.String, pl.Categorical, pl.Enum, pl.Binary)


def is_text(dtype: pl.DataType) -> bool:
    return any(dtype == kind for kind in _AS_TEXT)


def as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """The column as text, null for blank."""
    column = pl.col(name)
    if dtype == pl.Map:
        return _object(column.map.entries())
    if _is_list_of_entries(dtype):
        return _object(column)
    if dtype.is_nested():
        return pl.when(column.is_not_null()).then(_json(column))
    if dtype.is_float():
        # whole numbers of a column that also has nulls, as pandas writes them
        whole = column.cast(pl.Int64, strict=False)
        return pl.when(whole == column).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
    text = column.cast(pl.String)
    return pl.when(text != "").then(text) if is_text(dtype) else text


def as_account(name: str, dtype: pl.DataType) -> pl.Expr:
    """An account id as text; one that was stored as a number has its leading zeros again."""
    text = as_text(name, dtype)
    return text.str.zfill(_ACCOUNT_DIGITS) if dtype.is_numeric() else text


def entry(name: str, key: str, dtype: pl.DataType) -> pl.Expr:
    """One entry of a map, null where it has none; of JSON text, of a map, or of a list of keys and values."""
    column = pl.col(name)
    if dtype == pl.Map:
        return column.map.get(key)
    if _is_list_of_entries(dtype):
        value = pl.element().filter(pl.element().struct.field("key") == key).struct.field("value")
        return column.list.eval(value).list.first()
    if isinstance(dtype, pl.Struct):
        known = any(field.name == key for field in dtype.fields)
        return column.struct.field(key).cast(pl.String) if known else pl.lit(None, dtype=pl.String)
    return column.cast(pl.String).str.json_path_match(f"$.{key}")


def repeated_keys(path: Path) -> dict[str, int]:
    """By column, how many entries of its maps have a key that stands in the same map again.

    polars keeps the last of them without a word; the file's own count of keys tells.
    """
    frame = pl.scan_parquet(path)
    maps = [name for name, dtype in frame.collect_schema().items() if dtype == pl.Map]
    if not maps:
        return {}
    # a map that is null or empty has a place in the file all the same
    places = frame.select(pl.col(name).map.len().fill_null(0).clip(1).sum() for name in maps)
    kept = places.collect(engine="streaming").row(0, named=True)
    return {name: more for name, stored in _stored_keys(path, maps).items() if (more := stored - kept[name]) > 0}


def _stored_keys(path: Path, maps: list[str]) -> dict[str, int]:
    import duckdb

    with duckdb.connect() as engine:
        columns = engine.execute(
            "SELECT path_in_schema, sum(num_values)::BIGINT FROM parquet_metadata(?) GROUP BY ALL", [str(path)]
        ).fetchall()
    # (map), (repeated group), key: the names of the latter two are the writer's
    stored = {name: [count for place, count in columns if place.split(", ")[0] == name] for name in maps}
    return {name: max(counts) for name, counts in stored.items() if counts}


def _is_list_of_entries(dtype: pl.DataType) -> bool:
    return (
        isinstance(dtype, pl.List)
        and isinstance(dtype.inner, pl.Struct)
        and [field.name for field in dtype.inner.fields] == ["key", "value"]
    )


def _object(entries: pl.Expr) -> pl.Expr:
    """Keys and values as the text of a JSON object, in their order; a key that stands twice does so here too."""
    of_entry = pl.element().struct
    text = pl.concat_str(_json(of_entry.field("key")), pl.lit(":"), _json(of_entry.field("value")))
    return pl.concat_str(pl.lit("{"), entries.list.eval(text).list.join(","), pl.lit("}"))


def _json(value: pl.Expr) -> pl.Expr:
    """A value as JSON text, by way of an object of one key: `{"k":…}`."""
    return pl.struct(value.alias("k")).struct.json_encode().str.slice(5).str.head(-1)
