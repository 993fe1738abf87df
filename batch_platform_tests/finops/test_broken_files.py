"""Files that are cut, damaged or something else are refused by name."""

from __future__ import annotations

import io
import struct
import zipfile

import polars as pl
import pytest

from batch_platform_tests.finops.bucket import File, csv_gz, csv_text, csv_zip, parquet
from batch_platform_tests.finops.conftest import Project
from batch_platform_tests.finops.delivered import gz_member, refusal, rows


def big_text(project: Project) -> bytes:
    """Long enough for several deflate blocks, so that a cut falls into the middle of the rows."""
    return csv_text(
        [project.line("Usage", f"{i}.{i * 7919 % 10007}", {"resourceTags/user:n": f"{i * i}"}) for i in range(5000)]
    )


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 1000, 0.5, -11, -3])
def test_a_truncated_gzip_is_refused(project: Project, cut: float) -> None:
    body = gz_member(big_text(project))
    end = int(len(body) * cut) if isinstance(cut, float) else -cut
    assert "truncated" in (told := refusal(project, File(body[:end]))) or "header" in told


def test_a_truncated_last_member_is_refused(project: Project) -> None:
    text = big_text(project)
    body = gz_member(text[:100_000]) + gz_member(text[100_000:])
    assert "truncated" in refusal(project, File(body[:-30]))


@pytest.mark.parametrize("at", [-8, -1], ids=["CRC", "length"])
def test_a_gzip_with_a_wrong_trailer_is_refused(project: Project, at: int) -> None:
    body = bytearray(gz_member(big_text(project)))
    body[at] ^= 1
    assert "checksum" in refusal(project, File(bytes(body)))


def test_a_flipped_bit_in_the_middle_of_a_gzip_is_refused(project: Project) -> None:
    body = bytearray(gz_member(big_text(project)))
    body[len(body) // 2] ^= 0x10
    refusal(project, File(bytes(body)))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_zip_with_a_wrong_crc_is_refused(project: Project, method: int) -> None:
    file = csv_zip(big_text(project), method=method)
    body = bytearray(file.body)
    directory = body.rindex(b"PK\x01\x02")
    for crc_at in (14, directory + 16):  # in the member's own header and in the directory
        crc = struct.unpack_from("<I", body, crc_at)[0]
        struct.pack_into("<I", body, crc_at, crc ^ 1)
    refusal(project, File(bytes(body), file.ending))


@pytest.mark.parametrize("cut", [1, 30, 1000, 0.5])
def test_a_truncated_zip_is_refused(project: Project, cut: float) -> None:
    file = csv_zip(big_text(project))
    end = int(len(file.body) * cut) if isinstance(cut, float) else -int(cut)
    assert "zip" in refusal(project, File(file.body[:end], file.ending))


def test_an_encrypted_zip_is_refused(project: Project) -> None:
    file = csv_zip(big_text(project))
    body = bytearray(file.body)
    body[6] |= 1
    body[body.rindex(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(project, File(bytes(body), file.ending))


def test_other_compressions_of_zip_are_refused(project: Project) -> None:
    assert "not deflated" in refusal(project, csv_zip(big_text(project), method=zipfile.ZIP_BZIP2))


def test_an_empty_zip_is_refused(project: Project) -> None:
    assert refusal(project, csv_zip()) == "the zip holds no file"


def test_a_file_of_zero_bytes_is_refused(project: Project) -> None:
    assert refusal(project, File(b"")) == "the file has zero bytes"


def test_a_gzip_of_nothing_is_refused(project: Project) -> None:
    assert refusal(project, File(gz_member(b""))) == "no header line"


@pytest.mark.parametrize("cut", [8, 100])
def test_a_truncated_parquet_is_refused(project: Project, cut: int) -> None:
    assert "truncated" in refusal(project, File(parquet(rows(project)).body[:-cut], "parquet"))


def test_bytes_that_are_not_utf8_are_refused(project: Project) -> None:
    text = csv_text([project.line("Usage", "1", {"resourceTags/user:note": "caf#"})]).replace(b"#", b"\xe9")
    assert "utf-8" in refusal(project, File(gz_member(text))).lower()


def test_a_header_that_is_not_utf8_is_refused(project: Project) -> None:
    text = csv_text([project.line("Usage", "1", {"resourceTags/user:caf#": "x"})]).replace(b"#", b"\xe9")
    assert "header" in refusal(project, File(gz_member(text)))


def test_a_header_without_a_needed_column_is_refused(project: Project) -> None:
    row = project.line()
    del row["lineItem/UnblendedCost"]
    assert refusal(project, csv_gz([row])) == "not a cost and usage report: no column line_item_unblended_cost"


def test_something_else_is_refused(project: Project) -> None:
    assert "not a cost and usage report" in refusal(project, File(b'{"error": "not found"}', "csv.gz"))


def test_a_row_with_too_many_fields_is_refused(project: Project) -> None:
    text = csv_text(rows(project)) + b",".join([b"1"] * 50) + b"\n"
    refusal(project, File(gz_member(text)))


def test_a_row_with_too_few_fields_at_the_end_is_refused(project: Project) -> None:
    text = csv_text(rows(project)) + b"AWS,2024-10-01T00:00:00Z,777\n"
    assert refusal(project, File(gz_member(text))) == (
        "row 5, column bill/PayerAccountId: the row ends before it, after 3 of 11 cells"
    )


def test_an_open_quote_is_refused(project: Project) -> None:
    text = csv_text([*rows(project), project.line("Usage", "1", {"resourceTags/user:note": "#"})])
    refusal(project, File(gz_member(text.replace(b"#", b'"'))))


def test_a_zip_of_several_formats_is_refused(project: Project) -> None:
    file = csv_zip(csv_text(rows(project)), csv_text([project.focus()]))
    assert refusal(project, file) == "the zip mixes formats"


def test_money_of_another_type_is_refused(project: Project) -> None:
    frame = pl.read_parquet(io.BytesIO(parquet(rows(project)).body))
    body = io.BytesIO()
    frame.with_columns(pl.lit(True).alias("lineItem/UnblendedCost")).write_parquet(body)
    told = refusal(project, File(body.getvalue(), "parquet"))
    assert "Boolean, which is not money" in told
