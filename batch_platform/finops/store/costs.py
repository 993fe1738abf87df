"""The cost tables of published months, and what was found in them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final

import polars as pl
from psycopg.types.json import Jsonb

from batch_platform.core.messages import Message, from_plain, kept
from batch_platform.finops.anomalies import SCHEMA as ANOMALY_SCHEMA
from batch_platform.finops.forecast import SCHEMA as FORECAST_DAYS
from batch_platform.finops.model import (
    MONEY,
    SUMMARY_KEYS,
    CheckOutcome,
    Format,
    MonthState,
    PublishedMonth,
    RestatementReason,
    Stamp,
)
from batch_platform.finops.store.statements import FinopsStatements
from batch_platform.finops.summary import SUMMARY_SCHEMA

FORECAST_SCHEMA: Final = {**FORECAST_DAYS, "method": pl.String(), "backtest_error": MONEY}
RESTATEMENT_SCHEMA: Final[dict[str, pl.DataType]] = {
    "billing_month": pl.Date(),
    **{name: pl.String() for name in ("from_version", "to_version", "usage_account_id", "service")},
    **{name: pl.String() for name in ("charge_class", "currency")},
    **{
        f"{measure}_{side}": MONEY
        for measure in ("unblended", "amortized", "net_unblended")
        for side in ("before", "after")
    },
    "detected_at": pl.Datetime("us", "UTC"),
    "reason": pl.String(),
}


Place = tuple[str, date]
"""A project's billing month."""


class Costs(FinopsStatements):
    """`finops_months`, the two cost tables, restatements, anomalies and forecasts."""

    def lock_publication(self, month: date) -> None:
        """Until the end of the transaction, no other project publishes this month."""
        self._run("lock_publication", month=month)

    def files_not_done(self, project_id: str, month: date, version: str) -> int:
        [row] = self._rows("files_not_done", project_id=project_id, month=month, version=version)
        return int(row["count"])

    def accounts_claimed_elsewhere(self, project_id: str, month: date, costs: pl.DataFrame) -> list[Message]:
        """Accounts of these costs that belong to another enabled project in the month."""
        pairs = costs.select("payer_account_id", "usage_account_id").unique().sort(pl.all())
        rows = self._rows(
            "accounts_claimed_elsewhere",
            project_id=project_id,
            month=month,
            payers=pairs["payer_account_id"].to_list(),
            accounts=pairs["usage_account_id"].to_list(),
        )
        return [
            Message("account-in-project", "account {account} of payer {payer} is in project {project}", **row)
            for row in rows
        ]

    def replace_costs(
        self, project_id: str, month: date, version: str, *, summary: pl.DataFrame, by_service: pl.DataFrame
    ) -> None:
        """Replace both cost tables of a project-month; what readers keep of it no longer counts."""
        place = {"project_id": project_id, "month": month}
        self._run("bump_costs_revision", **place)
        constants = {"project_id": project_id, "billing_month": month, "manifest_version": version}
        self._run("delete_summary", **place)
        self._append("finops_cost_summary", summary, **constants)
        self._run("delete_service_monthly", **place)
        self._append("finops_cost_service_monthly", by_service, **constants)

    def add_restatement(
        self,
        before: PublishedMonth,
        to_version: str,
        difference: pl.DataFrame,
        *,
        reason: RestatementReason,
        now: datetime,
    ) -> None:
        """Keep the money difference between what was published of a month and what is now."""
        self._append(
            "finops_restatements",
            difference,
            project_id=before.project_id,
            billing_month=before.month,
            from_version=before.version,
            to_version=to_version,
            detected_at=now,
            reason=reason.value,
        )

    def save_month(self, month: PublishedMonth) -> bool:
        """The month's state, and its version as the published one; False when nothing was new."""
        place = {"project_id": month.project_id, "month": month.month, "version": month.version}
        now = month.published_at
        changed = self._run(
            "upsert_month",
            **place,
            state=month.state.value,
            format=month.format and month.format.value,
            row_count=month.row_count,
            file_count=month.file_count,
            delivered_at=month.delivered_at,
            checks=Jsonb([_check(check) for check in month.checks]),
            final_from=month.final_from,
            now=now,
        )
        self._run("publish_manifest", **place, now=now)
        self._run("supersede_published", **place)
        self._run("supersede_done_files", **place)
        return changed == 1

    def months(self, project_id: str, month: date | None = None) -> list[PublishedMonth]:
        return [month_of(row) for row in self._rows("months", project_id=project_id, month=month)]

    def month(self, project_id: str, month: date) -> PublishedMonth | None:
        months = self.months(project_id, month)
        return months[0] if months else None

    def stamps(self, places: Collection[Place]) -> list[Stamp]:
        """What the costs of these project-months were computed from; those that are published."""
        return [stamp_of(row) for row in self._rows("costs_stamps", **columns_of(places))]

    def totals(self, project_id: str) -> list[dict[str, Any]]:
        """Every measure's sum by month and currency."""
        return self._rows("month_totals", project_id=project_id)

    def costs(self, project_id: str, first_month: date, last_month: date) -> pl.DataFrame:
        """The cost summary of some months in a row, sorted by its keys."""
        # sorted here, not by the server: its collation is not ours
        return self._frame(
            "cost_summary", SUMMARY_SCHEMA, project_id=project_id, first_month=first_month, last_month=last_month
        ).sort(SUMMARY_KEYS)

    def restatements(self, project_id: str) -> pl.DataFrame:
        return self._frame("restatements", RESTATEMENT_SCHEMA, project_id=project_id)

    def restatements_page(
        self, project_id: str, *, after: Sequence[Any] | None, offset: int, limit: int
    ) -> list[dict[str, Any]]:
        """The newest first; `after` is the last row's place: detected_at, billing_month, then its keys."""
        names = ("detected_at", "month", "account", "service", "charge_class", "currency")
        place = dict(zip(names, after or (None,) * len(names), strict=True))
        return self._rows("restatements_page", project_id=project_id, offset=offset, limit=limit, **place)

    def lock_insight(self, project_id: str) -> None:
        """Until the end of the transaction, nobody else publishes or computes the project's insight."""
        self._run("lock_insight", project_id=project_id)

    def mark_insight_stale(self, project_id: str, first_month: date, last_month: date) -> None:
        """The anomalies and forecasts of these months were computed from costs that have changed."""
        self._run("mark_insight_stale", project_id=project_id, first_month=first_month, last_month=last_month)

    def months_without_anomalies(self, project_id: str) -> list[date]:
        return [row["billing_month"] for row in self._rows("months_without_anomalies", project_id=project_id)]

    def months_without_forecast(self, project_id: str) -> list[date]:
        return [row["billing_month"] for row in self._rows("months_without_forecast", project_id=project_id)]

    def replace_anomalies(self, project_id: str, month: date, version: str, frame: pl.DataFrame) -> None:
        self._run("delete_anomalies", project_id=project_id, month=month)
        self._append(
            "finops_cost_anomalies", frame, project_id=project_id, billing_month=month, manifest_version=version
        )

    def anomalies_computed(self, project_id: str, month: date) -> None:
        self._run("anomalies_computed", project_id=project_id, month=month)

    def anomalies(self, project_id: str, month: date) -> pl.DataFrame:
        rows = self._frame("anomalies", ANOMALY_SCHEMA, project_id=project_id, month=month)
        return rows.sort("usage_date", "service", "currency")

    def replace_forecast(self, project_id: str, month: date, version: str, frame: pl.DataFrame) -> None:
        self._run("delete_forecast", project_id=project_id, month=month)
        self._append(
            "finops_cost_forecasts", frame, project_id=project_id, billing_month=month, manifest_version=version
        )

    def forecast_computed(self, project_id: str, month: date) -> None:
        self._run("forecast_computed", project_id=project_id, month=month)

    def forecast(self, project_id: str, month: date) -> pl.DataFrame:
        rows = self._frame("forecast", FORECAST_SCHEMA, project_id=project_id, month=month)
        return rows.sort("target_date", "currency")


def month_of(row: dict[str, Any]) -> PublishedMonth:
    """A row of `finops_months`, or one that was archived."""
    return PublishedMonth(
        project_id=row["project_id"],
        month=row["billing_month"],
        state=MonthState(row["state"]),
        version=row["version"],
        format=Format(row["format"]) if row["format"] else None,
        row_count=row["row_count"],
        file_count=row["file_count"],
        delivered_at=row["delivered_at"],
        published_at=row["published_at"],
        checks=tuple(_outcome(check) for check in row["checks"]),
        final_from=row.get("final_from"),
        of_former_place=row.get("of_former_place", True),
        of_former_connection=row.get("of_former_connection", True),
    )


def columns_of(places: Collection[Place]) -> dict[str, list[Any]]:
    """As the statement `costs_stamps` takes them."""
    return {"project_ids": [project_id for project_id, _ in places], "months": [month for _, month in places]}


def stamp_of(row: Mapping[str, Any]) -> Stamp:
    return Stamp(row["project_id"], row["billing_month"], MonthState(row["state"]), row["version"], row["revision"])


def _check(check: CheckOutcome) -> dict[str, Any]:
    """With its sentence and the message of that: id, text, parameters."""
    message = kept(check.description)
    return asdict(check) | ({} if message is None else {"message": json.loads(message)})


def _outcome(check: Mapping[str, Any]) -> CheckOutcome:
    """Of a month that an older release has published there is only the sentence."""
    values = dict(check)
    message = values.pop("message", None)
    return CheckOutcome(**values | ({} if message is None else {"description": from_plain(message)}))
