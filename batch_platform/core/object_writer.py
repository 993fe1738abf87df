"""A stream into S3: an object of any length that is written as it comes, and appears when it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from batch_platform.core.aws_failures import aws_failures
from batch_platform.core.failures import PlatformError
from batch_platform.core.objects import uri

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from mypy_boto3_s3 import S3Client

_PART_BYTES: Final = 16 * 1024 * 1024
_PARTS_ALIKE: Final = 1000  # then the next ones are larger: S3 takes 10,000 parts of an object
_AT_ONCE: Final = 2


class ObjectWriter:
    """What is written to it becomes the object; `sha256` and `size` (bytes) are of all that was written.

    At most three parts are in memory. What fits into one is put by one request.
    """

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self.size = 0
        self._client = client
        self._bucket = bucket
        self._key = key
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._upload: str | None = None
        self._parts: list[Future[str]] = []
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="upload")

    @property
    def sha256(self) -> str:
        """Of what has been written so far."""
        return self._hash.hexdigest()

    def write(self, data: ReadableBuffer, /) -> int:
        """Take the bytes; waits while as many parts are on their way as may be. Raises what an upload raised."""
        self._hash.update(data)
        self._buffer += data
        length = memoryview(data).nbytes
        self.size += length
        if len(self._buffer) >= _PART_BYTES * (1 + len(self._parts) // _PARTS_ALIKE):
            self._send()
        return length

    def flush(self) -> None:
        """Parts are sent when they are full."""

    def complete(self) -> None:
        """Send what is left; then the object is there."""
        if self._upload is None:
            with aws_failures(uri(self._bucket, self._key)):
                self._client.put_object(Bucket=self._bucket, Key=self._key, Body=bytes(self._buffer))
            return
        if self._buffer:
            self._send()
        etags = [part.result() for part in self._parts]
        with aws_failures(uri(self._bucket, self._key)):
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload,
                MultipartUpload={
                    "Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
                },
            )

    def abort(self) -> None:
        """Leave no part behind, as far as the store answers."""
        for part in self._parts:
            part.cancel()
        self.close()
        if self._upload is not None:
            with suppress(PlatformError), aws_failures(uri(self._bucket, self._key)):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload)

    def close(self) -> None:
        self._threads.shutdown()

    def _send(self) -> None:
        if self._upload is None:
            with aws_failures(uri(self._bucket, self._key)):
                begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._key)
            self._upload = begun["UploadId"]
        if len(self._parts) >= _AT_ONCE:
            self._parts[-_AT_ONCE].result()
        part, self._buffer = bytes(self._buffer), bytearray()
        self._parts.append(self._threads.submit(self._put, self._upload, len(self._parts) + 1, part))

    def _put(self, upload: str, number: int, part: bytes) -> str:
        with aws_failures(uri(self._bucket, self._key)):
            answer = self._client.upload_part(
                Bucket=self._bucket, Key=self._key, UploadId=upload, PartNumber=number, Body=part
            )
        return answer["ETag"]


@contextmanager
def writing(client: S3Client, bucket: str, key: str) -> Iterator[ObjectWriter]:
    """The object appears at the end of the block; after an exception nothing of it is there."""
    writer = ObjectWriter(client, bucket, key)
    try:
        yield writer
        writer.complete()
    except BaseException:
        writer.abort()
        raise
    finally:
        writer.close()


def abort_uploads(client: S3Client, bucket: str, prefix: str) -> int:
    """Abort the uploads under a prefix that somebody who died has left, and return how many."""
    with aws_failures(f"uploads below {uri(bucket, prefix)}"):
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        left = [upload for page in pages for upload in page.get("Uploads", ())]
        for upload in left:
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return len(left)
