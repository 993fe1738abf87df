"""The variables that point programs at the embedded services, and which of them the user has already set."""

from __future__ import annotations

import os
from collections.abc import Mapping

from batch_platform.local import aws, mail, postgres, prices
from batch_platform.local.home import Home
from batch_platform.local.processes import LOOPBACK
from batch_platform.local.state import State

# Names the variables that we have set ourselves: a child process must not take them for the user's.
EMBEDDED = "BATCH_PLATFORM_EMBEDDED"
SECRET = "BATCH_PLATFORM_SECRET"  # noqa: S105 (a variable's name)
REGION = "ap-northeast-1"


def environment(home: Home, state: State | None = None) -> dict[str, str]:
    """Every variable the embedded services of this home provide."""
    state = state or State.load(home)
    variables = {"BATCH_PLATFORM_HOME": str(home.root), "DAGSTER_HOME": str(home.dagster)}
    if home.root.exists():  # a look at a home that is not there must not make one
        variables[SECRET] = home.secret("web")
    if "postgres" in state.services:
        variables |= _postgres(home, state.services["postgres"].port)
    if "aws" in state.services:
        variables |= _aws(state.services["aws"].port)
    if "dynamodb" in state.services:
        variables["AWS_ENDPOINT_URL_DYNAMODB"] = aws.url(state.services["dynamodb"].port)
    if "prices" in state.services:
        variables |= prices.variables(state.services["prices"].port)
    if "mail" in state.services:
        variables["SMTP_URL"] = mail.url(state.services["mail"].port)
    return variables


def missing_services(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The services that the environment does not already point at."""
    own = environ.get(EMBEDDED, "").split(",")

    def missing(name: str) -> bool:
        return not environ.get(name) or name in own

    names = set()
    if missing("DATABASE_URL") or missing("DAGSTER_POSTGRES_URL"):
        names.add("postgres")
    if missing("AWS_ENDPOINT_URL"):
        names.add("aws")
        if missing("AWS_ENDPOINT_URL_DYNAMODB"):
            names.add("dynamodb")
    if missing(prices.LEADER):
        names.add("prices")
    if missing("SMTP_URL") and environ.get("MAIL_BACKEND") != "ses":
        names.add("mail")
    return frozenset(names)


def merged(variables: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What to set: the user's own variables win; those of one service are set or left together."""
    own = environ.get(EMBEDDED, "").split(",")

    def foreign(name: str) -> bool:
        return bool(environ.get(name)) and name not in own

    chosen = dict(variables)
    for leader, followers in _GROUPS.items():
        if foreign(leader):
            for name in (leader, *followers):
                chosen.pop(name, None)
    for name in _INDEPENDENT:
        if foreign(name):
            chosen.pop(name, None)
    embedded = sorted(name for name in chosen if name in _MARKED)
    return {**chosen, **_no_proxy(environ), EMBEDDED: ",".join(embedded)}


# The database decides about psql's variables and the endpoint about credentials: the user's real AWS keys
# must not travel to an emulator, nor our dummies to a server of the user's. Real prices of one source and invented
# ones of another would contradict each other.
_GROUPS = {
    "DATABASE_URL": ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"),
    "AWS_ENDPOINT_URL": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_DYNAMODB"),
    prices.LEADER: prices.FOLLOWERS,
}
_INDEPENDENT = (
    "DAGSTER_POSTGRES_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "DAGSTER_HOME",
    *prices.FOLLOWERS,
    "SMTP_URL",
    SECRET,
)
_MARKED = {*_GROUPS, *_INDEPENDENT}
# Everything that says where services are.
VARIABLES = tuple(sorted({*_MARKED, *(name for group in _GROUPS.values() for name in group), EMBEDDED}))


def _postgres(home: Home, port: int) -> dict[str, str]:
    return {
        "DATABASE_URL": postgres.url(home, port, "batch_platform"),
        "DAGSTER_POSTGRES_URL": postgres.url(home, port, "dagster", "postgresql+psycopg2"),
        "PGHOST": LOOPBACK,
        "PGPORT": str(port),
        "PGUSER": postgres.USER,
        "PGPASSWORD": postgres.password(home),
        "PGDATABASE": "batch_platform",
    }


def _aws(port: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": aws.url(port),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _no_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Loopback is never reached through a proxy; both spellings are read by somebody."""
    names = {}
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in environ.get(name, "").split(",") if host]
        names[name] = ",".join(dict.fromkeys([*hosts, LOOPBACK, "localhost"]))
    return names
