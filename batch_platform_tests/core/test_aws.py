"""Clients, roles and failures against an AWS server that checks signatures, trust policies and permissions."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.session
import pytest
import structlog
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.session import Session

from batch_platform.core import aws, objects
from batch_platform.core.failures import (
    InvalidInput,
    NotFound,
    PermanentFailure,
    PlatformError,
    TransientFailure,
)
from batch_platform.local.processes import answers, free_port
from batch_platform.local.tools import ministack_python
from batch_platform.settings import Settings
from batch_platform_tests.waiting import eventually

EXTERNAL_ID = "geheim-external-id"


@pytest.fixture(scope="module")
def strict(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that point at a server of our own that enforces IAM."""
    home = tmp_path_factory.mktemp("aws")
    port = free_port()
    own = {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "S3_DATA_DIR": str(home / "s3"),
        "STATE_DIR": str(home / "state"),
        "TMPDIR": str(home),
        "SERVICES": "s3,sts,iam",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
    }
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [ministack_python(), "-m", "ministack"], env={"PATH": os.environ["PATH"], **own}, stderr=log, stdout=log
        )
        try:
            eventually(lambda: answers(port, "/_ministack/ready"))
            yield settings.model_copy(update={"aws_endpoint_url": f"http://127.0.0.1:{port}"})
        finally:
            server.kill()
            server.wait()


@pytest.fixture
def root(strict: Settings) -> Session:
    return session_of("test", "test")


def session_of(access_key: str, secret_key: str) -> Session:
    made = botocore.session.get_session()
    made.set_credentials(access_key, secret_key)
    made.set_config_variable("region", "ap-northeast-1")
    return made


@pytest.fixture
def caller(strict: Settings, root: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The platform's identity in its environment: a user that may do nothing but assume roles."""
    iam: Any = root.create_client("iam", endpoint_url=strict.aws_endpoint_url)
    name = f"platform-{uuid4().hex[:8]}"
    arn = str(iam.create_user(UserName=name)["User"]["Arn"])
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    iam.put_user_policy(UserName=name, PolicyName="assume", PolicyDocument=policy(allow))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    forget_clients()
    yield arn
    forget_clients()


def forget_clients() -> None:
    aws.session.cache_clear()
    aws._own_client.cache_clear()


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def role(strict: Settings, root: Session, caller: str) -> tuple[str, str]:
    """The ARN of a role that reads one bucket, and the bucket."""
    bucket = f"cur-{uuid4().hex}"
    s3 = aws.client("s3", strict, using=root)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    objects.put_bytes(s3, bucket, "report/manifest.json", b"{}")
    iam: Any = root.create_client("iam", endpoint_url=strict.aws_endpoint_url)
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": caller},
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
    }
    name = f"reader-{uuid4().hex[:8]}"
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"])
    read = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=policy(read))
    return arn, bucket


def keys(settings: Settings, session: Session, bucket: str) -> list[str]:
    s3 = aws.client("s3", settings, using=session)
    return [found.key for found in objects.list_objects(s3, bucket, "")]


def test_a_role_is_assumed_and_renewed(strict: Settings, role: tuple[str, str]) -> None:
    arn, bucket = role
    session = aws.assumed_session(
        strict, role_arn=arn, external_id=EXTERNAL_ID, session_name="project p1/2026-01", region="ap-northeast-1"
    )
    assert keys(strict, session, bucket) == ["report/manifest.json"]
    who = aws.client("sts", strict, using=session).get_caller_identity()["Arn"]
    assert who.endswith("/project-p1-2026-01")
    held: Any = session.get_credentials()
    first = held.get_frozen_credentials().access_key
    held._expiry_time = held._time_fetcher()  # as if an hour had passed
    assert keys(strict, session, bucket) == ["report/manifest.json"]
    assert held.get_frozen_credentials().access_key != first


@pytest.mark.parametrize("external_id", [None, "wrong-geheim"])
def test_a_refused_role_is_named_without_the_external_id(
    strict: Settings, role: tuple[str, str], external_id: str | None
) -> None:
    arn, bucket = role
    session = aws.assumed_session(strict, role_arn=arn, external_id=external_id, session_name="p1")
    with pytest.raises(PermanentFailure, match="cannot be assumed: access denied") as failure:
        keys(strict, session, bucket)
    assert arn in failure.value.message
    assert "geheim" not in failure.value.message


def test_a_role_without_permission_is_denied_by_operation(strict: Settings, role: tuple[str, str]) -> None:
    arn, bucket = role
    session = aws.assumed_session(strict, role_arn=arn, external_id=EXTERNAL_ID, session_name="p1")
    with pytest.raises(PermanentFailure, match=f"s3://{bucket}/x: access denied to PutObject"):
        objects.put_bytes(aws.client("s3", strict, using=session), bucket, "x", b"")


def test_unknown_credentials_are_permanent(strict: Settings, role: tuple[str, str]) -> None:
    stranger = session_of("AKIAIOSFODNN7EXAMPLE", "geheim")
    with pytest.raises(PermanentFailure) as failure:
        keys(strict, stranger, role[1])
    assert "refuses the credentials" in failure.value.message
    assert "geheim" not in failure.value.message
    assert "AKIAIOSFODNN7EXAMPLE" not in failure.value.message


def test_without_a_role_the_environment_is_used_with_a_warning(settings: Settings, bucket: str) -> None:
    with structlog.testing.capture_logs() as events:
        session = aws.assumed_session(settings, role_arn=None, external_id="geheim", session_name="p1")
    assert [event["log_level"] for event in events] == ["warning"]
    assert events[0]["event"] == "aws_environment_credentials_used"
    assert "geheim" not in repr(events)
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in [str(value) for value in events[0].values()]
    assert keys(settings, session, bucket) == []


def test_clients_are_made_once_and_configured(settings: Settings) -> None:
    s3 = aws.client("s3", settings)
    assert aws.client("s3", settings) is s3
    assert aws.client("s3", settings, attempts=1) is not s3
    config: Any = s3.meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 5}
    assert config.max_pool_connections >= aws.THREADS
    assert config.s3["addressing_style"] == "path"
    dynamodb: Any = aws.client("dynamodb", settings).meta
    assert dynamodb.config.retries["total_max_attempts"] == 10
    assert dynamodb.endpoint_url == (settings.aws_endpoint_url_dynamodb or settings.aws_endpoint_url)
    virtual = aws.config("s3", endpoint_url=None)
    assert virtual.s3["addressing_style"] == "auto"  # type: ignore[attr-defined]


def answered(code: str, status: int, **error: str) -> ClientError:
    response: Any = {"Error": {"Code": code, **error}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetObject")


def test_a_transaction_is_sent_as_botocore_itself_would(settings: Settings) -> None:
    item = {"id": {"S": "日本"}, "n": {"N": "1.5"}, "more": {"M": {"list": {"L": [{"S": "x"}, {"NULL": True}]}}}}
    told: dict[str, Any] = {"TableName": "t", "ConditionExpression": "attribute_not_exists(id)"}
    update = {"TableName": "t", "Key": {"id": {"S": "2"}}, "UpdateExpression": "SET a = :a"}
    writes = [
        {"Put": {**told, "Item": item}},
        {"Update": {**update, "ExpressionAttributeValues": {":a": {"S": "b"}}}},
    ]
    sent: list[tuple[str, bytes]] = []

    def keep(request: Any, **_: object) -> None:
        sent.append((request.url, request.body))

    endpoint = settings.aws_endpoint_url_dynamodb
    for session in (aws.new_session(), botocore.session.get_session()):
        plain = session.create_client("dynamodb", region_name=settings.aws_region, endpoint_url=endpoint)
        plain.meta.events.register("before-send.dynamodb", keep)
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            plain.transact_write_items(TransactItems=writes, ClientRequestToken="one")
    ours, theirs = sent
    assert ours == theirs


@pytest.mark.parametrize(
    ("raised", "expected", "text"),
    [
        (answered("NoSuchBucket", 404, BucketName="b"), NotFound, "bucket b does not exist"),
        (answered("NoSuchKey", 404), NotFound, "s3://b/k does not exist"),
        (answered("404", 404), NotFound, "s3://b/k does not exist"),
        (answered("PreconditionFailed", 412), aws.ObjectMoved, "overwritten"),
        (answered("SlowDown", 503), TransientFailure, "SlowDown"),
        (answered("ThrottlingException", 400), TransientFailure, "ThrottlingException"),
        (answered("ExpiredToken", 400), PermanentFailure, "expired"),
        (answered("SignatureDoesNotMatch", 403), PermanentFailure, "refuses the credentials"),
        (answered("RequestTimeTooSkewed", 403), PermanentFailure, "clock"),
        (answered("MalformedXML", 400, Message="odd"), PermanentFailure, "MalformedXML odd"),
        (NoCredentialsError(), PermanentFailure, "no AWS credentials"),
    ],
)
def test_failures_are_one_sentence(raised: Exception, expected: type[PlatformError], text: str) -> None:
    with pytest.raises(PlatformError, match=text) as failure, aws.aws_failures("s3://b/k"):
        raise raised
    assert type(failure.value) is expected
    assert failure.value.message.startswith("s3://b/k")
    assert "\n" not in failure.value.message


def test_a_malformed_request_is_invalid_input(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="listing s3://"):
        list(objects.list_objects(aws.client("s3", settings), "Not A Bucket", ""))


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), aws.aws_failures("s3://b/k"):
        (tmp_path / "absent").read_bytes()
