"""AWS::S3::Bucket on a local S3: each property compared with what is there and written where it differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batch_platform.core.failures import InvalidInput

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def ensure_bucket(s3: S3Client, properties: Mapping[str, Any]) -> list[str]:
    """Create the bucket and bring its settings in line; returns what was changed."""
    unknown = set(properties) - {"BucketName", "Tags", _LOCKABLE, *_SETTINGS}
    if unknown:
        raise InvalidInput(
            "unknown-bucket-property", "bucket property {property} is not understood locally", property=min(unknown)
        )
    bucket: str = properties["BucketName"]
    changes = []
    if bucket not in {existing["Name"] for existing in s3.list_buckets()["Buckets"]}:
        _create(s3, bucket, lockable=bool(properties.get(_LOCKABLE)))
        changes.append(f"bucket {bucket}")
    for name, setting in _SETTINGS.items():
        if name not in properties:
            continue
        value = setting.translate(properties[name])
        if _read(setting, s3, bucket) != value:
            setting.write(s3, bucket, value)
            changes.append(f"{name} of bucket {bucket}")
    return changes


def _create(s3: S3Client, bucket: str, *, lockable: bool) -> None:
    """S3 takes the name of every region but its first one."""
    location: Any = {"LocationConstraint": s3.meta.region_name}
    if s3.meta.region_name == "us-east-1":
        s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=lockable)
    else:
        s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=lockable, CreateBucketConfiguration=location)


_ABSENT = ("NoSuch", "ServerSideEncryptionConfigurationNotFound", "ObjectLockConfigurationNotFound")
_LOCKABLE = "ObjectLockEnabled"  # of a bucket that is created so, for good


@dataclass(frozen=True)
class _Setting:
    """How one CloudFormation property is spelled, read and written in the S3 API."""

    translate: Callable[[Any], Any]
    read: Callable[[S3Client, str], Any]
    write: Callable[[S3Client, str, Any], Any]


def _read(setting: _Setting, s3: S3Client, bucket: str) -> Any:
    from botocore.exceptions import ClientError

    try:
        return setting.read(s3, bucket)
    except ClientError as error:
        if error.response["Error"]["Code"].startswith(_ABSENT):
            return None
        raise


def _lifecycle(configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [_lifecycle_rule(dict(rule)) for rule in configuration["Rules"]]


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation flattens what the API nests."""
    translated = {
        "ID": rule.pop("Id"),
        "Status": rule.pop("Status"),
        "Filter": {"Prefix": rule.pop("Prefix", "")},
    }
    if "ExpirationInDays" in rule:
        translated["Expiration"] = {"Days": rule.pop("ExpirationInDays")}
    for name in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if name in rule:
            translated[name] = rule.pop(name)
    if rule:
        raise InvalidInput(
            "unknown-lifecycle-property",
            "lifecycle property {property} is not understood locally",
            property=min(rule),
        )
    return translated


def _encryption(configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    rules = configuration["ServerSideEncryptionConfiguration"]
    return [{"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]} for rule in rules]


def _read_encryption(s3: S3Client, bucket: str) -> list[dict[str, Any]]:
    """Without the defaults that S3 adds to each rule."""
    configuration = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    defaults = [dict(rule["ApplyServerSideEncryptionByDefault"]) for rule in configuration["Rules"]]
    return [{"ApplyServerSideEncryptionByDefault": default} for default in defaults]


# In the order in which they are written: a lock is refused without versions, which a killed emulator forgets.
_SETTINGS = {
    "VersioningConfiguration": _Setting(
        translate=lambda value: value["Status"],
        read=lambda s3, bucket: s3.get_bucket_versioning(Bucket=bucket).get("Status"),
        write=lambda s3, bucket, status: s3.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": status}
        ),
    ),
    "PublicAccessBlockConfiguration": _Setting(
        translate=dict,
        read=lambda s3, bucket: s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"],
        write=lambda s3, bucket, block: s3.put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration=block
        ),
    ),
    "BucketEncryption": _Setting(
        translate=_encryption,
        read=_read_encryption,
        write=lambda s3, bucket, rules: s3.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules}
        ),
    ),
    "ObjectLockConfiguration": _Setting(
        translate=dict,
        read=lambda s3, bucket: s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"],
        write=lambda s3, bucket, lock: s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock),
    ),
    "LifecycleConfiguration": _Setting(
        translate=_lifecycle,
        read=lambda s3, bucket: s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"],
        write=lambda s3, bucket, rules: s3.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": rules}
        ),
    ),
}
