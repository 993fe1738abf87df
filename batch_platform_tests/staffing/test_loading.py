"""Facts from lines: each once, ids as they were given, and no half of a file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.staffing import ids
from batch_platform.staffing.service import StaffingContext, loading

COMPANY = {"kind": "company", "company_id": 7, "name": "株式会社𠮷田", "email": "a@example.jp"}
ENGINEER = {"kind": "engineer", "engineer_id": "7", "company_id": 7}
USAGE = {"kind": "usage_day", "company_id": 7, "date": "2026-09-01", "total_users": 3, "total_engineers": 0}


def lines(*facts: dict[str, Any]) -> list[bytes]:
    return [json.dumps(fact).encode() for fact in facts]


def test_the_same_lines_again_add_nothing(emptied: StaffingContext) -> None:
    first = loading.load(emptied, lines(COMPANY, ENGINEER, ENGINEER))
    again = loading.load(emptied, lines(ENGINEER, COMPANY))
    assert (first.added, first.skipped) == ({"company": 1, "engineer": 1}, {"company": 0, "engineer": 1})
    assert (again.added, again.skipped) == ({"company": 0, "engineer": 0}, {"company": 1, "engineer": 1})


def test_a_contradiction_stops_with_its_number_and_leaves_nothing(emptied: StaffingContext) -> None:
    loading.load(emptied, lines(COMPANY))
    with pytest.raises(InvalidInput, match="line 2: says something else"):
        loading.load(emptied, lines(ENGINEER, {**COMPANY, "name": "other"}))
    assert loading.load(emptied, lines(ENGINEER), dry_run=True).added == {"engineer": 1}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"kind": "invoice"}, "line 1: kind: must be one of issuer, "),
        ({"kind": "company", "company_id": 1.5, "name": "x"}, "line 1: company_id: must be a whole number or a text"),
        ({**USAGE, "total_users": -1}, "line 1: total_users: Input should be greater than or equal to 0"),
        ({**USAGE, "more": 1}, "line 1: more: Extra inputs are not permitted"),
        (
            {"kind": "login", "id": 1, "user_id": 1, "company_id": 1, "at": "2026-09-01T00:00:00"},
            "line 1: at: must be a",
        ),
        (
            {"kind": "tax_rate", "category": "standard", "rate": "100", "valid_from": "2026-01-01"},
            "line 1: rate: must be below 100 percent",
        ),
        ({**COMPANY, "company_id": "a\0"}, "line 1: company_id: must not hold a NUL or half a character"),
        (
            {
                "kind": "periodic_approach",
                "approach_id": 1,
                "company_id": 1,
                "rule": {},
                "criteria": {"skills": ["\ud800"]},
                "policy": "all",
                "template": "t",
            },
            "line 1: criteria: must not hold a NUL or half a character",
        ),
    ],
    ids=["kind", "id", "count", "field", "moment", "rate", "unstorable id", "unstorable document"],
)
def test_a_bad_line_is_named(emptied: StaffingContext, line: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        loading.load(emptied, lines(line))


ISSUER = {
    "kind": "issuer",
    "registration_number": "t7000-0120-50003",
    "name": "x",
    "tax_rounding": "floor",
    "number_prefix": "INV",
}
CONTRACT = {
    "kind": "contract",
    "contract_id": 1,
    "company_id": 1,
    "start": "2026-09-01",
    "terms": [
        {
            "from": "2026-09-01",
            "base_price": 1,
            "max_users": 1,
            "max_engineers": None,
            "price_per_user": 1,
            "price_per_engineer": 1,
        }
    ],
}


def test_a_number_whose_check_digit_differs_is_a_warning(emptied: StaffingContext) -> None:
    loaded = loading.load(emptied, lines(COMPANY, ISSUER))
    assert [str(warning) for warning in loaded.warnings] == [
        "line 2: the check digit of T7000012050003 does not match: no corporation has this number"
    ]
    with pytest.raises(InvalidInput, match="line 1: credit notes are not numbered as invoices are"):
        loading.load(emptied, lines({**ISSUER, "credit_number_prefix": "INV"}))


def test_what_a_contract_does_not_say_is_as_if_it_were_said(emptied: StaffingContext) -> None:
    said = {
        **CONTRACT,
        "issuer": None,
        "payment": {"kind": "closing"},
        "price_type": "net",
        "discounts": [],
        "extras": None,
    }
    loading.load(emptied, lines(CONTRACT))
    assert loading.load(emptied, lines(said)).skipped == {"contract": 1}
    with pytest.raises(InvalidInput, match=r"line 1: discounts\.0\.value: must be a number in plain digits"):
        loading.load(
            emptied, lines({**CONTRACT, "contract_id": 2, "discounts": [{"kind": "percent", "value": "1e1"}]})
        )


def test_a_loaded_usage_day_takes_the_place_of_an_aggregated_one(emptied: StaffingContext) -> None:
    with emptied.store.transaction() as session:
        session.connection.execute(
            "INSERT INTO usage_days (company_id, date, source, total_users, total_engineers, login_count) "
            "VALUES ('7', '2026-09-01', 'aggregated', 1, 1, 5)"
        )
    loading.load(emptied, lines(USAGE))
    with emptied.store.snapshot() as session:
        [row] = session.connection.execute("SELECT source, total_users, login_count FROM usage_days").fetchall()
    assert row == ("loaded", 3, 5)


def test_numbers_with_a_point_are_exact_however_they_are_written(emptied: StaffingContext) -> None:
    rate = b'{"kind": "tax_rate", "category": "standard", "rate": %s, "valid_from": "2019-10-01"}'
    assert loading.load(emptied, [rate % b"7.8"]).added == {"tax_rate": 1}
    assert loading.load(emptied, [rate % b'"7.8"']).skipped == {"tax_rate": 1}
    with pytest.raises(InvalidInput, match="line 1: must be a number in plain digits"):
        loading.load(emptied, [rate % b"78e-1"])


@given(st.one_of(st.integers(), st.text(min_size=1)))
def test_an_id_comes_back_as_it_was(value: int | str) -> None:
    assert ids.decode(ids.encode(value)) == value


def test_a_number_and_its_text_are_two_ids() -> None:
    assert [ids.encode(value) for value in (7, "7", "007", "c-7", '"7"')] == ["7", '"7"', "007", "c-7", '"\\"7\\""']


def test_the_database_sorts_ids_as_python_does(staffing: StaffingContext) -> None:
    values = [ids.encode(value) for value in (10, 9, -3, "10", "9", "a", "B", "𠮷", "髙", '"q')]
    with staffing.store.snapshot() as session:
        rows = session.connection.execute(
            "SELECT id FROM unnest(%s::text[]) AS id ORDER BY id_number(id) NULLS LAST, id_text(id)", [values]
        ).fetchall()
    assert [row[0] for row in rows] == sorted(values, key=ids.order)
