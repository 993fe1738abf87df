"""Small deliveries that once came out wrong, each through fetch, read and publish.

`data/cur_cases/NAME` holds the objects as they lie in a bucket, of one billing month, with made-up accounts. What
each must come to was worked out from its rows by hand, and stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from batch_platform.finops.model import MEASURES, Format, MonthState
from batch_platform_tests.finops.conftest import Project, SteppingClock

CASES: Final = Path(__file__).parent.parent / "data" / "cur_cases"
MONTH: Final = date(2026, 9, 1)


@dataclass(frozen=True)
class Right:
    """What a case comes to: sums by measure, in one currency, checks that must warn, whether it is final."""

    sums: dict[str, str]
    currency: str = "USD"
    accounts: set[str] | None = None
    warnings: dict[str, str] = field(default_factory=dict)
    final: bool | None = None


PUBLISHED: Final = {
    # 110 + 11 + 20 - 2, without the purchase of 8760
    "k-focus12": Right({"unblended": "8878", "amortized": "128", "list_cost": "139"}),
    "k-subnull": Right({"unblended": "21"}, accounts={"500000215001", ""}),
    "w-cn-nosp": Right({"unblended": "17", "amortized": "17"}, "CNY", warnings={"amortisation_identity": "figures"}),
    "v-sp-allup-net": Right({"amortized": "10", "net_amortized": "9"}),
    "b-edp-net-blank": Right({"unblended": "90", "net_unblended": "90", "net_amortized": "90"}),
    # an export without the column of the true-up
    "d-cur2-notrueup": Right(
        {"unblended": "22.32", "amortized": "53.32"},
        warnings={
            "amortisation_identity": "not provable, "
            "column reservation_amortized_upfront_fee_for_billing_period is missing"
        },
    ),
    # its invoice id is an empty text of a dictionary
    "p-invblank": Right({}, final=False),
    "c-scad-blank": Right({"unblended": "10"}),
    "p-nullcol": Right({"unblended": "3"}),
    "q-blank-lines": Right({"unblended": "3"}),
}

REFUSED: Final = {
    "h-extra-comma": ("row 1", "column 95"),
    "h-missing-tail": ("row 2", "column lineItem/TaxType"),
    "h-cut-tail": ("row 2", "column lineItem/TaxType"),
    "h-acct-sci": ("row 1", "column lineItem/UsageAccountId"),
}


@pytest.fixture
def deliver(make_project: Callable[..., Project], clock: SteppingClock) -> Callable[[str], Project]:
    """A project whose bucket holds a case, read a while after its month."""
    clock.now = datetime(2026, 10, 20, tzinfo=UTC)

    def make(name: str) -> Project:
        project = make_project(Format.AUTO)
        for path in sorted((CASES / name).rglob("*.*")):
            if path.is_file():
                project.bucket.put(path.relative_to(CASES / name).as_posix(), path.read_bytes())
        project.reconnect(prefix=f"{name}/cur", report_name="rep")
        return project

    return make


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_case_is_published(deliver: Callable[[str], Project], name: str) -> None:
    right = PUBLISHED[name]
    outcome = deliver(name).run(MONTH)
    assert outcome.published is not None, outcome.waiting_for
    assert outcome.costs["currency"].unique().to_list() == [right.currency]
    sums = {measure: outcome.costs[measure].sum() for measure in MEASURES if measure in right.sums}
    assert sums == {measure: Decimal(text) for measure, text in right.sums.items()}
    if right.accounts is not None:
        assert set(outcome.costs["usage_account_id"]) == right.accounts
    told = {check.name: check.description for check in outcome.published.checks if not check.passed}
    assert all(words in told.get(name, "") for name, words in right.warnings.items()), told
    assert right.final is None or right.final == (outcome.published.state is MonthState.FINAL)


@pytest.mark.parametrize("name", REFUSED)
def test_a_case_is_refused_by_file_row_and_column(deliver: Callable[[str], Project], name: str) -> None:
    project = deliver(name)
    outcome = project.run(MONTH)
    assert outcome.published is None
    [file] = project.files(MONTH)
    row, column = REFUSED[name]
    assert file["status"] == "ERROR"
    assert file["error_message"].startswith(f"{project.bucket.uri(file['object_key'])}: {row}, {column}")
    assert "\n" not in file["error_message"]
