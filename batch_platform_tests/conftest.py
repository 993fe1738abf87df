"""Fixtures of all tests: one home with real services for the whole session."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import hypothesis
import pytest
import typer.main
import typer.testing
from argon2 import PasswordHasher
from httpx._transports import default as httpx_transports

from batch_platform import domains
from batch_platform.cli import PLATFORM
from batch_platform.core import aws
from batch_platform.local import services as local_services
from batch_platform.local.environment import VARIABLES
from batch_platform.local.home import REPOSITORY, Home
from batch_platform.local.provision import provision
from batch_platform.operations import platform
from batch_platform.settings import Settings, load_settings
from batch_platform.web.access import passwords
from batch_platform_tests.chromium import browser, open_page
from batch_platform_tests.forks import LOADED
from batch_platform_tests.site import Site

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

__all__ = ["browser", "open_page"]

_ROOM = 3 * 1024**3

# Daemon, code server and web of more than two platforms at once are too much for two processors.
LANES = {
    "tests/end_to_end/test_web": "platform 2",
    "tests/end_to_end/test_clock": "machine",  # it waits for the clock's minutes, and does little meanwhile
    "tests/end_to_end/": "platform 1",
    "tests/local/test_up": "platform 2",
    "tests/faults/test_killed.py::test_a_killed_demo": "demo",
    "tests/faults/": "machine",
    "tests/browser/test_dagster": "Dagster's UI",  # one site for all of them
    "tests/web/test_dagster": "Dagster's UI",
    "tests/test_api_client": "Dagster's UI",
}
# Begun first, for each takes a minute or two: at the end all others would wait for it.
LONG = (
    *LANES,
    "tests/finops/test_cli",
    "tests/btc/test_cli_runs",
    "tests/btc/test_dagster",
    "tests/browser/",
    "tests/local/",
    "tests/btc/",
    "tests/zengin/test_crashes",
)

# A shell that starts the tests in the background leaves SIGINT ignored, also in the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says something about the machine's other work, nothing about the code.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("patient")


def lane(nodeid: str) -> str:
    """What runs one after the other: a file, or all tests that bring up the whole platform or share a machine."""
    return next((lane for start, lane in LANES.items() if start in nodeid), nodeid.partition("::")[0])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest first."""
    items.sort(key=lambda item: next((rank for rank, start in enumerate(LONG) if start in item.nodeid), len(LONG)))


def pytest_collection() -> None:
    """Modules are no garbage: nobody looks for it while they are loaded."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is loaded by now stays: no later collection of garbage looks through it again."""
    gc.enable()
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = lane
    return scheduler


def make_home(prefix: str) -> Path:
    """A directory for a home: in memory where there is room, because the servers wait for every write."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM
    return Path(tempfile.mkdtemp(prefix=f"batch-platform-{prefix}-", dir=memory if roomy else None))


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No variable of the developer's shell reaches a test, so no test reaches a developer's database."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (*VARIABLES, "BATCH_PLATFORM_ENV", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def platform_given() -> None:
    """What the root gives to commands, for tests that call these without it."""
    platform.give(PLATFORM)


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Real argon2, with little to do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        passwords._nobodys.cache_clear()
        yield


@pytest.fixture(scope="session", autouse=True)
def commands_built_once() -> Iterator[None]:
    """Typer builds every command of the platform anew for each call, as long as the platform's own part of most."""
    built = cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", built)
        patch.setattr(typer.testing, "_get_command", built)
        yield


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """Each of httpx's clients would read all certificates anew, which takes longer than what most of them ask."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx_transports, "create_ssl_context", cache(httpx.create_ssl_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_fork_server() -> Iterator[None]:
    """Whoever is the first to have processes forked, all others have theirs from it too: it loads everything."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([LOADED])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(forks), "set_forkserver_preload", lambda *_: None)
        yield


@pytest.fixture(scope="session")
def services(clean_environment: None) -> Iterator[dict[str, str]]:
    """Embedded services in a home of the session's own; their variables, applied to the environment too."""
    root = make_home("session")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATCH_PLATFORM_HOME", str(root))
        variables = local_services.ensure_running(load_settings(), owner=os.getpid())
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            yield variables
        finally:
            local_services.stop(Home(root))
            shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def dagster_site(services: dict[str, str]) -> Iterator[Site]:
    """The whole web in a process of its own, beside a code server with a small code location."""
    home = Home(Path(services["BATCH_PLATFORM_HOME"]))
    with Site(home, services, "batch_platform_tests.site_definitions", REPOSITORY) as site:
        yield site


@pytest.fixture(scope="session")
def settings(services: dict[str, str]) -> Settings:
    """Settings that point at the session's services."""
    return domains.load_settings()


@pytest.fixture(scope="session")
def provisioned(services: dict[str, str], settings: Settings) -> Settings:
    """The settings, once every table and bucket is there."""
    provision(settings, services)
    return settings


@pytest.fixture(scope="session")
def s3(settings: Settings) -> S3Client:
    return aws.client("s3", settings)


@pytest.fixture(scope="session")
def dynamodb(settings: Settings) -> DynamoDBClient:
    return aws.client("dynamodb", settings)
