"""What weeks came to, listed alike by API, command line and console."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import Field

from batch_platform.kit.lists import List, NoFilters, Paging
from batch_platform.staffing import ids
from batch_platform.staffing.ids import Id
from batch_platform.staffing.service import StaffingContext, performance
from batch_platform.web.api.strict import IsoDate, StrictModel

Kind = Literal["route", "feature", "company"]
Row = Mapping[str, Any]


class WeekAnswer(StrictModel):
    """A week from Monday to Sunday in Tokyo: requests to the platform, how many failed, and its report's SHA-256."""

    week: date
    analysed_at: datetime
    requests: int
    failed: int
    report_sha256: str | None

    @classmethod
    def of(cls, row: Row) -> WeekAnswer:
        return cls.model_validate({name: row[name] for name in cls.model_fields}, by_name=True)


class FiguresAnswer(StrictModel):
    """What a week's requests to a subject came to, and those of the week before. Milliseconds as text."""

    kind: Kind
    subject: Id
    company: str | None
    requests: int
    failed: int
    p50: str | None
    p95: str | None
    p99: str | None
    requests_before: int | None
    failed_before: int | None
    p50_before: str | None
    p95_before: str | None
    p99_before: str | None

    @classmethod
    def of(cls, row: Row) -> FiguresAnswer:
        values = {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in row.items()}
        return cls.model_validate({**values, "subject": _subject(row)}, by_name=True)


class OfFigures(StrictModel):
    """Figures of a week, by default the newest."""

    week: IsoDate | None = Field(default=None, description="The Monday that begins it.")
    kind: Kind | None = Field(default=None, description="route, feature or company.")


def _subject(row: Row) -> Id:
    return ids.decode(row["subject"]) if row["kind"] == "company" else str(row["subject"])


def _weeks(context: StaffingContext, _filters: NoFilters, _paging: Paging) -> tuple[list[Row], None]:
    return list(performance.weeks(context)), None


def _figures(context: StaffingContext, filters: OfFigures, _paging: Paging) -> tuple[list[Row], None]:
    return list(performance.figures(context, filters.week, filters.kind)), None


WEEKS: Final = List(
    filters=NoFilters,
    read=_weeks,
    row=WeekAnswer,
    of=WeekAnswer.of,
    columns={"week": "week", "analysed": "analysed_at", "requests": "requests", "failed": "failed"},
    empty="no week was analysed yet",
    paging=None,
)
FIGURES: Final = List(
    filters=OfFigures,
    read=_figures,
    row=FiguresAnswer,
    of=FiguresAnswer.of,
    columns={
        "kind": "kind",
        "subject": lambda row: row["company"] or str(_subject(row)),
        "requests": "requests",
        "before": "requests_before",
        "failed": "failed",
        "p50": "p50",
        "p95": "p95",
        "p95 before": "p95_before",
        "p99": "p99",
    },
    empty="no requests",
    paging=None,
)
