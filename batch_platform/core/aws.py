"""Plain AWS clients: explicit retries, timeouts and pools.

The only place that constructs AWS clients. Values come in through `AwsSettings`, which `Settings`
satisfies, so that tests can point a client elsewhere with `settings.model_copy(update=...)`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import structlog

from batch_platform.core.aws_failures import ObjectMoved as ObjectMoved
from batch_platform.core.aws_failures import aws_failures as aws_failures

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.loaders import Loader
    from botocore.session import Session as Session
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sts import STSClient
    from mypy_boto3_sts.type_defs import AssumeRoleRequestTypeDef

Service = Literal["s3", "dynamodb", "sts", "secretsmanager", "sesv2", "sns", "sqs"]

THREADS = 32
"""Connections a client keeps open: at least as many as the threads that share it."""

_CONNECT_SECONDS = 5
_READ_SECONDS = {"s3": 60, "dynamodb": 10}
_ATTEMPTS = {"dynamodb": 10}
_ROLE_SECONDS = 3600

_creating = threading.Lock()  # sessions are not thread-safe while they create a client
_log = structlog.get_logger(__name__)


class AwsSettings(Protocol):
    """What a client needs to know of its surroundings."""

    @property
    def aws_region(self) -> str: ...
    @property
    def aws_endpoint_url(self) -> str | None: ...
    @property
    def aws_endpoint_url_dynamodb(self) -> str | None: ...


@lru_cache(maxsize=1)
def session() -> Session:
    """The process's own session, with the credentials of its environment (or instance, task, pod)."""
    return new_session()


def new_session(region: str | None = None) -> Session:
    """A session with the environment's credentials, until it is given others."""
    import botocore.session

    made = botocore.session.get_session()
    made.register_component("data_loader", _descriptions())
    if region is not None:
        made.set_config_variable("region", region)
    return made


@lru_cache(maxsize=1)
def _descriptions() -> Loader:
    """What AWS's services and endpoints are; read once, for reading it takes most of the time a client is made in.

    In DynamoDB's transactions botocore looks for the tables' ARNs, for there may be an endpoint of their account, and
    copies every value by its type. Ours are called by name, and all values are text: with 98 writes the two are half
    of what the client does.
    """
    from botocore.loaders import Loader

    class Descriptions(Loader):
        def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
            service: Any = super().load_service_model(service_name, type_name, api_version)
            if (service_name, type_name) == ("dynamodb", "service-2"):
                service["operations"]["TransactWriteItems"].pop("operationContextParams", None)
                service["shapes"]["TransactWriteItem"]["document"] = True  # sent as it is given
            return service

    return Descriptions()


def config(service: Service, *, endpoint_url: str | None, attempts: int | None = None) -> Config:
    """Retries, timeouts and pool of one service's clients.

    Responses are not checksummed in Python: what we read carries its own check (gzip, Parquet) and its
    length is verified by the reader, while a CRC over gigabytes costs CPU that the parser needs. Nor are the
    items of DynamoDB compared with its model here: the type checker and DynamoDB do that, and for a transaction of
    98 writes it takes longer than all else the client does.
    """
    from botocore.config import Config

    own: dict[str, Any] = {}
    if service == "dynamodb":
        own = {"parameter_validation": False}
    if service == "s3":
        # an endpoint of our own has no name per bucket
        own = {
            "s3": {"addressing_style": "path" if endpoint_url else "auto"},
            "signature_version": "s3v4",
            "response_checksum_validation": "when_required",
        }
    return Config(
        retries={"mode": "standard", "total_max_attempts": attempts or _ATTEMPTS.get(service, 5)},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS.get(service, 20),
        max_pool_connections=THREADS,
        tcp_keepalive=True,
        **own,
    )


@overload
def client(
    service: Literal["s3"],
    settings: AwsSettings,
    *,
    using: Session | None = None,
    attempts: int | None = None,
) -> S3Client: ...
@overload
def client(
    service: Literal["dynamodb"],
    settings: AwsSettings,
    *,
    using: Session | None = None,
    attempts: int | None = None,
) -> DynamoDBClient: ...
@overload
def client(
    service: Literal["sts"],
    settings: AwsSettings,
    *,
    using: Session | None = None,
    attempts: int | None = None,
) -> STSClient: ...
@overload
def client(
    service: Literal["secretsmanager"],
    settings: AwsSettings,
    *,
    using: Session | None = None,
    attempts: int | None = None,
) -> SecretsManagerClient: ...
@overload
def client(
    service: Literal["sesv2", "sns", "sqs"],
    settings: AwsSettings,
    *,
    using: Session | None = None,
    attempts: int | None = None,
) -> Any: ...
def client(
    service: Service,
    settings: AwsSettings,
    *,
    using: Session | None = None,
    attempts: int | None = None,
) -> Any:
    """A thread-safe client, made once per process; one of an assumed session (`using`) belongs to its caller.

    `attempts` replaces the service's number of tries (10 for DynamoDB, 5 elsewhere).
    """
    endpoint = settings.aws_endpoint_url
    if service == "dynamodb":
        endpoint = settings.aws_endpoint_url_dynamodb or endpoint
    if using is None:
        return _own_client(service, settings.aws_region, endpoint, attempts)
    return _new_client(
        using, service, using.get_config_variable("region") or settings.aws_region, (endpoint, attempts)
    )


@lru_cache(maxsize=64)
def _own_client(service: Service, region: str, endpoint: str | None, attempts: int | None) -> Any:
    return _new_client(session(), service, region, (endpoint, attempts))


def _new_client(using: Session, service: Service, region: str, options: tuple[str | None, int | None]) -> Any:
    endpoint, attempts = options
    make: Callable[..., Any] = using.create_client
    with _creating, aws_failures(f"{service} in {region}"):
        return make(
            service,
            region_name=region,
            endpoint_url=endpoint,
            config=config(service, endpoint_url=endpoint, attempts=attempts),
        )


def assumed_session(
    settings: AwsSettings,
    *,
    role_arn: str | None,
    external_id: str | None = None,
    session_name: str,
    region: str | None = None,
) -> Session:
    """A session that acts as `role_arn` and renews its credentials by itself.

    STS is asked when the first request is signed; a refusal is a `PermanentFailure` that names the role.
    Without a role the environment's own key pair is used: the spec's stop-gap, logged as a warning each time.
    `session_name` is what the other account's CloudTrail shows; characters STS refuses become `-`.
    """
    where = region or settings.aws_region
    if role_arn is None:
        _log.warning("aws_environment_credentials_used", session_name=session_name, region=where)
        return new_session(where)
    name = re.sub(r"[^\w+=,.@-]", "-", session_name, flags=re.ASCII)[:64].ljust(2, "-")
    request: AssumeRoleRequestTypeDef = {
        "RoleArn": role_arn,
        "RoleSessionName": name,
        "DurationSeconds": _ROLE_SECONDS,
    }
    if external_id is not None:
        request["ExternalId"] = external_id

    def assume() -> dict[str, str]:
        with aws_failures(f"role {role_arn}"):
            answer = client("sts", settings).assume_role(**request)
        granted = answer["Credentials"]
        return {
            "access_key": granted["AccessKeyId"],
            "secret_key": granted["SecretAccessKey"],
            "token": granted["SessionToken"],
            "expiry_time": granted["Expiration"].isoformat(),
        }

    assumed = new_session(where)
    _supply_credentials(assumed, assume)
    return assumed


def _supply_credentials(assumed: Session, refresh: Callable[[], dict[str, str]]) -> None:
    from botocore.credentials import CredentialProvider, CredentialResolver, DeferredRefreshableCredentials

    class AssumedRole(CredentialProvider):
        METHOD = "assume-role"

        def load(self) -> DeferredRefreshableCredentials:
            return DeferredRefreshableCredentials(refresh_using=refresh, method=self.METHOD)

    assumed.register_component("credential_provider", CredentialResolver([AssumedRole()]))
