"""The oracle of `staffing calc`: the worked example, and what was worked out on paper for each rule easy to miss."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from batch_platform.staffing.proving import oracle, questions
from batch_platform.staffing.proving.oracle.checker import Terms, wrong_sums
from batch_platform_tests.staffing.holidays import national_holidays

Json = dict[str, Any]
DATA = Path(__file__).parent / "data"
RATES: list[Json] = [
    {"category": "standard", "rate": "10", "valid_from": "2019-10-01", "valid_to": "2026-06-14"},
    {"category": "standard", "rate": "12", "valid_from": "2026-06-15", "valid_to": None},
    {"category": "reduced", "rate": "8", "valid_from": "2019-10-01"},
    {"category": "export", "rate": "0", "valid_from": "2019-10-01"},
    {"category": "exempt", "rate": None, "valid_from": "2019-10-01", "valid_to": None},
]
PLAN: Json = {"base_price": 0, "max_users": 5, "max_engineers": 5, "price_per_user": 0, "price_per_engineer": 0}


def answer(kind: str, line: Json) -> Json:
    return oracle.calc(kind, line, national_holidays())


def plan(begin: str, **fields: Any) -> Json:
    return PLAN | {"from": begin} | fields


def item(amount: int, category: str = "standard", on: str = "2026-04-10") -> Json:
    return {"date": on, "quantity": 1, "unit_price": amount, "category": category}


def billed(*terms: Json, period: str = "2026-04", users: tuple[int, ...] = (), **fields: Any) -> Json:
    """The answer to a month in which every day but those of `users` has no users."""
    contract = {"start": "2026-01-01", "end": None, "terms": terms or [plan("2026-01-01")]}
    contract |= {name: fields.pop(name) for name in ("start", "end", "price_type", "proration") if name in fields}
    last = questions.month_of(period)[1].day
    counts = {f"{period}-{day:02}": {"users": 0, "engineers": 0} for day in range(1, last + 1)}
    for day, number in enumerate(users, 1):
        counts[f"{period}-{day:02}"]["users"] = number
    for day in fields.pop("without", ()):
        del counts[day]
    asked = {"period": period, "rounding": "floor", "contract": contract, "usage": counts, "tax_rates": RATES}
    return answer("invoice", asked | {"discounts": [], "extras": []} | fields)


def lines_of(said: Json) -> list[tuple[Any, ...]]:
    names = ("kind", "from", "to", "quantity", "amount", "rate")
    return [tuple(line[name] for name in names) for line in said["lines"]]


def per_rate(said: Json) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in ("rate", "net", "tax", "gross")) for row in said["per_rate"]]


def test_it_imports_nothing_of_the_platform():
    own = oracle.__name__
    for path in Path(oracle.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text())
        names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        others = {name.partition(".")[0] for name in names if name != own and not name.startswith(f"{own}.")}
        assert others <= sys.stdlib_module_names


def test_the_worked_example_comes_out_to_the_yen():
    asked, expected = (
        [json.loads(line) for line in (DATA / name).read_text().splitlines() if line]
        for name in ("invoice.jsonl", "invoice.expected.jsonl")
    )
    assert [answer("invoice", line) for line in asked] == expected


def test_a_month_is_cut_where_plans_change_and_each_part_has_its_own_peak():
    said = billed(
        plan("2026-04-11", base_price=1_000, price_per_user=7, category="reduced"),
        plan("2026-01-01", base_price=100, price_per_user=90),
        users=(5, 5, 8, 5, 5, 5, 5, 5, 5, 5, 6),
        end="2026-04-12",
    )
    assert lines_of(said) == [
        ("base", "2026-04-01", "2026-04-10", 1, 33, "10"),
        ("extra_users", "2026-04-01", "2026-04-10", 3, 90, "10"),
        ("base", "2026-04-11", "2026-04-12", 1, 66, "8"),
    ]
    assert per_rate(said) == [("10", 123, 12, 135), ("8", 66, 5, 71)]


def test_a_full_price_is_not_divided_but_still_says_its_days():
    said = billed(plan("2026-01-01", base_price=10_000), period="2026-02", start="2026-02-15", proration="full")
    assert [(line["amount"], line["days"], line["of_days"]) for line in said["lines"]] == [(10_000, 14, 28)]


def test_the_rate_is_that_of_a_lines_last_day():
    extras = [item(100, on="2026-06-14"), item(100, "export", "2026-06-14"), item(9, on="2026-07-01")]
    said = billed(plan("2026-01-01", base_price=30_000), period="2026-06", extras=extras)
    assert [(line["kind"], line["rate"]) for line in said["lines"]] == [("base", "12"), ("item", "10"), ("item", "0")]
    assert per_rate(said) == [("12", 30_000, 3_600, 33_600), ("10", 100, 10, 110), ("0", 100, 0, 100)]


@pytest.mark.parametrize(
    ("price_type", "amount", "taxes"),
    [
        ("net", 5, (0, 1, 1)),
        ("net", 4, (0, 0, 1)),
        ("net", 20, (2, 2, 2)),
        ("gross", 6, (0, 1, 1)),
        ("gross", 11, (1,) * 3),
    ],
)
def test_tax_is_rounded_as_the_issuer_does(price_type, amount, taxes):
    modes = ("floor", "half_up", "ceil")
    said = [billed(extras=[item(amount)], rounding=mode, price_type=price_type) for mode in modes]
    assert tuple(one["tax"] for one in said) == taxes
    assert {one["subtotal" if price_type == "net" else "total"] for one in said} == {amount}


def test_one_rounding_for_each_rate_not_for_each_line():
    assert billed(extras=[item(9)] * 3)["tax"] == 2


@pytest.mark.parametrize(
    ("groups", "discounts", "left"),
    [
        ({"standard": 109}, [("percent", "50"), ("amount", 5)], [50]),
        ({"standard": 109}, [("amount", 5), ("percent", "50")], [52]),
        ({"standard": 100, "reduced": 100}, [("amount", 1)], [99, 100]),
        ({"reduced": 100, "exempt": 100}, [("amount", 1)], [99, 100]),
        ({"export": 100, "exempt": 100}, [("amount", 3)], [98, 99]),
        ({"standard": 100, "reduced": 200, "exempt": 400}, [("amount", 10)], [99, 197, 394]),
        ({"standard": 39, "reduced": 39}, [("percent", "2.5")], [39, 39]),
        ({"standard": 10, "reduced": 5}, [("amount", 14)], [1]),
    ],
)
def test_discounts_in_their_order_to_the_last_yen(groups, discounts, left):
    extras = [item(amount, category) for category, amount in groups.items()]
    said = billed(extras=extras, discounts=[{"kind": kind, "value": value} for kind, value in discounts])
    assert [row["net"] for row in said["per_rate"]] == left


def test_nothing_is_due_where_all_is_taken_off_or_no_day_is_covered():
    nothing = {"document": None, "reason": "nothing_due"}
    assert billed(extras=[item(10)], discounts=[{"kind": "amount", "value": 11}]) == nothing
    assert billed(plan("2026-01-01", base_price=9), start="2026-05-01", without=["2026-04-01"]) == nothing
    assert billed(plan("2026-01-01", base_price=29), end="2026-04-01") == nothing
    assert billed(plan("2026-01-01", base_price=30), end="2026-04-01")["total"] == 1


def test_a_covered_day_without_usage_holds_the_invoice():
    month = {"without": ["2026-04-04", "2026-04-10", "2026-04-11"], "extras": [item(1)]}
    assert billed(end="2026-04-10", **month) == {
        "document": None,
        "reason": "waiting_for_usage",
        "days": ["2026-04-04", "2026-04-10"],
    }
    assert billed(end="2026-04-03", **month)["total"] == 1


INVOICE = {
    "per_rate": [
        {"rate": "10", "net": 5_005, "tax": 501, "gross": 5_506},
        {"rate": None, "net": 9, "tax": 0, "gross": 9},
    ]
}


def credited(parts: Any, price_type: str = "net", rounding: str = "floor") -> Json:
    return answer("credit-note", {"invoice": INVOICE, "parts": parts, "price_type": price_type, "rounding": rounding})


def test_a_whole_credit_mirrors_what_was_stored():
    said = credited("all")
    assert per_rate(said) == [("10", -5_005, -501, -5_506), (None, -9, 0, -9)]
    assert (said["subtotal"], said["tax"], said["total"]) == (-5_014, -501, -5_515)
    assert (said["document"], said["issue_required"]) == ("credit_note", False)


def test_a_part_is_rounded_once_for_each_rate_by_its_magnitude():
    parts = [{"rate": "10", "amount": 1_002}, {"rate": None, "amount": 9}, {"rate": "10", "amount": 3}]
    assert per_rate(credited(parts)) == [("10", -1_005, -100, -1_105), (None, -9, 0, -9)]
    assert credited(parts, rounding="half_up")["tax"] == -101
    assert per_rate(credited(parts[:1], "gross")) == [("10", -911, -91, -1_002)]


@pytest.mark.parametrize(("amount", "required"), [(9_999, False), (10_000, True)])
def test_below_ten_thousand_yen_nobody_must_be_sent_a_credit_note(amount, required):
    assert credited([{"rate": "10", "amount": amount}], "gross")["issue_required"] is required


@pytest.mark.parametrize(
    ("number", "normalized", "warning"),
    [
        ("T1180301018771", "T1180301018771", None),
        ("ｔ１１８０３０１－０１８　７７１ ", "T1180301018771", None),
        ("T-1180-3010-18771", "T1180301018771", None),
        ("T2180301018771", "T2180301018771", "check_digit"),
        ("T118030101877", None, None),
        ("T11803010187711", None, None),
        ("1180301018771", None, None),
        ("T118030101877١", None, None),
    ],
)
def test_registration_numbers(number, normalized, warning):
    said = answer("tax-number", {"number": number})
    assert said == {"valid": normalized is not None, "normalized": normalized, "warning": warning}


@pytest.mark.parametrize(
    ("period", "terms", "holiday", "due"),
    [
        ("2026-09", ("end", 1, "end"), "next", "2026-11-02"),
        ("2026-09", ("end", 1, "end"), "previous", "2026-10-30"),
        ("2026-09", ("end", 1, "end"), "none", "2026-10-31"),
        ("2026-12", ("end", 0, "end"), "next", "2027-01-04"),
        ("2026-12", ("end", 0, 31), "previous", "2026-12-30"),
        ("2026-09", (20, 1, 20), "next", "2026-11-20"),
        ("2026-10", (30, 0, 30), "next", "2026-11-30"),
        ("2026-02", (30, 1, 31), "next", "2026-03-31"),
        ("2026-04", ("end", 1, 3), "next", "2026-05-07"),
        ("2026-04", ("end", 1, 3), "previous", "2026-05-01"),
        ("2026-09", 30, "next", "2026-11-02"),
        ("2026-09", 0, "next", "2026-10-01"),
    ],
)
def test_due_dates(period, terms, holiday, due):
    payment: Json = {"kind": "net_days", "days": terms}
    if not isinstance(terms, int):
        payment = {"kind": "closing", "closing": terms[0], "months": terms[1], "day": terms[2]}
    assert answer("due-date", {"period": period, "payment": payment | {"holiday": holiday}}) == {"due_date": due}


MONTHLY = {"every": "month", "day": 31, "time": "09:00", "start_on": "2026-01-31", "end_on": "2026-03-31"}
MONDAYS = {"every": "week", "weekday": 0, "time": "00:00", "start_on": "2026-11-24"}
DAILY = {"every": "day", "time": "09:00", "start_on": "2026-11-28"}


@pytest.mark.parametrize(
    ("rule", "after", "following"),
    [
        (MONTHLY, "2025-01-01T00:00:00Z", "2026-01-31T00:00:00Z"),
        (MONTHLY, "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"),
        (MONTHLY, "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"),
        (MONTHLY, "2026-03-31T00:00:00Z", None),
        (MONDAYS, "2026-11-24T00:00:00Z", "2026-11-29T15:00:00Z"),
        (MONDAYS, "2026-11-29T14:59:59Z", "2026-11-29T15:00:00Z"),
        (MONDAYS, "2026-11-30T00:00:00+09:00", "2026-12-06T15:00:00Z"),
    ],
)
def test_what_comes_next(rule, after, following):
    assert answer("next", {"rule": rule, "after": after}) == {"next": following}


@pytest.mark.parametrize(
    ("policy", "now", "done", "delivered", "skipped"),
    [
        ("all", "2026-11-30T00:00:00Z", [], [28, 29, 30], []),
        ("latest", "2026-11-29T23:59:59Z", [], [29], [28]),
        ("latest", "2026-11-30T00:00:00Z", [28, 29], [30], []),
        ("skip", "2026-11-30T01:00:00Z", [28], [30], [29]),
        ("skip", "2026-11-30T01:00:01Z", [28], [], [29, 30]),
        ("all", "2026-11-30T01:00:00Z", [28, 29, 30], [], []),
        ("latest", "2026-11-30T01:00:00Z", [29, 30], [28], []),
    ],
)
def test_what_was_missed(policy, now, done, delivered, skipped):
    line = {"rule": DAILY, "done": [f"2026-11-{day}T00:00:00Z" for day in done], "now": now, "policy": policy}
    said = answer("catch-up", line | {"grace_minutes": 60})["occurrences"]
    assert [row["scheduled_for"] for row in said] == [
        f"2026-11-{day}T00:00:00Z" for day in sorted(delivered + skipped)
    ]
    assert [int(row["scheduled_for"][8:10]) for row in said if row["action"] == "deliver"] == delivered


def test_usage_of_a_day_in_tokyo():
    first, last, after = "2026-09-09T15:00:00Z", "2026-09-10T14:59:59Z", "2026-09-10T15:00:00Z"
    always = {"created_at": "2026-01-01T00:00:00Z"}
    facts = {
        "companies": [
            {"company_id": "1", "created_at": last},
            {"company_id": 10},
            {"company_id": 2, "closed_at": "2026-09-09T15:00:01Z"},
            {"company_id": 3, "closed_at": first},
            {"company_id": 4, "created_at": after},
        ],
        "users": [
            {"user_id": 1, "company_id": 2, **always, "deleted_at": after},
            {"user_id": 2, "company_id": 2, **always, "deleted_at": last},
            {"user_id": 3, "company_id": 2, "created_at": last},
            {"user_id": 4, "company_id": 2, "created_at": after},
        ],
        "engineers": [{"engineer_id": id_, "company_id": 10, **always} for id_ in (1, "1", 2)],
        "assignments": [
            {"engineer_id": 1, "start": "2026-09-01", "end": "2026-09-10"},
            {"engineer_id": 1, "start": "2026-09-10", "end": None},
            {"engineer_id": 2, "start": "2026-09-11", "end": None},
            {"engineer_id": 5, "start": "2026-09-01", "end": None},
        ],
        "logins": [
            {"user_id": 7, "company_id": 2, "at": first},
            {"user_id": 7, "company_id": 2, "at": last},
            {"user_id": 7, "company_id": 10, "at": last},
            {"user_id": 8, "company_id": 2, "at": after},
        ],
        "api_requests": [
            {"user_id": "7", "company_id": 2, "at": first, "feature": "search"},
            {"user_id": None, "company_id": 2, "at": first, "feature": "search"},
            {"user_id": None, "company_id": 2, "at": first, "feature": "export"},
        ],
        "approaches": [{"company_id": 2, "sent_at": last}, {"company_id": 2, "sent_at": after}],
        "mails": [{"company_id": 10, "accepted_at": first}, {"company_id": 10, "accepted_at": first}],
        "files": [
            {"company_id": 2, "bytes": 5_242, **always},
            {"company_id": 2, "bytes": 1, "created_at": last},
            {"company_id": 10, "bytes": 5_242, **always},
            {"company_id": 10, "bytes": 1, "created_at": after},
        ],
    }
    rows = answer("usage", {"date": "2026-09-10", "facts": facts})["rows"]
    assert [row["company_id"] for row in rows] == [2, 10, "1"]
    zeros = dict.fromkeys(
        (
            *("total_users", "active_users", "total_engineers", "active_engineers"),
            *("approach_count", "email_sent_count", "login_count", "api_call_count"),
        ),
        0,
    )
    zeros |= {"date": "2026-09-10", "storage_usage_mb": "0.00", "feature_usage": {}}
    assert rows[0] == zeros | {
        "company_id": 2,
        "total_users": 2,
        "active_users": 2,
        "approach_count": 1,
        "login_count": 2,
        "api_call_count": 3,
        "storage_usage_mb": "0.01",
        "feature_usage": {"export": 1, "search": 2},
    }
    assert rows[1] == zeros | {
        "company_id": 10,
        "active_users": 1,
        "total_engineers": 3,
        "active_engineers": 1,
        "email_sent_count": 2,
        "login_count": 1,
    }
    assert rows[2] == zeros | {"company_id": "1"}


def test_random_invoices_add_up_and_random_credits_undo_them():
    random = Random(7)
    for _ in range(300):
        asked = questions.question("invoice", random)
        said = answer("invoice", asked)
        if said["document"] is None:
            continue
        terms = {"rounding": asked["rounding"], "price_type": asked["contract"].get("price_type", "net")}
        assert wrong_sums(said, Terms("", "", "", asked["period"], **terms)) == []
        back = answer("credit-note", {"invoice": said, "parts": "all", **terms})
        assert (back["subtotal"], back["tax"], back["total"]) == (-said["subtotal"], -said["tax"], -said["total"])
        parts = [{"rate": row["rate"], "amount": row[terms["price_type"]]} for row in said["per_rate"]]
        assert answer("credit-note", {"invoice": said, "parts": parts, **terms}) == back
