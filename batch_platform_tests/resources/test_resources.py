"""Resources in real Dagster runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from batch_platform.core import aws
from batch_platform.core.failures import InvalidInput, NotFound, PermanentFailure, TransientFailure
from batch_platform.resources import build_resources
from batch_platform.resources.aws import DynamoDBResource, S3Resource, SecretsResource
from batch_platform.resources.failures import dagster_failures
from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import Settings


def test_assets_get_plain_clients(settings: Settings) -> None:
    seen: dict[str, Any] = {}

    @dg.asset
    def probe(postgres: PostgresResource, s3: S3Resource, dynamodb: DynamoDBResource) -> None:
        with postgres.transaction() as connection:
            seen["one"] = connection.execute("SELECT 1").fetchone()
        seen["pool"] = postgres.pool()
        seen["s3"] = s3.get_client()
        seen["bucket"] = s3.lake_bucket
        seen["tables"] = dynamodb.get_client().list_tables()["TableNames"]

    assert dg.materialize([probe], resources=build_resources(settings)).success
    assert seen["one"] == (1,)
    assert seen["pool"].closed
    assert seen["s3"] is aws.client("s3", settings)
    assert seen["bucket"] == "local-batch-platform"
    assert isinstance(seen["tables"], list)


def test_no_secret_is_shown(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:geheim@127.0.0.1:1/db")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "geheim")
    resources = build_resources(Settings())
    shown = repr(resources) + json.dumps(
        {name: resource.get_resource_definition().config_schema.default_value for name, resource in resources.items()}
    )
    assert "geheim" not in shown
    assert "lake_bucket" in shown


def test_a_missing_database_url_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(InvalidInput, match="DATABASE_URL is not set"):
        PostgresResource().pool()


def test_secrets_are_kept_for_a_while(settings: Settings) -> None:
    manager = aws.client("secretsmanager", settings)
    name = f"bank/{uuid4().hex}"
    manager.create_secret(Name=name, SecretString='{"username": "u", "port": 5432}')
    secrets: Any = build_resources(settings)["secrets"]
    fresh = SecretsResource(aws_region="ap-northeast-1", aws_endpoint_url=settings.aws_endpoint_url, cache_seconds=0)
    assert secrets.get_fields(name) == {"username": "u", "port": "5432"}
    manager.put_secret_value(SecretId=name, SecretString="geheim")
    assert secrets.get_fields(name) == {"username": "u", "port": "5432"}
    assert fresh.get(name) == "geheim"
    with pytest.raises(PermanentFailure, match="is not a JSON object") as failure:
        fresh.get_fields(name)
    assert "geheim" not in str(failure.value)
    assert "geheim" not in repr(secrets) + repr(fresh)
    with pytest.raises(NotFound, match="secret no/such does not exist"):
        fresh.get("no/such")


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [
        (PermanentFailure("denied", "s3://b/k: access denied"), 1),
        (InvalidInput("no-month", "no such month"), 1),
        (TransientFailure("busy", "s3://b/k: AWS is busy"), 3),
    ],
)
def test_only_what_may_get_better_is_retried(failure: Exception, attempts: int) -> None:
    calls: list[int] = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
    def flaky() -> None:
        calls.append(1)
        with dagster_failures():
            raise failure

    result = dg.materialize([flaky], raise_on_error=False)
    assert not result.success
    assert len(calls) == attempts
    [step] = result.get_step_failure_events()
    data: Any = step.step_failure_data
    assert data.user_failure_data.description == str(failure)
    assert type(failure).__name__ in repr(data.user_failure_data.metadata)


def test_a_transient_failure_without_a_policy_fails_at_once() -> None:
    @dg.asset
    def plain() -> None:
        with dagster_failures():
            raise TransientFailure("later", "later")

    assert not dg.materialize([plain], raise_on_error=False).success


@pytest.mark.parametrize("bug", [ValueError, ZeroDivisionError])
def test_bugs_pass(bug: Callable[[], Exception]) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)), dagster_failures():
        raise bug()
