"""The visitor's address behind proxies: what trusted ones say is believed, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from ipaddress import ip_network

import pytest

from batch_platform.core import postgres
from batch_platform.core.audit import AuditStore
from batch_platform.core.failures import InvalidInput
from batch_platform.settings import load_settings
from batch_platform.web.access.model import Role
from batch_platform_tests.web.site import Site, lent, open_site

PROXIES = [ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
VISITOR = "203.0.113.7"


@pytest.fixture(scope="module")
def proxied_site(web_pool: postgres.Pool) -> Iterator[Site]:
    with open_site(web_pool, trusted_proxies=PROXIES) as site:
        yield site


@pytest.fixture
def behind(proxied_site: Site, pool: postgres.Pool) -> Iterator[Site]:
    with lent(proxied_site) as site:
        yield site


def signs_in_from(site: Site, forwarded: str) -> str:
    """The address in the audit log of who signs in with this header."""
    browser = site.browser()
    browser.client.headers["X-Forwarded-For"] = forwarded
    form = {"name": "ann", "password": "correct horse battery", "csrf_token": browser.csrf()}
    assert browser.send("/login", form).status_code == 303
    row = AuditStore(site.context.pool).rows(what="session.start", limit=1)[0]
    address: str = row.after["address"]
    return address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (VISITOR, VISITOR),
        (f"{VISITOR}, 10.1.2.3", VISITOR),
        (
            f"198.51.100.1, {VISITOR},10.1.2.3 , 10.9.9.9",
            VISITOR,
        ),  # what stands before is invented
        (f"{VISITOR}:4711", VISITOR),
        ("[2001:db8::7]:4711, fd00::1", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        (f"::ffff:{VISITOR}", VISITOR),
        ("10.1.2.3, 10.9.9.9", "10.1.2.3"),  # a visitor inside
        (f"{VISITOR}, unknown, 10.1.2.3", "10.1.2.3"),
        ("", "127.0.0.1"),
        ("<script>", "127.0.0.1"),
    ],
)
def test_the_last_hop_that_is_no_proxy_is_the_visitor(behind: Site, forwarded: str, address: str) -> None:
    behind.add_user("ann", Role.VIEWER)
    assert signs_in_from(behind, forwarded) == address


def test_nobody_else_is_believed(site: Site) -> None:
    site.add_user("ann", Role.VIEWER)
    assert signs_in_from(site, VISITOR) == "127.0.0.1"


def test_the_log_and_the_limits_have_the_visitor(behind: Site, log: StringIO) -> None:
    behind.add_user("ann", Role.VIEWER)
    answers = {}
    for address in (VISITOR, "203.0.113.8"):
        browser = behind.browser()
        browser.client.headers["X-Forwarded-For"] = address
        answers[address] = [browser.log_in("ann", "wrong").status_code for _ in range(5)]
        if address == VISITOR:
            answers[address].append(browser.log_in("ann").status_code)
    assert answers == {VISITOR: [401] * 5 + [429], "203.0.113.8": [401] * 5}
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    addresses = {line["address"] for line in lines if line.get("event") == "request" and line["path"] == "/login"}
    assert addresses == {VISITOR, "203.0.113.8"}


@pytest.mark.parametrize(
    ("value", "networks"),
    [("", ()), ("10.0.0.0/8, 192.0.2.7,", ("10.0.0.0/8", "192.0.2.7/32")), ("fd00::/8", ("fd00::/8",))],
)
@pytest.mark.usefixtures("clean_environment")
def test_proxies_are_named_by_their_networks(
    monkeypatch: pytest.MonkeyPatch, value: str, networks: tuple[str, ...]
) -> None:
    monkeypatch.setenv("BATCH_PLATFORM_TRUSTED_PROXIES", value)
    assert load_settings().trusted_proxies == tuple(map(ip_network, networks))


@pytest.mark.parametrize("value", ["10.0.0.1/8", "proxy.example", "*", "0.0.0.0/0", "::/0"])
@pytest.mark.usefixtures("clean_environment")
def test_what_names_no_proxy_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("BATCH_PLATFORM_TRUSTED_PROXIES", value)
    with pytest.raises(InvalidInput, match="BATCH_PLATFORM_TRUSTED_PROXIES: must"):
        load_settings()
