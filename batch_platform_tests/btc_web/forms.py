"""Pages and forms of the console as a program sees them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx

HTML = {"Accept": "text/html"}
HOME = "/console/admin/batch-operations"


def page(client: httpx.Client, path: str = HOME, status: int = 200, language: str = "ja") -> str:
    answer = client.get(path, headers={**HTML, "Cookie": f"language={language}"})
    assert answer.status_code == status, answer.text
    return flat(answer)


def form(client: httpx.Client, path: str, **values: Any) -> httpx.Response:
    return client.post(HOME + path, data=values, headers=HTML)


def flat(answer: httpx.Response) -> str:
    """The text of a page on one line."""
    return re.sub(r"\s+", " ", unescape(answer.text))


def hidden(answer: httpx.Response, inside: str) -> dict[str, str]:
    """What the dialog of that id sends when it is answered with yes."""
    body = answer.text[answer.text.index(f'id="{inside}"') :]
    body = body[: body.index("</dialog>")]
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body)
    return {name: unescape(value) for name, value in fields if name != "csrf_token"}


def question_form(client: httpx.Client, rate: str = "5", memo: str = "") -> dict[str, str]:
    """What the question about a rate sends when it is answered with yes."""
    answer = form(client, "/preview", adjustment_rate=rate, memo=memo)
    assert answer.status_code == 200, answer.text
    return hidden(answer, "question")


def led_to(answer: httpx.Response) -> str:
    """The id of the batch whose page comes next."""
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0].rpartition("/")[2]


def flash_of(client: httpx.Client, answer: httpx.Response) -> str:
    """The message that the next page shows."""
    assert answer.status_code == 303, answer.text
    headers = {**HTML, "Cookie": f"flash={answer.cookies['flash']}"}
    shown = flat(client.get(answer.headers["location"], headers=headers))
    before = shown[: shown.index('id="connection"')]
    notice = re.search(r'class="notice tone-\w+" role="\w+">([^<]+)', before)
    assert notice, before
    return notice[1]
