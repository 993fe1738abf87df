"""The report of engineers: their statuses over the month, who waits, and what they did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from batch_platform.staffing.documents.report_model import Chart, Figure, Report, Section, Series, Table
from batch_platform.staffing.monthly_reports import values
from batch_platform.staffing.monthly_reports.values import Days, Row
from batch_platform.staffing.months import last_day

TITLE: Final = "月次エンジニア活動レポート"
LISTED: Final = 30
"""Waiting engineers in the table."""
ACTIVE: Final = 15
"""Active engineers in the table."""
_NOTHING: Final = "対象月の記録はありません。"


@dataclass(frozen=True, kw_only=True)
class EngineerMonth:
    """Engineers over a month. `statuses` (`day`, `counts`) and `activity` are days of this month and the one before;
    `transitions` of this month; `waiting` at its end, the longest first, `active` most first."""

    month: date
    statuses: Sequence[Row]
    activity: Sequence[Row]
    transitions: Sequence[Row]
    waiting: Sequence[Row]
    active: Sequence[Row]


def missing_days(given: EngineerMonth) -> list[date]:
    """Days of the month whose statuses or activity were not written."""
    there = {row["day"] for row in given.statuses} & {row["day"] for row in given.activity}
    return [day for day in values.days_of(given.month) if day not in there]


def report(given: EngineerMonth, *, author: str) -> Report:
    """What those who operate the system read."""
    return Report(
        title=TITLE,
        subtitle="稼働状況と活動",
        period_start=given.month,
        period_end=last_day(given.month),
        made_on=values.made_on(given.month),
        author=author,
        sections=tuple(_sections(given)),
    )


def _sections(given: EngineerMonth) -> Iterator[Section]:
    names = sorted({name for row in given.statuses for name in row["counts"]}, key=values.status_order)
    statuses = Days(
        given.month,
        [
            {"day": row["day"], **{_column(name): row["counts"].get(name, 0) for name in names}}
            for row in given.statuses
        ],
    )
    missing = missing_days(given)
    yield Section(
        heading=f"{values.month_text(given.month)}末の状況",
        figures=tuple(statuses.last_figure(_column(name), values.status_name(name), "人") for name in names),
        note=f"集計が完了していない日があります: {values.days_text(missing)}" if missing else "",
    )
    yield _drawn(
        "状況の推移",
        statuses.chart("lines", "人", **{_column(name): values.status_name(name) for name in names})
        if names
        else None,
        "待機予定は、確定したアサインが90日以内に終わるエンジニアです。各日の午前2時に確定していた情報によります。",
    )
    yield _transitions(given)
    yield _waiting(given, statuses)
    yield _activity(Days(given.month, given.activity))
    yield _active(given)


def _column(status: str) -> str:
    """A status may be called anything."""
    return f"status {status}"


def _transitions(given: EngineerMonth) -> Section:
    labels = tuple(_transition(row) for row in given.transitions)
    counts = tuple(int(row["engineers"]) for row in given.transitions)
    chart = Chart(kind="ranking", labels=labels, series=(Series(name="人数", values=counts),), unit="人")
    return _drawn("状況の変化", chart if labels else None)


def _transition(row: Row) -> str:
    if row["previous"] is None:
        return f"新規 → {values.status_name(row['status'])}"
    if row["status"] is None:
        return f"{values.status_name(row['previous'])} → 登録終了"
    return f"{values.status_name(row['previous'])} → {values.status_name(row['status'])}"


def _waiting(given: EngineerMonth, statuses: Days) -> Section:
    end = last_day(given.month)
    rows = tuple(
        (
            row["engineer"],
            row["company"],
            f"{values.day_text(row['since'])}{'以前' if row['or_before'] else ''}",
            f"{(end - row['since']).days + 1:,}日{'以上' if row['or_before'] else ''}",
        )
        for row in given.waiting[:LISTED]
    )
    total = int(statuses.last(_column("waiting")) or 0)
    more = f"待機中の{total:,}人のうち、待機の長い{len(rows):,}人を示しています。" if total > len(rows) else ""
    return Section(
        heading="待機中のエンジニア",
        table=Table(columns=("エンジニア", "企業", "待機開始日", "日数"), rows=rows, numeric=frozenset({2, 3}))
        if rows
        else None,
        note=more if rows else "月末に待機中のエンジニアはいません。",
    )


def _activity(days: Days) -> Section:
    names = {"skill_sheet_edits": "スキルシート更新", "approaches_received": "受信アプローチ", "replies": "返信"}
    received, replies = days.total("approaches_received"), days.total("replies")
    return Section(
        heading="活動",
        figures=(
            *(days.sum_figure(name, label, "件") for name, label in names.items()),
            Figure(label="返信率", value=values.percent(replies, received)),
        ),
        chart=days.chart("lines", "件", **names),
    )


def _active(given: EngineerMonth) -> Section:
    rows = tuple(
        (row["engineer"], row["company"], *(f"{int(row[name]):,}" for name in ("edits", "received", "replies")))
        for row in given.active[:ACTIVE]
    )
    columns = ("エンジニア", "企業", "スキルシート更新", "受信", "返信")
    return Section(
        heading="活動の多いエンジニア",
        table=Table(columns=columns, rows=rows, numeric=frozenset({2, 3, 4})) if rows else None,
        note="" if rows else _NOTHING,
    )


def _drawn(heading: str, chart: Chart | None, note: str = "") -> Section:
    return Section(heading=heading, chart=chart, note=note if chart else _NOTHING)
