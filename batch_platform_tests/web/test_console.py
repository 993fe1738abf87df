"""The toolkit over HTTP: who sees what, languages, one-time messages, addresses, static files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request
from jinja2 import UndefinedError
from pydantic import BaseModel, ValidationError

import batch_platform
from batch_platform.core.failures import InvalidInput, PermanentFailure
from batch_platform.web.access.model import Principal, Role
from batch_platform.web.console import Console, field_errors, local_path
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.console_demo import build
from batch_platform_tests.web.served import served

STATIC = Path(batch_platform.__file__).parent / "web" / "static"
PAGES = (
    "/console",
    "/console/table",
    "/console/form",
    "/console/run",
    "/console/charts",
    "/console/broken",
    "/login",
)


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with served(build()) as address:
        yield address


@pytest.fixture
def client(origin: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=origin, timeout=PATIENCE) as visitor:
        yield visitor


class Tags(HTMLParser):
    """Start tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_japanese_first_english_by_a_switch(client: httpx.Client) -> None:
    page = client.get("/console/table?offset=12")
    assert '<html lang="ja">' in page.text
    assert "ログアウト" in page.text
    answer = client.post("/login/language", data={"language": "en", "next": "/console/table?offset=12"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/table?offset=12")
    assert '<html lang="en">' in client.get("/console").text
    client.post("/login/language", data={"language": "xx", "next": "/console"})
    assert "Sign out" in client.get("/console").text


def test_navigation_shows_what_may_be_seen(client: httpx.Client) -> None:
    assert 'href="/console/form"' in client.get("/console").text
    viewer = Principal("local:v", "v", frozenset({Role.VIEWER}), "session")
    with served(build(viewer)) as address:
        page = httpx.get(f"{address}/console/table", timeout=PATIENCE).text
    navigation = re.findall(r'<li><a href="(/console[^"]*)"( aria-current="\w+")?', page.split("</nav>")[0])
    assert navigation == [
        ("/console", ""),
        ("/console/table", ' aria-current="page"'),
        ("/console/charts", ""),
        ("/console/run", ""),
    ]


def test_a_page_within_a_section_marks_the_section(client: httpx.Client) -> None:
    assert '<a href="/console" aria-current' not in client.get("/console/broken").text


def test_before_login_there_is_no_navigation(client: httpx.Client) -> None:
    page = client.get("/login").text
    assert "<nav" not in page
    assert "/logout" not in page


@pytest.mark.parametrize("path", PAGES)
def test_nothing_inline_is_executed_and_ids_are_unique(client: httpx.Client, path: str) -> None:
    tags = Tags(client.get(path).text).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in tags:
        assert not [name for name in attributes if name == "style" or name.startswith(("on", "hx-on"))]
        assert tag != "style"
        if tag == "script":
            assert "src" in attributes or attributes["type"] == "application/json"
        if tag == "form" and attributes["method"] == "post":
            first = tags[tags.index((tag, attributes)) + 1]
            assert first == ("input", {"type": "hidden", "name": "csrf_token", "value": "token-of-the-session"})
        for name in ("src", "href"):
            assert (attributes.get(name) or "/").startswith(("/", "#")), attributes


def test_labels_belong_to_fields(client: httpx.Client) -> None:
    tags = Tags(client.get("/console/form").text).tags
    ids = {attributes.get("id") for _, attributes in tags}
    assert {attributes["for"] for tag, attributes in tags if tag == "label" and "for" in attributes} <= ids


def test_messages_are_shown_once_and_only_when_ours(client: httpx.Client) -> None:
    answer = client.post("/console/form", data={"name": "ab"})
    assert answer.status_code == 303
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    assert "ab を保存しました。" not in client.get("/console/run/progress", headers={"HX-Request": "true"}).text
    assert "ab を保存しました。" in client.get("/console").text
    assert "ab を保存しました。" not in client.get("/console").text
    signed = httpx.Response(303, headers=answer.headers, request=answer.request).cookies["flash"]
    forged = {"flash": f"x{signed}"}
    assert "保存しました" not in httpx.get(client.base_url.join("/console"), cookies=forged, timeout=PATIENCE).text


def test_values_are_escaped(client: httpx.Client) -> None:
    page = client.get("/console").text
    assert "&lt;viewer&gt;" in page
    assert "<viewer>" not in page
    assert "&#34;閲覧者&#34;" in page
    assert "<" not in re.search(r'id="bars-data">(.*?)</script>', client.get("/console/charts").text, re.S)[1]  # type: ignore[index]


def test_pages_are_not_kept(client: httpx.Client) -> None:
    assert client.get("/console").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/console/jobs?a=1&b=%E3%81%82#c", True),
        ("/", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example/", False),
        ("console", False),
        ("", False),
        ("/a\r\nSet-Cookie: x=1", False),
        ("/a b", False),
    ],
)
def test_redirects_stay_at_home(client: httpx.Client, path: str, kept: bool) -> None:
    assert local_path(path) == (path if kept else "/console")
    answer = client.post("/login/language", data={"language": "ja", "next": path})
    assert answer.headers["location"] == (path if kept else "/console")


def test_page_addresses_keep_the_other_parameters(client: httpx.Client) -> None:
    page = client.get("/console/table?status=failure&offset=24&note=%E3%81%82%26").text
    links = [attributes["href"] for tag, attributes in Tags(page).tags if attributes.get("rel") in ("prev", "next")]
    assert links == [
        "/console/table?status=failure&note=%E3%81%82%26&offset=12",
        "/console/table?status=failure&note=%E3%81%82%26&offset=36",
    ]


def test_an_answered_form_is_left_towards_its_page(client: httpx.Client) -> None:
    referer = str(client.base_url.join("/console/form?a=1"))
    page = client.post("/console/form", data={"name": ""}, headers={"Referer": referer})
    assert page.status_code == 422
    assert '<input type="hidden" name="next" value="/console/form?a=1">' in page.text


def test_error_page_says_what_and_under_which_id(client: httpx.Client) -> None:
    page = client.get("/console/broken")
    assert page.status_code == 404
    for text in ("Not Found", "job nothing does not exist", "404", "0190f5c2-demo"):
        assert text in page.text


def test_own_files_are_kept_by_content_and_libraries_by_version(client: httpx.Client) -> None:
    forever = "public, max-age=31536000, immutable"
    for path in re.findall(r'(?:href|src|content)="(/static/[^"]+)"', client.get("/console").text):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == forever
        again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.headers["cache-control"]) == (304, forever)
    for path in ("/static/console.css", "/static/console.css?v=old"):
        assert client.get(path).headers["cache-control"] == "no-cache"
    assert client.get("/static/nothing.js").status_code == 404
    assert client.get("/static/../console.py").status_code == 404


def test_libraries_are_what_was_released() -> None:
    vendor = STATIC / "vendor"
    sums = dict(reversed(line.split("  ./")) for line in (vendor / "SHA256SUMS").read_text().splitlines())
    found = {
        str(file.relative_to(vendor)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in vendor.rglob("*/*")
        if file.is_file()
    }
    assert found == sums
    for folder in {Path(name).parts[0] for name in found}:
        assert list((vendor / folder).glob("LICENSE*")), folder


def test_two_templates_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other_pages" / "templates").mkdir(parents=True)
    (tmp_path / "other_pages" / "__init__.py").touch()
    (tmp_path / "other_pages" / "templates" / "layout.html").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="both bring the template layout"):
        Console(packages=["batch_platform.web", "other_pages"], navigation=(), environment="local")


def test_unknown_names_and_floats_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd_pages" / "templates").mkdir(parents=True)
    (tmp_path / "odd_pages" / "__init__.py").touch()
    (tmp_path / "odd_pages" / "templates" / "odd.html").write_text("{{ m.money(cost, 'USD') }}{{ forgotten }}")
    monkeypatch.syspath_prepend(tmp_path)
    app = build()
    console = Console(packages=["batch_platform.web", "odd_pages"], navigation=(), environment="local")
    request: Any = _request(app)
    with pytest.raises(TypeError, match="exact"):
        console.page(request, "odd.html", {"cost": 0.1, "forgotten": ""})
    with pytest.raises(UndefinedError, match="forgotten"):
        console.page(request, "odd.html", {"cost": "0.1"})


def test_states_and_choices_are_called_by_their_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "worded_pages" / "templates").mkdir(parents=True)
    (tmp_path / "worded_pages" / "__init__.py").touch()
    source = "{{ m.state(words, 'done') }}{{ m.state(words, 'Open') }}{{ options(words, _('All')) }}"
    (tmp_path / "worded_pages" / "templates" / "worded.html").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    console = Console(packages=["batch_platform.web", "worded_pages"], navigation=(), environment="local")
    page = console.page(_request(build()), "worded.html", {"words": {"done": ("Done", "good")}})
    assert '<span class="badge tone-good">完了</span>' in page
    assert '<span class="badge tone-neutral">Open</span>' in page, "what has no word is not translated"
    assert "完了" in page.partition("All")[2]


def test_templates_of_all_packages_live_together() -> None:
    root = Path(batch_platform.__file__).parent
    folders = sorted(folder.parent for folder in root.rglob("templates") if list(folder.rglob("*.html")))
    packages = [".".join(("batch_platform", *folder.relative_to(root).parts)) for folder in folders]
    templates = Console(packages=packages, navigation=(), environment="local").templates
    for name in templates.list_templates(extensions=["html"]):
        templates.get_template(name)


class Project(BaseModel, extra="forbid"):
    name: str


def test_errors_by_field() -> None:
    assert field_errors(None) == {}
    assert field_errors(InvalidInput("bad-month", "month 2026-13 is no month", field="month")) == {
        "month": "month 2026-13 is no month"
    }
    assert field_errors(PermanentFailure("bucket-refuses", "the bucket refuses")) == {"": "the bucket refuses"}
    with pytest.raises(ValidationError) as caught:
        Project.model_validate({"nmae": "a"})
    assert set(field_errors(caught.value)) == {"name", "nmae"}


def _request(app: Any) -> Any:
    scope = {"type": "http", "method": "GET", "path": "/console", "query_string": b"", "headers": [], "app": app}
    return Request({**scope, "server": ("127.0.0.1", 80), "scheme": "http"})
