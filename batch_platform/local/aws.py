"""AWS on loopback: ministack for S3 and its neighbours, dynoxide for DynamoDB."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path

from batch_platform.local.home import Home
from batch_platform.local.processes import LOOPBACK, answers, started_as
from batch_platform.local.programs import Program
from batch_platform.local.tools import dynoxide_binary, ministack_python

log = logging.getLogger(__name__)

SERVICES = ("s3", "sts", "iam", "secretsmanager", "kms", "ses", "sns", "sqs", "cloudformation")


def url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def backend(home: Home) -> str:
    """Which server keeps this home's DynamoDB tables."""
    marker = backend_marker(home)
    return marker.read_text().strip() if marker.exists() else "dynoxide"


def backend_marker(home: Home) -> Path:
    return home.dynamodb / "backend"


def ministack(home: Home, port: int) -> Program:
    """ministack writes objects at once and everything else when it is asked to stop, so it gets the time."""
    services = SERVICES if backend(home) == "dynoxide" else (*SERVICES, "dynamodb")
    temporary = home.aws / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    environment = {
        **minimal(),
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "S3_PERSIST": "1",
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(home.aws / "s3"),
        "STATE_DIR": str(home.aws / "state"),
        "TMPDIR": str(temporary),
        "SERVICES": ",".join(services),
        "MINISTACK_REGION": "ap-northeast-1",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    return Program(
        name="aws",
        # The interpreter ignores an unknown -X option; this one names the home, for its orphans to be found.
        command=(str(ministack_python()), "-X", str(home.aws), "-m", "ministack"),
        environment=environment,
        directory=home.aws,
        log=home.logs / "aws.log",
        port=port,
        ready=partial(answers, port, "/_ministack/ready"),
    )


def dynoxide(home: Home, port: int) -> Program:
    listen = ("--host", LOOPBACK, "--port", str(port))
    return Program(
        name="dynamodb",
        command=(str(dynoxide_binary()), "serve", *listen, "--db-path", str(database(home))),
        environment=minimal(),
        directory=home.dynamodb,
        log=home.logs / "dynamodb.log",
        port=port,
        ready=partial(answers, port, "/"),
    )


def stop_strays(program: Program, argument: Path) -> Program:
    """Two servers on one directory would lose writes: end those that no state file remembers."""
    for stray in started_as(Path(program.command[0]), str(argument)):
        log.warning("%s: stopping process %d, which no supervisor knew", program.name, stray.pid)
        stray.stop()
    return program


def database(home: Home) -> Path:
    return home.dynamodb / "dynamodb.sqlite"


def minimal() -> dict[str, str]:
    """What a service gets of the environment: none of the caller's AWS or proxy variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "LANG": "C.UTF-8"}
