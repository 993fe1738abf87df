"""AWS clients as Dagster resources. Clients are shared by the whole process and safe between threads."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from batch_platform.core import aws
from batch_platform.core.failures import PermanentFailure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from batch_platform.core.aws import Session


class AwsResource(dg.ConfigurableResource["AwsResource"]):
    """Where AWS is, and sessions in other accounts."""

    aws_region: str
    aws_endpoint_url: str | None = None
    aws_endpoint_url_dynamodb: str | None = None

    def assumed_session(
        self,
        *,
        role_arn: str | None,
        external_id: str | None = None,
        session_name: str,
        region: str | None = None,
    ) -> Session:
        """A session in a role of another account; see `core.aws.assumed_session`."""
        return aws.assumed_session(
            self, role_arn=role_arn, external_id=external_id, session_name=session_name, region=region
        )

    def s3_client(self, using: Session) -> S3Client:
        """An S3 client that acts as the session given."""
        return aws.client("s3", self, using=using)


class S3Resource(AwsResource):
    """The platform's own buckets."""

    lake_bucket: str

    def get_client(self) -> S3Client:
        return aws.client("s3", self)


class DynamoDBResource(AwsResource):
    """The platform's own tables."""

    def get_client(self) -> DynamoDBClient:
        return aws.client("dynamodb", self)


class SecretsResource(AwsResource):
    """Secrets Manager. Values are kept for `cache_seconds` in memory and never logged or shown."""

    cache_seconds: int = 300

    _kept: dict[str, tuple[float, str]] = PrivateAttr(default_factory=dict)
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def get(self, secret_id: str) -> str:
        """The current value of a secret; `NotFound` when there is none, `PermanentFailure` when denied."""
        with self._lock:
            expires, value = self._kept.get(secret_id, (0.0, ""))
            if time.monotonic() >= expires:
                value = self._fetch(secret_id)
                self._kept[secret_id] = (time.monotonic() + self.cache_seconds, value)
            return value

    def get_fields(self, secret_id: str) -> dict[str, str]:
        """A secret kept as a JSON object of texts, such as the login of a database."""
        try:
            fields = json.loads(self.get(secret_id))
        except ValueError:  # its text would quote the secret
            fields = None
        if not isinstance(fields, dict):
            raise PermanentFailure("secret-no-json", "secret {secret_id} is not a JSON object", secret_id=secret_id)
        return {str(name): str(value) for name, value in fields.items()}

    def _fetch(self, secret_id: str) -> str:
        with aws.aws_failures(f"secret {secret_id}"):
            answer = aws.client("secretsmanager", self).get_secret_value(SecretId=secret_id)
        if "SecretString" not in answer:
            raise PermanentFailure("secret-no-text", "secret {secret_id} holds bytes, not text", secret_id=secret_id)
        return answer["SecretString"]
