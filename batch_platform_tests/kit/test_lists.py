"""A declared list on every surface: the route, the command and the page read the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final

import pytest
import typer
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from pydantic import Field
from starlette.types import Receive, Scope, Send
from typer.testing import CliRunner

from batch_platform.core.failures import InvalidInput
from batch_platform.kit import lists
from batch_platform.kit.lists import List, Paging
from batch_platform.web.access.model import Principal, Role
from batch_platform.web.api import problems
from batch_platform.web.api.answers import Answer
from batch_platform.web.api.strict import IsoDate, QueryInt, StrictModel

Rows = range
NUMBERS: Final = range(1_203)


class Parity(StrEnum):
    ODD = "odd"
    EVEN = "even"


class Filters(StrictModel):
    parity: Parity | None = Field(default=None, description="Only these.")
    at_least: QueryInt = Field(default=0, ge=0, le=10_000)
    since: IsoDate | None = None


class Number(Answer):
    the_number: int


def read(numbers: Rows, filters: Filters, paging: Paging) -> tuple[Sequence[int], str | None]:
    after = int(paging.cursor or -1)
    found = [n for n in numbers if n > after and n >= filters.at_least]
    found = [n for n in found if filters.parity is None or (n % 2 == 0) == (filters.parity is Parity.EVEN)]
    page = found[: paging.limit]
    return page, str(page[-1]) if len(found) > len(page) else None


LISTING: Final = List(
    filters=Filters,
    read=read,
    row=Number,
    of=lambda number: Number(the_number=number),
    columns={"number": lambda number: number, "double": lambda number: 2 * number},
    empty="no number",
    path="/n",
    name="list_n",
    doc="Numbers.",
)


@pytest.fixture(scope="module")
def client() -> TestClient:
    router = APIRouter(prefix="/api")
    context = Annotated[Rows, Depends(lambda: NUMBERS)]
    lists.routes(router, [LISTING], context=context, permission="n:read")
    app = FastAPI()
    app.include_router(router)
    problems.install(app)

    async def signed_in(scope: Scope, receive: Receive, send: Send) -> None:
        scope["principal"] = Principal("local:ann", "ann", frozenset({Role.VIEWER}), "session")
        await app(scope, receive, send)

    return TestClient(signed_in)


@pytest.fixture(scope="module")
def shell() -> typer.Typer:
    @contextmanager
    def opened() -> Iterator[Rows]:
        yield NUMBERS

    app = typer.Typer()
    lists.command(app, LISTING, "numbers", doc="List numbers.", opened=opened)
    app.command("other")(lambda: None)  # a group, not a single command
    return app


def run(shell: typer.Typer, *words: str) -> str:
    ended = CliRunner().invoke(shell, ["numbers", *words], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_the_route_answers_a_page_and_where_the_next_begins(client: TestClient) -> None:
    first = client.get("/api/n", params={"limit": "2", "parity": "odd", "atLeast": "5"}).json()["data"]
    assert first == {"items": [{"theNumber": 5}, {"theNumber": 7}], "nextCursor": "7"}
    assert len(client.get("/api/n").json()["data"]["items"]) == lists.PAGE


@pytest.mark.parametrize("query", ["parity=none", "atLeast=-1", "since=2026-13-01", "limit=501", "at_least=1"])
def test_the_route_refuses_what_it_does_not_understand(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/n?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, query.partition("=")[0])


def test_the_route_is_documented_by_the_declaration(client: TestClient) -> None:
    [operation] = client.get("/openapi.json").json()["paths"]["/api/n"].values()
    assert operation["description"] == "Numbers."
    assert [one["name"] for one in operation["parameters"]] == ["parity", "atLeast", "since", "limit", "cursor"]
    assert operation["parameters"][0]["description"] == "Only these."


def test_json_is_the_whole_list_in_the_words_of_the_api(shell: typer.Typer) -> None:
    assert json.loads(run(shell, "--json")) == [{"theNumber": number} for number in NUMBERS]
    assert json.loads(run(shell, "--json", "--limit", "601", "--parity", "even"))[-1] == {"theNumber": 1_200}


def test_people_see_a_table_and_that_there_is_more(shell: typer.Typer) -> None:
    table = run(shell, "--at-least", "1195")
    assert table.split() == ["number", "double", *(str(m) for n in range(1_195, 1_203) for m in (n, 2 * n))]
    assert "… and more" in run(shell)
    assert "more" not in run(shell, "--limit", "3")
    assert run(shell, "--at-least", "9999") == "no number\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--parity", "none"), "--parity: Input should be 'odd' or 'even'"),
        (("--since", "2026-13-01"), "--since: a date is written YYYY-MM-DD"),
    ],
)
def test_a_bad_option_is_told_by_its_name(shell: typer.Typer, words: tuple[str, ...], told: str) -> None:
    refused = CliRunner().invoke(shell, ["numbers", *words]).exception
    assert isinstance(refused, InvalidInput)
    assert (str(refused), refused.exit_code) == (told, 2)


def test_help_names_the_options(shell: typer.Typer) -> None:
    told = run(shell, "--help")
    assert "List numbers." in told
    for option in ("--parity", "--at-least", "--since", "--limit", "--json", "Only these.", "YYYY-MM-DD"):
        assert option in told


def test_a_page_shows_what_it_understands(shell: typer.Typer) -> None:
    query: dict[str, Any] = {"parity": "odd", "atLeast": "x", "since": "2026-11-30", "cursor": "", "other": "1"}
    shown = lists.page(NUMBERS, LISTING, query, limit=2)
    assert shown.filters == Filters(parity=Parity.ODD, since=date(2026, 11, 30))
    assert (shown.rows, shown.cursor, shown.following) == ([1, 3], None, "3")
    assert lists.page(NUMBERS, LISTING, {"cursor": "1200"}, limit=2).following is None
