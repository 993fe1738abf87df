"""The console's languages: Japanese first, English by a switch.

Code and templates carry English msgids; Japanese comes from each package's `locale/ja.po`, compiled in memory.
`gettext` speaks the language of the request in hand, which `LanguageMiddleware` sets; English outside of one.
`translated` does so with messages and failures: they come with their parameters, which may be messages themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any, Final

from batch_platform.core.failures import PlatformError
from batch_platform.core.messages import Message, Parameter, filled, separator
from batch_platform.web.headers import header

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Receive, Scope, Send

DEFAULT: Final = "ja"
NAMES: Final = {DEFAULT: "日本語", "en": "English"}
COOKIE: Final = "language"


@dataclass(frozen=True)
class Language:
    """A language of the console: its code, its own name, its texts."""

    code: str
    name: str
    texts: NullTranslations


ENGLISH: Final = Language("en", NAMES["en"], NullTranslations())
"""The msgids themselves."""

_spoken: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def N_(msgid: str) -> str:
    """Mark a text for translation where it is defined; whoever shows it calls `gettext`."""
    return msgid


# What stands between several values, and between several messages, as `core.messages` has it.
SEPARATORS: Final = (N_(", "), N_("; "))


def gettext(msgid: str, /, **values: Any) -> str:
    """The text in the language of the request in hand, with its `%(name)s` places filled from `values`."""
    text = _spoken.get().texts.gettext(msgid)
    return text % values if values else text


def ngettext(singular: str, plural: str, number: int, /, **values: Any) -> str:
    """As `gettext`, by number, which is also `%(num)s`."""
    return _spoken.get().texts.ngettext(singular, plural, number) % {"num": number, **values}


def translated(message: str | PlatformError) -> str:
    """A message or a failure in the language of the request in hand; a sentence that is no message stays as it is."""
    return _translated(message.message if isinstance(message, PlatformError) else message)


def spoken() -> Language:
    """The language of the request in hand."""
    return _spoken.get()


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Speak this language within the block."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def load(packages: Sequence[str]) -> dict[str, Language]:
    """Every language by its code, with the texts of these packages; the first package wins.

    Raises `PoFileError` for a catalog that cannot be read.
    """
    return {code: Language(code, name, _texts(code, packages)) for code, name in NAMES.items()}


def chosen(connection: HTTPConnection, languages: Mapping[str, Language]) -> Language:
    """The language that the visitor chose, by cookie; Japanese for whoever has not."""
    return languages.get(connection.cookies.get(COOKIE, DEFAULT), languages[DEFAULT])


class LanguageMiddleware:
    """Speaks the visitor's language for the length of each request."""

    def __init__(self, app: ASGIApp, languages: Mapping[str, Language]) -> None:
        self._app = app
        self._languages = languages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.requests import HTTPConnection

        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        is_known = header(scope, b"cookie") is not None
        language = chosen(HTTPConnection(scope), self._languages) if is_known else self._languages[DEFAULT]
        token = _spoken.set(language)
        try:
            await self._app(scope, receive, send)
        finally:
            _spoken.reset(token)


def _translated(value: Parameter) -> str:
    if isinstance(value, Message):
        return filled(gettext(value.text), value.parameters, _translated)
    if isinstance(value, str) or not isinstance(value, Sequence):
        return str(value)
    return gettext(separator(value)).join(map(_translated, value))


def _texts(code: str, packages: Sequence[str]) -> NullTranslations:
    texts = NullTranslations()
    for package in reversed(packages):
        compiled = _compiled(code, package)
        if compiled is None:
            continue
        catalog = GNUTranslations(BytesIO(compiled))
        catalog.add_fallback(texts)
        texts = catalog
    return texts


@cache
def _compiled(code: str, package: str) -> bytes | None:
    """The catalog of one package; None where it has none. Pages and notices of a process read it once."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    file = files(package) / "locale" / f"{code}.po"
    if not file.is_file():
        return None
    compiled = BytesIO()
    write_mo(compiled, read_po(StringIO(file.read_text("utf-8")), locale=code, abort_invalid=True))
    return compiled.getvalue()
