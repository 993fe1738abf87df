"""The oracle of the crash proof: against numbers worked out by hand, and against the plan it knows nothing of."""

from __future__ import annotations

import ast
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.btc.model import BALANCE_SCHEMA, USER_SCHEMA, Options, Rounding
from batch_platform.btc.plan import adjustment, plan_sha256, reversal
from batch_platform.btc.proving import oracle
from batch_platform.btc.proving.oracle import Books, Entry, Line, Person, Unreachable
from batch_platform.core.failures import InvalidInput

BTC = 10**8


def line(name: str, before: str, amount: str, after: str, state: str = "pending", reason: str = "") -> Line:
    return Line(name, Decimal(before), Decimal(amount), Decimal(after), state, reason)


def person(name: str, balance: str, status: str = "active") -> Person:
    return Person(name, status, Decimal(balance))


def amounts(balances: list[str], rate: str, rounding: str, total: str | None = None) -> list[str]:
    people = [person(f"u{number}", balance) for number, balance in enumerate(balances)]
    lines = oracle.plan(people, rate, rounding, None if total is None else Decimal(total))
    return [f"{one.amount:f}" for one in lines]


def test_it_imports_nothing_of_the_platform() -> None:
    tree = ast.parse(Path(oracle.__file__).read_text())
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not [name for name in names if name.startswith(("batch_platform", "polars"))]


# 10, 30 and 50 satoshi at 5 %: half a satoshi, one and a half, two and a half
@pytest.mark.parametrize(
    ("rate", "rounding", "satoshi"),
    [
        ("5", "half_even", (0, 2, 2)),
        ("5", "half_up", (1, 2, 3)),
        ("5", "toward_zero", (0, 1, 2)),
        ("-5", "half_even", (0, -2, -2)),
        ("-5", "half_up", (-1, -2, -3)),
        ("-5", "toward_zero", (0, -1, -2)),
    ],
)
def test_halves_of_a_satoshi(rate: str, rounding: str, satoshi: tuple[int, ...]) -> None:
    found = amounts(["0.0000001", "0.0000003", "0.0000005"], rate, rounding)
    assert found == [f"{Decimal(one) * oracle.SATOSHI:f}" for one in satoshi]


def test_who_is_a_target() -> None:
    people = [
        person("d", "2"),
        person("b", "0"),
        person("c", "0.00000001"),
        person("a", "1", "suspended"),
        person("house", "-7", "house"),
    ]
    assert oracle.plan(people, "5", "half_even") == [
        line("a", "1", "0", "1", "excluded", "inactive"),
        line("b", "0", "0", "0", "excluded", "zero_balance"),
        line("c", "0.00000001", "0", "0.00000001", "skipped_zero"),
        line("d", "2", "0.1", "2.1"),
    ]


def test_a_total_is_shared_by_the_largest_remainders() -> None:
    # exact: 0.4, 0.7, 1.4 satoshi; 2 to share: 1 is whole, the other goes to 0.7
    balances = ["0.00000004", "0.00000007", "0.00000014"]
    assert amounts(balances, "10", "half_even", "0.00000002") == ["0.00000000", "0.00000001", "0.00000001"]
    # equal remainders: the first name; 3 are 1 more
    assert amounts(balances, "10", "half_even", "0.00000003") == ["0.00000001", "0.00000001", "0.00000001"]
    assert amounts(balances, "-10", "half_even", "-0.00000002") == ["0.00000000", "-0.00000001", "-0.00000001"]
    people = [person(f"u{number}", balance) for number, balance in enumerate(balances)]
    assert oracle.reach(people, "-10") == (Decimal("0.00000001"), Decimal("0.00000004"))
    for total in ("0", "0.00000005"):
        with pytest.raises(Unreachable):
            amounts(balances, "10", "half_even", total)


def test_the_hash_is_over_lines_of_satoshi() -> None:
    lines = [line("a", "1", "0", "1", "excluded", "inactive"), line("b", "2", "-0.1", "1.9")]
    text = "a\t100000000\t0\t100000000\texcluded\tinactive\nb\t200000000\t-10000000\t190000000\tpending\t\n"
    assert oracle.digest(lines) == sha256(text.encode()).hexdigest()


def test_books_of_a_batch_with_life_going_on() -> None:
    books = Books()
    for one in (person("a", "1"), person("b", "1"), person("c", "1"), person("d", "0.00000001"), person("e", "0")):
        books.open(one)
    lines = oracle.plan(books.people(), "-50", "half_even")
    books.apply("batch", lines, only={"a"})
    books.pay("out", "b", Decimal("-0.6"))
    books.pay("in", "c", Decimal("0.25"))
    books.apply("batch", lines)
    # who could not pay is not asked again
    books.pay("late", "b", Decimal(9))
    books.apply("batch", lines)
    end = books.end("batch", lines)
    assert {name: f"{balance:f}" for name, balance in books.balances.items()} == {
        "a": "0.50000000",
        "b": "9.4",
        "c": "0.75000000",
        "d": "0.00000001",
        "e": "0",
        "house": "1.00000000",
    }
    assert [one for one in books.entries if one.transaction == "batch"] == [
        Entry("batch", "a", Decimal("-0.5")),
        Entry("batch", "b", Decimal(0), "failed", "below_zero"),
        Entry("batch", "c", Decimal("-0.5")),
        Entry("batch", "house", Decimal(1)),
    ]
    assert (end.status, end.target, end.applied, end.skipped_zero, end.failed, end.excluded) == (
        "completed_with_failures",
        4,
        2,
        1,
        1,
        1,
    )
    assert (end.plan_sum, end.applied_sum) == (Decimal("-1.5"), Decimal(-1))
    assert oracle.take_back(books.booked("batch"), books.balances) == [
        line("a", "0.5", "0.5", "1"),
        line("c", "0.75", "0.5", "1.25"),
    ]


# against the plan

# amounts stay below 2^63 satoshi: more is refused, and tested with the plan itself
BALANCES = st.one_of(
    st.sampled_from([0, 1, 10, 30, 50, 70, BTC, 2_099_999_997_690_000, -1, -BTC]),
    st.integers(min_value=-(10**16), max_value=21 * 10**14),
)
RATES = st.one_of(
    st.sampled_from(["5", "-3", "0.00000001", "-99.99999999", "33.33333333", "100", "-50", "100000"]),
    st.decimals(min_value="-99.99999999", max_value="1000", places=8).filter(bool).map(lambda one: f"{one:f}"),
)
STATUSES = st.sampled_from(["active", "active", "active", "suspended", "closed"])
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6).filter(
    lambda name: name != "house"
)
CROWDS = st.dictionaries(NAMES, st.tuples(BALANCES, STATUSES), max_size=12)


def frames(people: list[Person]) -> tuple[pl.DataFrame, pl.DataFrame]:
    users = [(one.name, one.status) for one in people]
    balances = [(one.name, int(one.balance * BTC)) for one in people]
    return (
        pl.DataFrame(users, schema=USER_SCHEMA, orient="row"),
        pl.DataFrame(balances, schema=BALANCE_SCHEMA, orient="row"),
    )


def as_lines(plan: pl.DataFrame) -> list[Line]:
    columns = plan.select("user_id", "balance_before", "amount", "balance_after", "state", "reason")
    return [
        Line(name, *(Decimal(one) * oracle.SATOSHI for one in numbers), state, reason or "")
        for name, *numbers, state, reason in columns.iter_rows()
    ]


@given(CROWDS, RATES, st.sampled_from(Rounding), st.one_of(st.none(), st.integers(0, 10**6)))
def test_the_plan_is_the_oracle_s(
    crowd: dict[str, tuple[int, str]], rate: str, rounding: Rounding, share: int | None
) -> None:
    people = [Person(name, status, Decimal(balance) * oracle.SATOSHI) for name, (balance, status) in crowd.items()]
    total = None
    if share is not None:
        # now and then one satoshi too few or too many
        least, most = (int(one / oracle.SATOSHI) for one in oracle.reach(people, rate))
        total = (least - 1 + share % (most - least + 3)) * (-1 if rate.startswith("-") else 1)
    options = Options(rounding=rounding, target_total=total)
    try:
        wanted = oracle.plan(people, rate, rounding, None if total is None else total * oracle.SATOSHI)
    except Unreachable:
        with pytest.raises(InvalidInput, match="cannot be met"):
            adjustment(*frames(people), rate=Decimal(rate), options=options)
        return
    plan = adjustment(*frames(people), rate=Decimal(rate), options=options)
    assert as_lines(plan) == wanted
    assert plan_sha256(plan) == oracle.digest(wanted)


@given(CROWDS, st.dictionaries(NAMES, BALANCES.filter(bool), max_size=12))
def test_the_reversal_is_the_oracle_s(crowd: dict[str, tuple[int, str]], booked: dict[str, int]) -> None:
    balances = {name: balance for name, (balance, _) in crowd.items()}
    applied = pl.DataFrame(list(booked.items()), schema={"user_id": pl.String(), "amount": pl.Int64()}, orient="row")
    now = pl.DataFrame(list(balances.items()), schema=BALANCE_SCHEMA, orient="row")
    plan = reversal(applied, now)
    wanted = oracle.take_back(
        {name: amount * oracle.SATOSHI for name, amount in booked.items()},
        {name: balance * oracle.SATOSHI for name, balance in balances.items()},
    )
    assert as_lines(plan) == wanted
    assert plan_sha256(plan) == oracle.digest(wanted)
