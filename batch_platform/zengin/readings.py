"""Whether a name can be read as a kana, by the readings of its kanji: what tells another spelling from another place.

Names and kana are those of `mergers.loosely`. `readings.json` has what a kanji, a letter, a digit or a whole name may
be read as; `benchmarks/zengin_readings.py` makes it. A name with a kanji that is not in it cannot be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Final

Readings = Mapping[str, Collection[str]]
"""What each kanji or word may be read as, in folded katakana."""
Place = tuple[int, int]
"""So many letters of a name, and of its kana."""

LONGEST: Final = 4
"""Letters that a word of the table may have."""

_KANA: Final = re.compile("[ァ-ヴ-]")
_SPOKEN_KE: Final = ("ケ", "ガ", "カ", "コ")
_LINKS: Final = ("ノ", "ガ")
"""Spoken between two kanji though not written: 一関 is イチノセキ."""
_ONE_SOUND: Final = str.maketrans("ヂヅヲヰヱ", "ジズオイエ")
_VOICED: Final = str.maketrans("カキクケコサシスセソタチツテトハヒフヘホ", "ガギグゲゴザジズゼゾダジズデドバビブベボ")
_HALF_VOICED: Final = str.maketrans("ハヒフヘホ", "パピプペポ")


def fits(name: str, kana: str) -> bool:
    """Whether the whole name can be read as the whole kana; an empty one fits nothing."""
    return bool(name and kana) and (len(name), len(kana)) in reached(name, kana, readings())


def begins(name: str, kana: str) -> bool:
    """Whether the kana is how a longer name begins: ヒミ of 比美乃江, but ヒラカ not of 平川 (ヒラカワ)."""
    return bool(kana) and any(
        end < len(name) and heard == len(kana) for end, heard in reached(name, kana, readings())
    )


def one_sound(kana: str) -> str:
    """Kana that sound alike as one: the releases write ヅ and ズ for the same name."""
    return kana.translate(_ONE_SOUND)


def reached(name: str, kana: str, known: Readings) -> set[Place]:
    """The places where a beginning of the name has been read as a beginning of the kana."""
    name, kana = one_sound(name), one_sound(kana)
    todo: list[Place] = [(0, 0)]
    seen = set(todo)
    while todo:
        at, heard = todo.pop()
        if at == len(name):
            continue
        linked = at > 0 and kana[heard : heard + 1] in _LINKS and not _KANA.match(name[at])
        for start in (heard, heard + 1) if linked else (heard,):
            for end, sounds in sounds_at(name, at, known):
                places = {(end, start + len(sound)) for sound in sounds if kana.startswith(sound, start)} - seen
                todo.extend(places)
                seen |= places
    return seen


def sounds_at(name: str, at: int, known: Readings) -> Iterator[tuple[int, set[str]]]:
    """Where each word that begins at a letter of the name ends, and what it may sound like there."""
    letter = name[at]
    if _KANA.match(letter):
        yield at + 1, set(_SPOKEN_KE) if letter == "ケ" else {letter}
    for end in range(at + 1, min(at + LONGEST, len(name)) + 1):
        word = name[at - 1] if letter == "々" and at and end == at + 1 else name[at:end]
        if word in known:
            yield end, {sound for reading in known[word] for sound in _sounds(reading, first=at == 0)}


def _sounds(reading: str, *, first: bool) -> Iterator[str]:
    """A reading as it sounds alone, before another one (学 ガツ), and after one (川 ガワ, 幌 ポロ)."""
    forms = [reading]
    if len(reading) > 1 and reading[-1] in "ツチクキ":
        forms.append(f"{reading[:-1]}ツ")
    yield from forms
    if not first:
        for form in forms:
            yield form[0].translate(_VOICED) + form[1:]
            yield form[0].translate(_HALF_VOICED) + form[1:]


@cache
def readings() -> Readings:
    """The table of `readings.json`: readings of a word, separated by blanks."""
    text = resources.files("batch_platform.zengin").joinpath("readings.json").read_text("utf-8")
    return {word: tuple(sounds.split()) for word, sounds in json.loads(text)["readings"].items()}
