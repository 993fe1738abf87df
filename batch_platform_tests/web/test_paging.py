"""Where a page of a list stands."""

from __future__ import annotations

import pytest

from batch_platform.web.paging import Place, place, place_among


@pytest.mark.parametrize(
    ("offset", "more", "expected"),
    [
        (0, False, Place(None, None)),
        (0, True, Place(None, 50)),
        (20, True, Place(0, 70)),
        (100, False, Place(50, None)),
    ],
)
def test_the_pages_before_and_after(offset: int, more: bool, expected: Place) -> None:
    assert place(offset, 50, more=more) == expected


@pytest.mark.parametrize(
    ("offset", "total", "expected"),
    [
        (0, 0, Place(None, None)),
        (0, 50, Place(None, None)),
        (0, 1_051, Place(None, 50, "1–50 / 1,051")),
        (1_000, 1_051, Place(950, 1_050, "1,001–1,050 / 1,051")),
        (1_050, 1_051, Place(1_000, None, "1,051–1,051 / 1,051")),
        (2_000, 60, Place(1_950, None, "60–60 / 60")),
    ],
)
def test_which_of_all_rows_these_are(offset: int, total: int, expected: Place) -> None:
    assert place_among(offset, 50, total) == expected
