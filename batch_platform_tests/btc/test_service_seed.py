"""Users made up or read from a file: always the same, all or none, once."""

from __future__ import annotations

import polars as pl
import pytest

from batch_platform.btc import service
from batch_platform.btc.model import HOUSE
from batch_platform.btc.service.seed import customers, generated, read_csv
from batch_platform.core.failures import InvalidInput
from batch_platform_tests.btc.service_tools import ANN, BTC, Stage, balances

HEADER = "user_id,balance,status\n"


def test_made_up_users_are_the_same_always(stage: Stage) -> None:
    context = stage.context()
    assert service.seed_users(context, 40, by=ANN).opened == 40
    context.store.accounts.deposit("user-0000008", 5, transaction_id="d-1", created_by="x")
    again = service.seed_users(context, 50, by=ANN)
    assert (again.users, again.opened) == (50, 10)
    found = {user: (balance, status) for user, balance, status in service.balances(context).rows()}
    made_up = {user: (balance, status) for user, balance, status in generated(50).rows()}
    made_up["user-0000008"] = (made_up["user-0000008"][0] + 5, "active")
    assert found == {HOUSE: (0, "house"), **made_up}
    assert [made_up[f"user-000000{number}"] for number in range(1, 6)] == [
        (0, "active"),
        (1, "active"),
        (2_099_999_997_690_000, "active"),
        (123_456_789, "suspended"),
        (987_654_321, "closed"),
    ]
    assert service.verify(context).ok


def test_made_up_users_at_large() -> None:
    users = generated(100_000)
    assert users.head(50).equals(generated(50))
    assert users.get_column("user_id").is_unique().all()
    assert users.get_column("user_id").is_sorted()
    odd, rest = users.head(7), users.slice(7)
    assert odd.get_column("balance").max() == 2_099_999_997_690_000
    assert 0 <= rest["balance"].min() < 100  # type: ignore[operator]
    assert 4 * BTC < rest["balance"].max() < 5 * BTC  # type: ignore[operator]
    assert rest.get_column("balance").n_unique() > 60_000
    assert set(users.get_column("status")) == {"active", "suspended", "closed"}


def test_believable_users_at_large() -> None:
    users, awkward = customers(100_000), generated(100_000)
    assert users.drop("balance").equals(awkward.drop("balance"))
    assert users.head(2_000).equals(customers(2_000))
    balance = users.get_column("balance")
    # nothing and dust are where they are; nobody has what nobody has
    assert (balance <= 10).equals(awkward.get_column("balance") <= 10)
    for share, wanted in ((0.5, 800_000), (0.9, BTC // 5), (0.995, 3 * BTC)):
        assert abs((balance.quantile(share) or 0) - wanted) < wanted // 10, share
    assert 11 * BTC < (balance.max() or 0) <= 12 * BTC  # type: ignore[operator]


def test_a_file_of_users(stage: Stage) -> None:
    context = stage.context()
    text = HEADER + 'ann,1.5,active\n"bob, 2nd",0,suspended\nうさぎ,20999999.9769,closed\ncat,0.00000001,active\n'
    assert service.seed_csv(context, b"\xef\xbb\xbf" + text.encode(), by=ANN).opened == 4
    assert service.seed_csv(context, text.encode(), by=ANN).opened == 0
    assert balances(context) == {
        "ann": 3 * BTC // 2,
        "bob, 2nd": 0,
        "cat": 1,
        "うさぎ": 2_099_999_997_690_000,
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Row 1: the header must be user_id,balance,status"),
        ("user,balance,status\na,1,active\n", "Row 1: the header"),
        (HEADER.strip() + ",more\na,1,active,x\n", "Row 1: the header"),
        (HEADER + "a,1,active\n,1,active\n", "Row 3: user_id is empty"),
        (HEADER + " a,1,active\n", "Row 2: user_id has a control character, or spaces"),
        (HEADER + '"a\tb",1,active\n', "Row 2: user_id has a control character"),
        (HEADER + "a,1,active\nb,1,active\na,2,active\n", "Row 4: user_id is there twice"),
        (HEADER + "house,1,active\n", "Row 2: user_id is the name of the house"),
        (HEADER + f"{'a' * 129},1,active\n", "Row 2: user_id is longer than 128"),
        (HEADER + "a,-1,active\n", "Row 2: balance must be BTC"),
        (HEADER + "a,1e3,active\n", "Row 2: balance must be BTC"),
        (HEADER + "a,1.123456789,active\n", "Row 2: balance must be BTC"),
        (HEADER + "a,NaN,active\n", "Row 2: balance must be BTC"),
        (HEADER + "a,,active\n", "Row 2: balance must be BTC"),
        (HEADER + "a,1,active\nb,21000000.00000001,active\n", "Row 3: balance is more BTC"),
        (HEADER + "a,1,frozen\n", "Row 2: status must be one of active, suspended, closed"),
        (HEADER + "a,1\n", "Row 2: status must be one of"),
        (HEADER + "a,1,active,x,y\n", "Row 2: status is followed by another field"),
    ],
)
def test_the_first_wrong_row_is_named(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read_csv(text.encode())


def test_a_wrong_file_opens_nobody(stage: Stage) -> None:
    context = stage.context()
    good = "".join(f"user-{number},1,active\n" for number in range(200))
    for wrong in (HEADER + good + "x,-1,active\n", (HEADER + good).encode("utf-16")):
        with pytest.raises(InvalidInput):
            service.seed_csv(context, wrong if isinstance(wrong, bytes) else wrong.encode(), by=ANN)
    assert context.store.accounts.scan_users().is_empty()
    with pytest.raises(InvalidInput, match="users must be"):
        service.seed_users(context, -1, by=ANN)
    assert read_csv(HEADER.encode()).is_empty()
    assert isinstance(read_csv((HEADER + good).encode()), pl.DataFrame)
