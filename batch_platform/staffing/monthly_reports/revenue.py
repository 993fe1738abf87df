"""The report of revenue: issued invoices without tax by billed month, credit notes in the month of their issue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from batch_platform.staffing.documents.report_model import Chart, Figure, Report, Section, Series, Table
from batch_platform.staffing.monthly_reports import values
from batch_platform.staffing.monthly_reports.values import Row
from batch_platform.staffing.months import last_day, shifted

TITLE: Final = "月次売上レポート"
MONTHS: Final = 12
"""What the chart of months shows, up to the month."""
_RANKED: Final = 10
_LISTED: Final = 50
_NOTHING: Final = "対象月の請求はありません。"


@dataclass(frozen=True, kw_only=True)
class RevenueMonth:
    """What a month was billed, in yen. `months` ascending, of the last twelve; `companies` the largest first;
    `not_invoiced` counts contracts whose invoice is still to come."""

    month: date
    months: Sequence[Row]
    companies: Sequence[Row]
    plans: Sequence[Row]
    credit_notes: Sequence[Row]
    outstanding: Sequence[Row]
    not_invoiced: int

    def net(self, month: date) -> int:
        """The revenue of a month, without tax."""
        return self.part(month, "invoiced") + self.part(month, "credited")

    def part(self, month: date, name: str) -> int:
        """A sum of a month, 0 where nothing was billed."""
        return next((int(row[name]) for row in self.months if row["month"] == month), 0)


def report(given: RevenueMonth, *, author: str) -> Report:
    """What those who operate the system read."""
    return Report(
        title=TITLE,
        subtitle="請求と返還（税抜）",
        period_start=given.month,
        period_end=last_day(given.month),
        made_on=values.made_on(given.month),
        author=author,
        sections=tuple(_sections(given)),
    )


def _sections(given: RevenueMonth) -> Iterator[Section]:
    yield _summary(given)
    yield _months(given)
    yield _companies(given)
    yield _plans(given)
    yield _credit_notes(given)
    yield _outstanding(given)


def _summary(given: RevenueMonth) -> Section:
    month, before = given.month, shifted(given.month, -1)
    compared = given.net(before) if any(row["month"] == before for row in given.months) else None
    count = given.part(month, "invoices")
    credits_count = given.part(month, "credit_notes")
    missing = f"請求書が未発行の契約が{given.not_invoiced:,}件あります。売上には含まれていません。"
    return Section(
        heading=f"{values.month_text(month)}のまとめ",
        figures=(
            Figure(
                label="売上（税抜）",
                value=values.yen(given.net(month)),
                change=values.growth(given.net(month), compared),
            ),
            Figure(
                label="請求（税抜）", value=values.yen(given.part(month, "invoiced")), change=f"請求書 {count:,}件"
            ),
            Figure(
                label="返還（税抜）",
                value=values.yen(given.part(month, "credited")),
                change=f"返還インボイス {credits_count:,}件",
            ),
            Figure(label="請求と返還（税込）", value=values.yen(given.part(month, "total"))),
        ),
        note=missing if given.not_invoiced else "",
    )


def _months(given: RevenueMonth) -> Section:
    months = [shifted(given.month, place) for place in range(1 - MONTHS, 1)]
    shown = Chart(
        kind="bars",
        labels=tuple(f"{month.year % 100}年{month.month}月" for month in months),
        series=tuple(
            Series(name=name, values=tuple(given.part(month, part) for month in months))
            for name, part in (("請求", "invoiced"), ("返還", "credited"))
        ),
        unit="円（税抜）",
    )
    chart = values.drawn(shown)
    note = "請求は請求対象月に、返還インボイスはその発行月に計上しています。無効とした請求書は含みません。"
    return Section(heading="12か月の推移", chart=chart, note=note if chart else "この期間の請求はありません。")


def _companies(given: RevenueMonth) -> Section:
    billed = [row for row in given.companies if row["amount"] is not None]
    ranked = [row for row in billed if row["amount"] > 0][:_RANKED]
    rows = tuple(
        (
            row["company"],
            values.yen(row["amount"]),
            values.NONE if row["before"] is None else values.yen(row["before"]),
            values.growth(int(row["amount"]), None if row["before"] is None else int(row["before"])).removeprefix(
                "前月比 "
            )
            or "新規",
            values.percent(row["amount"], given.net(given.month)),
        )
        for row in billed[:_LISTED]
    )
    more = f"売上の大きい{_LISTED}社を示しています（全{len(billed):,}社）。" if len(billed) > _LISTED else ""
    chart = Chart(
        kind="ranking",
        labels=tuple(row["company"] for row in ranked),
        series=(Series(name="売上", values=tuple(int(row["amount"]) for row in ranked)),),
        unit="円（税抜）",
    )
    columns = ("企業", "売上（税抜）", "前月", "前月比", "構成比")
    return Section(
        heading="企業別の売上",
        chart=chart if ranked else None,
        table=Table(columns=columns, rows=rows, numeric=frozenset({1, 2, 3, 4})) if rows else None,
        note=more if rows else _NOTHING,
    )


def _plans(given: RevenueMonth) -> Section:
    invoiced = given.part(given.month, "invoiced")
    rows = tuple(
        (
            "その他" if row["price"] is None else f"月額 {values.yen(row['price'])}",
            f"{row['contracts']:,}件",
            values.yen(row["amount"]),
            values.percent(row["amount"], invoiced),
        )
        for row in given.plans
    )
    columns = ("基本料金", "契約", "請求（税抜）", "構成比")
    return Section(
        heading="プラン別の請求",
        table=Table(columns=columns, rows=rows, numeric=frozenset({1, 2, 3})) if rows else None,
        note="月末時点の基本料金で分けています。追加利用料と値引きを含みます。" if rows else _NOTHING,
    )


def _credit_notes(given: RevenueMonth) -> Section:
    rows = tuple(
        (
            row["number"],
            values.day_text(row["issue_date"]),
            row["company"],
            row["of_invoice"],
            values.yen(row["subtotal"]),
        )
        for row in given.credit_notes[:_LISTED]
    )
    columns = ("番号", "発行日", "企業", "対象の請求書", "金額（税抜）")
    return Section(
        heading="返還インボイス",
        table=Table(columns=columns, rows=rows, numeric=frozenset({4})) if rows else None,
        note="" if rows else "対象月に発行した返還インボイスはありません。",
    )


def _outstanding(given: RevenueMonth) -> Section:
    rows = tuple(
        (values.day_text(row["due_date"]), f"{row['invoices']:,}件", values.yen(row["total"]))
        for row in given.outstanding
    )
    total = sum(int(row["total"]) for row in given.outstanding)
    day = values.made_on(given.month)
    return Section(
        heading="支払期日前の請求残高",
        figures=(Figure(label=f"{day.month}月{day.day}日現在の残高（税込）", value=values.yen(total)),)
        if rows
        else (),
        table=Table(columns=("支払期日", "請求書", "残高（税込）"), rows=rows, numeric=frozenset({1, 2}))
        if rows
        else None,
        note="支払期日による集計です。入金の状況は反映していません。返還分は差し引いています。"
        if rows
        else "支払期日前の請求書はありません。",
    )
