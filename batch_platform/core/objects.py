"""S3 objects: complete listings, bodies that survive a broken connection, writes that appear when whole.

`get_object` streams are not retried by boto3. The reader here asks again from where it stopped, under the
same ETag, so that what a caller reads is one version of the object from its first byte to its last.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from batch_platform.core.aws_failures import ObjectMoved, aws_failures, error_code
from batch_platform.core.failures import InvalidInput, NotFound, PermanentFailure, TransientFailure

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

READ_BYTES = 4 * 1024 * 1024
"""A good size for one read: large enough to leave the interpreter out, small against the cache."""

_PART_BYTES = 16 * 1024 * 1024
_FORGIVEN_AFTER = 8 * 1024 * 1024  # bytes read since the last cut after which earlier cuts no longer count
_DELETE_KEYS = 1000  # S3's limit a request


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object. `etag` is without quotes, `size` in bytes, `last_modified` aware."""

    bucket: str
    key: str
    etag: str
    size: int
    last_modified: datetime

    @property
    def uri(self) -> str:
        return uri(self.bucket, self.key)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How a broken body is asked for again: full jitter below a doubling bound, in seconds.

    `attempts` counts tries in a row that brought little; `jitter` returns a number in [0, 1).
    """

    attempts: int = 6
    base: float = 0.2
    longest: float = 20.0
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep

    def wait(self, failures: int) -> None:
        self.sleep(self.jitter() * min(self.longest, self.base * 2.0**failures))


def uri(bucket: str, key: str) -> str:
    """`s3://bucket/key`, as errors and logs name an object."""
    return f"s3://{bucket}/{key}"


def list_objects(client: S3Client, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """Every object under a prefix, all pages, in key order. A failed listing raises; it is never empty."""
    with aws_failures(f"listing {uri(bucket, prefix)}"):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                yield StoredObject(
                    bucket, entry["Key"], entry["ETag"].strip('"'), entry["Size"], entry["LastModified"]
                )


def list_folders(client: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    """The prefixes one level below `prefix`, each ending in `/`, all pages."""
    pages = client.get_paginator("list_objects_v2")
    with aws_failures(f"listing {uri(bucket, prefix)}"):
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
            for entry in page.get("CommonPrefixes", ()):
                yield entry["Prefix"]


def head(client: S3Client, bucket: str, key: str) -> StoredObject | None:
    """What is stored under a key now, or None. One request, no bytes.

    A bucket that does not exist is also None: a HEAD has no body that could tell them apart.
    """
    from botocore.exceptions import ClientError

    with aws_failures(uri(bucket, key)):
        try:
            response = client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) in ("404", "NoSuchKey"):
                return None
            raise
    return StoredObject(bucket, key, response["ETag"].strip('"'), response["ContentLength"], response["LastModified"])


def require_bucket(client: S3Client, bucket: str) -> None:
    """Raises `NotFound` when there is no such bucket, `PermanentFailure` when it may not be looked into."""
    with aws_failures(f"bucket {bucket}"):
        client.head_bucket(Bucket=bucket)


def read_bytes(client: S3Client, stored: StoredObject, *, limit: int, backoff: Backoff | None = None) -> bytes:
    """A small object as a whole, such as a manifest; `PermanentFailure` when it exceeds `limit` bytes."""
    with ObjectReader(client, stored, backoff=backoff) as reader:
        return _whole(reader, limit)


def get_bytes(client: S3Client, bucket: str, key: str, *, limit: int, backoff: Backoff | None = None) -> bytes | None:
    """What is stored under a key now, as `read_bytes` reads it, or None; one request unless its body breaks."""
    from botocore.exceptions import ClientError

    with aws_failures(uri(bucket, key)):
        try:
            answer = client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
    stored = StoredObject(bucket, key, answer["ETag"].strip('"'), answer["ContentLength"], answer["LastModified"])
    with ObjectReader(client, stored, backoff=backoff, body=answer["Body"]) as reader:
        return _whole(reader, limit)


class ObjectReader(io.RawIOBase):
    """A stream over one version of an object, or over its bytes `start` to `stop` (exclusive).

    A cut connection, a timeout or a 5xx is answered by a new GET from the current byte under the same ETag.
    Raises `ObjectMoved` when the object is no longer that version and `TransientFailure` when the attempts
    are used up. The end is reported only after exactly the expected number of bytes. `body` is that of a GET whose
    answer has told of the object.
    """

    def __init__(
        self,
        client: S3Client,
        stored: StoredObject,
        *,
        start: int = 0,
        stop: int | None = None,
        backoff: Backoff | None = None,
        body: StreamingBody | None = None,
    ) -> None:
        super().__init__()
        self.stored = stored
        self._client = client
        self._backoff = backoff or Backoff()
        self._position = start
        self._stop = stored.size if stop is None else stop
        if not 0 <= start <= self._stop <= stored.size:
            raise InvalidInput(
                "range-outside-object",
                "{uri} has {size} bytes, not {start} to {stop}",
                uri=stored.uri,
                size=stored.size,
                start=start,
                stop=self._stop,
            )
        self._body = body
        self._failures = 0
        self._since_failure = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._next(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, fewer only before a break or the end; all that is left for a negative size."""
        return self.readall() if size is None or size < 0 else self._next(size)

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self._next(READ_BYTES), b""))

    def close(self) -> None:
        self._drop()
        super().close()

    def _next(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty only at the end of the range."""
        if self.closed:
            raise ValueError("read of a closed object")
        count = min(size, self._stop - self._position)
        data = b""
        while count and not data:
            data = self._attempt(count)
        self._position += len(data)
        self._since_failure += len(data)
        if self._position == self._stop:
            self._drop()
        return data

    def _attempt(self, count: int) -> bytes:
        """One read; empty after a break that another GET may mend."""
        from urllib3.exceptions import HTTPError

        try:
            with aws_failures(self.stored.uri):
                if self._body is None:
                    self._body = self._open()
                data = self._body.read(count)
        except ObjectMoved:
            raise
        except NotFound as gone:
            raise ObjectMoved(
                "object-deleted-while-read", "{uri} was deleted before it was read to its end", uri=self.stored.uri
            ) from gone
        except TransientFailure as failure:
            self._broke(failure.message, failure)
            return b""
        except (HTTPError, OSError) as error:
            self._broke(type(error).__name__, error)
            return b""
        if not data:
            self._broke("the body ended early", None)
        return data

    def _open(self) -> StreamingBody:
        stored = self.stored
        span = f"{self._position}-{self._stop - 1}"
        answer = self._client.get_object(
            Bucket=stored.bucket, Key=stored.key, IfMatch=f'"{stored.etag}"', Range=f"bytes={span}"
        )
        etag = answer["ETag"].strip('"')
        promised = answer.get("ContentRange")
        if etag == stored.etag and promised == f"bytes {span}/{stored.size}":
            return answer["Body"]
        answer["Body"].close()
        if etag != stored.etag:
            raise ObjectMoved(
                "object-overwritten-while-read", "{uri} was overwritten before it was read to its end", uri=stored.uri
            )
        raise PermanentFailure(
            "s3-range-ignored",
            "{uri}: S3 answered bytes {span}/{size} with {promised}",
            uri=stored.uri,
            span=span,
            size=stored.size,
            promised=promised,
        )

    def _broke(self, reason: str, cause: Exception | None) -> None:
        """Count a break and wait before the next try, or give up."""
        self._drop()
        if self._since_failure >= _FORGIVEN_AFTER:
            self._failures = 0
        self._failures += 1
        self._since_failure = 0
        if self._failures >= self._backoff.attempts:
            raise TransientFailure(
                "reading-stopped",
                "{uri}: reading stopped at byte {position} of {stop} after {failures} attempts ({reason})",
                uri=self.stored.uri,
                position=self._position,
                stop=self._stop,
                failures=self._failures,
                reason=reason,
            ) from cause
        self._backoff.wait(self._failures - 1)

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()


def _whole(reader: ObjectReader, limit: int) -> bytes:
    stored = reader.stored
    if stored.size > limit:
        raise PermanentFailure(
            "object-too-large",
            "{uri} has {size} bytes, more than the {limit} expected",
            uri=stored.uri,
            size=stored.size,
            limit=limit,
        )
    return reader.readall()


def download(client: S3Client, stored: StoredObject, target: Path, *, backoff: Backoff | None = None) -> Path:
    """Write one version of an object to a file. Raises as `ObjectReader` does."""
    buffer = bytearray(READ_BYTES)
    with ObjectReader(client, stored, backoff=backoff) as body, target.open("wb") as out:
        while count := body.readinto(buffer):
            out.write(memoryview(buffer)[:count])
    return target


def put_bytes(
    client: S3Client,
    bucket: str,
    key: str,
    data: bytes,
    *,
    content_type: str = "application/octet-stream",
) -> None:
    """Write a small object; it appears whole or not at all."""
    with aws_failures(uri(bucket, key)):
        client.put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)


def put_once(client: S3Client, bucket: str, key: str, data: bytes, *, content_type: str) -> str | None:
    """Write a small object that is never changed, unless it is there already; the version that is there now.

    None in a bucket that keeps no versions.
    """
    from botocore.exceptions import ClientError

    with aws_failures(uri(bucket, key)):
        try:
            answer = client.put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type, IfNoneMatch="*")
            return answer.get("VersionId")
        except ClientError as error:
            if error_code(error) != "PreconditionFailed":
                raise
        return client.head_object(Bucket=bucket, Key=key).get("VersionId")


def put_file(client: S3Client, path: Path, bucket: str, key: str) -> StoredObject:
    """Upload a file, in parts when it is big; the key appears, or changes, only when all bytes are there.

    A worker that dies leaves parts without a key, which the bucket's lifecycle rule removes.
    """
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    parts = TransferConfig(multipart_threshold=2 * _PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=4)
    with aws_failures(uri(bucket, key)), create_transfer_manager(client, parts) as transfer:
        transfer.upload(str(path), bucket, key).result()
    stored = head(client, bucket, key)
    if stored is None or stored.size != path.stat().st_size:
        raise TransientFailure(
            "upload-replaced", "{uri} was overwritten or deleted right after its upload", uri=uri(bucket, key)
        )
    return stored


def delete_prefix(client: S3Client, bucket: str, prefix: str, *, keep: Collection[str] = ()) -> int:
    """Delete every object under `prefix` except the keys to `keep`, and return how many.

    The prefix must end in `/`: `a/1` would also take `a/10`.
    """
    if not prefix.endswith("/") or prefix == "/":
        raise InvalidInput(
            "prefix-no-folder", "{uri}: a prefix to delete must be a folder and end in /", uri=uri(bucket, prefix)
        )
    keys = [stored.key for stored in list_objects(client, bucket, prefix) if stored.key not in keep]
    for first in range(0, len(keys), _DELETE_KEYS):
        batch: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[first : first + _DELETE_KEYS]]
        with aws_failures(f"deleting {uri(bucket, prefix)}"):
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        for failed in answer.get("Errors", ()):
            raise TransientFailure(
                "object-not-deleted",
                "{uri} was not deleted: {code}",
                uri=uri(bucket, failed.get("Key", prefix)),
                code=str(failed.get("Code")),
            )
    return len(keys)
