"""What weeks came to, listed alike by API, command line and console."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from batch_platform.kit.lists import List, NoFilters, unpaged
from batch_platform.staffing import ids
from batch_platform.staffing.ids import Id
from batch_platform.staffing.service import performance
from batch_platform.web.api.answers import Digits, From, SnakeAnswer
from batch_platform.web.api.strict import IsoDate, StrictModel

Kind = Literal["route", "feature", "company"]
Row = Mapping[str, Any]


class WeekAnswer(SnakeAnswer):
    """A week from Monday to Sunday in Tokyo: requests to the platform, how many failed, and its report's SHA-256."""

    week: date
    analysed_at: datetime
    requests: int
    failed: int
    report_sha256: str | None


def _subject(row: Row) -> Id:
    return ids.decode(row["subject"]) if row["kind"] == "company" else str(row["subject"])


class FiguresAnswer(SnakeAnswer):
    """What a week's requests to a subject came to, and those of the week before. Milliseconds as text."""

    kind: Kind
    subject: Annotated[Id, From(_subject)]
    company: str | None
    requests: int
    failed: int
    p50: Digits | None
    p95: Digits | None
    p99: Digits | None
    requests_before: int | None
    failed_before: int | None
    p50_before: Digits | None
    p95_before: Digits | None
    p99_before: Digits | None


class OfFigures(StrictModel):
    """Figures of a week, by default the newest."""

    week: IsoDate | None = Field(default=None, description="The Monday that begins it.")
    kind: Kind | None = Field(default=None, description="route, feature or company.")


WEEKS: Final = List(
    filters=NoFilters,
    read=unpaged(performance.weeks),
    row=WeekAnswer,
    columns={"week": "week", "analysed": "analysed_at", "requests": "requests", "failed": "failed"},
    empty="no week was analysed yet",
    paging=None,
    path="/performance/weeks",
    name="list_performance_weeks",
    doc="Analysed weeks, the newest first.",
)
FIGURES: Final = List(
    filters=OfFigures,
    read=unpaged(performance.figures),
    row=FiguresAnswer,
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
    path="/performance/figures",
    name="list_performance_figures",
    doc="Response times, errors and use of a week against the one before, the most used first.",
    missing=True,
)
