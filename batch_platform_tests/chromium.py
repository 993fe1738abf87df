"""A real browser whose pages must be clean: an error on the console, a failed script or a request to another origin
fails the test that opened the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest

from batch_platform_tests.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

CHROMIUM: Final = "/usr/bin/chromium-headless-shell"
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WIDE: Final = 1280
NARROW: Final = 390


@dataclass
class Watch:
    """What the browser complained about. `expect` names a complaint that the test provokes, by regular expression."""

    origin: str
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        self.expected.append(pattern)

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(re.search(pattern, text) for pattern in self.expected)]

    def attach(self, context: BrowserContext) -> None:
        context.on("console", self._message)
        context.on("weberror", lambda error: self.complaints.append(f"page error: {error.error}"))
        context.on("request", lambda request: self._address(request.url))
        context.on("page", lambda page: page.on("websocket", lambda socket: self._address(socket.url)))

    def _message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.origin).netloc:
            self.complaints.append(f"outside request: {url}")


OpenPage = Callable[..., "Page"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without the browser around its pages, one process for the session."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE * 1_000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """`open_page(origin, width=WIDE, **context options)`: a page of a visitor without cookies, watched.

    `page.goto("/console")` then takes paths. `watch(page).expect("status of 422")` allows a complaint.
    """
    opened: list[tuple[BrowserContext, Watch]] = []

    def opener(origin: str, *, width: int = WIDE, height: int = 800, **options: object) -> Page:
        context = browser.new_context(
            base_url=origin,
            viewport={"width": width, "height": height},
            **options,  # type: ignore[arg-type]
        )
        context.set_default_timeout(PATIENCE * 1_000)
        watcher = Watch(origin)
        watcher.attach(context)
        opened.append((context, watcher))
        page = context.new_page()
        _WATCHES[page] = watcher
        return page

    yield opener
    for context, _ in opened:
        context.close()
    _WATCHES.clear()
    complaints = [text for _, watcher in opened for text in watcher.unexpected()]
    assert not complaints, "\n".join(complaints)


_WATCHES: Final[dict[Page, Watch]] = {}


def watch(page: Page) -> Watch:
    """What was seen of the page and its siblings."""
    return _WATCHES[page]


def until(page: Page, expression: str, argument: object = None) -> None:
    """Waits until the page says so.

    Asked from here each time: Playwright's `wait_for_function` looks again from within the page, where the pages'
    content security policy forbids what it evaluates.
    """
    eventually(lambda: page.evaluate(expression, argument), hint=lambda: f"for {expression}")


def in_both_widths(page: Page) -> Iterator[int]:
    """The page as it is loaded, on a phone and on a desk."""
    for width in (NARROW, WIDE):
        page.set_viewport_size({"width": width, "height": 800})
        # the window is another at once, its layout a frame or two later
        until(page, "width => window.innerWidth === width", width)
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        yield width


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window: 0 unless it scrolls sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def check_axe(page: Page) -> None:
    """Fails with what axe-core finds wrong with the page as it stands: rules, places and what would mend each."""
    from axe_playwright_python.sync_playwright import Axe

    results = Axe().run(page)
    assert results.violations_count == 0, f"{page.url}: {results.generate_report()}"
