"""Values of btc as items of DynamoDB and back. Amounts are satoshi here and Numbers of BTC there, never floats.

DynamoDB drops zeros at a number's end and may write an exponent; what it gives is read exactly, or refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zlib import crc32

from batch_platform.btc.model import (
    SATOSHI,
    Approval,
    Balance,
    Batch,
    BatchStatus,
    LedgerRow,
    Rounding,
    RowState,
    TransactionType,
    User,
    UserStatus,
)
from batch_platform.btc.money import btc_text
from batch_platform.core.failures import PermanentFailure
from batch_platform.core.messages import Message, from_json, to_json

Item = Mapping[str, Any]

_AMOUNTS: Final = frozenset({"target_total", "plan_sum", "applied_sum"})
_MOMENTS: Final = frozenset(
    {"created_at", "cutoff_at", "planned_at", "started_at", "completed_at", "lease_expires_at"}
)

_MESSAGE: Final = "error_json"
"""`error_message` with its parts, beside the English sentence: pages say it in the reader's language."""


# numbers and moments


def satoshi(text: str) -> int:
    """The satoshi of a Number. Raises `PermanentFailure` for a part of a satoshi, or no number."""
    try:
        scaled = Decimal(text).scaleb(SATOSHI)
        units = int(scaled)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise PermanentFailure("no-btc-amount", "{text} is not an amount of BTC", text=text) from error
    if units != scaled:
        raise PermanentFailure("part-of-a-satoshi", "{text} BTC is not a whole number of satoshi", text=text)
    return units


def moment_text(at: datetime) -> str:
    """A moment in UTC to the microsecond, always as long, so that texts sort as moments do."""
    moment = at.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}Z"


def moment(text: str) -> datetime:
    """The aware moment of a text."""
    return datetime.fromisoformat(text)


# batches


def batch_key(batch_id: str) -> dict[str, Any]:
    return {"batch_id": {"S": batch_id}}


def batch_item(batch: Batch) -> dict[str, Any]:
    """The item of a batch; fields that are None or empty have no attribute. `to_batch` is its inverse."""
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    if isinstance(batch.error_message, Message):
        values[_MESSAGE] = to_json(batch.error_message)
    return {
        name: _attribute(name, value) for name, value in values.items() if value is not None and value not in ((), "")
    }


def to_batch(item: Item) -> Batch:
    """The batch of an item; attributes it does not know are left out."""
    known = {field.name for field in fields(Batch)}
    values = {name: _value(name, value) for name, value in item.items() if name in known}
    if _MESSAGE in item:
        values["error_message"] = from_json(item[_MESSAGE]["S"])
    return Batch(**values)


def _attribute(name: str, value: Any) -> dict[str, Any]:
    if name in _AMOUNTS:
        return {"N": btc_text(value)}
    if name in _MOMENTS:
        return {"S": moment_text(value)}
    if name == "approvals":
        return {"L": [_approval_item(approval) for approval in value]}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, Decimal):
        return {"N": f"{value:f}"}
    raise TypeError(f"{type(value).__name__} of {name} has no place in an item")


def _value(name: str, attribute: Mapping[str, Any]) -> Any:
    [(kind, value)] = attribute.items()
    if name in _AMOUNTS:
        return satoshi(value)
    if name in _MOMENTS:
        return moment(value)
    if name == "adjustment_rate":
        return Decimal(value)
    if name == "status":
        return BatchStatus(value)
    if name == "rounding":
        return Rounding(value)
    if name == "approvals":
        return tuple(_approval(approval["M"]) for approval in value)
    return int(value) if kind == "N" else value


def _approval_item(approval: Approval) -> dict[str, Any]:
    return {"M": {"account": {"S": approval.account}, "at": {"S": moment_text(approval.at)}}}


def _approval(item: Item) -> Approval:
    return Approval(item["account"]["S"], moment(item["at"]["S"]))


# ledger rows, balances, users


def partition(transaction_id: str, user_id: str, shards: int) -> str:
    """The partition key of a user's row: the id itself, or one of its `shards`."""
    if shards == 1:
        return transaction_id
    return f"{transaction_id}#{crc32(user_id.encode()) % shards:02d}"


def partitions(transaction_id: str, shards: int) -> list[str]:
    """Every partition key that rows of this transaction may have."""
    return [transaction_id] if shards == 1 else [f"{transaction_id}#{shard:02d}" for shard in range(shards)]


def row_key(transaction_id: str, user_id: str, shards: int) -> dict[str, Any]:
    return {"transaction_id": {"S": partition(transaction_id, user_id, shards)}, "user_id": {"S": user_id}}


def to_row(item: Item) -> LedgerRow:
    """The ledger row of an item. One that was booked has no `state`: most rows are such."""
    attributes = {name: next(iter(value.values())) for name, value in item.items()}
    return LedgerRow(
        transaction_id=attributes["transaction_id"],
        user_id=attributes["user_id"],
        amount=satoshi(attributes["amount"]),
        transaction_type=TransactionType(attributes["transaction_type"]),
        created_at=moment(attributes["created_at"]),
        committed_at=moment(attributes["committed_at"]),
        created_by=attributes["created_by"],
        memo=attributes.get("memo"),
        state=RowState(attributes.get("state", RowState.APPLIED)),
        reason=attributes.get("reason"),
    )


def row_item(row: LedgerRow) -> dict[str, Any]:
    """The item of a ledger row; `to_row` is its inverse."""
    item: dict[str, Any] = {
        "transaction_id": {"S": row.transaction_id},
        "user_id": {"S": row.user_id},
        "amount": {"N": btc_text(row.amount)},
        "transaction_type": {"S": str(row.transaction_type)},
        "created_at": {"S": moment_text(row.created_at)},
        "committed_at": {"S": moment_text(row.committed_at)},
        "created_by": {"S": row.created_by},
    }
    if row.state is not RowState.APPLIED:
        item["state"] = {"S": str(row.state)}
    texts = {"memo": row.memo, "reason": row.reason}
    return item | {name: {"S": text} for name, text in texts.items() if text}


def user_key(user_id: str) -> dict[str, Any]:
    return {"user_id": {"S": user_id}}


def user_item(user: User) -> dict[str, Any]:
    return {"user_id": {"S": user.user_id}, "status": {"S": str(user.status)}}


def to_user(item: Item) -> User:
    return User(item["user_id"]["S"], UserStatus(item["status"]["S"]))


def balance_item(balance: Balance) -> dict[str, Any]:
    return {
        "user_id": {"S": balance.user_id},
        "balance": {"N": btc_text(balance.balance)},
        "version": {"N": str(balance.version)},
        "updated_at": {"S": moment_text(balance.updated_at)},
    }


def to_balance(item: Item) -> Balance:
    return Balance(
        item["user_id"]["S"],
        satoshi(item["balance"]["N"]),
        int(item["version"]["N"]),
        moment(item["updated_at"]["S"]),
    )
