"""The guides name what exists: commands with their options, files, headings; pages by the words that they bear."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from batch_platform_tests.test_surfaces import SNAPSHOT

_ROOT: Final = Path(__file__).parents[1]
_GUIDES: Final = [_ROOT / "README.md", *sorted(_ROOT.glob("docs/*.md")), *sorted(_ROOT.glob("docs/operations/*.md"))]
# The page of figures names benchmarks, which have groups of the same names.
_WITH_COMMANDS: Final = [guide for guide in _GUIDES if guide.name != "performance.md"]
_COMMANDS: Final = json.loads(SNAPSHOT.read_text())["commands"]
_GROUPS: Final = {command.split()[1] for command in _COMMANDS if " " in command}
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_CODE: Final = re.compile(r"`([^`\n]+)`")
_HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)
_WORD: Final = re.compile(r"[a-z][a-z-]*")
_PAGE: Final = re.compile(r"[぀-ヿ一-鿿][぀-ヿ一-鿿ー・]*")


def anchors(guide: Path) -> set[str]:
    """The addresses of its headings, as code hosts make them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(guide.read_text())
    }


def unknown(code: str) -> str | None:
    """What of a command line there is not, `a|b` being alternatives; None where all is known, or it is no command."""
    words = code.removeprefix("batch-platform ").split()
    if words[0] not in _GROUPS:
        return None
    paths = ["batch-platform"]
    for word in words:
        names = [name for name in word.split("\\|") if _WORD.fullmatch(name)]
        deeper = [f"{path} {name}" for path in paths for name in names]
        if not names or (len(paths) == 1 and _COMMANDS[paths[0]]["parameters"] and deeper[0] not in _COMMANDS):
            break
        missing = [path for path in deeper if path not in _COMMANDS]
        if missing:
            return missing[0]
        paths = deeper
    options = {name for path in paths for entry in _COMMANDS[path]["parameters"] for name in entry.get("names", ())}
    given = {word.strip("[]").partition("=")[0] for word in words if word.strip("[]").startswith("--")}
    return next(iter(sorted(given - options)), None)


@pytest.mark.parametrize("guide", _GUIDES, ids=lambda guide: guide.relative_to(_ROOT).as_posix())
def test_links_lead_somewhere(guide: Path) -> None:
    broken = []
    for link in _LINK.findall(guide.read_text()):
        path, _, anchor = link.partition("#")
        target = (guide.parent / path).resolve() if path else guide
        if link.startswith("http"):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("guide", _WITH_COMMANDS, ids=lambda guide: guide.relative_to(_ROOT).as_posix())
def test_commands_and_their_options_exist(guide: Path) -> None:
    problems = {code: wrong for code in _CODE.findall(guide.read_text()) if (wrong := unknown(code))}
    assert problems == {}


def test_pages_are_called_as_the_console_calls_them() -> None:
    texts = "\n".join(catalogue.read_text() for catalogue in sorted(_ROOT.glob("batch_platform/**/locale/ja.po")))
    guide = (_ROOT / "docs" / "operators-guide.md").read_text()
    assert {name for name in _PAGE.findall(guide) if name not in texts} == set()


def test_a_command_that_is_gone_is_seen() -> None:
    assert unknown("jobs nosuch NAME") == "batch-platform jobs nosuch"
    assert unknown("users unlock NAME --nosuch") == "--nosuch"
    assert unknown("users add\\|nosuch NAME") == "batch-platform users nosuch"
    assert unknown("jobs pauses begin --until MOMENT --reason TEXT") is None
