"""Every text of every package has its Japanese, with the same places to fill, and no translation is left over."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import PoFileError, read_po
from jinja2.ext import babel_extract

import batch_platform
from batch_platform.web import i18n

ROOT = Path(batch_platform.__file__).parent
KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2)}
# Classes whose texts are msgids, by the arguments that hold them.
MARKED = {"NavItem": ("label",), "Job": ("title", "description")}
PLACE = re.compile(r"%\((\w+)\)s")


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
        with file.open("rb") as source:
            for line, found, _comments, _context in extract("python", source, KEYWORDS):
                for text in _msgid(found):
                    yield text, f"{file.relative_to(ROOT)}:{line}"
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKED:
                for argument in node.keywords:
                    if argument.arg in MARKED[node.func.id] and isinstance(argument.value, ast.Constant):
                        yield str(argument.value.value), f"{file.relative_to(ROOT)}:{node.lineno}"


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """Where each msgid is used."""
    places: dict[str, list[str]] = defaultdict(list)
    for text, place in (*_of_templates(), *_of_code()):
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


def test_percent_signs_only_mark_places(texts: dict[str, list[str]]) -> None:
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


def test_a_catalog_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken_texts"
    (broken / "locale").mkdir(parents=True)
    (broken / "__init__.py").touch()
    (broken / "locale" / "ja.po").write_text('msgid "a"\nmsgtext "b"\n', "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PoFileError):
        i18n.load(["broken_texts"])
