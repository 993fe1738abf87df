"""One machine for all end-to-end tests: the real daemon, code server and web, S3 behind a fault proxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batch_platform_tests.end_to_end.machine import Machine, running
from batch_platform_tests.end_to_end.stack import Stack
from batch_platform_tests.fault_proxy import FaultProxy


@pytest.fixture(scope="package")
def machine(clean_environment: None) -> Iterator[Machine]:
    with running() as machine:
        yield machine


@pytest.fixture(scope="package")
def proxy(machine: Machine) -> Iterator[FaultProxy]:
    with FaultProxy(machine.variables["AWS_ENDPOINT_URL"]) as proxy:
        yield proxy


@pytest.fixture(scope="package")
def stack(machine: Machine, proxy: FaultProxy) -> Iterator[Stack]:
    with Stack(machine, machine.addresses(proxy.url)) as stack:
        yield stack
