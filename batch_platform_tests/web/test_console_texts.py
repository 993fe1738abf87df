"""Every text and every message of every package has its Japanese, with the same places, and none is left over."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import PoFileError, read_po
from jinja2.ext import babel_extract

import batch_platform
from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message
from batch_platform.core.validation import TEXTS
from batch_platform.web import i18n

ROOT = Path(batch_platform.__file__).parent
KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2)}
CALL = re.compile(rb"\b(_|gettext|N_|ngettext)\s*\(")
# Classes whose texts are msgids, by the arguments that hold them.
MARKED = {"NavItem": ("label",), "Job": ("title", "description")}
PLACE = re.compile(r"%\((\w+)\)s")
MESSAGE_PLACE = re.compile(r"\{(\w+)\}")
MESSAGE_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
PLAIN_ENGLISH = {"expected_plural", "field_type", "class_name"}  # of pydantic's texts: Japanese has no use for them
NO_PARAMETERS = {"field", "headers"}  # of failures, unless the text has such a place


@dataclass(frozen=True)
class Said:
    """A message where it is made: as a failure is raised, or by itself."""

    id: str
    text: str
    parameters: frozenset[str]
    place: str


@cache
def _nodes(file: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(file.read_bytes())))


def _said(file: Path) -> Iterator[Said | str]:
    """Every message of a module, and the place of everything that should be one and is not."""
    inits = {
        call
        for kind in _nodes(file)
        if isinstance(kind, ast.ClassDef) and kind.name in _failures()
        for call in ast.walk(kind)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
    }
    raised = {node.exc for node in _nodes(file) if isinstance(node, ast.Raise)}
    for node in _nodes(file):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        chosen = node in raised and name == "kind"  # one failure or another
        if not (node in inits or name in _failures() or name == "Message" or chosen):
            continue
        literals = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        place = f"{file.relative_to(ROOT)}:{node.lineno}"
        if len(literals) == 2:
            names = frozenset(keyword.arg or "**" for keyword in node.keywords)
            yield Said(*literals, names, place)
        elif literals or any(isinstance(one, ast.JoinedStr | ast.BinOp) for one in node.args):
            yield place


@cache
def _failures() -> frozenset[str]:
    """The names of all classes of failures."""
    known = {"PlatformError", "Refusal"}
    classes = [
        (node.name, {ast.unparse(base) for base in node.bases})
        for file in ROOT.rglob("*.py")
        for node in _nodes(file)
        if isinstance(node, ast.ClassDef)
    ]
    while more := {name for name, above in classes if above & known} - known:
        known |= more
    return frozenset(known)


def _msgid(found: str | tuple[str | None, ...]) -> list[str]:
    """The first literal text of a call; none where a value is translated that is marked elsewhere."""
    return [text for text in (found if isinstance(found, tuple) else (found,)) if text][:1]


def _of_templates() -> Iterator[tuple[str, str]]:
    for file in sorted(ROOT.rglob("templates/**/*.html")):
        with file.open("rb") as source:
            for line, _function, found, _comments in babel_extract(source, [*KEYWORDS], [], {"silent": "false"}):
                for text in _msgid(found):
                    yield text, f"{file.relative_to(ROOT)}:{line}"


def _of_code() -> Iterator[tuple[str, str]]:
    for file in sorted(ROOT.rglob("*.py")):
        content = file.read_bytes()
        # most modules translate nothing, and need not be taken apart
        extracted = extract("python", BytesIO(content), KEYWORDS) if CALL.search(content) else ()
        for line, found, _comments, _context in extracted:
            for text in _msgid(found):
                yield text, f"{file.relative_to(ROOT)}:{line}"
        for node in _nodes(file):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKED:
                for argument in node.keywords:
                    if argument.arg in MARKED[node.func.id] and isinstance(argument.value, ast.Constant):
                        yield str(argument.value.value), f"{file.relative_to(ROOT)}:{node.lineno}"


@pytest.fixture(scope="module")
def said() -> list[Said | str]:
    return [one for file in sorted(ROOT.rglob("*.py")) for one in _said(file)]


@pytest.fixture(scope="module")
def messages(said: list[Said | str]) -> list[Said]:
    return [one for one in said if isinstance(one, Said)]


@pytest.fixture(scope="module")
def texts(messages: list[Said]) -> dict[str, list[str]]:
    """Where each msgid is used."""
    places: dict[str, list[str]] = defaultdict(list)
    of_pydantic = ((text, "core/validation.py") for text in TEXTS.values())
    of_messages = ((one.text, one.place) for one in messages)
    for text, place in (*_of_templates(), *_of_code(), *of_messages, *of_pydantic):
        places[text].append(place)
    return places


@pytest.fixture(scope="module")
def catalogs() -> dict[str, Catalog]:
    """The Japanese of each package, as gettext reads it."""
    files = sorted(ROOT.rglob("locale/ja.po"))
    return {
        str(file.relative_to(ROOT)): read_po(StringIO(file.read_text("utf-8")), "ja", abort_invalid=True)
        for file in files
    }


def test_every_text_has_its_japanese(texts: dict[str, list[str]], catalogs: dict[str, Catalog]) -> None:
    translated = {
        entry.id if isinstance(entry.id, str) else entry.id[0]
        for catalog in catalogs.values()
        for entry in catalog
        if entry.id and not entry.fuzzy and all(entry.string if isinstance(entry.string, tuple) else (entry.string,))
    }
    missing = {text: places for text, places in texts.items() if text not in translated}
    assert not missing, "\n".join(f"{places[0]}: {text!r} has no Japanese" for text, places in missing.items())


def test_messages_have_their_japanese_at_home(messages: list[Said], catalogs: dict[str, Catalog]) -> None:
    """In a catalog of their own package, or of the web where all are loaded: core, local and the roots have none."""
    shared = ("web/locale/ja.po", "web/access/locale/ja.po")
    for one in messages:
        home = f"{one.place.partition('/')[0]}/web/locale/ja.po"
        assert any(one.text in catalogs[name] for name in {home, *shared} & {*catalogs}), f"{one.place}: {one.text}"


def test_a_message_id_has_one_text_on_the_platform(messages: list[Said]) -> None:
    known: dict[str, Said] = {}
    for one in messages:
        assert MESSAGE_ID.fullmatch(one.id), f"{one.place}: {one.id!r} is not kebab-case"
        first = known.setdefault(one.id, one)
        assert one.text == first.text, f"{one.place} and {first.place}: {one.id} has two texts"


def test_every_place_of_a_message_has_its_parameter(messages: list[Said]) -> None:
    for one in messages:
        places = {*MESSAGE_PLACE.findall(one.text)}
        given = one.parameters - (NO_PARAMETERS - places)
        assert places == given or "**" in given, f"{one.place}: {one.text!r} is given {sorted(given)}"


def test_failures_carry_messages(said: list[Said | str]) -> None:
    bare = [one for one in said if isinstance(one, str)]
    assert not bare, f"a failure's message has an id and a text: {bare}"


def test_percent_signs_only_mark_places(texts: dict[str, list[str]], messages: list[Said]) -> None:
    filled_by_themselves = {one.text for one in messages}
    texts = {text: places for text, places in texts.items() if text not in filled_by_themselves}
    odd = {text: places for text, places in texts.items() if "%" in PLACE.sub("", text)}
    assert not odd, "templates fill every text that they translate"


def test_translations_fill_the_same_places(catalogs: dict[str, Catalog]) -> None:
    for name, catalog in catalogs.items():
        for entry in catalog:
            if not entry.id:
                continue
            english = entry.id if isinstance(entry.id, tuple) else (entry.id,)
            japanese = entry.string if isinstance(entry.string, tuple) else (entry.string,)
            wanted = {place for text in english for place in PLACE.findall(text)}
            assert all(set(PLACE.findall(text)) == wanted for text in japanese), f"{name}: {entry.id!r}"
            wanted = {*MESSAGE_PLACE.findall(english[0])} - PLAIN_ENGLISH
            assert all({*MESSAGE_PLACE.findall(text)} == wanted for text in japanese), f"{name}: {entry.id!r}"


def test_no_translation_is_left_over(texts: dict[str, list[str]], catalogs: dict[str, Catalog]) -> None:
    for name, catalog in catalogs.items():
        ids = [entry.id if isinstance(entry.id, str) else entry.id[0] for entry in catalog if entry.id]
        assert not [text for text in ids if text not in texts], f"{name} translates what nobody says"
        assert not catalog.obsolete, f"{name} has obsolete entries"


def test_texts_of_several_packages_are_one_language() -> None:
    languages = i18n.load(["batch_platform.web", "batch_platform_tests.web.console_demo"])
    with i18n.speaking(languages["ja"]):
        assert i18n.gettext("Sign out") == "ログアウト"
        assert i18n.gettext("Saved %(name)s.", name="10%") == "10% を保存しました。"
        assert i18n.gettext("never translated") == "never translated"
        assert i18n.ngettext("%(num)s file", "%(num)s files", 2) == "2 files"
    with i18n.speaking(languages["en"]):
        assert i18n.gettext("Sign out") == "Sign out"
        assert i18n.ngettext("%(num)s file", "%(num)s files", 1) == "1 file"
    assert i18n.spoken().code == "en"


def test_messages_are_said_in_the_language_of_the_reader() -> None:
    languages = i18n.load(["batch_platform.web"])
    member = Message("member-twice", "the body has {member} twice", member="'a'")
    inner = Message("invalid-input", "{field}: {reason}", field="x", reason=member)
    several = Message("not-acceptable", "the API answers with {types}", types=["a", "b"])
    refused = InvalidInput("invalid-input", "{field}: {reason}", field="y", reason=[member, several])
    with i18n.speaking(languages["ja"]):
        assert i18n.translated(inner) == "x: 'a' が 2 回指定されています。"
        assert i18n.translated(refused) == "y: 'a' が 2 回指定されています。 API が返せる形式は a、b です。"
        assert i18n.translated("the body has {member} twice") == "the body has {member} twice"
    with i18n.speaking(languages["en"]):
        assert i18n.translated(refused) == str(refused) == "y: the body has 'a' twice; the API answers with a, b"


def test_a_catalog_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken_texts"
    (broken / "locale").mkdir(parents=True)
    (broken / "__init__.py").touch()
    (broken / "locale" / "ja.po").write_text('msgid "a"\nmsgtext "b"\n', "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PoFileError):
        i18n.load(["broken_texts"])
