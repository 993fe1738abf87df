"""The report of a company: what it used, its approaches, its engineers, day by day and beside the month before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from batch_platform.staffing.documents.report_model import Chart, Figure, Report, Section, Series, Table
from batch_platform.staffing.monthly_reports import values
from batch_platform.staffing.monthly_reports.values import Days, Row
from batch_platform.staffing.months import last_day

TITLE: Final = "月次利用レポート"
_FEATURES: Final = 10
_NOTHING: Final = "対象月の記録はありません。"


@dataclass(frozen=True, kw_only=True)
class CompanyMonth:
    """A company's month. `days` are rows of this month and the one before, `features` most used first.

    Statuses are engineers as known at the end of either month.
    """

    name: str
    month: date
    days: Sequence[Row]
    features: Sequence[Row]
    statuses: Mapping[str, int]
    statuses_before: Mapping[str, int]


def missing_days(given: CompanyMonth) -> list[date]:
    """Days of the month on which the company existed and nothing was aggregated."""
    return [row["day"] for row in given.days if row["day"] >= given.month and not row["aggregated"]]


def report(given: CompanyMonth, *, author: str) -> Report:
    """What the company reads."""
    return Report(
        title=TITLE,
        subtitle=f"{given.name} 御中",
        period_start=given.month,
        period_end=last_day(given.month),
        made_on=values.made_on(given.month),
        author=author,
        sections=tuple(_sections(given, Days(given.month, given.days))),
    )


def _sections(given: CompanyMonth, days: Days) -> Iterator[Section]:
    missing = missing_days(given)
    yield Section(
        heading=f"{values.month_text(given.month)}のまとめ",
        figures=(
            days.last_figure("total_users", "登録ユーザー", "人"),
            days.last_figure("total_engineers", "登録エンジニア", "人"),
            days.sum_figure("login_count", "ログイン", "回"),
            days.sum_figure("sent", "送信アプローチ", "件"),
            days.last_figure("storage_usage_mb", "ストレージ", " MB"),
            days.sum_figure("api_call_count", "API利用", "回"),
            days.sum_figure("email_sent_count", "送信メール", "通"),
            days.sum_figure("replies", "エンジニアの返信", "件"),
        ),
        note=f"集計が完了していない日があります: {values.days_text(missing)}" if missing else "",
    )
    yield _drawn(
        "日別の利用者数",
        days.chart("lines", "人", active_users="利用ユーザー", active_engineers="稼働エンジニア"),
        "利用ユーザーはその日にログインまたはAPIを利用した方の数、稼働エンジニアは確定したアサインのある方の数です。",
    )
    yield _drawn("日別のログイン回数", days.chart("bars", "回", login_count="ログイン"))
    yield _approaches(days)
    yield _engineers(given, days)
    yield _drawn(
        "登録数の推移",
        days.chart("lines", "人", total_users="登録ユーザー", total_engineers="登録エンジニア"),
    )
    yield _features(given)
    yield _drawn("ストレージ使用量の推移", days.chart("lines", "MB", storage_usage_mb="使用量"))


def _approaches(days: Days) -> Section:
    sent, opened, replied = (days.total(name) for name in ("sent", "opened", "replied"))
    return Section(
        heading="アプローチ",
        figures=(
            days.sum_figure("sent", "送信", "件"),
            days.sum_figure("opened", "開封", "件"),
            days.sum_figure("replied", "返信", "件"),
            Figure(label="返信率", value=values.percent(replied, sent)),
        ),
        chart=days.chart("bars", "件", sent="送信", opened="開封", replied="返信"),
        note="開封と返信は、それがあった日に数えています。" if sent or opened or replied else _NOTHING,
    )


def _engineers(given: CompanyMonth, days: Days) -> Section:
    names = sorted({*given.statuses, *given.statuses_before}, key=values.status_order)
    rows = []
    for name in names:
        now, before = given.statuses.get(name, 0), given.statuses_before.get(name, 0)
        change = values.difference(now, before if given.statuses_before else None, "人") or values.NONE
        rows.append((values.status_name(name), values.counted(now, "人"), change.removeprefix("前月末比 ")))
    return Section(
        heading="エンジニアの状況と活動",
        figures=(
            days.sum_figure("skill_sheet_edits", "スキルシート更新", "回"),
            days.sum_figure("approaches_received", "受信アプローチ", "件"),
            days.sum_figure("replies", "返信", "件"),
        ),
        chart=days.chart(
            "bars", "件", skill_sheet_edits="スキルシート更新", approaches_received="受信アプローチ", replies="返信"
        ),
        table=Table(columns=("月末の状況", "人数", "前月末比"), rows=tuple(rows), numeric=frozenset({1, 2}))
        if rows
        else None,
    )


def _features(given: CompanyMonth) -> Section:
    most = given.features[:_FEATURES]
    chart = Chart(
        kind="ranking",
        labels=tuple(str(row["feature"]) for row in most),
        series=(Series(name="利用回数", values=tuple(int(row["calls"]) for row in most)),),
        unit="回",
    )
    return _drawn("よく使われた機能", chart if most else None)


def _drawn(heading: str, chart: Chart | None, note: str = "") -> Section:
    return Section(heading=heading, chart=chart, note=note if chart else _NOTHING)
