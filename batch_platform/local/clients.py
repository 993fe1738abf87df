"""boto3 clients for a set of variables that need not be in this process's environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
    import boto3
    from botocore.config import Config

    session: Any = boto3.session.Session(
        aws_access_key_id=variables.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=variables.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=variables.get("AWS_SESSION_TOKEN") or None,
        region_name=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION"),
    )
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    config = Config(connect_timeout=5, read_timeout=30, retries=retries)
    return session.client(name, endpoint_url=endpoint, config=config)
