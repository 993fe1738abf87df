"""Answers are compressed, but not where another site could learn a secret from their length."""

from __future__ import annotations

import gzip
from importlib.resources import files
from pathlib import Path

import pytest

from batch_platform.web import console
from batch_platform.web.access.model import Role
from batch_platform_tests.web.site import Site

STATIC = Path(str(files("batch_platform.web") / "static"))
PAGE = {"accept": "text/html"}


@pytest.mark.parametrize("path", ["/openapi.json", "/static/console.css", "/console/audit"])
def test_programs_get_pages_json_and_assets_compressed(site: Site, path: str) -> None:
    client = site.program(Role.ADMINISTRATOR)
    packed, head = client.get(path, headers=PAGE), client.head(path, headers=PAGE)
    plain = client.get(path, headers={**PAGE, "accept-encoding": "identity"})
    assert (packed.status_code, packed.headers["content-encoding"]) == (200, "gzip")
    assert "Accept-Encoding" in packed.headers["vary"]
    assert head.headers.get("content-length") == packed.headers.get("content-length")
    assert "content-encoding" not in plain.headers
    assert len(packed.content) == len(plain.content) > int(packed.headers["content-length"])


@pytest.mark.parametrize(
    ("fetch_site", "packed"), [("same-origin", True), ("none", True), ("cross-site", False), ("same-site", False)]
)
def test_what_another_site_made_a_browser_ask_is_not_compressed(site: Site, fetch_site: str, packed: bool) -> None:
    browser = site.signed_in("ann", Role.ADMINISTRATOR)
    answer = browser.client.get("/console/audit", headers={**PAGE, "sec-fetch-site": fetch_site})
    assert (answer.status_code, "content-encoding" in answer.headers) == (200, packed)
    assert "content-encoding" not in browser.client.get("/console/audit", headers=PAGE).headers
    asset = browser.client.get("/static/console.css", headers={"sec-fetch-site": fetch_site})
    assert asset.headers["content-encoding"] == "gzip"


def test_assets_are_packed_once_and_well(site: Site) -> None:
    path = "/static/vendor/chart.js-4.6.1/" + next((STATIC / "vendor" / "chart.js-4.6.1").glob("*.js")).name
    whole = (STATIC.parent / path.strip("/")).read_bytes()
    before = console._packed.cache_info().misses
    answers = [site.client().get(path) for _ in range(3)]
    assert console._packed.cache_info().misses <= before + 1
    for answer in answers:
        assert (answer.content, answer.headers["content-encoding"]) == (whole, "gzip")
        assert int(answer.headers["content-length"]) == len(gzip.compress(whole, 9, mtime=0))
        assert answer.headers["cache-control"].endswith("immutable")
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "/javascript" in answer.headers["content-type"]  # text or application, as the machine has it
    tag = answers[0].headers["etag"]
    assert site.client().get(path, headers={"If-None-Match": tag}).status_code == 304
    plain = site.client().get(path, headers={"accept-encoding": "identity"})
    assert (plain.content, plain.headers["etag"]) == (whole, tag)


def test_a_part_of_a_file_is_sent_as_it_stands(site: Site) -> None:
    answer = site.client(Range="bytes=0-1999").get("/static/console.css")
    assert (answer.status_code, len(answer.content)) == (206, 2_000)
    assert "content-encoding" not in answer.headers
