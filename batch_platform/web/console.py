"""The console's toolkit: pages from templates, navigation, languages, one-time messages, static files.

It knows no page. Packages bring templates that extend `layout.html` and show values by the macros of `m`
(`templates/README.md`); a route answers with `render`, a form's route with `redirect`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from itsdangerous import BadSignature, URLSafeSerializer
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from batch_platform.core.failures import PlatformError
from batch_platform.core.validation import message_of
from batch_platform.web import formats, i18n
from batch_platform.web.context import web_of
from batch_platform.web.headers import header
from batch_platform.web.i18n import N_

Tone = Literal["good", "bad", "warning", "busy", "neutral"]

Words = Mapping[str, tuple[str, Tone]]
"""Label (a msgid) and tone of a badge, by state."""

HOME: Final = "/console"
_FLASH: Final = "flash"
_FLASH_SECONDS: Final = 60
_FLASH_LENGTH: Final = 1_000
_YEAR: Final = 31_536_000
_TEXTS: Final = (".css", ".js", ".svg")

# States that any package may show by `m.badge(state)`; a package shows its own ones by `m.state(words, state)`.
STATES: Final[Words] = {
    "active": (N_("Active"), "good"),
    "canceled": (N_("Canceled"), "neutral"),
    "canceling": (N_("Canceling"), "busy"),
    "disabled": (N_("Disabled"), "neutral"),
    "discarded": (N_("Discarded"), "neutral"),
    "done": (N_("Done"), "good"),
    "enabled": (N_("Enabled"), "good"),
    "error": (N_("Error"), "bad"),
    "failure": (N_("Failed"), "bad"),
    "late": (N_("Late"), "bad"),
    "never": (N_("Never run"), "neutral"),
    "open": (N_("Open"), "bad"),
    "pending": (N_("Pending"), "neutral"),
    "processing": (N_("Processing"), "busy"),
    "queued": (N_("Queued"), "busy"),
    "resolved": (N_("Resolved"), "good"),
    "retried": (N_("Retried"), "neutral"),
    "retrying": (N_("Retrying"), "warning"),
    "running": (N_("Running"), "busy"),
    "skipped": (N_("Skipped"), "neutral"),
    "starting": (N_("Starting"), "busy"),
    "stopped": (N_("Stopped"), "warning"),
    "success": (N_("Succeeded"), "good"),
    "superseded": (N_("Superseded"), "neutral"),
    "waiting": (N_("Waiting"), "neutral"),
    "warning": (N_("Warning"), "warning"),
}


@dataclass(frozen=True)
class NavItem:
    """An entry of the navigation: `label` is a msgid, shown to those who hold `permission`, in `order`.

    `count` tells how much of it waits for whoever asks; 0 is not shown.
    """

    key: str
    label: str
    path: str
    permission: str
    order: int
    count: Callable[[Request], int] | None = None


@dataclass(frozen=True)
class Banner:
    """What everybody must know now, in the reader's language, and the page that has more of it."""

    text: str
    path: str


class Visitor(Protocol):
    """What the layout shows of whoever is signed in: an `access.model.Principal`."""

    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> frozenset[Any]: ...
    def may(self, permission: str) -> bool: ...


class Console:
    """Templates and texts of all packages and the navigation; lives at `app.state.console`.

    Raises `ValueError` when two packages bring a template of the same name.
    """

    def __init__(
        self,
        *,
        packages: Sequence[str],
        navigation: Sequence[NavItem],
        environment: str,
        banners: Sequence[Callable[[Request], Banner | None]] = (),
    ) -> None:
        self.environment = environment
        self._banners = banners
        self.languages = i18n.load(packages)
        self.static = Static()
        self._navigation = sorted(navigation, key=lambda item: item.order)
        self.templates = _templates(packages)
        self.templates.globals.update(
            static=self.static.url, states=STATES, languages=i18n.NAMES, options=options, zip=zip
        )

    def page(self, request: Request, template: str, values: Mapping[str, Any]) -> str:
        """The HTML of a template in the visitor's language."""
        principal: Visitor | None = request.scope.get("principal")
        path = request.url.path
        shown = [item for item in self._navigation if principal and principal.may(item.permission)]
        around = [
            item for item in shown if path == item.path or (path.startswith(f"{item.path}/") and item.path != HOME)
        ]
        language = i18n.chosen(request, self.languages)
        context: dict[str, Any] = {
            "csrf_token": request.scope.get("csrf_token", ""),
            "environment": self.environment,
            "home": shown[0].path if shown else HOME,
            "here": max(around, key=lambda item: len(item.path), default=None),
            "language": language.code,
            "navigation": shown,
            "path": path,
            "principal": principal,
            "waiting_in": lambda item: _count(item, request),
            "url": _address(request),
            "url_with": lambda **changes: url_with(request, **changes),
        }
        with i18n.speaking(language):
            context["banners"] = self._shown(request) if principal else []
            context["m"] = self.templates.get_template("macros.html").make_module(context)
            return self.templates.get_template(template).render({**context, "flash": None, **values})

    def _shown(self, request: Request) -> list[Banner]:
        """A fragment brings none: it stands in a page that has them. Nor does what cannot be asked hide the page."""
        shown = []
        for banner in () if "hx-request" in request.headers else self._banners:
            with suppress(PlatformError):
                shown.append(banner(request))
        return [banner for banner in shown if banner is not None]


def render(request: Request, template: str, /, *, status: int | None = None, **values: Any) -> HTMLResponse:
    """Answer with a page or, for htmx, a fragment. Pages show and use up the message of `redirect`.

    Unless the `status` is given, it is 422 for a page that shows `errors`, else 200.
    """
    if status is None:
        status = 422 if values.get("errors") else 200
    console: Console = request.app.state.console
    fragment = "hx-request" in request.headers
    flash = None if fragment else _flash(request)
    response = HTMLResponse(console.page(request, template, {"flash": flash, **values}), status)
    response.headers["Cache-Control"] = "no-store"
    if not fragment and _FLASH in request.cookies:
        response.delete_cookie(_FLASH)
    return response


def redirect(request: Request, path: str, *, message: str | None = None, tone: Tone = "good") -> RedirectResponse:
    """After a write: to `path` (303), where the message, or a text that is translated already, is shown once.

    It travels in a signed cookie of a minute, so that no other site can put words into the console's mouth.
    """
    response = RedirectResponse(local_path(path), 303)
    if message:
        response.set_cookie(
            _FLASH,
            _signer(request).dumps([tone, i18n.translated(message)[:_FLASH_LENGTH]]),
            max_age=_FLASH_SECONDS,
            httponly=True,
            samesite="lax",
            secure=web_of(request).secure_cookies,
        )
    return response


def options(words: Mapping[str, str] | Words, every: str | None = None) -> list[tuple[str, str]]:
    """The choices of a select in the reader's language; before them `every`, the text of no choice."""
    texts = {key: word if isinstance(word, str) else word[0] for key, word in words.items()}
    none = [] if every is None else [("", every)]
    return [*none, *((str(key), i18n.gettext(text)) for key, text in texts.items())]


def field_errors(error: PlatformError | ValidationError | RequestValidationError | None) -> dict[str, str]:
    """Sentences in the reader's language by field, for `m.field(errors=)`; what belongs to no field is under "".

    Without an error there is none.
    """
    if error is None:
        return {}
    if isinstance(error, PlatformError):
        return {getattr(error, "field", None) or "": i18n.translated(error)}
    skipped = 1 if isinstance(error, RequestValidationError) else 0  # "body", "query" or "path"
    return {
        ".".join(str(part) for part in item["loc"][skipped:]): i18n.translated(message_of(item))
        for item in error.errors()
    }


def _count(item: NavItem, request: Request) -> int:
    """How much waits in an entry of the navigation; what cannot be counted does not hide the page."""
    with suppress(PlatformError):
        return item.count(request) if item.count else 0
    return 0


def local_path(path: str, default: str = HOME) -> str:
    """The path if it leads nowhere but into this app, else `default`: for `next` fields and redirects."""
    plain = path.isprintable() and " " not in path and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith("//") else default


def url_with(request: Request, /, **changes: object) -> str:
    """This page's path and query with some parameters set, or left out where the new value is None."""
    kept = [(key, value) for key, value in parse_qsl(request.url.query, keep_blank_values=True) if key not in changes]
    query = urlencode([*kept, *((key, value) for key, value in changes.items() if value is not None)])
    return f"{request.url.path}?{query}" if query else request.url.path


router = APIRouter(include_in_schema=False)


@router.post("/login/language")
def switch_language(
    request: Request, language: Annotated[str, Form()], back: Annotated[str, Form(alias="next")] = ""
) -> Response:
    """Remember the language for a year and return to the page. Open to all: the login page has the switch too."""
    response = redirect(request, back)
    if language in i18n.NAMES:
        response.set_cookie(
            i18n.COOKIE,
            language,
            max_age=_YEAR,
            httponly=True,
            samesite="lax",
            secure=web_of(request).secure_cookies,
        )
    return response


class Static(StaticFiles):
    """The files under `static/`, for the mount `/static`; kept for ever where the address names the version."""

    def __init__(self) -> None:
        super().__init__(directory=Path(str(files("batch_platform.web") / "static")))

    @cached_property
    def _digests(self) -> dict[str, str]:
        root = Path(str(self.directory))
        own = (file for file in root.iterdir() if file.is_file())
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in own}

    def url(self, name: str) -> str:
        """Where the page finds a file: ours by content, `vendor/name-version/file` as it stands."""
        return f"/static/{name}" if name.startswith("vendor/") else f"/static/{name}?v={self._digests[name]}"

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        name = path.replace("\\", "/")
        versioned = scope["query_string"].decode("latin-1") == f"v={self._digests.get(name, '')}"
        fixed = versioned if name in self._digests else name.startswith("vendor/")
        if response.status_code in (200, 304):
            response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if fixed else "no-cache"
        if isinstance(response, FileResponse) and _takes_packed(scope) and name.endswith(_TEXTS):
            content = await run_in_threadpool(_packed, Path(response.path), response.headers["etag"])
            kept = {key: response.headers[key] for key in ("cache-control", "etag", "last-modified", "content-type")}
            return Response(content, headers={**kept, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
        return response


def _takes_packed(scope: Scope) -> bool:
    """Whether a whole file may be sent compressed."""
    return "gzip" in (header(scope, b"accept-encoding") or "") and header(scope, b"range") is None


@lru_cache(100)
def _packed(file: Path, etag: str) -> bytes:  # noqa: ARG001 (another one for another content)
    """The file as small as gzip makes it, which takes too long to be done each time."""
    return gzip.compress(file.read_bytes(), 9, mtime=0)


def _templates(packages: Sequence[str]) -> Environment:
    owner: dict[str, str] = {}
    with_templates = [package for package in packages if (files(package) / "templates").is_dir()]
    loaders = [PackageLoader(package, "templates") for package in with_templates]
    for package, loader in zip(with_templates, loaders, strict=True):
        for name in loader.list_templates():
            if name.endswith(".html") and owner.setdefault(name, package) != package:
                raise ValueError(f"{package} and {owner[name]} both bring the template {name}")
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.policies["json.dumps_function"] = _dumps
    environment.filters.update(
        translated=i18n.translated,
        grouped=formats.grouped,
        instant=formats.instant,
        in_japan=formats.in_japan,
        readable_json=lambda value: _dumps(value, indent=2, sort_keys=True),
        cents=formats.cents,
        duration=formats.duration,
        length_in_words=formats.length_in_words,
        size=formats.size,
    )
    return environment


def _dumps(value: object, **options: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False, **options)  # Decimal and date as their digits


def _address(request: Request) -> str:
    """Where this page can be fetched again; a page that answers a form stands for the form's."""
    if request.method in ("GET", "HEAD"):
        return url_with(request)
    source = urlsplit(request.headers.get("referer", ""))
    return local_path(urlunsplit(source._replace(scheme="", netloc="", fragment="")))


def _signer(request: Request) -> URLSafeSerializer:
    return URLSafeSerializer(web_of(request).key(_FLASH), signer_kwargs={"digest_method": hashlib.sha256})


def _flash(request: Request) -> tuple[Tone, str] | None:
    cookie = request.cookies.get(_FLASH)
    if not cookie:
        return None
    try:
        tone, message = _signer(request).loads(cookie)
    except BadSignature:
        return None
    return tone, message
