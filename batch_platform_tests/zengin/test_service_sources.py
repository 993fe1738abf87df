"""The packages as their registries give them, from a directory of this machine and from S3."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from batch_platform.core.failures import PermanentFailure
from batch_platform.zengin.readers import read_release
from batch_platform.zengin.service.sources import Source, read_source
from batch_platform.zengin.store.lake import SnapshotLake
from batch_platform_tests.zengin.conftest import BUCKET
from batch_platform_tests.zengin.workflow import SMALL, Files, frames, release

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RELEASE: Files = release(SMALL)


def python_files(top: str) -> dict[str, bytes]:
    """The data of the Python package, and files beside it that are not data."""
    data = {f"{top}zengin_code/source-data/data/{name}": json.dumps(one).encode() for name, one in RELEASE.items()}
    return {
        **data,
        f"{top}zengin_code/source-data/data/updated_at": b"20260824",
        f"{top}zengin_code/__init__.py": b"import json",
        f"{top}LICENSE.txt": b"MIT",
        f"{top}zengin_code.egg-info/SOURCES.txt": b"setup.py",
    }


def wheel() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in python_files("").items():
            archive.writestr(name, content)
        archive.writestr("zengin_code-1.1.0.20260824.dist-info/top_level.txt", b"zengin_code")
    return packed.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def sdist() -> bytes:
    return tarred(python_files("zengin_code-1.1.0.20260824/"))


def npm() -> bytes:
    """One script with the branches inside their banks."""
    banks = {
        code: {**bank, "branches": RELEASE[f"branches/{code}.json"]} for code, bank in RELEASE["banks.json"].items()
    }
    script = f"module.exports = {json.dumps(banks, ensure_ascii=False, indent=2)};\n".encode()
    return tarred(
        {
            "package/lib/zengin-code.js": b"module.exports = require('./zengin-data');",
            "package/lib/zengin-data.js": script,
            "package/package.json": b'{"name": "zengin-code"}',
            "package/LICENSE.txt": b"MIT",
        }
    )


PACKAGES: dict[str, tuple[Callable[[], bytes], str]] = {
    "zengin_code-1.1.0.20260824-py2.py3-none-any.whl": (wheel, "1.1.0.20260824"),
    "zengin_code-1.1.0.20260824.tar.gz": (sdist, "1.1.0.20260824"),
    "zengin-code-1.0.0-p20260824.tgz": (npm, "1.0.0-p20260824"),
}


def assert_read(source: Source, version: str) -> None:
    assert source.version == version
    assert not [name for name in source.files if name.endswith(".txt")]
    banks, branches, orphans = read_release(source.files, where=source.where)
    wanted: tuple[pl.DataFrame, pl.DataFrame] = frames(RELEASE)
    assert banks.equals(wanted[0])
    assert branches.equals(wanted[1])
    assert orphans == ()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_of_any_registry_is_read_here_and_on_s3(
    name: str, tmp_path: Path, s3: S3Client, lake: SnapshotLake
) -> None:
    make, version = PACKAGES[name]
    content = make()
    (tmp_path / name).write_bytes(content)
    s3.put_object(Bucket=BUCKET, Key=f"packages/{name}", Body=content)
    here, there = read_source(str(tmp_path / name), s3), read_source(f"s3://{BUCKET}/packages/{name}", s3)
    for source in (here, there):
        assert_read(source, version)
    assert here.sha256 == there.sha256


def test_a_package_without_data_is_refused(tmp_path: Path, s3: S3Client) -> None:
    path = tmp_path / "zengin-code-1.0.0-p20260824.tgz"
    path.write_bytes(tarred({"package/package.json": b"{}", "package/LICENSE.txt": b"MIT"}))
    with pytest.raises(PermanentFailure, match="holds no bank master"):
        read_source(str(path), s3)
    path.write_bytes(npm()[:400])
    with pytest.raises(PermanentFailure, match="cannot be unpacked"):
        read_source(str(path), s3)
    wheel_path = tmp_path / "zengin_code-1.1.0.20260824-py2.py3-none-any.whl"
    locked = bytearray(wheel())
    locked[locked.index(b"PK\x01\x02") + 8] |= 1  # its first member is said to be encrypted
    wheel_path.write_bytes(locked)
    with pytest.raises(PermanentFailure, match=r"cannot be unpacked: .*encrypted"):
        read_source(str(wheel_path), s3)
