"""What of a record lies in S3: rows of bulk records, data too big for an item, long error texts.

An object is written before the item that names it, with its hash and version; a worker that dies in between leaves an
object that the next one writes again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from batch_platform.core import objects
from batch_platform.core.aws_failures import aws_failures
from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.zengin.model import DiffType, Record

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HASH: Final = "dataSha256"
_VERSION: Final = "dataVersion"
_CUT: Final = " …"


class Payloads:
    """The objects of records in one bucket."""

    def __init__(self, s3: S3Client, bucket: str, patience: objects.Backoff) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._patience = patience

    def place(self, record: Record, payload: bytes) -> Record:
        """Put the payload of a record to S3; the record that names it."""
        key = f"diffs/{record.id}.json"
        with aws_failures(objects.uri(self._bucket, key)):
            answer = self._s3.put_object(Bucket=self._bucket, Key=key, Body=payload, ContentType="application/json")
        facts = {_HASH: sha256(payload).hexdigest()}
        if version := answer.get("VersionId"):
            facts[_VERSION] = version
        return replace(
            record,
            data_location=objects.uri(self._bucket, key),
            data_size=len(payload),
            metadata={**record.metadata, **facts},
        )

    def read(self, record: Record) -> bytes:
        """The payload of a record, exactly as it was put. Raises `PermanentFailure` when it is not, or is gone."""
        location = record.data_location or ""
        bucket, _, key = location.removeprefix("s3://").partition("/")
        request: Any = {"Bucket": bucket, "Key": key}
        if version := record.metadata.get(_VERSION):
            request["VersionId"] = version
        payload = self._get(request, location or f"the payload of record {record.id}")
        if sha256(payload).hexdigest() != record.metadata.get(_HASH):
            raise PermanentFailure(
                "payload-differs",
                "{location} is not what record {record} was stored with",
                location=location,
                record=record.id,
            )
        return payload

    def _get(self, request: Any, where: str) -> bytes:
        """The whole body; one that breaks off is asked for again, which boto3 does not do by itself."""
        failures = 0
        while True:
            try:
                with aws_failures(where):
                    return self._s3.get_object(**request)["Body"].read()
            except TransientFailure:
                failures += 1
                if failures >= self._patience.attempts:
                    raise
                self._patience.wait(failures - 1)

    def spill(self, record: Record) -> Record:
        """The record with its data in S3; what it is about still stands in the item."""
        if record.diff_type == DiffType.BULK_UPDATE:
            raise PermanentFailure(
                "record-too-big", "record {record} is too big for an item even without its rows", record=record.id
            )
        data = {
            "zenginData": record.zengin_data and dict(record.zengin_data),
            "currentData": record.current_data and dict(record.current_data),
            "changes": {name: dict(sides) for name, sides in record.changes.items()},
        }
        payload = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        return self.place(record, payload)

    def bare(self, record: Record) -> Record:
        """The record without what lies in S3."""
        if record.data_location is None:
            return record
        return replace(record, zengin_data=None, current_data=None, changes={})

    def fill(self, record: Record) -> Record:
        """The record with what lies in S3."""
        data: Mapping[str, Any] = json.loads(self.read(record))
        return replace(
            record, zengin_data=data["zenginData"], current_data=data["currentData"], changes=data["changes"]
        )

    def shorten_error(self, record: Record, limit: int) -> Record:
        """The record with the beginning of its error text; the whole is put to `errors/{id}-{version}.txt`."""
        text = record.error or ""
        key = f"errors/{record.id}-{record.version}.txt"
        objects.put_bytes(self._s3, self._bucket, key, text.encode(), content_type="text/plain; charset=utf-8")
        start = text.encode()[: limit - len(_CUT.encode())].decode(errors="ignore")
        return replace(
            record,
            error=start + _CUT,
            metadata={**record.metadata, "errorLocation": objects.uri(self._bucket, key)},
        )
