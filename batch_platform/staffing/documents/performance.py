"""The report of a week's performance: what has become worse, response times, errors, use, and the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from batch_platform.core.numbers import plain
from batch_platform.staffing.documents.report_model import Chart, Figure, Report, Section, Series, Table
from batch_platform.staffing.maintenance import Finding
from batch_platform.staffing.performance import DatabaseWeek, Figures, Week
from batch_platform.staffing.weeks import WEEK

AUTHOR: Final = "バッチ基盤"
SHOWN: Final = 30
"""Rows of a table."""
RANKED: Final = 10

_SEVERITIES: Final = {"critical": "重大", "warning": "警告", "info": "参考"}
_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "slower-route": ("95%の応答時間が{before}ミリ秒から{now}ミリ秒に悪化", "直近のリリースと走査の多い表を確認"),
    "slower-feature": ("95%の応答時間が{before}ミリ秒から{now}ミリ秒に悪化", "直近のリリースと走査の多い表を確認"),
    "errors-route": ("{requests}件中{failed}件がサーバーエラー", "Webのログの request failed を確認"),
    "errors-feature": ("{requests}件中{failed}件がサーバーエラー", "SaaSのエラーログを確認"),
    "use-grown": ("API利用が{before}件から{requests}件に急増", "想定内か、契約の範囲内かを確認"),
    "cache-hit": ("キャッシュヒット率が{percent}%に低下", "shared_buffers の引き上げを検討"),
    "deadlocks": ("デッドロックが{count}回発生", "サーバーログで対象の文を確認し、ロック順を統一"),
    "temporary-files": ("一時ファイル{count}個、{megabytes}MBを使用", "work_mem の引き上げか並べ替えの削減を検討"),
    "scans": ("全件走査が{scans}回、{rows}行", "走査する文を特定し、インデックスを追加"),
}
_SUBJECTS: Final = {"database": "データベース"}


def performance_report(week: Week) -> Report:
    """A week as a document; it is made on the day after its last one. The same week gives the same value."""
    monday, made_on = week.monday, week.monday + WEEK
    routes = week.of("route")
    return Report(
        title="週次パフォーマンスレポート",
        subtitle="応答時間・エラー率・データベース・API利用状況",
        period_start=monday,
        period_end=made_on - timedelta(days=1),
        made_on=made_on,
        author=AUTHOR,
        sections=(
            _summary(week),
            _findings(week),
            _answers("APIとコンソールの応答", routes, "経路"),
            _answers("機能別の応答", week.of("feature"), "機能"),
            _use(week),
            _database(week.database, monday),
        ),
    )


def _summary(week: Week) -> Section:
    figures = []
    for kind, label in (("route", "基盤への要求"), ("feature", "SaaSのAPI要求")):
        now, before = _total(week, kind), week.requests_before.get(kind, 0)
        change = f"前週 {before:,}件" if before else "前週の記録なし"
        figures.append(Figure(label=label, value=f"{now:,}件", change=change))
    failed = sum(each.failed for each in week.figures if each.kind != "company")
    figures.append(Figure(label="サーバーエラー", value=f"{failed:,}件"))
    figures.append(Figure(label="要確認", value=f"{len(week.findings):,}件"))
    note = "応答時間は応答開始までのミリ秒、百分位数は最近順位法、エラー率は5xxの割合です。"
    return Section(heading="概要", figures=tuple(figures), note=note)


def _total(week: Week, kind: str) -> int:
    return sum(each.requests for each in week.figures if each.kind == kind)


def _findings(week: Week) -> Section:
    rows = tuple(_finding(each, week.names) for each in week.findings)
    if not rows:
        return Section(heading="要確認事項", note="前週に比べて悪化した項目はありません。")
    return Section(heading="要確認事項", table=Table(columns=("重要度", "対象", "内容", "対応"), rows=rows))


def _finding(finding: Finding, names: Mapping[str, str]) -> tuple[str, ...]:
    what, to_do = _SAID[finding.kind]
    places = {name: _text(value) for name, value in finding.what.parameters.items()}
    subject = _SUBJECTS.get(finding.subject, names.get(finding.subject, finding.subject))
    return (_SEVERITIES[finding.severity], subject, what.format(**places), to_do)


def _answers(heading: str, figures: list[Figures], subject: str) -> Section:
    if not figures:
        return Section(heading=heading, note="この週の記録はありません。")
    slowest = sorted((each for each in figures if each.p95 is not None), key=lambda each: (-_p95(each), each.subject))
    chart = Chart(
        kind="ranking",
        labels=tuple(each.subject for each in slowest[:RANKED]),
        series=(Series(name="p95", values=tuple(_p95(each) for each in slowest[:RANKED])),),
        unit="ミリ秒 (p95の遅い順)",
    )
    rows = tuple(
        (
            each.subject,
            f"{each.requests:,}",
            *(_milliseconds(value) for value in (each.p50, each.p95, each.p99)),
            _change(each.change),
            f"{plain(each.error_rate * 100)}%",
        )
        for each in figures[:SHOWN]
    )
    columns = (subject, "要求", "p50", "p95", "p99", "p95前週差", "エラー率")
    table = Table(columns=columns, rows=rows, numeric=frozenset(range(1, 7)))
    return Section(heading=heading, chart=chart if slowest else None, table=table, note=_more(len(figures)))


def _use(week: Week) -> Section:
    companies = week.of("company")
    if not companies:
        return Section(heading="企業別のAPI利用", note="この週の記録はありません。")
    rows = tuple(
        (
            week.names.get(each.subject, each.subject),
            f"{each.requests:,}",
            f"{each.before.requests:,}" if each.before else "－",
            f"{each.failed:,}",
            _milliseconds(each.p95),
        )
        for each in companies[:SHOWN]
    )
    columns = ("企業", "要求", "前週", "サーバーエラー", "p95")
    table = Table(columns=columns, rows=rows, numeric=frozenset(range(1, 5)))
    return Section(heading="企業別のAPI利用", table=table, note=_more(len(companies)))


def _database(week: DatabaseWeek | None, monday: date) -> Section:
    if week is None:
        return Section(
            heading="データベース",
            note=f"{monday:%Y-%m-%d}からの週は終了直後に計測されなかったため、データベースの値はありません。",
        )
    megabytes = week.temporary_bytes // 2**20
    hit = "－" if week.cache_hit is None else f"{plain(week.cache_hit * 100)}%"
    figures = (
        Figure(label="キャッシュヒット率", value=hit),
        Figure(label="デッドロック", value=f"{week.deadlocks:,}回"),
        Figure(label="一時ファイル", value=f"{week.temporary_files:,}個", change=f"{megabytes:,} MB"),
        Figure(label="コミット", value=f"{week.commits:,}", change=f"取消 {week.rollbacks:,}"),
    )
    rows = tuple(
        (each.table, f"{each.scans:,}", f"{each.rows:,}", f"{each.index_scans:,}", f"{each.live:,}")
        for each in week.tables
    )
    columns = ("表", "全件走査", "走査行数", "索引走査", "行数")
    table = Table(columns=columns, rows=rows, numeric=frozenset(range(1, 5))) if rows else None
    note = "pg_stat_statements は導入されていません。" if week.statements is None else _statements(week.statements)
    return Section(heading="データベース", figures=figures, table=table, note=note)


def _statements(statements: Iterable[Mapping[str, Any]]) -> str:
    """Those that took longest since the server counts them."""
    return "累計実行時間の長い文: " + " ".join(
        f"({number}) {each['milliseconds']:,}ミリ秒 {each['calls']:,}回: {each['query']}"
        for number, each in enumerate(statements, 1)
    )


def _more(count: int) -> str:
    return f"{count:,}件のうち要求の多い{SHOWN}件を示しています。" if count > SHOWN else ""


def _p95(each: Figures) -> Decimal:
    return each.p95 or Decimal(0)


def _milliseconds(value: Decimal | None) -> str:
    return "－" if value is None else f"{value:,.1f}"


def _change(value: Decimal | None) -> str:
    return "－" if value is None else f"{value:+,.1f}"


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
