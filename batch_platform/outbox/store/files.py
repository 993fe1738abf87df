"""What is attached to mails, as it lies in S3."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from batch_platform.core import objects
from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.outbox.model import Attachment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Files:
    """The objects of S3 by the references of notices."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def read(self, attachment: Attachment, *, limit: int) -> bytes:
        """Its bytes, which have its hash.

        Raises `PermanentFailure` for one that is not there, has changed, or has more than `limit` bytes, and
        `TransientFailure` where S3 does not answer.
        """
        place = objects.uri(attachment.bucket, attachment.key)
        try:
            content = objects.get_bytes(self._s3, attachment.bucket, attachment.key, limit=limit)
        except NotFound:  # the bucket
            content = None
        if content is None:
            raise PermanentFailure(
                "attachment-missing",
                "the attachment {filename} is not there: {place}",
                filename=attachment.filename,
                place=place,
            )
        digest = hashlib.sha256(content).hexdigest()
        if digest != attachment.sha256:
            raise PermanentFailure(
                "attachment-changed",
                "the attachment {filename} is not what was handed over: {place} has SHA-256 {found}, not {expected}",
                filename=attachment.filename,
                place=place,
                found=digest,
                expected=attachment.sha256,
            )
        return content
