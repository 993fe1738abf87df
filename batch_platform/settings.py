"""Typed settings: the only reader of the environment. A domain declares its own as a `DomainSettings`.

Every default runs on one machine with nothing installed but Python: what is unset is served by the embedded
services, whose addresses the command line puts into the environment before settings are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    PositiveInt,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message
from batch_platform.core.validation import refusal_of


def _variables() -> dict[str, str]:
    """The environment as it is now; a variable that is set to nothing is not set."""
    return {name.upper(): value for name, value in os.environ.items() if value}


def _networks(value: object) -> object:
    """`10.0.0.0/8,192.0.2.7`."""
    if not isinstance(value, str):
        return value
    try:
        networks = tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError(
            Message("must-be-networks", "must be networks like 10.0.0.0/8 or addresses, with commas between them")
        ) from None
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError(Message("network-of-everybody", "must not trust every address"))
    return networks


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]

EcsName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
EcsNames = Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+(,[A-Za-z0-9_-]+)*)?$")]
"""Names or ids, with commas between them."""


class DomainSettings(BaseModel):
    """What one domain reads of the environment: a variable each by `validation_alias`, empty ones left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Own = TypeVar("Own", bound=DomainSettings)


class Settings(BaseSettings):
    """One immutable reading of the environment: the platform's settings, and by `of` each domain's."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    env: Literal["local", "dev", "prod"] = Field("local", validation_alias="BATCH_PLATFORM_ENV")
    home: Path = Field(Path(".batch_platform"), validation_alias="BATCH_PLATFORM_HOME")

    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    dagster_postgres_url: SecretStr | None = Field(None, validation_alias="DAGSTER_POSTGRES_URL")

    launcher: Literal["local", "ecs"] = Field("local", validation_alias="BATCH_PLATFORM_LAUNCHER")
    """Where runs are executed: `local`, beside the code server; `ecs`, each in a task of its own."""
    max_concurrent_runs: PositiveInt = Field(4, validation_alias="BATCH_PLATFORM_MAX_CONCURRENT_RUNS")
    """How many runs go at once; the others wait in Dagster's queue."""
    ecs_cluster: EcsName | None = Field(None, validation_alias="BATCH_PLATFORM_ECS_CLUSTER")
    """Where `ecs` runs its tasks: a cluster, subnets and security groups by their names or ids."""
    ecs_subnets: EcsNames = Field("", validation_alias="BATCH_PLATFORM_ECS_SUBNETS")
    ecs_security_groups: EcsNames = Field("", validation_alias="BATCH_PLATFORM_ECS_SECURITY_GROUPS")
    run_logs: Literal["files", "s3"] | None = Field(None, validation_alias="BATCH_PLATFORM_RUN_LOGS")
    """Where what runs print is kept: in files of this machine, or in the bucket `<env>-batch-platform-run-logs`."""

    aws_region: str = Field("ap-northeast-1", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    aws_endpoint_url: str | None = Field(None, validation_alias="AWS_ENDPOINT_URL")
    aws_endpoint_url_dynamodb: str | None = Field(None, validation_alias="AWS_ENDPOINT_URL_DYNAMODB")

    secret: SecretStr | None = Field(None, validation_alias="BATCH_PLATFORM_SECRET")
    """Signs sessions and tokens; 32 characters at least. The local environment generates its own."""
    web_url: str = Field("http://127.0.0.1:8000", validation_alias="BATCH_PLATFORM_URL")
    """Where browsers reach the web, for links in mails and the redirect of OIDC."""

    trusted_proxies: Networks = Field((), validation_alias="BATCH_PLATFORM_TRUSTED_PROXIES")
    """From whom `X-Forwarded-For` is believed: networks or addresses, with commas between them."""

    second_factor: Literal["optional", "required"] = Field(
        "optional", validation_alias="BATCH_PLATFORM_SECOND_FACTOR"
    )
    """Of local accounts; `required` of approvers and administrators."""

    oidc_issuer: str | None = Field(None, validation_alias="OIDC_ISSUER")
    oidc_client_id: str | None = Field(None, validation_alias="OIDC_CLIENT_ID")
    oidc_client_secret: SecretStr | None = Field(None, validation_alias="OIDC_CLIENT_SECRET")
    oidc_audience: str | None = Field(None, validation_alias="OIDC_AUDIENCE")
    oidc_scopes: str = Field("openid profile email", validation_alias="OIDC_SCOPES")
    oidc_prompt: str | None = Field(None, validation_alias="OIDC_PROMPT")
    oidc_roles_claim: str = Field("cognito:groups", validation_alias="OIDC_ROLES_CLAIM")
    """A claim, or the dotted path to one within others."""
    oidc_roles_map: Json[dict[str, list[Literal["viewer", "operator", "approver", "administrator"]]]] = Field(
        {}, validate_default=False, validation_alias="OIDC_ROLES_MAP"
    )
    """The roles of each group, as JSON; without it groups are named like roles."""
    oidc_roles_minutes: PositiveInt = Field(60, validation_alias="OIDC_ROLES_MINUTES")
    """How long a session may act by the roles it was given before they are read again."""

    smtp_url: SecretStr | None = Field(None, validation_alias="SMTP_URL")
    mail_backend: Literal["smtp", "ses"] | None = Field(None, validation_alias="MAIL_BACKEND")
    alert_urls: SecretStr | None = Field(None, validation_alias="ALERT_URLS")
    notice_language: Literal["ja", "en"] = Field("ja", validation_alias="BATCH_PLATFORM_NOTICE_LANGUAGE")
    """Of what is told to `alert_urls` and `smtp_url`."""
    heartbeat_url: SecretStr | None = Field(None, validation_alias="HEARTBEAT_URL")

    _variables: dict[str, str] = PrivateAttr(default_factory=_variables)
    _of: dict[type[DomainSettings], DomainSettings] = PrivateAttr(default_factory=dict)

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().resolve()

    @model_validator(mode="after")
    def _tasks_have_a_place(self) -> Settings:
        for name in ("ecs_cluster", "ecs_subnets", "ecs_security_groups"):
            if self.launcher == "ecs" and not getattr(self, name):
                raise ValueError(
                    Message(
                        "ecs-variable-not-set",
                        "{variable} is not set, but BATCH_PLATFORM_LAUNCHER is ecs",
                        variable=f"BATCH_PLATFORM_{name.upper()}",
                    )
                )
        return self

    @model_validator(mode="after")
    def _local_stays_local(self) -> Settings:
        """A local environment must never reach a real bucket, table or database by a forgotten variable."""
        if self.env != "local":
            return self
        endpoints = {
            "AWS_ENDPOINT_URL": self.aws_endpoint_url,
            "AWS_ENDPOINT_URL_DYNAMODB": self.aws_endpoint_url_dynamodb,
            "DATABASE_URL": self.database_url and self.database_url.get_secret_value(),
            "DAGSTER_POSTGRES_URL": self.dagster_postgres_url and self.dagster_postgres_url.get_secret_value(),
        }
        for variable, url in endpoints.items():
            if url and not _is_loopback(url):
                raise ValueError(
                    Message(
                        "not-this-machine",
                        "{variable} does not point at this machine, but BATCH_PLATFORM_ENV is local; "
                        "set BATCH_PLATFORM_ENV to dev or prod to use it",
                        variable=variable,
                    )
                )
        return self

    def of(self, kind: type[Own]) -> Own:
        """A domain's settings, of the same reading. Raises `InvalidInput` as `load_settings` does."""
        if kind not in self._of:
            with _named_failures():
                self._of[kind] = kind.model_validate(self._variables)
        return cast(Own, self._of[kind])

    def having(self, *parts: DomainSettings) -> Settings:
        """The same with other settings of domains."""
        other = self.model_copy()
        other._of = {**self._of, **{type(part): part for part in parts}}
        return other

    @property
    def run_logs_kept_in(self) -> Literal["files", "s3"]:
        """Files are enough only where whoever shows them is on the machine that has executed the run."""
        return self.run_logs or ("files" if self.launcher == "local" else "s3")

    def database(self) -> str:
        """The address of the application's database, password included. Raises `InvalidInput` when it is not set."""
        if self.database_url is None:
            raise InvalidInput("variable-not-set", "{field} is not set", field="DATABASE_URL")
        return self.database_url.get_secret_value()

    @cached_property
    def lake_bucket(self) -> str:
        """The bucket of all Parquet frames: `s3://<env>-batch-platform/<domain>/<asset>/<partition>/`."""
        return f"{self.env}-batch-platform"


def load_settings(*kinds: type[DomainSettings]) -> Settings:
    """Read the environment once; a bad variable is one clear error that names it, never its value.

    The roots name the settings of all domains, so that a bad one stops them when they start.
    """
    with _named_failures():
        settings = Settings()
    for kind in kinds:
        settings.of(kind)
    return settings


@contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise refusal_of(error) from None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""  # no host: a Unix socket
    if host in ("", "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
