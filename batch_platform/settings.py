"""Typed settings: the only reader of the environment.

Every default runs on one machine with nothing installed but Python: what is unset is served by the embedded
services, whose addresses the command line puts into the environment before settings are read.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.cron import cron_fault
from batch_platform.core.failures import InvalidInput
from batch_platform.core.numbers import PlainDecimal, PlainInt


class Settings(BaseSettings):
    """One immutable reading of the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    env: Literal["local", "dev", "prod"] = Field("local", validation_alias="BATCH_PLATFORM_ENV")
    home: Path = Field(Path(".batch_platform"), validation_alias="BATCH_PLATFORM_HOME")

    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    dagster_postgres_url: SecretStr | None = Field(None, validation_alias="DAGSTER_POSTGRES_URL")

    aws_region: str = Field("ap-northeast-1", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    aws_endpoint_url: str | None = Field(None, validation_alias="AWS_ENDPOINT_URL")
    aws_endpoint_url_dynamodb: str | None = Field(None, validation_alias="AWS_ENDPOINT_URL_DYNAMODB")

    cur_scheduler_enabled: bool = Field(False, validation_alias="CUR_BATCH_SCHEDULER_ENABLED")
    cur_fetch_cron: str = Field("0 * * * *", validation_alias="CUR_FETCH_CRON")
    cur_still_minutes: PlainInt = Field(15, ge=0, le=1440, validation_alias="CUR_STILL_MINUTES")
    """How long a listing without a manifest must stand still to be taken."""
    cur_aggregate_cron: str = Field("15 * * * *", validation_alias="CUR_AGGREGATE_CRON")

    zengin_database_secret_id: str | None = Field(None, validation_alias="ZENGIN_DATABASE_SECRET_ID")

    project: str = Field("batch-platform", pattern=r"^[a-z0-9][a-z0-9-]{1,40}$", validation_alias="BTC_PROJECT")
    """First part of the names of btc's tables: `{project}-{env}-batch-operations` and so on."""
    btc_rounding: Literal["half_even", "half_up", "toward_zero"] = Field("half_even", validation_alias="BTC_ROUNDING")
    btc_shards: PlainInt = Field(1, validation_alias="BTC_SHARDS")
    btc_require_approval: bool = Field(False, validation_alias="BTC_REQUIRE_APPROVAL")
    btc_second_approver: bool = Field(False, validation_alias="BTC_SECOND_APPROVER")
    btc_max_rate: PlainDecimal = Field(Decimal(100), gt=0, validation_alias="BTC_MAX_RATE")
    """Percent; a rate beyond it, either way, takes a typed confirmation."""
    btc_confirm_above: PlainDecimal | None = Field(
        None, ge=0, lt=10**8, decimal_places=8, validation_alias="BTC_CONFIRM_ABOVE"
    )
    """BTC; a batch whose sum is beyond it, either way, starts only once somebody has typed that sum."""
    btc_write_units: PlainInt | None = Field(None, ge=4, validation_alias="BTC_WRITE_UNITS")
    """Write units a second on one partition key, 1,000 at most on AWS; unset is unlimited."""
    btc_adjustment_cron: str | None = Field(None, validation_alias="BTC_ADJUSTMENT_CRON")
    btc_adjustment_rate: PlainDecimal | None = Field(
        None, gt=-100, decimal_places=8, validation_alias="BTC_ADJUSTMENT_RATE"
    )

    secret: SecretStr | None = Field(None, validation_alias="BATCH_PLATFORM_SECRET")
    """Signs sessions and tokens; 32 characters at least. The local environment generates its own."""
    web_url: str = Field("http://127.0.0.1:8000", validation_alias="BATCH_PLATFORM_URL")
    """Where browsers reach the web, for links in mails and the redirect of OIDC."""

    oidc_issuer: str | None = Field(None, validation_alias="OIDC_ISSUER")
    oidc_client_id: str | None = Field(None, validation_alias="OIDC_CLIENT_ID")
    oidc_client_secret: SecretStr | None = Field(None, validation_alias="OIDC_CLIENT_SECRET")
    oidc_audience: str | None = Field(None, validation_alias="OIDC_AUDIENCE")
    oidc_roles_claim: str = Field("cognito:groups", validation_alias="OIDC_ROLES_CLAIM")

    smtp_url: SecretStr | None = Field(None, validation_alias="SMTP_URL")
    mail_backend: Literal["smtp", "ses"] | None = Field(None, validation_alias="MAIL_BACKEND")
    alert_urls: SecretStr | None = Field(None, validation_alias="ALERT_URLS")
    heartbeat_url: SecretStr | None = Field(None, validation_alias="HEARTBEAT_URL")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().resolve()

    @field_validator("cur_fetch_cron", "cur_aggregate_cron", "btc_adjustment_cron")
    @classmethod
    def _read_by_schedules(cls, cron: str | None, info: ValidationInfo) -> str | None:
        given = cron is not None and cron != cls.model_fields[info.field_name or ""].default
        if given and (fault := cron_fault(str(cron), BUSINESS_ZONE)):
            raise ValueError(fault)
        return cron

    @field_validator("btc_shards")
    @classmethod
    def _one_or_sixteen(cls, shards: int) -> int:
        if shards not in (1, 16):
            raise ValueError("must be 1 or 16")
        return shards

    @model_validator(mode="after")
    def _rate_for_its_cron(self) -> Settings:
        if self.btc_adjustment_cron is not None and self.btc_adjustment_rate is None:
            raise ValueError("BTC_ADJUSTMENT_CRON needs BTC_ADJUSTMENT_RATE")
        rate = self.btc_adjustment_rate
        if rate is not None and not 0 < rate.copy_abs() <= self.btc_max_rate:
            raise ValueError("BTC_ADJUSTMENT_RATE must not be 0, nor beyond BTC_MAX_RATE: nobody confirms it")
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
                    f"{variable} does not point at this machine, but BATCH_PLATFORM_ENV is local; "
                    "set BATCH_PLATFORM_ENV to dev or prod to use it"
                )
        return self

    def database(self) -> str:
        """The address of the application's database, password included. Raises `InvalidInput` when it is not set."""
        if self.database_url is None:
            raise InvalidInput("DATABASE_URL is not set", field="DATABASE_URL")
        return self.database_url.get_secret_value()

    @cached_property
    def lake_bucket(self) -> str:
        """The bucket of all Parquet frames: `s3://<env>-batch-platform/<domain>/<asset>/<partition>/`."""
        return f"{self.env}-batch-platform"


def load_settings() -> Settings:
    """Read the environment once; a bad variable is one clear error that names it, never its value."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidInput(f"{where}: {message}" if where else message, field=where or None) from None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""  # no host: a Unix socket
    if host in ("", "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
