"""Printed reports: texts and tables as given, charts where their values say, always the same bytes."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from batch_platform.staffing.documents import pictures, report
from batch_platform.staffing.documents.fonts import MissingGlyph
from batch_platform.staffing.documents.report_model import Chart, Figure, Section, Series, Table
from batch_platform_tests.staffing.reports import REPORT

PRINT = """
from batch_platform.staffing.documents import report
from batch_platform_tests.staffing.reports import REPORT
print(report.render(REPORT).sha256)
"""


def test_a_report_has_its_texts_and_is_tagged_pdf_a() -> None:
    reader = PdfReader(BytesIO(report.render(REPORT).pdf))
    root: Any = reader.trailer["/Root"]
    printed = "\n".join(page.extract_text() for page in reader.pages)
    for expected in (
        REPORT.title,
        REPORT.subtitle,
        "2026年9月1日〜2026年9月30日",
        "2026年10月2日作成",
        "1,024人",
        "前月比 +12.5%",
        "単位: 円（税抜）",
        "合同会社#*_[x]",
        "9月10日と11日は稼働エンジニア数を計測できませんでした。",
    ):
        assert expected in printed
    rows = re.findall(r"第(\d+)株式会社\s+INV-2026-0000(\d\d)\s+([\d,]+)\s+([\d,]+)", printed)
    assert [(int(row[0]), row[2]) for row in rows] == [(number, f"{number * 12345:,}") for number in range(1, 61)]
    assert root["/MarkInfo"]["/Marked"]
    assert re.search(r"pdfaid:part\W+3\W", root["/Metadata"].get_object().get_data().decode())
    assert f"{len(reader.pages)} / {len(reader.pages)}" in reader.pages[-1].extract_text()


def test_the_same_report_has_the_same_bytes(printed_elsewhere: Any) -> None:
    assert set(printed_elsewhere(PRINT)) == {report.render(REPORT).sha256}


def test_bars_and_lines_are_drawn_in_the_colours_of_their_series() -> None:
    from PIL import Image

    page = Image.open(BytesIO(pictures.picture(report.render(REPORT).pdf, width=595))).convert("RGB")
    colours = {colour for _, colour in page.getcolors(1 << 24) or []}
    assert {(0, 0x72, 0xB2), (0xD5, 0x5E, 0)} <= colours


def test_positions_of_a_chart() -> None:
    chart = Chart(
        kind="bars",
        labels=("a", "b", "c"),
        series=(
            Series(name="x", values=(0, 2_450_000, None)),
            Series(name="y", values=(Decimal("-1.5"), -300_000, 0)),
        ),
    )
    plot = report._plot(chart)
    assert plot["ticks"][0] == ["-1,000,000", "0.0000"]
    assert plot["ticks"][-1] == ["3,000,000", "1.0000"]
    assert plot["zero"] == "0.2500"
    assert plot["series"][0]["values"] == ["0.2500", "0.8625", None]


numbers = st.one_of(st.none(), st.integers(-(10**12), 10**12), st.decimals(-1000, 1000, places=2))


@settings(max_examples=200)
@given(values=st.lists(numbers, min_size=1, max_size=40))
def test_every_value_is_between_the_ticks(values: list[Decimal | int | None]) -> None:
    labels = tuple(str(place) for place in range(len(values)))
    plot = report._plot(Chart(kind="lines", labels=labels, series=(Series(name="x", values=tuple(values)),)))
    ticks = [Decimal(name.replace(",", "")) for name, _ in plot["ticks"]]
    assert 2 <= len(ticks) <= 8
    assert 0 in ticks
    assert all(ticks[0] <= value <= ticks[-1] for value in values if value is not None)
    places = [Decimal(place) for place in plot["series"][0]["values"] if place is not None]
    assert all(0 <= place <= 1 for place in places)
    assert sum(1 for label in plot["labels"] if label) <= 12


def test_an_empty_report_and_empty_parts_are_printed() -> None:
    empty = Section(
        heading="売上",
        chart=Chart(kind="bars", labels=(), series=()),
        table=Table(columns=("企業", "金額"), rows=(), numeric=frozenset({1})),
    )
    nothing = Chart(kind="ranking", labels=("a", "b"), series=(Series(name="x", values=(0, None)),))
    flat = Chart(kind="lines", labels=("a",), series=(Series(name="x", values=(0,)),))
    sections = (empty, Section(heading="順位", chart=nothing), Section(heading="一点", chart=flat))
    assert pictures.page_count(report.render(replace(REPORT, sections=sections)).pdf) == 1
    assert pictures.page_count(report.render(replace(REPORT, sections=())).pdf) == 1


def test_a_character_that_the_fonts_lack_is_named_by_its_place() -> None:
    sections = (Section(heading="売上", table=Table(columns=("企業",), rows=(("a",), ("絵文字😀",)))),)
    with pytest.raises(MissingGlyph, match=r"report.sections\[0\].table.rows\[1\]\[0\]: .* 😀 \(U\+1F600\)"):
        report.render(replace(REPORT, sections=sections))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Table(columns=("a", "b"), rows=(("1",),)), "as many texts"),
        (lambda: Chart(kind="bars", labels=("a",), series=(Series(name="x", values=(1, 2)),)), "as many values"),
        (lambda: Chart(kind="ranking", labels=("a",), series=(Series(name="x", values=(-1,)),)), "not below 0"),
    ],
    ids=["table", "chart", "ranking"],
)
def test_parts_that_do_not_fit_together_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_long_figures_stay_on_their_cards() -> None:
    figures = tuple(
        Figure(label="売上（税抜）", value=value) for value in ("¥999,999,999,999", "12,345.67 MB", "1人", "－")
    )
    assert (
        pictures.page_count(report.render(replace(REPORT, sections=(Section(heading="a", figures=figures),))).pdf)
        == 1
    )
