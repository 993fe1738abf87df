"""Snapshots in the lake: both tables of a release as Parquet, in place only when complete.

A snapshot's folder is named by its content, so writing it again writes the same. Its manifest comes last and names
each file by its hash: a folder without one is of a worker that died, and is no snapshot.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Final

import polars as pl

from batch_platform.core import objects
from batch_platform.core.failures import NotFound, PermanentFailure

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX: Final = "zengin/zengin_snapshot"
_MANIFEST: Final = "manifest.json"
_BYTES_AT_MOST: Final = 256 * 1024 * 1024


class SnapshotLake:
    """Frames of snapshots under `s3://<lake>/zengin/zengin_snapshot/<date>/<hash>/`."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, day: date, content_hash: str, frames: Mapping[str, pl.DataFrame]) -> str:
        """Write the frames (by name: banks, branches) of a snapshot; its location, an `s3://` folder."""
        folder = f"{PREFIX}/{day:%Y-%m-%d}/{content_hash[:12]}/"
        hashes = {}
        for name, frame in frames.items():
            body = BytesIO()
            frame.write_parquet(body)
            data = body.getvalue()
            hashes[name] = sha256(data).hexdigest()
            objects.put_bytes(self._s3, self._bucket, f"{folder}{name}.parquet", data)
        manifest = json.dumps({"contentHash": content_hash, "files": hashes}, sort_keys=True).encode()
        objects.put_bytes(self._s3, self._bucket, folder + _MANIFEST, manifest, content_type="application/json")
        return objects.uri(self._bucket, folder)

    def get(self, location: str, names: tuple[str, ...] = ("banks", "branches")) -> dict[str, pl.DataFrame]:
        """The frames of a snapshot by name. Raises `NotFound` when it is not complete, and `PermanentFailure` when a
        file is not the one that was written."""
        bucket, _, folder = location.removeprefix("s3://").partition("/")
        listed = {stored.key: stored for stored in objects.list_objects(self._s3, bucket, folder)}
        files = json.loads(self._read(listed, bucket, folder + _MANIFEST))["files"]
        frames = {}
        for name in names:
            data = self._read(listed, bucket, f"{folder}{name}.parquet")
            if sha256(data).hexdigest() != files.get(name):
                raise PermanentFailure(
                    "snapshot-file-differs",
                    "{location}{name}.parquet is not the file its manifest names",
                    location=location,
                    name=name,
                )
            frames[name] = pl.read_parquet(BytesIO(data))
        return frames

    def _read(self, listed: Mapping[str, objects.StoredObject], bucket: str, key: str) -> bytes:
        stored = listed.get(key)
        if stored is None:
            raise NotFound(
                "snapshot-incomplete",
                "{file} is not there: the snapshot is not complete",
                file=objects.uri(bucket, key),
            )
        return objects.read_bytes(self._s3, stored, limit=_BYTES_AT_MOST)
