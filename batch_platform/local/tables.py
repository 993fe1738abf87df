"""AWS::DynamoDB::Table on a local DynamoDB: the properties are those of CreateTable, with few exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from batch_platform.core.failures import Conflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Backups, keys and tags matter to production alone.
_PRODUCTION_ONLY = {
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "DeletionProtectionEnabled",
    "ContributorInsightsSpecification",
    "TableClass",
    "Tags",
}


def ensure_table(dynamodb: DynamoDBClient, properties: Mapping[str, Any]) -> list[str]:
    """Create the table, the indexes it lacks and its time to live; returns what was changed."""
    definition = {name: value for name, value in properties.items() if name not in _PRODUCTION_ONLY}
    lifetime = definition.pop("TimeToLiveSpecification", None)
    if "StreamSpecification" in definition:
        definition["StreamSpecification"] = {**definition["StreamSpecification"], "StreamEnabled": True}
    table: str = definition["TableName"]
    existing = _describe(dynamodb, table)
    if existing is None:
        dynamodb.create_table(**definition)
        dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
        changes = [f"table {table}"]
    else:
        changes = _add_indexes(dynamodb, table, definition, existing)
    return changes + _ensure_lifetime(dynamodb, table, lifetime)


def _describe(dynamodb: DynamoDBClient, table: str) -> Mapping[str, Any] | None:
    try:
        return dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None


def _add_indexes(
    dynamodb: DynamoDBClient, table: str, definition: Mapping[str, Any], existing: Mapping[str, Any]
) -> list[str]:
    if _key(existing) != _key(definition):
        raise Conflict(
            "other-table-key",
            "table {table} has another key than deploy/aws.yaml; a key cannot be changed",
            table=table,
        )
    present = {index["IndexName"]: index for index in existing.get("GlobalSecondaryIndexes", [])}
    changes = []
    for index in definition.get("GlobalSecondaryIndexes", []):
        name = index["IndexName"]
        if name not in present:
            update: Any = {"Create": index}
            dynamodb.update_table(
                TableName=table,
                AttributeDefinitions=definition["AttributeDefinitions"],
                GlobalSecondaryIndexUpdates=[update],
            )
            changes.append(f"index {name} of table {table}")
        elif _key(present[name]) != _key(index):
            raise Conflict(
                "other-index-key",
                "index {index} of {table} has another key than deploy/aws.yaml; rename it there",
                index=name,
                table=table,
            )
    return changes


def _ensure_lifetime(dynamodb: DynamoDBClient, table: str, lifetime: Mapping[str, Any] | None) -> list[str]:
    if lifetime is None:
        return []
    existing = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if existing.get("AttributeName") == lifetime["AttributeName"]:
        return []
    specification: Any = dict(lifetime)
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=specification)
    return [f"time to live of table {table}"]


def _key(described: Mapping[str, Any]) -> dict[str, str]:
    return {part["AttributeName"]: part["KeyType"] for part in described["KeySchema"]}
