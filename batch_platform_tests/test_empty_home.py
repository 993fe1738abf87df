"""Every list of the console on a fresh home: what is empty says so, and leads to what fills it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextvars import copy_context
from typing import Final

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from batch_platform import domains
from batch_platform.server import create_app
from batch_platform.settings import Settings
from batch_platform.web.access.model import Role
from batch_platform_tests.databases import migrated_database
from batch_platform_tests.test_domains import SECRET, client
from batch_platform_tests.web.served import served

HTML: Final = {"accept": "text/html"}
NOT_LISTS: Final = {
    "/console/account": "one's own account; a token has none",
    "/console/account/password": "a form",
    "/console/account/second-factor": "a form",
    "/console/account/second-factor/verify": "a form",
    "/console/dead-letters/choose": "a question about what was chosen",
    "/console/incidents/choose": "a question about what was chosen",
    "/console/costs/groups": "the selects of a form",
    "/console/dead-letters/retries": "a sentence of the dead letters' page",
    "/console/health": "filled by the monitor, seconds after the start; until then it names the command",
    "/console/projects/~new": "a form",
    "/console/trading/sign-in": "a form",
    "/console/zengin/export": "what is exported, as figures",
    # nothing of a competition is there before one is made
    "/console/trading/leaderboard": "404",
    "/console/trading/live": "a part of the overview, which is empty without one",
    "/console/trading/prices": "404",
    "/console/trading/tokens": "404",
}


@pytest.fixture(scope="module")
def app(provisioned: Settings) -> Iterator[FastAPI]:
    """The whole web on tables that are all empty."""
    with pytest.MonkeyPatch.context() as patch, migrated_database(provisioned, "empty") as database:
        patch.setenv("DATABASE_URL", database)
        patch.setenv("BATCH_PLATFORM_SECRET", SECRET)
        yield copy_context().run(create_app, domains.load_settings())


@pytest.fixture(scope="module")
def origin(app: FastAPI) -> Iterator[str]:
    with served(app) as address:
        yield address


def lists(app: FastAPI) -> list[str]:
    """The addresses of all pages that take no place."""
    found = {
        route.path.rstrip("/")
        for route in iter_route_contexts(app.routes)
        if route.path and "GET" in (route.methods or ()) and not isinstance(route.original_route, Mount)
    }
    return sorted(path for path in found if path.startswith("/console") and not re.search(r"{|/files/", path))


def emptiness(page: str) -> list[str]:
    return re.findall(r'<p class="empty">(.*?)</p>', page, re.DOTALL)


def test_each_empty_list_says_so_and_leads_on(app: FastAPI, origin: str) -> None:
    paths = lists(app)
    assert NOT_LISTS.keys() <= set(paths)
    silent, dead_ends, empty = [], [], 0
    with client(origin, Role.ADMINISTRATOR) as administrator:
        for path in paths:
            if path in NOT_LISTS:
                continue
            answer = administrator.get(path, headers=HTML)
            assert answer.status_code == 200, path
            sentences = emptiness(answer.text)
            empty += len(sentences)
            if not sentences and not re.search(r'<table|<ol class="log"', answer.text):
                silent.append(path)
            dead_ends += [(path, text) for text in sentences if not re.search(r'<a href="[^"]+">[^<]+</a>', text)]
    assert (silent, dead_ends) == ([], [])
    assert empty > 25


def test_what_an_empty_list_leads_to_is_there(app: FastAPI, origin: str) -> None:
    """Every step is a page that whoever reads the list may open; an anchor is on the page."""
    with client(origin, Role.ADMINISTRATOR) as administrator, client(origin, Role.VIEWER) as viewer:
        for reader in (administrator, viewer):
            opened: dict[str, str] = {}
            for path in lists(app):
                page = "" if path in NOT_LISTS else reader.get(path, headers=HTML)
                if not page or page.status_code == 403:
                    continue
                for step in re.findall(r'<a href="([^"]+)">', " ".join(emptiness(page.text))):
                    there, _, anchor = step.partition("#")
                    there = there or path
                    if there not in opened:
                        answer = reader.get(there, headers=HTML)
                        assert answer.status_code == 200, (path, step)
                        opened[there] = answer.text
                    assert not anchor or f'id="{anchor}"' in opened[there], (path, step)
            assert len(opened) > 10


def test_a_viewer_is_not_sent_where_he_may_do_nothing(origin: str) -> None:
    with client(origin, Role.VIEWER) as viewer:
        page = viewer.get("/console/projects", headers=HTML).text
    assert "~new" not in page
    assert '<a href="/console/jobs/cur-fetch">作成元のジョブを確認する</a>' in page
