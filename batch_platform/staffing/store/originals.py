"""The originals of documents in S3, each under its hash: what was issued is stored once and never changed.

The bucket keeps versions and locks them (電子帳簿保存法). A worker that dies before its commit leaves an object that
no row names; whoever comes next writes the same bytes under the same key.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from batch_platform.core import objects
from batch_platform.core.failures import PermanentFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

PDF: Final = "application/pdf"
_LARGEST: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class Original:
    """Where a document lies; `version` is S3's, None of a bucket without versions."""

    bucket: str
    key: str
    version: str | None


class Originals:
    """The documents of one bucket. The client is made when it is first needed."""

    def __init__(self, client: Callable[[], S3Client], bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def put(self, content: bytes, digest: str, *, folder: str = "invoices") -> Original:
        """Store a document under its SHA-256 (hex); one that is there already stays as it is."""
        key = f"{folder}/{digest}.pdf"
        version = objects.put_once(self._client(), self.bucket, key, content, content_type=PDF)
        return Original(self.bucket, key, version)

    def get(self, key: str, digest: str) -> bytes:
        """A document. Raises `PermanentFailure` where it is not there, or not what was issued."""
        content = objects.get_bytes(self._client(), self.bucket, key, limit=_LARGEST)
        if content is None or sha256(content).hexdigest() != digest:
            raise PermanentFailure(
                "original-differs",
                "the original {place} is missing or is not what was issued",
                place=objects.uri(self.bucket, key),
            )
        return content
