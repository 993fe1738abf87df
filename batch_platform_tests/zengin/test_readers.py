"""Releases in every layout become the same tables; what is wrong with one is said by file, row and field."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from polars.testing import assert_frame_equal

from batch_platform.core.failures import PermanentFailure
from batch_platform.zengin.export import to_transfer
from batch_platform.zengin.readers import ReadError, encoding_of, read_release
from batch_platform_tests.zengin.masters import AFTER, BEFORE, Master, excerpt, files, masters, thrifty

BANK = {"code": "0001", "name": "みずほ", "kana": "ミズホ", "hira": "みずほ", "roma": "mizuho"}
BRANCH = {"code": "001", "name": "東京営業部", "kana": "トウキヨウ", "hira": "とうきよう", "roma": "toukiyou"}


def release(banks: Any = None, branches: Any = None, **more: bytes) -> dict[str, bytes]:
    """A release of one bank with one branch, with other contents where given."""
    return {
        "data/banks.json": _bytes({"0001": BANK} if banks is None else banks),
        "data/branches/0001.json": _bytes({"001": BRANCH} if branches is None else branches),
        **{name.replace("__", "/"): content for name, content in more.items()},
    }


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()


def listed(*lines: str) -> dict[str, bytes]:
    return {"ginkositen.txt": "".join(f"{line}\r\n" for line in lines).encode("cp932")}


def read(found: dict[str, bytes]) -> Master:
    banks, branches, _ = read_release(found, where="release")
    return banks, branches


def test_a_real_release_is_read():
    banks, branches, orphans = read_release(files(BEFORE), where="wheel")
    assert banks.get_column("bank_code").to_list() == ["0185", "4047", "5554", "5568", "5714", "5815", "5823", "9375"]
    assert banks.row(2) == (
        "5554",
        "北越後農協",
        "キタエチゴノウキヨウ",
        "きたえちごのうきよう",
        "kitaechigonoukiyou",
    )
    assert branches.height == 43
    assert orphans == ("5690",)


def test_branches_of_banks_that_are_gone_add_nothing():
    """Fact 2."""
    _, branches, orphans = read_release(files(AFTER), where="wheel")
    assert orphans == ("5568", "5690", "5815", "5823")
    assert not set(orphans) & set(branches.get_column("bank_code"))


def test_the_depth_of_the_files_does_not_matter():
    for prefix in ("", "a/", "s3/incoming/2026-01-01/"):
        assert read(
            {f"{prefix}banks.json": _bytes({"0001": BANK}), f"{prefix}branches/0001.json": _bytes({"001": BRANCH})}
        )[1].row(0)[:3] == ("0001", "001", "東京営業部")


def test_the_npm_package_is_read():
    whole = {**BANK, "branches": {"001": BRANCH}}
    script = f"module.exports = {json.dumps({'0001': whole}, indent=2)};\n".encode()
    for one, other in zip(read({"package/lib/zengin-data.js": script}), read(release()), strict=True):
        assert_frame_equal(one, other)


def test_a_list_is_read():
    banks, branches = read(
        listed(
            '0001,000,"ﾐｽﾞﾎ           ","みずほ",1',
            '0001,001,"ﾄｳｷﾖｳ          ","東京営業部",2',
            '"0005","000","ﾐﾂﾋﾞｼﾕ-ｴﾌｼﾞｴｲ","三菱ＵＦＪ","1"',
        )
    )
    assert banks.rows() == [
        ("0001", "みずほ", "ミズホ", "みずほ", "mizuho"),
        ("0005", "三菱ＵＦＪ", "ミツビシユ－エフジエイ", "みつびしゆ－えふじえい", "mitsubishiyu-efujiei"),
    ]
    assert branches.rows() == [("0001", "001", "東京営業部", "トウキヨウ", "とうきよう", "toukiyou")]


LINES = ('0001,000,"ｽﾃｰﾄ･ｽﾄﾘｰﾄ","ﾊﾟｰｸ･ﾀｳﾝ",1', '0001,001,"ﾄﾞｺﾓﾞ ","カﾞ-ｱﾞ",2')


def test_half_width_letters_mean_the_full_ones():
    """In kana as the releases write them, in names as anybody does; a hyphen in a name stays what it is."""
    assert read(listed("0001,000,ステート・ストリート,a,1"))[0].item(0, "bank_kana") == "ステ－ト．ストリ－ト"
    banks, branches = read(listed(*LINES))
    assert banks.row(0)[1:3] == ("パーク・タウン", "ステ－ト．ストリ－ト")
    assert branches.row(0)[2:4] == ("ガ-ア゛", "ドコモ゛")


@pytest.mark.parametrize(
    ("encode", "encoding"),
    [
        (lambda text: text.encode("cp932"), "cp932"),
        (lambda text: text.encode("cp932") + b"\x1a", "cp932"),
        (lambda text: text.encode("cp932") + b"\x1a\x1a\r\n", "cp932"),
        (lambda text: text.encode(), "UTF-8"),
        (lambda text: text.encode() + b"\x1a", "UTF-8"),
        (lambda text: text.encode("utf-8-sig"), "UTF-8 with a byte order mark"),
        (lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"), "UTF-16 (little-endian)"),
        (lambda text: codecs.BOM_UTF16_BE + f"{text}\x1a".encode("utf-16-be"), "UTF-16 (big-endian)"),
        (lambda text: text.encode("utf-16-le"), "UTF-16 (little-endian)"),
        (lambda text: text.encode("utf-16-be"), "UTF-16 (big-endian)"),
    ],
)
def test_a_list_in_any_usual_encoding(encode: Callable[[str], bytes], encoding: str):
    """A whole real list, its long vowels and points in half width, reads as the release it was made from."""
    banks, branches = excerpt(AFTER)
    text = to_transfer(banks, branches).decode("cp932").replace("-", "ｰ").replace(".", "･")
    found = {"ginkositen.txt": encode(text)}
    assert encoding_of(found, where="list") == encoding
    for one, other in zip(read(found), (banks, branches), strict=True):
        assert_frame_equal(one, other)


def test_half_width_kana_alone_are_no_utf_8():
    """ﾂｱ in cp932 are the bytes of one Latin letter in UTF-8."""
    assert read({"list.csv": "0001,000,ﾂｱ,ﾂｱ,1\r\n".encode("cp932")})[0].row(0)[1:3] == ("ツア", "ツア")


def test_json_with_a_byte_order_mark_is_read():
    for encode in (
        lambda text: text.encode("utf-8-sig"),
        lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    ):
        found = {name: encode(content.decode()) for name, content in release().items()}
        for one, other in zip(read(found), read(release()), strict=True):
            assert_frame_equal(one, other)
    assert encoding_of(found, where="folder") == "UTF-16 (little-endian)"


def test_of_rows_that_share_a_code_the_first_is_kept():
    lines = ('0001,000,"ﾐｽﾞﾎ","みずほ",1,1', '0001,001,"ｼﾃﾝ","支所",2,2', '0001,001,"ﾎﾝﾃﾝ","本店",2,1')
    assert read(listed(*lines))[1].row(0)[2] == "本店"
    with pytest.raises(ReadError, match="more than once the branch: 0001-001"):
        read(listed(*lines, '0001,001,"ﾎﾝﾌﾞ","本部",2,1'))


def test_a_list_leaves_out_branches_without_a_bank():
    _, branches, orphans = read_release(listed('0001,000,"ﾐｽﾞﾎ","みずほ",1', '0002,001,"ﾎﾝﾃﾝ","本店",2'), where="list")
    assert branches.is_empty()
    assert orphans == ("0002",)


def test_both_layouts_hold_the_same_rows():
    """A release written as a list for transfers reads as the release again."""
    banks, branches = excerpt(AFTER)
    for one, other in zip(read({"list.csv": to_transfer(banks, branches)}), (banks, branches), strict=True):
        assert_frame_equal(one, other)


@thrifty
@given(masters)
def test_what_is_written_is_read(master: Master):
    banks, branches = master
    found = {
        "banks.json": _bytes({row[0]: _entry(row) for row in banks.iter_rows()}),
        **{f"branches/{code}.json": b"{}" for code in banks.get_column("bank_code")},
    }
    for code, mine in branches.group_by("bank_code"):
        found[f"branches/{code[0]}.json"] = _bytes({row[1]: _entry(row[1:]) for row in mine.iter_rows()})
    if banks.is_empty():
        with pytest.raises(ReadError, match="no banks"):
            read(found)
    else:
        for one, other in zip(read(found), master, strict=True):
            assert_frame_equal(one, other)


def _entry(row: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(("code", "name", "kana", "hira", "roma"), row, strict=True))


def deep(levels: int) -> Any:
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    return nested


TWICE = b'{"001": %s, "001": %s}' % (_bytes(BRANCH), _bytes(BRANCH))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "has neither banks.json"),
        (release(branches=TWICE), r"data/branches/0001.json has more than once the key of bank 0001: 001"),
        (release(banks=b'{"0001": {}, "0001": {}}'), "data/banks.json has more than once the key: 0001"),
        (release(banks=b'{"0001"'), "data/banks.json is not JSON"),
        (release(banks=b"\xff"), "data/banks.json is not JSON"),
        (release(banks=[]), "data/banks.json is not an object"),
        (release(banks={}), "has no banks"),
        (release(banks={"0001": []}), "0001 has no code"),
        (release(banks={"0001": {**BANK, "kana": None}}), "0001: kana is None, not text"),
        (release(banks={"0001": {**BANK, "code": "0002"}}), "0001: code is '0002'"),
        (release(banks={"0001": BANK, "0009": {**BANK, "code": "0009"}}), "has no branches/0009.json"),
        (release(branches={"001": {**BRANCH, "name": " "}}), "branch_name is empty.*: 0001-001"),
        (release(branches={"001": {**BRANCH, "name": "あ" * 101}}), "branch_name is .*longer than 100.*: 0001-001"),
        (release(branches={"001": {**BRANCH, "kana": "ア\x1fイ"}}), "branch_kana .* control characters: 0001-001"),
        (release(branches={"01": {**BRANCH, "code": "01"}}), "branch_code is not of 3 digits: 0001-01"),
        (release(branches={"٠٠١": {**BRANCH, "code": "٠٠١"}}), "branch_code is not of 3 digits"),
        (release(banks={"1": {**BANK, "code": "1"}}, data__branches__1__json=b"{}"), "has no branches/1.json"),
        (release() | {"other/banks.json": b"{}"}, "more than one release"),
        (listed("0001,000,ﾐｽﾞﾎ,みずほ"), "row 1 has 4 columns"),
        (listed("0001,000,ﾐｽﾞﾎ,みずほ,1", "0001,001,ﾎﾝﾃﾝ,本店,2,1"), "row 2 has 6 columns, not 5"),
        (listed("0001,000,ﾐｽﾞﾎ,みずほ,3"), "row 1: column 5 is '3'"),
        (listed('0001,000,"ﾐｽﾞﾎ,みずほ,1'), "row 1 is not CSV"),
        ({"list.csv": "0001,000,ﾐｽﾞﾎ,みずほ,1\n".encode("cp932") + b"0002,000,\xff,a,1"}, "row 2 is not cp932"),
        ({"list.csv": codecs.BOM_UTF8 + b"0001,000,\xff,a,1"}, "row 1 is not UTF-8 with a byte order mark"),
        ({"list.csv": codecs.BOM_UTF16_LE + b"0\x000"}, r"row 1 is not UTF-16 \(little-endian\)"),
        ({"list.csv": "0001,000,ﾐｽﾞﾎ,みずほ,1\n".encode("utf-32")}, "row 1 has a NUL character"),
        ({"list.csv": b"0001,000,a,b,1\n0002,000,a\0,b,1"}, "row 2 has a NUL character"),
        (listed('0001,000,ﾐｽﾞﾎ,"みず\nほ",1'), "bank_name .* control characters: 0001"),
        ({"list.csv": "0001,000,ﾐｽﾞﾎ,みずほ,1\r\n".encode("euc_jp")}, "is no list in cp932, UTF-8 or UTF-16"),
        (release(banks=b'{"0001": "\0"}'), "data/banks.json is not JSON, row 1 has a NUL character"),
        (
            release(banks=_bytes({"0001": BANK}).decode().encode("cp932")),
            "data/banks.json is not JSON, row 1 is not UTF-8",
        ),
        (release(banks=b"[" * 100_000), "data/banks.json is nested too deeply"),
        (release(banks=b'{"0001": ' * 5_000 + b"1" + b"}" * 5_000), "data/banks.json is nested too deeply"),
        (release(banks={"0001": {**BANK, "kana": deep(300)}}), r"0001: kana is \[+.*, not text"),
        (
            release(branches=b'{"001":\n{"name": "\\uD800"}}'),
            r"0001.json has '\\ud800', half of a surrogate pair in row 2",
        ),
        (release(branches=b'{"\\udfff": {}}'), r"0001.json has '\\udfff', half of a surrogate pair in row 1"),
        ({"zengin-data.js": b'module.exports = {"0001": "\\ud800"};'}, "zengin-data.js has .* half of a surrogate"),
        ({"zengin-data.js": b"module.exports = " + b"[" * 100_000}, "zengin-data.js is nested too deeply"),
        ({"zengin-data.js": b"\xff"}, "zengin-data.js, row 1 is not UTF-8"),
        (listed("0001,000,ﾐｽﾞﾎ,みずほ,1", "0001,000,ﾐｽﾞﾎ,みずほ,1"), "more than once the bank: 0001"),
        ({"zengin-data.js": b"export {}"}, "does not begin with"),
        ({"zengin-data.js": b'module.exports = {"0001": []};'}, "0001: branches is not an object"),
    ],
)
def test_what_is_wrong_is_named(found: dict[str, bytes], message: str):
    """Fact 11 and the shape of codes: nothing is read in part."""
    with pytest.raises(ReadError, match=message) as raised:
        read(found)
    assert "\n" not in str(raised.value)
    assert isinstance(raised.value, PermanentFailure)


def test_many_duplicates_are_counted():
    lines = [f"{code:04d},000,ｱ,甲,1" for code in range(1, 31)]
    with pytest.raises(ReadError, match=r"0001, 0002, .*0020 and 10 more\.$"):
        read(listed(*lines, *lines))


def test_a_bank_may_lack_kana():
    """Some releases of 2017 have foreign banks without any."""
    banks, _ = read(release(banks={"0001": {**BANK, "kana": "", "hira": "", "roma": ""}}))
    assert banks.row(0) == ("0001", "みずほ", "", "", "")
