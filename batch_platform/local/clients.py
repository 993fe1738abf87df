"""AWS clients for a set of variables that need not be in this process's environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from batch_platform.core import aws

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


def s3(variables: Mapping[str, str]) -> S3Client:
    client: S3Client = _client("s3", variables, variables.get("AWS_ENDPOINT_URL"))
    return client


def dynamodb(variables: Mapping[str, str]) -> DynamoDBClient:
    endpoint = variables.get("AWS_ENDPOINT_URL_DYNAMODB") or variables.get("AWS_ENDPOINT_URL")
    client: DynamoDBClient = _client("dynamodb", variables, endpoint)
    return client


def _client(name: str, variables: Mapping[str, str], endpoint: str | None) -> Any:
    from botocore.config import Config

    session = aws.new_session(variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION"))
    key, secret = variables.get("AWS_ACCESS_KEY_ID"), variables.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        session.set_credentials(key, secret, variables.get("AWS_SESSION_TOKEN") or None)
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    config = Config(connect_timeout=5, read_timeout=30, retries=retries)
    create: Any = session.create_client
    return create(name, endpoint_url=endpoint, config=config)
