"""The writings of a name: full width and half width, hiragana and letters, and the one form search compares."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import polars as pl

TRANSFER_BYTES: Final = 15
"""The width of the name of a bank or branch in a transfer file."""

_MARKS: Final = "ﾞﾟ"
_COMBINING: Final = dict(zip(_MARKS, "\u3099\u309a", strict=True))
_FULL: Final = {
    **{half: unicodedata.normalize("NFKC", half) for half in map(chr, range(0xFF61, 0xFF9E))},
    **dict(zip(_MARKS, "゛゜", strict=True)),
}
"""Half-width kana, points and marks -> the full-width letter."""
_VOICED: Final = {
    voiced: half + mark
    for half, full in _FULL.items()
    for mark, combining in _COMBINING.items()
    if len(voiced := unicodedata.normalize("NFC", full + combining)) == 1
}
"""Full-width kana with a mark -> the half-width letter and its mark."""

_SMALL: Final = dict(zip("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ", strict=True))
_DASHES: Final = "-ー－ｰ‐‑‒–—―−─━"
_DOTS: Final = "・･．."
_HIRAGANA: Final = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
_KATAKANA: Final = {code: code - 0x60 for code in range(ord("ァ"), ord("ン") + 1)}
_WIDE: Final = {0x20: 0x3000, **{code: code + 0xFEE0 for code in range(0x21, 0x7F)}}

_AS_RELEASED: Final = str.maketrans("ｰー･・", "－－．．")
_HALF_KANA: Final = re.compile("[｡-ﾟ]")
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ ()/,"
"""What a name in a transfer file may hold besides kana, hyphens and points."""


def _half_widths() -> dict[str, str]:
    """Each letter that has a place in a transfer file -> how it is written there, small kana large."""
    kana = {half: full for half, full in _FULL.items() if half >= "ｦ" and half not in f"ｰ{_MARKS}"}
    halves = {**{full: half for half, full in kana.items()}, **_VOICED}
    table = {**halves, **{small: halves[large] for small, large in _SMALL.items()}}
    table |= {half: table[full] for half, full in kana.items()}
    table |= dict(zip("ﾞﾟ゛゜､、", "ﾞﾟﾞﾟ,,", strict=True))
    table |= {**dict.fromkeys(_DASHES, "-"), **dict.fromkeys(_DOTS, ".")}
    for letter in _LETTERS:
        table |= dict.fromkeys((letter, letter.lower()), letter)
        table |= dict.fromkeys((letter.translate(_WIDE), letter.lower().translate(_WIDE)), letter)
    return table


def _sounds() -> dict[int, str]:
    """Each katakana -> its letters, as the `zengin-code` releases have them."""
    rows = (
        "アイウエオ カキクケコ ガギグゲゴ サシスセソ ザジズゼゾ タチツテト ダヂヅデド"
        " ナニヌネノ ハヒフヘホ バビブベボ パピプペポ マミムメモ ラリルレロ"
    )
    table = {
        letter: sound + vowel
        for row, sound in zip(rows.split(), ["", *"kgsztdnhbpmr"], strict=True)
        for letter, vowel in zip(row, "aiueo", strict=True)
    }
    table |= {"シ": "shi", "ジ": "ji", "チ": "chi", "ツ": "tsu", "フ": "fu"}
    table |= {"ヤ": "ya", "ユ": "yu", "ヨ": "yo", "ワ": "wa", "ヲ": "wo", "ン": "n", "ヴ": "vu"}
    table |= {small: table[large] for small, large in _SMALL.items()}
    return {ord(letter): sound for letter, sound in table.items()}


_HALF: Final = _half_widths()
_WRITABLE: Final = f"^[{''.join(re.escape(letter) for letter in (*_HALF, *map(chr, _HIRAGANA)))}]*$"
_ROMAJI: Final[dict[int, str | int]] = {**_sounds(), **{code + 0xFEE0: code for code in range(0x21, 0x7F)}}
_N_BEFORE_LIPS: Final = re.compile("ン(?=[バビブベボパピプペポマミムメモ])")


def to_full_width(half: str) -> str:
    """Kana as the `zengin-code` releases write it: full width throughout, ー as U+FF0D and ・ as U+FF0E."""
    return _composed(_joined(half.translate(_AS_RELEASED))).translate(_WIDE)


def kana_to_full_width(text: str) -> str:
    """A text whose half-width kana are full, ｰ as ー and ･ as ・; nothing else is changed."""
    return _joined(text) if _HALF_KANA.search(text) else text


def to_half_width(kana: str) -> str:
    """Kana of any writing in the letters of a transfer file; what has no place there becomes a space."""
    whole = unicodedata.normalize("NFC", kana).translate(_HIRAGANA)
    return "".join(_HALF.get(letter, " ") for letter in whole)


def export_kana(kana: str) -> str:
    """A name as a transfer file carries it: half width, at most `TRANSFER_BYTES` of cp932, no letter cut in two."""
    half = to_half_width(kana).strip()
    if len(half) > TRANSFER_BYTES:
        # A mark belongs to the letter before it: without it the name is another one.
        end = TRANSFER_BYTES - 1 if half[TRANSFER_BYTES] in _MARKS else TRANSFER_BYTES
        half = half[:end]
    return half.rstrip()


def unexportable(kana: str) -> str:
    """The letters of a name that have no place in a transfer file, each once."""
    whole = unicodedata.normalize("NFC", kana).translate(_HIRAGANA)
    return "".join(dict.fromkeys(letter for letter in whole if letter not in _HALF))


def writable_expr(kana: pl.Expr) -> pl.Expr:
    """Whether a column's names are not empty and have only letters with a place in a transfer file."""
    return kana.str.normalize("NFC").str.contains(_WRITABLE) & (kana.str.strip_chars() != "")


def hiragana(kana: str) -> str:
    """Katakana as hiragana, as the `zengin-code` releases write it (ヴ stays)."""
    return kana.translate(_KATAKANA)


def romaji(kana: str) -> str:
    """Katakana in lower-case letters, as the `zengin-code` releases write it."""
    return _N_BEFORE_LIPS.sub("m", kana).translate(_ROMAJI).lower()


def fold(text: str) -> str:
    """The form in which names are compared, never stored; folding twice changes nothing."""
    folded: str = pl.select(fold_expr(pl.lit(text, dtype=pl.String()))).item()
    return folded


def fold_expr(text: pl.Expr) -> pl.Expr:
    """`fold` of a column: one width, one size, one kana, one hyphen, one form of a kanji, one word for a kind of bank
    (信用金庫 is 信金); no case, blanks, points, 株式会社 or usual suffixes."""
    plain = (
        text.str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(r"[\p{M}\p{Z}\p{C}ᄀ-ᇿ・.,、。゛゜'’]", "")
        .str.replace_many(_FOLDS)
        .str.replace_all(f"[ガケ]([{_KANJI}--[{_AFTER_A_NAME}]])", "ケ$1")
    )
    for names in (_KINDS_OF_UNIONS, _KINDS):
        plain = plain.str.replace_many(names)
    return (
        plain.str.replace(f"^(?:{_COMPANY})+(.+)$", "$1")
        .str.replace(f"^(.+?)(?:{_COMPANY})+$", "$1")
        .str.replace(r"^(.+?)(?:銀行|支店|ギンコウ|シテン)+$", "$1")
        .str.replace(f"({_KANJI})ガ$", "${1}ケ")
    )


def _joined(half: str) -> str:
    """Half-width kana, points and marks as full-width letters, a mark with its letter; everything else as it is."""
    letters: list[str] = []
    for letter in half:
        full = _FULL.get(letter, letter)
        if letter in _COMBINING and letters and len(together := _composed(letters[-1] + _COMBINING[letter])) == 1:
            letters[-1] = together
        else:
            letters.append(full)
    return "".join(letters)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


# Forms of a kanji that 常用漢字表 and 人名用漢字表 give beside the usual one, and a few more of place names.
_OLD_KANJI: Final = (
    "乘亂亞佛來倂假傳僞價儉兒兩剩劍劑勞勳勵勸區卷卽參單嚴囑圈國圍圓圖團增墮壓壘壞壤壯壹壽奧奬孃學寢實寫寬寶將專對屆屬峽嶽巢帶廢廣廳彈彌徑從徵德恆惠惡惱愼慘應懷戀戰戲戾拂拔拜挾插揭搖搜擇"
    "擊擔據擧擴攝收效敍敕數斷晚晝曆曉曾會條棧榮槪樂樓樞樣橫檢櫻權歐歡步歷歸殘殼毆每氣涉淚淨淺渴溪溫滯滿潛澁澤濕濟濱瀧瀨灣燈燒營爐爭爲犧狀狹獨獵獸獻甁畫當疊癡發盜盡眞硏碎祕禪禮稱稻穗穩竊"
    "竝粹絲經綠緖緣縣縱總繩繪繼續纖缺罐聲聽肅腦膽臟臺與舊艷莊莖萬薰藏藝藥處虛號螢蟲蠶蠻衞裝襃覺覽觀觸謠證譯譽讀變讓豐豫貳賣賴贊踐輕轉辭遞遲邊郞鄕醉醫釀釋錄錢鍊鎭鐵鑄鑛關陷隨險隱雙雜霸靈"
    "靜顯飜餘騷驅驗驛髓體髮鬭鷄鹽麥麵黃黑默點黨齊齋齒齡龍亘冨凉凜埜尭峯嶋巌晃桧盃祢祷禄穣萌薗駈髙﨑嵜邉濵嶌諌渕竃篭鴎薮礪頚讚鰺舘槗剱劔祗蕋蘂栁瑤戶淸靑敎稅銳吳屛躰柗桒圡逹梼掴填剥頬繋噛"
    "溌焔莱蝋顛騨箪醤麹鹸侠倶"
)
_NEW_KANJI: Final = (
    "乗乱亜仏来併仮伝偽価倹児両剰剣剤労勲励勧区巻即参単厳嘱圏国囲円図団増堕圧塁壊壌壮壱寿奥奨嬢学寝実写寛宝将専対届属峡岳巣帯廃広庁弾弥径従徴徳恒恵悪悩慎惨応懐恋戦戯戻払抜拝挟挿掲揺捜択"
    "撃担拠挙拡摂収効叙勅数断晩昼暦暁曽会条桟栄概楽楼枢様横検桜権欧歓歩歴帰残殻殴毎気渉涙浄浅渇渓温滞満潜渋沢湿済浜滝瀬湾灯焼営炉争為犠状狭独猟獣献瓶画当畳痴発盗尽真研砕秘禅礼称稲穂穏窃"
    "並粋糸経緑緒縁県縦総縄絵継続繊欠缶声聴粛脳胆臓台与旧艶荘茎万薫蔵芸薬処虚号蛍虫蚕蛮衛装褒覚覧観触謡証訳誉読変譲豊予弐売頼賛践軽転辞逓遅辺郎郷酔医醸釈録銭錬鎮鉄鋳鉱関陥随険隠双雑覇霊"
    "静顕翻余騒駆験駅髄体髪闘鶏塩麦麺黄黒黙点党斉斎歯齢竜亙富涼凛野堯峰島巖晄檜杯禰禱祿穰萠園駆高崎崎辺浜島諫淵竈籠鷗藪砺頸讃鯵館橋剣剣祇蕊蕊柳瑶戸清青教税鋭呉屏体松桑土達檮摑塡剝頰繫嚙"
    "潑焰萊蠟顚驒簞醬麴鹼俠俱"
)

_FOLDS: Final = {
    **{chr(hiragana): _SMALL.get(chr(kana), chr(kana)) for hiragana, kana in _HIRAGANA.items()},
    **_SMALL,
    **dict.fromkeys("ヵゕヶゖ", "ケ"),
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys("○◯", "〇"),
    # Cyrillic letters that some releases have in Latin names.
    **dict(zip("аеоркмтсх", "aeopkmtcx", strict=True)),
    **dict(zip(_OLD_KANJI, _NEW_KANJI, strict=True)),
}

# Formal names, in kanji and kana, -> the words the lists of banks have. The longer ones hold the shorter ones.
_KINDS_OF_UNIONS: Final = {
    "信用農業協同組合連合会": "信連",
    "信農連": "信連",
    "信用漁業協同組合連合会": "信漁連",
    "全国信用協同組合連合会": "全信組連",
    "労働金庫連合会": "労金連",
    "商工組合中央金庫": "商工中金",
    "農林中央金庫": "農林中金",
    "シンヨウノウギヨウキヨウドウクミアイレンゴウカイ": "シンレン",
    "シンヨウギヨギヨウキヨウドウクミアイレンゴウカイ": "シンギヨレン",
    "ゼンコクシンヨウキヨウドウクミアイレンゴウカイ": "ゼンシンクミレン",
    "ロウドウキンコレンゴウカイ": "ロウキンレン",
    "シヨウコウクミアイチユウオウキンコ": "シヨウコウチユウキン",
    "ノウリンチユウオウキンコ": "ノウリンチユウキン",
}
_KINDS: Final = {
    "信用金庫": "信金",
    "信用組合": "信組",
    "信用協同組合": "信組",
    "農業協同組合": "農協",
    "漁業協同組合": "漁協",
    "労働金庫": "労金",
    "シンヨウキンコ": "シンキン",
    "シンヨウクミアイ": "シンクミ",
    "シンヨウキヨウドウクミアイ": "シンクミ",
    "ノウギヨウキヨウドウクミアイ": "ノウキヨウ",
    "ギヨギヨウキヨウドウクミアイ": "ギヨキヨウ",
    "ロウドウキンコ": "ロウキン",
}
_KANJI: Final = r"[々〇\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}]"
_AFTER_A_NAME: Final = "銀信農労漁支出本営代特"
"""How the kind of a bank or office begins: the ガ of スルガ銀行 is no ヶ."""
_COMPANY: Final = r"株式会社|\(株\)|カブシキガイシヤ|\(カ\)"
