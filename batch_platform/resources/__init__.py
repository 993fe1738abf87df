"""Dagster adapters that hand out plain clients; what they hand out knows nothing of Dagster.

Dagster's UI shows every configured value of a resource. Fields therefore hold what anyone may see (region,
endpoint, pool size), and secrets (the database URL) are read from the settings inside, when a run needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg

    from batch_platform.settings import Settings


def build_resources(settings: Settings) -> dict[str, dg.ConfigurableResource[Any]]:
    """Every resource by the name assets ask for it; the only place that makes them."""
    from batch_platform.resources.aws import AwsResource, DynamoDBResource, S3Resource, SecretsResource
    from batch_platform.resources.postgres import PostgresResource

    endpoints: dict[str, Any] = {
        "aws_region": settings.aws_region,
        "aws_endpoint_url": settings.aws_endpoint_url,
        "aws_endpoint_url_dynamodb": settings.aws_endpoint_url_dynamodb,
    }
    return {
        "postgres": PostgresResource(),
        "aws": AwsResource(**endpoints),
        "s3": S3Resource(**endpoints, lake_bucket=settings.lake_bucket),
        "dynamodb": DynamoDBResource(**endpoints),
        "secrets": SecretsResource(**endpoints),
    }
