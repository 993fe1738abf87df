"""How two values of the bank master differ, letter by letter: for whoever has to see what a proposal changes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from batch_platform.zengin.model import BANK_SCHEMA, BRANCH_SCHEMA, DiffType, Record, Table

COLUMNS: Final = tuple(dict.fromkeys((*BANK_SCHEMA, *BRANCH_SCHEMA)))
"""Of both tables, those of the key first."""
_LOOKALIKES: Final = 8
"""Code points are spelt out for changes of at most so many letters."""
_DASHES: Final = ("HYPHEN", "DASH", "MINUS", "PROLONGED SOUND", "BOX DRAWINGS LIGHT HORIZONTAL")


@dataclass(frozen=True)
class Span:
    """A stretch of a value, which the other side has too or not."""

    text: str
    changed: bool


@dataclass(frozen=True)
class FieldDiff:
    """A column before and after; a side that is not there is None. `note` tells look-alikes apart."""

    column: str
    old: tuple[Span, ...] | None
    new: tuple[Span, ...] | None
    changed: bool
    note: str | None


def spans(old: str, new: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Both values cut where they differ, by letters as people see them."""
    before, after = letters(old), letters(new)
    left: list[Span] = []
    right: list[Span] = []
    for kind, start, end, other_start, other_end in SequenceMatcher(None, before, after, False).get_opcodes():
        for side, part in ((left, before[start:end]), (right, after[other_start:other_end])):
            if part:
                side.append(Span("".join(part), kind != "equal"))
    return tuple(left), tuple(right)


def letters(text: str) -> list[str]:
    """Characters with the marks and variant selectors that belong to them."""
    clusters: list[str] = []
    for character in text:
        if clusters and (unicodedata.combining(character) or unicodedata.category(character) == "Mn"):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def code_points(old: Sequence[Span], new: Sequence[Span]) -> str | None:
    """`ー U+30FC → － U+FF0D` where only few letters differ and they may look alike; else None."""
    before = "".join(span.text for span in old if span.changed)
    after = "".join(span.text for span in new if span.changed)
    if not before or len(before) != len(after) or len(before) > _LOOKALIKES or not _alike(before, after):
        return None
    pairs = dict.fromkeys(zip(before, after, strict=True))
    return ", ".join(f"{a} U+{ord(a):04X} → {b} U+{ord(b):04X}" for a, b in pairs)


def field_diffs(record: Record) -> list[FieldDiff]:
    """Every column of the record's row, those of the key first; those that changed are marked."""
    old, new = record.current_data, record.zengin_data
    columns = [name for name in COLUMNS if name in (old or {}) or name in (new or {})]
    return [field_diff(column, (old or {}).get(column), (new or {}).get(column)) for column in columns]


def changed_diffs(record: Record) -> list[FieldDiff]:
    """What a list shows of a record: name and kana, of an update only if they changed, else whatever did."""
    fields = [field for field in field_diffs(record) if record.diff_type is not DiffType.UPDATE or field.changed]
    prefix = "bank" if record.table is Table.BANKS else "branch"
    naming = [field for field in fields if field.column in (f"{prefix}_name", f"{prefix}_kana")]
    return naming or fields


def other_columns(record: Record) -> list[str]:
    """Columns that an update changes beside those of `changed_diffs`."""
    if record.diff_type is not DiffType.UPDATE:
        return []
    shown = {field.column for field in changed_diffs(record)}
    return [field.column for field in field_diffs(record) if field.changed and field.column not in shown]


def field_diff(column: str, old: str | None, new: str | None) -> FieldDiff:
    if old is None or new is None:
        left = None if old is None else (Span(old, True),)
        right = None if new is None else (Span(new, True),)
        return FieldDiff(column, left, right, True, None)
    if old == new:
        same = (Span(old, False),)
        return FieldDiff(column, same, same, False, None)
    before, after = spans(old, new)
    return FieldDiff(column, before, after, True, code_points(before, after))


def _alike(before: str, after: str) -> bool:
    """Whether a reader may miss the difference: other widths, sizes or dashes of the same letter."""
    return all(_shape(a) == _shape(b) for a, b in zip(before, after, strict=True))


def _shape(letter: str) -> str:
    plain = unicodedata.normalize("NFKC", letter)
    name = unicodedata.name(plain[:1], "")
    if any(word in name for word in _DASHES):
        return "-"
    return name.replace("KATAKANA LETTER SMALL", "KATAKANA LETTER").replace(
        "HIRAGANA LETTER SMALL", "HIRAGANA LETTER"
    )
