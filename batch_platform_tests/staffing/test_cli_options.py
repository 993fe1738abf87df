"""What several commands of staffing share."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_platform.core.failures import InvalidInput
from batch_platform.staffing.cli.options import hand_out


def test_a_pdf_is_handed_out_or_refused_by_the_name_of_its_file(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    hand_out(b"%PDF", tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == b"%PDF"
    capsysbinary.readouterr()
    hand_out(b"%PDF", None)
    assert capsysbinary.readouterr().out == b"%PDF"
    with pytest.raises(InvalidInput, match=r"nowhere/a\.pdf cannot be written: No such file"):
        hand_out(b"%PDF", tmp_path / "nowhere" / "a.pdf")
