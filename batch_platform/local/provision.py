"""Creates the buckets and tables of deploy/aws.yaml on the local endpoints; run again, it changes nothing.

Production deploys the same file with CloudFormation. Other resource types, such as roles, are for production.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from batch_platform import domains
from batch_platform.core.failures import Conflict, TransientFailure
from batch_platform.local import clients, template
from batch_platform.local.buckets import ensure_bucket
from batch_platform.local.home import REPOSITORY
from batch_platform.local.tables import ensure_table
from batch_platform.settings import Settings

TEMPLATE = REPOSITORY / "deploy" / "aws.yaml"


def provision(settings: Settings, variables: Mapping[str, str]) -> list[str]:
    """Bring the local databases, buckets and tables up to date; returns what was changed, in words."""
    if settings.env != "local":
        stack = f"{settings.env}-batch-platform"
        raise Conflict(
            "provision-elsewhere",
            "provision is for the local environment; deploy {env} by: aws cloudformation deploy "
            "--template-file deploy/aws.yaml --stack-name {stack} --parameter-overrides Env={env}",
            env=settings.env,
            stack=stack,
        )
    from batch_platform import migrations
    from batch_platform.operations.dagster import tables

    parameters: dict[str, str] = {
        name: getattr(settings.of(domain.settings()), field)
        for domain in domains.DOMAINS
        for name, field in domain.stack_parameters.items()
    }
    changes = restore(variables, parameters=parameters)
    database = variables.get("DATABASE_URL")
    if database:
        changes += [f"migration {name}" for name in migrations.pending(database)]
        migrations.upgrade(database)
    dagster = variables.get("DAGSTER_POSTGRES_URL")
    if dagster and tables.pending(dagster):
        tables.upgrade(dagster)
        changes.append("Dagster's tables")
    return changes


def restore(
    variables: Mapping[str, str], path: Path = TEMPLATE, *, parameters: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """Create what the template has and the endpoints lack; `parameters` are the template's own.

    An endpoint that is not named is left alone.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    parameters = {
        "Env": "local",
        "AWS::Region": variables.get("AWS_REGION", ""),
        "AWS::AccountId": "000000000000",
        **parameters,
    }
    changes: list[str] = []
    try:
        if variables.get("AWS_ENDPOINT_URL"):
            s3 = clients.s3(variables)
            for properties in template.resources(path, "AWS::S3::Bucket", parameters).values():
                changes += ensure_bucket(s3, properties)
        if variables.get("AWS_ENDPOINT_URL_DYNAMODB") or variables.get("AWS_ENDPOINT_URL"):
            dynamodb = clients.dynamodb(variables)
            for properties in template.resources(path, "AWS::DynamoDB::Table", parameters).values():
                changes += ensure_table(dynamodb, properties)
    except (BotoCoreError, ClientError) as error:
        raise TransientFailure(
            "template-refused", "the local AWS endpoints refuse deploy/aws.yaml: {reason}", reason=str(error)
        ) from error
    return changes
