"""Makes `batch_platform/zengin/readings.json`: how kanji and place names are read.

    .venv/bin/python -m benchmarks.zengin_readings UNIHAN_READINGS RELEASE…

`UNIHAN_READINGS` is `Unihan_Readings.txt` of Unicode 15.0.0: on and kun readings of the kanji that cp932 has. Each
RELEASE is a wheel of `zengin-code`, whose names carry their kana: a kanji gets every reading that three names share,
and what is still not readable is a word: a whole name, or what two names have in common. The file was made of the
releases of 2017-04-27, 2020-10-06 and 2026-08-24.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

import polars as pl

from batch_platform.zengin.kana import fold
from batch_platform.zengin.mergers import loosely
from batch_platform.zengin.readers import read_release
from batch_platform.zengin.readings import LONGEST, Place, one_sound, reached, sounds_at
from batch_platform.zengin.service.sources import read_source

Table = dict[str, set[str]]
Pair = tuple[str, str]

NAMES_AT_LEAST: Final = 3
"""So many names must agree on a new reading of a kanji."""
LONGEST_READING: Final = 5
_VERB_ENDS: Final = "イルクスムブウグツヌ"
_KANJI: Final = re.compile(r"[々〇一-鿿]+")

_ROWS: Final = (
    " アイウエオ,Kカキクケコ,Sサシスセソ,Tタチツテト,Nナニヌネノ,Hハヒフヘホ,Mマミムメモ,Yヤ ユ ヨ,Rラリルレロ,"
    "Wワヰ ヱヲ,Gガギグゲゴ,Zザジズゼゾ,Dダヂヅデド,Bバビブベボ,Pパピプペポ"
)
_GLIDES: Final = "KYキ SHシ SYシ CHチ TYチ NYニ HYヒ MYミ RYリ GYギ Jジ JYジ ZYジ BYビ PYピ"
_LETTERS: Final = (
    "A エイ エ-,B ビ-,C シ-,D デイ-,E イ-,F エフ,G ジ-,H エイチ,I アイ,J ジエイ ジエ-,K ケイ ケ-,L エル,M エム,"
    "N エヌ,O オ- オウ,P ピ-,Q キユ-,R ア-ル,S エス,T テイ- テイ,U ユ-,V ブイ,W ダブリユ-,X エツクス,Y ワイ,Z ゼツト,"
    "0 ゼロ レイ,1 イチ,2 ニ,3 サン,4 ヨン シ,5 ゴ,6 ロク,7 ナナ シチ,8 ハチ,9 キユウ ク,〇 ゼロ マル"
)

# Old provinces, and places that began to write themselves in kana, whose names are not read kanji by kanji.
_PLACES: Final = (
    "山城 ヤマシロ,大和 ヤマト,河内 カワチ,和泉 イズミ,摂津 セツツ,尾張 オワリ,遠江 トオトウミ,相模 サガミ,"
    "武蔵 ムサシ,安房 アワ,上総 カズサ,下総 シモウサ,常陸 ヒタチ,近江 オウミ,飛騨 ヒダ,信濃 シナノ,"
    "上野 コウズケ,下野 シモツケ,陸奥 ムツ,出羽 デワ,若狭 ワカサ,能登 ノト,佐渡 サド,但馬 タジマ,"
    "因幡 イナバ,伯耆 ホウキ,出雲 イズモ,石見 イワミ,隠岐 オキ,播磨 ハリマ,美作 ミマサカ,備前 ビゼン,"
    "備後 ビンゴ,安芸 アキ,周防 スオウ,長門 ナガト,淡路 アワジ,阿波 アワ,讃岐 サヌキ,土佐 トサ,"
    "豊前 ブゼン,豊後 ブンゴ,日向 ヒユウガ,大隅 オオスミ,薩摩 サツマ,壱岐 イキ,対馬 ツシマ,員弁 イナベ,"
    "芦原 アワラ,海部 アマ,行方 ナメガタ,雲雀 ヒバリ,飛鳥 アスカ,宍粟 シソウ,奥入瀬 オイラセ,鵡川 ムカワ,"
    "周参見 スサミ,浮羽 ウキハ,夷隅 イスミ,瀬棚 セタナ,仁賀保 ニカホ,東雲 シノノメ,春日 カスガ,服部 ハツトリ,"
    "長谷 ハセ"
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("unihan", type=Path)
    options.add_argument("releases", nargs="+")
    chosen = options.parse_args()
    table = _of_unihan(chosen.unihan.read_text("utf-8"))
    pairs = sorted({pair for release in chosen.releases for pair in _names(release)})
    _learn(table, pairs)
    path = resources.files("batch_platform.zengin").joinpath("readings.json")
    content = json.loads(path.read_text("utf-8"))
    content["readings"] = {word: " ".join(sorted(table[word])) for word in sorted(table)}
    Path(str(path)).write_text(json.dumps(content, ensure_ascii=False, indent=0) + "\n", "utf-8")
    unread = len(_unread(table, pairs))
    print(f"{len(table):,} words, {len(pairs) - unread:,} of {len(pairs):,} names can be read")  # noqa: T201


def _of_unihan(text: str) -> Table:
    """Readings of kanji; of a kun that ends as a verb or adjective its stem too: 上げる is アゲ in 上尾."""
    syllables = _syllables()
    table: Table = defaultdict(set)
    for point, kind, said in re.findall(r"^U\+(\w+)\tkJapanese(On|Kun)\t(.+)$", text, re.MULTILINE):
        kanji = chr(int(point, 16))
        if not _in_cp932(kanji):
            continue
        for romaji in said.split():
            kana = one_sound(re.sub("|".join(syllables), lambda found: syllables[found[0]], romaji))
            stems = [kana]
            if kind == "Kun" and kana[-1] in _VERB_ENDS:
                stems += [kana[:-1], kana[:-2] if len(kana) > 3 else ""]
            table[fold(kanji)] |= {stem for stem in stems if stem and len(stem) <= LONGEST_READING}
    for place, sound in map(str.split, _PLACES.split(",")):
        table[fold(place)].add(one_sound(sound))
    for entry in _LETTERS.split(","):
        letter, *sounds = entry.lower().split()
        table[letter] |= {letter, *sounds}
    return table


def _syllables() -> dict[str, str]:
    """Letters of Unihan's romanisation -> kana, the longer ones first."""
    found = {"FU": "フ", "SHI": "シ", "CHI": "チ", "TSU": "ツ", "JI": "ジ", "N": "ン", "N'": "ン"}
    for row in _ROWS.split(","):
        consonant, sounds = row[0], row[1:]
        found |= {f"{consonant}{vowel}".strip(): kana for vowel, kana in zip("AIUEO", sounds, strict=True)}
    for glide in _GLIDES.split():
        found |= {f"{glide[:-1]}{vowel}": glide[-1] + small for vowel, small in zip("AUO", "ヤユヨ", strict=True)}
    found |= {double * 2: f"ツ{double}" for double in "KSTP"}
    return {letters: found[letters] for letters in sorted(found, key=len, reverse=True) if found[letters] != " "}


def _in_cp932(kanji: str) -> bool:
    try:
        return bool(kanji.encode("cp932"))
    except UnicodeEncodeError:
        return False


def _names(release: str) -> Iterator[Pair]:
    banks, branches, _ = read_release(read_source(release, None).files, where=release)  # type: ignore[arg-type]
    for frame, of in ((banks, "bank"), (branches, "branch")):
        named = frame.select(loosely(pl.col(f"{of}_name")).alias("name"), loosely(pl.col(f"{of}_kana")).alias("kana"))
        yield from ((name, one_sound(kana)) for name, kana in named.iter_rows() if name and kana)


def _unread(table: Table, pairs: list[Pair]) -> list[Pair]:
    return [pair for pair in pairs if tuple(map(len, pair)) not in reached(*pair, table)]


def _learn(table: Table, pairs: list[Pair]) -> None:
    while new := _agreed(table, pairs, range(1, 2), NAMES_AT_LEAST):
        for kanji, kana in new:
            table[kanji].add(kana)
    for size in range(2, LONGEST + 1):  # then words, so that longer names are made of shorter ones
        for name, kana in _unread(table, [pair for pair in pairs if len(pair[0]) == size]):
            if _KANJI.fullmatch(name) and size // 2 < len(kana) <= size * 4:
                table.setdefault(name, set()).add(kana)
    for word, kana in _agreed(table, pairs, range(2, 3), 2):  # longer ones are often said in short
        table.setdefault(word, set()).add(kana)


def _agreed(table: Table, pairs: list[Pair], sizes: range, least: int) -> list[Pair]:
    """What stands in the same gap of several names that cannot be read, with the same kana."""
    found: dict[Pair, set[str]] = defaultdict(set)
    for name, kana in _unread(table, pairs):
        gaps = _gaps(table, name, kana)
        if len(gaps) == 1:  # else nobody knows which of the kanji is read so
            found[gaps.pop()].add(name)
    return [gap for gap, names in found.items() if len(gap[0]) in sizes and len(names) >= least]


def _gaps(table: Table, name: str, kana: str) -> set[Pair]:
    """The shortest stretch of kanji between what can be read from the front and from the back, with its kana."""
    ends = _ends(table, name, kana)
    stretches = [
        (to - at, name[at:to], kana[heard:until])
        for at, heard in reached(name, kana, table)
        for to, until in ends
        if at < to and 0 < until - heard <= LONGEST_READING * (to - at) and _KANJI.fullmatch(name[at:to])
    ]
    shortest = min((size for size, *_ in stretches), default=0)
    return {(word, said) for size, word, said in stretches if size == shortest}


def _ends(table: Table, name: str, kana: str) -> set[Place]:
    """The places from which both can be read to their ends."""
    good = {(len(name), len(kana))}
    for at in reversed(range(len(name))):
        for end, sounds in sounds_at(name, at, table):
            good |= {
                (at, until - len(sound))
                for to, until in list(good)
                for sound in sounds
                if to == end and until >= len(sound) and kana[until - len(sound) : until] == sound
            }
    return good


if __name__ == "__main__":
    main()
