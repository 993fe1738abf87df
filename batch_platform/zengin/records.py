"""Proposals as records: ids that a second run makes again, and items of DynamoDB under the names of the spec."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import polars as pl

from batch_platform.core.messages import Message, kept, restored
from batch_platform.zengin.content import lines
from batch_platform.zengin.model import (
    RECORD_SCHEMA,
    VALUES,
    Approval,
    Change,
    ChangeClass,
    DiffType,
    Limits,
    Record,
    Risk,
    Status,
    Table,
)

INLINE_BYTES: Final = Limits.inline_bytes
BULK_ROWS: Final = Limits.bulk_rows

Attribute = dict[str, Any]
"""A typed value as DynamoDB has it: {"S": "text"}."""

_ID_DIGITS: Final = 12
_RISKS: Final = (Risk.LOW, Risk.MEDIUM, Risk.HIGH)
_EMPTY_SIZE: Final = 3  # of a map or list


# ids and hashes


def record_id(business_date: date, snapshot_hash: str, change: Change | Mapping[str, Any]) -> str:
    """`diff-{YYYYMMDD}-{12 hex}`; `business_date` is that of JST. A row of a frame of changes does as well."""
    row = change if isinstance(change, Mapping) else vars(change)
    return _id("diff", business_date, snapshot_hash, row["table"], row["key"], row["base_hash"], row["new_hash"])


def payload_hash(changes: pl.DataFrame | Iterable[Record]) -> str:
    """Names exactly these changes, whatever their order: what an approver of many says yes to."""
    if isinstance(changes, pl.DataFrame):
        parts = pl.col("table", "key", "base_hash", "new_hash").fill_null("")
        return _digest(lines(changes, pl.concat_str(parts, separator="|")))  # `fingerprint` of a column
    return _digest("\n".join(sorted(record.fingerprint for record in changes)))


def counts(changes: pl.DataFrame) -> dict[str, int]:
    """Rows of a classified diff as `Changeset.counts` has them."""
    sizes = {"rows": changes.height}
    for prefix, columns in (("", ["table", "diff_type"]), ("class.", ["change_class"]), ("risk.", ["risk"])):
        for *names, rows in changes.group_by(columns).len().sort(columns).iter_rows():
            sizes[prefix + ".".join(names)] = rows
    return sizes


def _id(kind: str, business_date: date, *parts: str | None) -> str:
    return f"{kind}-{business_date:%Y%m%d}-{_digest('|'.join(part or '' for part in parts))[:_ID_DIGITS]}"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


# from changes to records and back


def make_records(
    changes: pl.DataFrame,
    banks: pl.DataFrame,
    *,
    changeset_id: str,
    business_date: date,
    snapshot_hash: str,
    timestamp: datetime,
    metadata: Mapping[str, str],
) -> list[Record]:
    """One pending record for each classified change. `banks` name the bank of each branch (`BANK_SCHEMA`)."""
    named = dict(zip(banks.get_column("bank_code"), banks.select("bank_name", "bank_kana").rows(), strict=True))
    return [
        Record(
            id=record_id(business_date, snapshot_hash, row),
            timestamp=timestamp,
            status=Status.PENDING,
            diff_type=DiffType(row["diff_type"]),
            changeset_id=changeset_id,
            table=Table(row["table"]),
            key=row["key"],
            zengin_data=_data(row, "new", named),
            current_data=_data(row, "old", named),
            changes=_changes(row),
            base_hash=row["base_hash"],
            new_hash=row["new_hash"],
            risk=Risk(row["risk"]),
            change_class=ChangeClass(row["change_class"]),
            reason=restored(row["reason"], row["message"]),
            metadata=dict(metadata),
        )
        for row in changes.iter_rows(named=True)
    ]


def make_bulk_record(
    changes: pl.DataFrame,
    *,
    changeset_id: str,
    business_date: date,
    snapshot_hash: str,
    base_content_hash: str,
    timestamp: datetime,
    metadata: Mapping[str, str],
) -> Record:
    """The one pending record of many classified changes, whose rows (`with_id`) are to lie in S3."""
    of_type = counts(changes.with_columns(table=pl.lit("any")))
    kinds = {"additions": DiffType.ADDITION, "updates": DiffType.UPDATE, "deletions": DiffType.DELETION}
    rows_hash = payload_hash(changes)
    return Record(
        id=_id("diff", business_date, snapshot_hash, None, None, base_content_hash, rows_hash),
        timestamp=timestamp,
        status=Status.PENDING,
        diff_type=DiffType.BULK_UPDATE,
        changeset_id=changeset_id,
        table=None,
        key=None,
        zengin_data=None,
        current_data=None,
        changes={},
        base_hash=base_content_hash,
        new_hash=rows_hash,
        risk=max((Risk(risk) for risk in changes.get_column("risk").unique()), key=_RISKS.index, default=Risk.LOW),
        change_class=None,
        reason=Message("rows-at-once", "{count} rows at once.", count=f"{changes.height:,}"),
        data_summary={
            "totalRecords": changes.height,
            **{name: of_type.get(f"any.{kind}", 0) for name, kind in kinds.items()},
        },
        metadata=dict(metadata),
    )


def with_id(changes: pl.DataFrame, diff_id: str) -> pl.DataFrame:
    """Classified changes as rows (`RECORD_SCHEMA`) of one record."""
    return changes.select(pl.lit(diff_id).alias("diff_id"), *list(RECORD_SCHEMA)[1:])


def rows_of_records(records: Sequence[Record]) -> pl.DataFrame:
    """Records of one row each as `RECORD_SCHEMA`: what an apply is given."""
    rows = [
        (
            record.id,
            str(record.table),
            record.key,
            record.key.partition("-")[0],
            record.key.partition("-")[2] or None,
            str(record.diff_type),
            _values(record.table, record.current_data),
            _values(record.table, record.zengin_data),
            record.base_hash,
            record.new_hash,
            record.change_class and str(record.change_class),
            str(record.risk),
            str(record.reason),
            kept(record.reason),
        )
        for record in records
        if record.key is not None and record.table is not None
    ]
    return pl.DataFrame(rows, schema=RECORD_SCHEMA, orient="row")


def change_of(row: Mapping[str, Any]) -> Change:
    """A row of a classified diff as a value."""
    return Change(
        table=Table(row["table"]),
        key=row["key"],
        diff_type=DiffType(row["diff_type"]),
        old=_data(row, "old", {}),
        new=_data(row, "new", {}),
        changes=_changes(row),
        change_class=ChangeClass(row["change_class"]),
        risk=Risk(row["risk"]),
        reason=restored(row["reason"], row["message"]),
        base_hash=row["base_hash"],
        new_hash=row["new_hash"],
    )


def _prefix(table: str) -> str:
    return "bank_" if table == Table.BANKS else "branch_"


def _data(row: Mapping[str, Any], side: str, banks: Mapping[str, tuple[str, str]]) -> dict[str, str] | None:
    values = row[side]
    if values is None:
        return None
    data = {"bank_code": row["bank_code"]}
    if row["table"] == Table.BRANCHES:
        data["branch_code"] = row["branch_code"]
        if row["bank_code"] in banks:
            data |= dict(zip(("bank_name", "bank_kana"), banks[row["bank_code"]], strict=True))
    return data | {f"{_prefix(row['table'])}{value}": values[value] for value in VALUES}


def _changes(row: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    old, new = row["old"], row["new"]
    if old is None or new is None:
        return {}
    return {
        f"{_prefix(row['table'])}{value}": {"old": old[value], "new": new[value]}
        for value in VALUES
        if old[value] != new[value]
    }


def _values(table: Table, data: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if data is None else {value: data[f"{_prefix(table)}{value}"] for value in VALUES}


# items of DynamoDB

_CAMEL: Final = re.compile(r"_([a-z])")
_SNAKE: Final = re.compile(r"([A-Z])")
_OF_COLUMNS: Final = ("zengin_data", "current_data", "changes")
_MOMENTS: Final = ("timestamp", "executed_at", "updated_at", "lease_until")


def timestamp_text(at: datetime) -> str:
    """A moment as the spec writes it, in UTC to the millisecond: 2024-01-01T09:00:00.000Z."""
    moment = at.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def to_item(record: Record) -> dict[str, Attribute]:
    """The item of a record; fields that are None or empty have no attribute. `from_item` is its inverse."""
    values: dict[str, Any] = {field.name: getattr(record, field.name) for field in fields(record)}
    for name in _MOMENTS:
        values[name] = values[name] and timestamp_text(values[name])
    for name in _OF_COLUMNS:
        values[name] = values[name] and {_camel(column): value for column, value in values[name].items()}
    values["not_before"] = record.not_before and record.not_before.isoformat()
    values["message"] = kept(record.reason)
    values["approvals"] = [
        {"account": approval.account, "at": timestamp_text(approval.at)} for approval in record.approvals
    ]
    if record.approvals:
        # The spec knows one approver: the one whose yes made it approved.
        values["approved_by"] = values["approvals"][-1]["account"]
        values["approved_at"] = values["approvals"][-1]["at"]
    return {_camel(name): _typed(value) for name, value in values.items() if value not in (None, [], {}, "")}


def from_item(item: Mapping[str, Any]) -> Record:
    """The record of an item; attributes it does not know are left out."""
    attributes = {_snake(name): _plain(value) for name, value in item.items()}
    values = {field.name: attributes[field.name] for field in fields(Record) if field.name in attributes}
    for name in ("table", "key", "zengin_data", "current_data", "base_hash", "new_hash", "change_class"):
        values.setdefault(name, None)
    for name in _MOMENTS:
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    for name in _OF_COLUMNS:
        values[name] = values.get(name) and {_snake(column): value for column, value in values[name].items()}
    values["changes"] = values["changes"] or {}
    values["status"] = Status(values["status"])
    values["diff_type"] = DiffType(values["diff_type"])
    values["risk"] = Risk(values["risk"])
    values["reason"] = restored(values.get("reason", ""), attributes.get("message"))
    values["table"] = values["table"] and Table(values["table"])
    values["change_class"] = values["change_class"] and ChangeClass(values["change_class"])
    if "not_before" in values:
        values["not_before"] = date.fromisoformat(values["not_before"])
    values["approvals"] = tuple(
        Approval(approval["account"], datetime.fromisoformat(approval["at"]))
        for approval in values.get("approvals", ())
    )
    return Record(**values)


def item_size(item: Mapping[str, Attribute]) -> int:
    """Bytes of an item by DynamoDB's rule; 400 KB is the most it takes.

    Names and texts count in UTF-8, a number a byte for two significant digits and one more (another one below zero),
    true, false and null one byte, a map or list three bytes and one for each member.
    """
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(attribute: Attribute) -> int:
    [(kind, value)] = attribute.items()
    if kind == "S":
        return len(value.encode())
    if kind == "N":
        return _number_size(value)
    if kind == "B":
        return len(value)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "M":
        return _EMPTY_SIZE + sum(len(name.encode()) + _size(member) + 1 for name, member in value.items())
    if kind == "L":
        return _EMPTY_SIZE + sum(_size(member) + 1 for member in value)
    return sum(_size({kind[0]: member}) for member in value)


def _number_size(text: str) -> int:
    sign, digits, _ = Decimal(text).as_tuple()
    significant = len("".join(map(str, digits)).strip("0"))
    return (significant + 1) // 2 + 1 + (sign if significant else 0)


def _typed(value: Any) -> Attribute:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, Mapping):
        return {"M": {name: _typed(member) for name, member in value.items()}}
    if isinstance(value, Sequence):
        return {"L": [_typed(member) for member in value]}
    if value is None:
        return {"NULL": True}
    raise TypeError(f"{type(value).__name__} has no place in an item")


def _plain(attribute: Attribute) -> Any:
    [(kind, value)] = attribute.items()
    if kind == "M":
        return {name: _plain(member) for name, member in value.items()}
    if kind == "L":
        return [_plain(member) for member in value]
    if kind == "NULL":
        return None
    return int(value) if kind == "N" else value


def _camel(name: str) -> str:
    return _CAMEL.sub(lambda match: match[1].upper(), name)


def _snake(name: str) -> str:
    return _SNAKE.sub(lambda match: f"_{match[1].lower()}", name)
