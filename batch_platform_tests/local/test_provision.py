"""deploy/aws.yaml applied to local endpoints."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import boto3
import pytest

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.local import template
from batch_platform.local.buckets import ensure_bucket
from batch_platform.local.provision import TEMPLATE, provision, restore
from batch_platform.settings import Settings

TABLE = """
    Parameters:
      Env: {Type: String}
      Suffix: {Type: String, Default: items}
    Conditions:
      IsProduction: !Equals [!Ref Env, prod]
      IsLocal: !Not [!Condition IsProduction]
    Resources:
      Items:
        Type: AWS::DynamoDB::Table
        Condition: IsLocal
        Properties:
          TableName: !Sub "${Env}-%(name)s-${Suffix}"
          BillingMode: PAY_PER_REQUEST
          KeySchema:
            - {AttributeName: %(key)s, KeyType: HASH}
          AttributeDefinitions:
            - {AttributeName: %(key)s, AttributeType: S}
            - {AttributeName: state, AttributeType: S}
          GlobalSecondaryIndexes: !If
            - %(condition)s
            - !Ref AWS::NoValue
            - - IndexName: by-state
                KeySchema: [{AttributeName: state, KeyType: HASH}]
                Projection: {ProjectionType: ALL}
          TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
          PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      Elsewhere:
        Type: AWS::DynamoDB::Table
        Condition: IsProduction
        Properties: {TableName: elsewhere}
      Role:
        Type: AWS::IAM::Role
        Properties: {RoleName: !GetAtt Nothing.Here}
"""


def table_template(path: Path, *, name: str, key: str = "id", condition: str = "IsProduction") -> Path:
    path.write_text(dedent(TABLE % {"name": name, "key": key, "condition": condition}))
    return path


def test_provisioning_twice_changes_nothing(services: dict[str, str], settings: Settings) -> None:
    provision(settings, services)
    assert provision(settings, services) == []


def test_the_lake_is_as_the_template_says(services: dict[str, str], settings: Settings) -> None:
    s3 = boto3.client("s3")
    bucket = settings.lake_bucket
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {rule["ID"] for rule in rules} == {"forget-replaced-versions", "abort-unfinished-uploads"}
    (encryption,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_a_setting_that_was_changed_is_set_again(services: dict[str, str], settings: Settings) -> None:
    s3 = boto3.client("s3")
    s3.put_bucket_versioning(Bucket=settings.lake_bucket, VersioningConfiguration={"Status": "Suspended"})
    assert restore(services) == [f"VersioningConfiguration of bucket {settings.lake_bucket}"]


def test_a_lock_is_set_again_where_a_killed_emulator_left_the_bare_bucket(services: dict[str, str]) -> None:
    s3 = boto3.client("s3", endpoint_url=services["AWS_ENDPOINT_URL"])
    s3.create_bucket(Bucket="bare", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Years": 10}}}
    properties = {"BucketName": "bare", "ObjectLockEnabled": True, "ObjectLockConfiguration": lock}
    assert ensure_bucket(s3, {**properties, "VersioningConfiguration": {"Status": "Enabled"}}) == [
        "VersioningConfiguration of bucket bare",
        "ObjectLockConfiguration of bucket bare",
    ]


def test_a_table_with_index_and_time_to_live(services: dict[str, str], tmp_path: Path) -> None:
    path = table_template(tmp_path / "aws.yaml", name="whole")
    table = "local-whole-items"
    assert restore(services, path) == [f"table {table}", f"time to live of table {table}"]
    assert restore(services, path) == []
    found = boto3.client("dynamodb").describe_table(TableName=table)["Table"]
    assert [index["IndexName"] for index in found["GlobalSecondaryIndexes"]] == ["by-state"]


def test_an_index_is_added_to_an_existing_table(services: dict[str, str], tmp_path: Path) -> None:
    path = table_template(tmp_path / "aws.yaml", name="grown", condition="IsLocal")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if "{AttributeName: state, AttributeType: S}" not in line))
    restore(services, path)
    path = table_template(tmp_path / "aws.yaml", name="grown")
    assert restore(services, path) == ["index by-state of table local-grown-items"]
    assert restore(services, path) == []


def test_a_changed_key_is_refused(services: dict[str, str], tmp_path: Path) -> None:
    restore(services, table_template(tmp_path / "aws.yaml", name="fixed"))
    with pytest.raises(Conflict, match="local-fixed-items has another key"):
        restore(services, table_template(tmp_path / "aws.yaml", name="fixed", key="other"))


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("{BucketName: b, AccelerateConfiguration: {}}", "bucket property AccelerateConfiguration is not understood"),
        ("{BucketName: !Sub '${Nobody}-b'}", "Nobody is no parameter"),
        ("{BucketName: !Join ['-', [a, b]]}", "Fn::Join is not understood"),
        ("{BucketName: !If [Never, a, b]}", "no condition Never"),
    ],
)
def test_what_is_not_understood_is_refused(
    services: dict[str, str], tmp_path: Path, properties: str, message: str
) -> None:
    path = tmp_path / "aws.yaml"
    path.write_text(f"Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties: {properties}\n")
    with pytest.raises(InvalidInput, match=message):
        restore(services, path)


def test_a_broken_template_is_one_clear_error(services: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "aws.yaml").write_text("Resources: [")
    with pytest.raises(InvalidInput, match=r"aws\.yaml is not YAML: line 1: expected"):
        restore(services, tmp_path / "aws.yaml")


def test_names_carry_the_environment() -> None:
    production = template.resources(TEMPLATE, "AWS::S3::Bucket", {"Env": "prod"})["Lake"]
    assert production["BucketName"] == "prod-batch-platform"


def test_production_is_deployed_not_provisioned(settings: Settings, services: dict[str, str]) -> None:
    with pytest.raises(Conflict, match="aws cloudformation deploy"):
        provision(settings.model_copy(update={"env": "prod"}), services)
