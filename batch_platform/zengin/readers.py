"""The files of a release as tables. What is wrong with a file is said with its name, row and field.

Two layouts are known: that of the `zengin-code` releases (a folder of JSON, or the one JavaScript file of the npm
package) and that of `ginkositen.txt` (CSV in cp932, UTF-8 or UTF-16; five columns, or six where several rows may
share a code).
"""

from __future__ import annotations

import csv
import io
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from batch_platform.zengin.decoding import ReadError, decoded, parsed
from batch_platform.zengin.kana import hiragana, kana_to_full_width, romaji, to_full_width, writable_expr
from batch_platform.zengin.messages import and_more
from batch_platform.zengin.model import BANK_COLUMNS, BANK_SCHEMA, BRANCH_COLUMNS, BRANCH_SCHEMA, VALUES

LONGEST: Final = 100
"""Letters a name may have: the width of the columns in PostgreSQL."""
SHOWN: Final = 20
"""So many keys are named in an error; the rest are counted."""

_SCRIPT: Final = "zengin-data.js"
_SCRIPT_OPENS: Final = "module.exports = "
_BANK, _BRANCH = "1", "2"


Entry = tuple[tuple[str, ...], Any]
"""The codes of a bank or branch, and what the file has under them."""
Tables = tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]
"""Banks, branches, and the codes of banks that left branches behind without being there themselves."""


def read_release(files: Mapping[str, bytes], *, where: str) -> Tables:
    """The tables of a release, sorted by key. `files` are by path, at any depth; `where` names the release in errors.

    Raises `ReadError` for files that are missing or malformed, codes that are not four and three digits, empty or
    overlong names, control characters, and keys that come twice, which it names.
    """
    index = _index(files, where)
    if index.endswith("banks.json"):
        tables = _from_folder(files, index, where)
    elif index.endswith(_SCRIPT):
        tables = _from_script(files[index], f"{where}: {index}")
    else:
        tables = _from_list(files[index], f"{where}: {index}")
    banks, branches, orphans = tables
    if banks.is_empty():
        raise ReadError("release-without-banks", "{where} has no banks.", where=where)
    _check("bank", banks, where)
    _check("branch", branches, where)
    return banks.sort("bank_code"), branches.sort("bank_code", "branch_code"), orphans


def encoding_of(files: Mapping[str, bytes], *, where: str) -> str:
    """The name of the encoding that `read_release` takes the files to be in. Raises `ReadError` as it does."""
    index = _index(files, where)
    is_list = not index.endswith(("banks.json", _SCRIPT))
    return decoded(files[index], f"{where}: {index}", cp932=is_list)[1]


def _index(files: Mapping[str, bytes], where: str) -> str:
    """The path of the file that a release begins with: the banks, the script or the list."""
    folders = [path for path in files if path.rpartition("/")[2] == "banks.json"]
    scripts = [path for path in files if path.rpartition("/")[2] == _SCRIPT]
    lists = [path for path in files if path.lower().endswith((".txt", ".csv"))]
    indexes = folders or scripts or lists
    if not indexes:
        raise ReadError(
            "release-without-data",
            "{where} has neither banks.json nor {script} nor a CSV.",
            where=where,
            script=_SCRIPT,
        )
    if len(indexes) > 1:
        raise ReadError(
            "several-releases", "{where} has more than one release: {files}.", where=where, files=sorted(indexes)
        )
    return indexes[0]


def _from_folder(files: Mapping[str, bytes], index: str, where: str) -> Tables:
    folder = f"{index.removesuffix('banks.json')}branches/"
    paths = {
        path.removeprefix(folder).removesuffix(".json"): path
        for path in files
        if path.startswith(folder) and path.endswith(".json")
    }
    banks = _entries(files[index], f"{where}: {index}")
    missing = sorted(set(banks) - set(paths))
    if missing:
        raise ReadError(
            "branches-file-missing",
            "{where} has no branches/{code}.json, the branches of a bank of banks.json.",
            where=where,
            code=missing[0],
        )
    branches = {code: _entries(files[paths[code]], f"{where}: {paths[code]}", bank=code) for code in banks}
    return (*_tables(banks, branches, where), tuple(sorted(set(paths) - set(banks))))


def _from_script(content: bytes, where: str) -> Tables:
    """The npm package's file: banks with their branches inside; such a file has no orphans."""
    text = decoded(content, where)[0].strip()
    if not text.startswith(_SCRIPT_OPENS):
        raise ReadError(
            "script-begins-otherwise",
            "{where} does not begin with {start}.",
            where=where,
            start=repr(_SCRIPT_OPENS.strip()),
        )
    banks = _parsed_entries(text.removeprefix(_SCRIPT_OPENS).rstrip(";"), where)
    branches = {
        code: _object(bank.get("branches") if isinstance(bank, dict) else None, f"{where}: {code}: branches")
        for code, bank in banks.items()
    }
    return (*_tables(banks, branches, where), ())


class _TwiceError(Exception):
    """Keys that a JSON object has twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise _TwiceError(_twice(key for key, _ in pairs))
    return entries


def _entries(content: bytes, where: str, *, bank: str = "") -> dict[str, Any]:
    return _parsed_entries(decoded(content, f"{where} is not JSON")[0], where, bank=bank)


def _parsed_entries(text: str, where: str, *, bank: str = "") -> dict[str, Any]:
    """A JSON object by code; JSON itself would take the last of several equal keys without a word."""
    try:
        return _object(parsed(text, where, pairs=_unique), where)
    except _TwiceError as error:
        if bank:
            raise ReadError(
                "key-of-bank-twice",
                "{where} has more than once the key of bank {bank}: {keys}.",
                where=where,
                bank=bank,
                keys=error.args[0],
            ) from error
        raise ReadError(
            "key-twice", "{where} has more than once the key: {keys}.", where=where, keys=error.args[0]
        ) from error


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ReadError("no-object-of-codes", "{where} is not an object of codes.", where=where)
    return value


def _tables(
    banks: Mapping[str, Any], branches: Mapping[str, Mapping[str, Any]], where: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    of_banks = [((code,), bank) for code, bank in banks.items()]
    of_branches = [((bank, code), branch) for bank, entries in branches.items() for code, branch in entries.items()]
    return _table(of_banks, BANK_SCHEMA, where), _table(of_branches, BRANCH_SCHEMA, where)


def _table(entries: Sequence[Entry], schema: Mapping[str, pl.DataType], where: str) -> pl.DataFrame:
    """The rows of entries, each of which names its own code a second time."""
    depth = len(schema) - len(VALUES)
    try:
        columns = [[key[place] for key, _ in entries] for place in range(depth)]
        columns += [[entry[field] for _, entry in entries] for field in VALUES]
        codes = [entry["code"] for _, entry in entries]
        table = pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)
    except (KeyError, TypeError, pl.exceptions.PolarsError):
        raise _wrong(entries, where) from None
    if codes != columns[depth - 1] or any(column.has_nulls() for column in table):
        raise _wrong(entries, where)
    return table


def _wrong(entries: Iterable[Entry], where: str) -> ReadError:
    """What is wrong with the first entry that is not as it should be."""
    for key, entry in entries:
        fields = entry if isinstance(entry, dict) else {}
        place = f"{where}: {'-'.join(key)}"
        for field in ("code", *VALUES):
            if field not in fields:
                return ReadError("entry-without-field", "{place} has no {name}.", place=place, name=field)
            if not isinstance(fields[field], str):
                return ReadError(
                    "entry-no-text",
                    "{place}: {name} is {value}, not text.",
                    place=place,
                    name=field,
                    value=reprlib.repr(fields[field]),
                )
        if fields["code"] != key[-1]:
            return ReadError(
                "code-differs-from-key", "{place}: code is {value}.", place=place, value=reprlib.repr(fields["code"])
            )
    return ReadError("entries-no-rows", "{where} has entries that are no rows.", where=where)


def _from_list(content: bytes, where: str) -> Tables:
    """`ginkositen.txt`: bank code, branch code, half-width kana, name, 1 for a bank or 2 for a branch.

    Half-width kana are what they mean in full width, also in names; everything else is as it is written.

    With a sixth column several rows may share a code, numbered there: the first of them is the one transfers go by,
    the others (sub-branches that use its code) are left out. Hiragana and letters come from the kana.
    """
    banks: list[tuple[str, ...]] = []
    branches: list[tuple[str, ...]] = []
    rows = _numbered(content, where)
    width = len(rows[0][1]) if rows else 5
    if width not in (5, 6):
        raise ReadError(
            "row-neither-five-nor-six",
            "{where}, row {row} has {count} columns, not five or six.",
            where=where,
            row=rows[0][0],
            count=width,
        )
    for number, row in rows:
        if len(row) != width:
            raise ReadError(
                "row-of-other-width",
                "{where}, row {row} has {count} columns, not {expected}.",
                where=where,
                row=number,
                count=len(row),
                expected=width,
            )
        bank_code, branch_code, half, name, kind = row[:5]
        kana = to_full_width(half.strip())
        values = (kana_to_full_width(name.strip()), kana, hiragana(kana), romaji(kana))
        place = row[5].strip().zfill(4) if width == 6 else ""
        if kind == _BANK:
            banks.append((bank_code, *values, place))
        elif kind == _BRANCH:
            branches.append((bank_code, branch_code, *values, place))
        else:
            raise ReadError(
                "row-of-no-kind",
                "{where}, row {row}: column 5 is {value}, not 1 (bank) or 2 (branch).",
                where=where,
                row=number,
                value=repr(kind),
            )
    bank_frame = _first_of_code(banks, BANK_COLUMNS, ["bank_code"])
    branch_frame = _first_of_code(branches, BRANCH_COLUMNS, ["bank_code", "branch_code"])
    _check_kana(pl.concat([bank_frame.get_column("bank_kana"), branch_frame.get_column("branch_kana")]), where)
    known = branch_frame.join(bank_frame, on="bank_code", how="semi")
    orphans = branch_frame.join(bank_frame, on="bank_code", how="anti").get_column("bank_code").unique().sort()
    return bank_frame, known, tuple(orphans)


def _check_kana(kana: pl.Series, where: str) -> None:
    """Where most of it are no kana, the bytes were taken for what they are not: EUC-JP is often legal cp932."""
    odd = kana.to_frame("kana").select(((pl.col("kana") != "") & ~writable_expr(pl.col("kana"))).sum()).item()
    if odd * 2 > kana.len():
        raise ReadError(
            "list-without-kana",
            "{where} is no list in cp932, UTF-8 or UTF-16: most of its kana are none.",
            where=where,
        )


def _numbered(content: bytes, where: str) -> list[tuple[int, list[str]]]:
    """The rows of a CSV with the line each ends on."""
    text, _ = decoded(content, where, cp932=True)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ReadError(
            "row-no-csv",
            "{where}, row {row} is not CSV: {reason}.",
            where=where,
            row=reader.line_num,
            reason=str(error),
        ) from error


def _first_of_code(rows: Sequence[tuple[str, ...]], columns: Sequence[str], key: list[str]) -> pl.DataFrame:
    """Of the rows that share a code, those with the lowest number in the last column, which is dropped."""
    frame = pl.DataFrame(rows, schema=dict.fromkeys((*columns, "place"), pl.String()), orient="row")
    return frame.filter(pl.col("place") == pl.col("place").min().over(key)).drop("place")


def _check(kind: str, table: pl.DataFrame, where: str) -> None:
    """What no table may have; every complaint names the rows by key."""
    key = ["bank_code"] if kind == "bank" else ["bank_code", "branch_code"]
    keys = pl.concat_str(*key, separator="-")
    twice = _named(table.filter(pl.struct(key).is_duplicated()).select(keys.alias("key")))
    if twice:
        raise ReadError(
            "code-twice", "{where} has more than once the {table}: {keys}.", where=where, table=kind, keys=twice
        )
    for column, digits in zip(key, (4, 3), strict=False):
        odd = _named(table.filter(~pl.col(column).str.contains(rf"^[0-9]{{{digits}}}$")).select(keys.alias("key")))
        if odd:
            raise ReadError(
                "code-not-of-digits",
                "{where}: {column} is not of {digits} digits: {keys}.",
                where=where,
                column=column,
                digits=digits,
                keys=odd,
            )
    for value in VALUES:
        column = f"{kind}_{value}"
        # Some releases of 2017 have foreign banks without kana: only a name is never empty.
        wrong = pl.col(column).str.contains(r"[\p{Cc}\x{FFFD}]") | (pl.col(column).str.len_chars() > LONGEST)
        if value == "name":
            wrong |= pl.col(column).str.strip_chars() == ""
        odd = _named(table.filter(wrong).select(keys.alias("key")))
        if odd:
            raise ReadError(
                "name-unfit",
                "{where}: {column} is empty, longer than {longest}, or has control characters: {keys}.",
                where=where,
                column=column,
                longest=LONGEST,
                keys=odd,
            )


def _named(keys: pl.DataFrame) -> str:
    return _some(keys.get_column("key").unique().sort())


def _twice(keys: Iterable[str]) -> str:
    seen: set[str] = set()
    return _some(sorted({key for key in keys if key in seen or seen.add(key)}))  # type: ignore[func-returns-value]


def _some(keys: Sequence[str] | pl.Series) -> str:
    return and_more(", ".join(keys[:SHOWN]), len(keys) - SHOWN)
