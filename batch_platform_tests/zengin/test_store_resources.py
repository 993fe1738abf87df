"""deploy/aws.yaml for zengin: the table and the bucket as the spec has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_platform.local import template
from batch_platform.local.provision import TEMPLATE
from batch_platform.settings import Settings
from batch_platform_tests.zengin.conftest import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

TABLE = "zengin-data-diff-local"


def test_the_table(provisioned: Settings, dynamodb: DynamoDBClient) -> None:
    found = dynamodb.describe_table(TableName=TABLE)["Table"]
    assert {part["AttributeName"]: part["KeyType"] for part in found["KeySchema"]} == {
        "id": "HASH",
        "timestamp": "RANGE",
    }
    [index] = found["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "StatusIndex"
    assert [part["AttributeName"] for part in index["KeySchema"]] == ["status", "timestamp"]
    assert index["Projection"]["ProjectionType"] == "ALL"
    lifetime = dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    assert (lifetime["AttributeName"], lifetime["TimeToLiveStatus"]) == ("ttl", "ENABLED")


def test_the_bucket(provisioned: Settings, s3: S3Client) -> None:
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    [encryption] = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert set(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}
    rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]}
    ends = rules["delete-after-90-days"]
    assert (ends["Expiration"]["Days"], ends["NoncurrentVersionExpiration"]["NoncurrentDays"]) == (90, 90)


def test_production_can_be_restored_and_is_not_deleted() -> None:
    for env, guarded in (("dev", False), ("prod", True)):
        tables = template.resources(TEMPLATE, "AWS::DynamoDB::Table", {"Env": env}).values()
        [table] = [found for found in tables if found["TableName"] == f"zengin-data-diff-{env}"]
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is guarded
        assert table["DeletionProtectionEnabled"] is guarded
        assert table["BillingMode"] == "PAY_PER_REQUEST"
