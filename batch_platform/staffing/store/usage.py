"""What a day came to, and minutes in which the platform was seen to work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from batch_platform.staffing.instants import at_time, day_end
from batch_platform.staffing.store.statements import Row, StaffingStatements


class Usage(StaffingStatements):
    """Each write answers with how many rows it has made, changed or removed."""

    def usage(self, day: date) -> list[Row]:
        """Companies by id, as written, and by the facts where nothing is."""
        return self._rows("usage", day=day)

    def usage_page(
        self, day: date, *, company_ids: Sequence[str] | None, search: str | None, after: str | None, limit: int
    ) -> list[Row]:
        """As `usage`, with the name as `company`, after a company."""
        filters = {"company_ids": company_ids and list(company_ids), "search": search}
        return self._rows("usage_page", day=day, **filters, after=after, limit=limit)

    def usage_of_company(self, company_id: str, after: date, until: date) -> list[Row]:
        """Written days in (after, until], in order."""
        return self._rows("usage_of_company", company_id=company_id, after=after, until=until)

    def company(self, company_id: str) -> Row | None:
        """Its id and name."""
        return next(iter(self._rows("company", company_id=company_id)), None)

    def write_usage(self, day: date, at: datetime) -> int:
        """What companies used."""
        return self._run("clear_usage", day=day) + self._run("write_usage", day=day, at=at)

    def write_system(self, day: date, at: datetime) -> int:
        """Totals, requests and uptime of the whole system."""
        return self._run("write_system", **_moments(day), at=at)

    def write_activity(self, day: date, at: datetime) -> int:
        """What engineers of companies did and got."""
        return self._run("clear_activity", day=day) + self._run("write_activity", **_moments(day), at=at)

    def write_approaches(self, day: date, at: datetime) -> int:
        """What became of companies' approaches."""
        return self._run("clear_approaches", day=day) + self._run("write_approaches", **_moments(day), at=at)

    def missing_usage_days(self, last: date) -> list[date]:
        """Days up to the last that are not aggregated, from the first that is, in order."""
        return [row["day"] for row in self._rows("missing_usage_days", last=last)]

    def system_stats(self, after: date, until: date) -> list[Row]:
        """The whole system on days in (after, until], in order."""
        return self._rows("system_stats", after=after, until=until)

    def engineer_activity(self, day: date) -> list[Row]:
        """As written of a day, by company."""
        return self._rows("engineer_activity", day=day)

    def approach_metrics(self, day: date) -> list[Row]:
        """As written of a day, by company."""
        return self._rows("approach_metrics", day=day)

    def wrong_companies(self, day: date) -> list[Row]:
        """`company_id` and `fault` of companies that lack their aggregated row, or should have none."""
        return self._rows("wrong_companies", day=day)

    def wrong_sums(self, day: date) -> list[Row]:
        """`name`, `found` and `expected` of sums that are not those of the facts."""
        return self._rows("wrong_sums", **_moments(day))

    def beat(self, at: datetime) -> None:
        """The platform was seen to work in the minute of this moment."""
        self._run("beat", at=at)


def _moments(day: date) -> dict[str, Any]:
    return {"day": day, "begin": at_time(day), "end": day_end(day)}
