"""`batch-platform btc`: what it prints, how it exits, who may act, and that a dry run writes nothing."""

from __future__ import annotations

import os
import pwd
import re
from decimal import Decimal
from pathlib import Path

import pytest

from batch_platform.btc.service.seed import generated
from batch_platform_tests.btc.cli_shell import AS_KEI, Shell, accounts, shell

__all__ = ["accounts", "shell"]

ADJUST = ("adjust", "--rate", "5", "--memo", "November")
HEADER = "user_id,balance_before,amount,balance_after,state"


def seen(batch: dict[str, str]) -> tuple[str, ...]:
    """What an administrator types who has looked at a batch."""
    counted = ("--count", str(batch["target_user_count"]), "--sum", batch["plan_sum"])
    return (batch["batch_id"], *counted, "--hash", batch["plan_sha256"])


def test_users_are_seeded_once(shell: Shell, tmp_path: Path) -> None:
    assert shell.json("seed", "--users", "9", "--dry-run") == {"users": 9, "opened": 9, "dry_run": True}
    assert shell("seed", "--users", "9").out == "9 users opened\n"
    assert shell("seed", "--users", "12", "--dry-run").out == "3 users would be opened, 9 were there already\n"
    assert shell.json("seed", "--users", "12") == {"users": 12, "opened": 3, "dry_run": False}
    file = tmp_path / "more.csv"
    file.write_text("user_id,balance,status\nann,0.00000001,active\nbob,20999999.9769,suspended\n")
    assert shell.json("seed", "--file", str(file), *AS_KEI)["opened"] == 2
    rows = shell("balances", "--format", "csv")
    assert rows.out.splitlines()[0] == "user_id,balance,status"
    found = {row["user_id"]: (row["balance"], row["status"]) for row in rows.csv}
    assert found["ann"] == ("0.00000001", "active")
    assert found["bob"] == ("20999999.97690000", "suspended")
    assert found["house"] == ("0.00000000", "house")
    assert len(found) == 12 + 2 + 1
    assert shell("balances", "--format", "json").json == rows.csv
    assert "20,999,999.97690000" in shell("balances").out
    [(who, what, _, after)] = shell.audited(str(file))
    assert (who, what, after["opened"]) == ("local:kei", "btc-users.seed", 2)
    [*_, (who, _, _, _)] = shell.audited("12 users")
    assert who == f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ann,-1,active", "Row 3: balance must be BTC with at most 8 decimals, not negative."),
        ("ann,0.123456789,active", "Row 3: balance must be BTC"),
        ("ann,1,gone", "Row 3: status must be one of active, suspended, closed."),
        (",1,active", "Row 3: user_id is empty."),
        ("ok,1,active", "Row 3: user_id is there twice."),
    ],
)
def test_a_bad_row_of_a_file_is_named(shell: Shell, tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "users.csv"
    file.write_text(f"user_id,balance,status\nok,1,active\n{line}\n")
    for more in ((), ("--dry-run",)):
        assert shell("seed", "--file", str(file), *more).failed(2).startswith(f"{file}: {told}")
    assert not any(shell.stored().values())


def test_a_preview_is_the_plan_that_is_sealed(shell: Shell) -> None:
    shell.seeded(30)
    preview = shell.json("preview", "--rate", "5.00", "--rows", "3")
    assert preview["adjustment_rate"] == 5
    assert [row["user_id"] for row in preview["rows"]] == ["user-0000001", "user-0000002", "user-0000003"]
    assert preview["rows"][2]["amount"] == "1049999.99884500"
    batch = shell.json(*ADJUST, *AS_KEI)
    assert batch["status"] == "planned"
    assert (batch["created_by"], batch["approvals"], batch["approvals_missing"]) == ("local:kei", [], 1)
    for name in ("plan_sha256", "plan_sum", "target_user_count"):
        assert batch[name] == preview[name]
    rows = shell("plan", batch["batch_id"], "--format", "csv")
    assert rows.out.splitlines()[0] == HEADER
    assert rows.csv == shell("preview", "--rate", "5", "--format", "csv").csv
    assert shell("plan", batch["batch_id"], "--format", "json").json == rows.csv
    assert sum(Decimal(row["amount"]) for row in rows.csv) == Decimal(batch["plan_sum"])
    for row in rows.csv:
        assert Decimal(row["balance_before"]) + Decimal(row["amount"]) == Decimal(row["balance_after"])
    own = {row["user_id"]: Decimal(row["balance_before"]) for row in rows.csv}
    oracle = {user: Decimal(balance).scaleb(-8) for user, balance, _ in generated(30).rows()}
    assert own == oracle


def test_what_people_read(shell: Shell) -> None:
    shell.seeded(30)
    told = shell("preview", "--rate", "-3", "--rows", "0").out
    assert told.startswith("-3 % as of ")
    assert "excluded (2 inactive, 1 zero_balance)" in told
    table = shell("preview", "--rate", "5", "--rows", "3").out
    assert "22,049,999.97574500" in table
    assert "… and 27 more rows" in table
    sealed = shell(*ADJUST, *AS_KEI).out
    [batch] = shell.json("list")
    words = " ".join(seen(batch))
    assert f"batch {batch['batch_id']} is planned, +5 %: November" in sealed
    assert f"approve it: batch-platform btc approve {words}" in sealed
    assert batch["batch_id"] in shell("list").out
    shown = shell("show", batch["batch_id"]).out
    assert "waits for 1 approval" in shown
    assert batch["plan_sha256"] in shown
    assert "22,049,999.97574500" in shell("plan", batch["batch_id"]).out
    assert "20,999,999.97690000" in shell("history", "user-0000003").out
    assert shell("history", "nobody").out == "nothing was booked to this user\n"


def test_a_batch_is_approved_as_seen_or_cancelled(shell: Shell) -> None:
    shell.seeded()
    batch = shell.json(*ADJUST, *AS_KEI)
    own = batch["batch_id"]
    for wrong in (
        {"target_user_count": 3},
        {"plan_sum": "1.00000000"},
        {"plan_sha256": "0" * 64},
    ):
        for more in ((), ("--dry-run",)):
            told = shell("approve", *seen(batch | wrong), *AS_KEI, *more).failed(2)
            assert "look at the plan again" in told
    assert f"batch {own} waits for 1 more approval" in shell("resume", own, *AS_KEI).failed(2)
    approve = ("approve", *seen(batch), "--no-run", *AS_KEI)
    assert shell.json(*approve, "--dry-run")["approvals"] == []
    approved = shell.json(*approve)
    assert (approved["status"], approved["approvals_missing"]) == ("planned", 0)
    assert [one["account"] for one in approved["approvals"]] == ["local:kei"]
    assert shell.json("show", own)["operation"] == approved
    assert shell.json("cancel", own, *AS_KEI, "--dry-run")["status"] == "planned"
    cancelled = shell.json("cancel", own, "--as", "rin")
    assert (cancelled["status"], cancelled["error_message"]) == ("cancelled", "cancelled by local:rin")
    assert shell.json("cancel", own, *AS_KEI) == cancelled
    assert f"batch {own} is cancelled, not planned" in shell(*approve).failed(2)
    assert f"batch {own} is cancelled" in shell("resume", own, *AS_KEI).failed(2)
    assert f"batch {own} is cancelled: nothing to reverse" in shell("rollback", own, *AS_KEI).failed(2)
    log = shell.audited(own)
    assert [(who, what, after["status"]) for who, what, _, after in log] == [
        ("local:kei", "btc-batch.create", "planned"),
        ("local:kei", "btc-batch.approve", "planned"),
        ("local:rin", "btc-batch.cancel", "cancelled"),
    ]
    assert {after["via"] for *_, after in log} == {f"cli:{pwd.getpwuid(os.getuid()).pw_name}"}
    assert log[2][2]["status"] == "planned"


def test_one_open_batch_and_one_batch_a_key(shell: Shell) -> None:
    shell.seeded()
    first = shell.json(*ADJUST, "--key", "nov", *AS_KEI)
    again = ("adjust", "--rate", "5.0", "--memo", "November", "--key", "nov", *AS_KEI)
    assert shell.json(*again) == first
    assert shell.json(*again, "--dry-run") == first | {"dry_run": True}
    other = ("adjust", "--rate", "4", "--memo", "November", *AS_KEI)
    for more in ((), ("--dry-run",)):
        assert "another body" in shell(*other, "--key", "nov", *more).failed(2)
        assert f"batch {first['batch_id']} is open" in shell(*other, *more).failed(2)
    hint = f"; approve it: batch-platform btc approve {' '.join(seen(first))}"
    assert shell(*other).failed(2) == f"batch {first['batch_id']} is open: finish or cancel it first{hint}"
    assert len(shell.json("list")) == 1
    assert shell.intents("btc-batch.create") == [(first["batch_id"], "done")]


def test_a_key_that_batches_forgot_makes_another_with_a_row_of_its_own(shell: Shell) -> None:
    shell.seeded()
    made = []
    for _ in range(2):
        batch = shell.json(*ADJUST, "--key", "monthly", *AS_KEI)
        made.append(batch["batch_id"])
        shell.json("cancel", batch["batch_id"], *AS_KEI)
        shell.forget_keys()
    assert made[0] != made[1]
    assert shell.intents("btc-batch.create") == [(own, "done") for own in made]
    assert shell.intents("btc-batch.cancel") == [(own, "done") for own in made]


def test_the_history_is_walked_by_cursor(shell: Shell) -> None:
    shell.seeded(3)
    made = []
    for rate in ("1", "2", "3"):
        batch = shell.json("adjust", "--rate", rate, "--memo", rate, *AS_KEI)
        made.append(batch["batch_id"])
        shell.json("cancel", batch["batch_id"], *AS_KEI)
    newest, second, oldest = shell.json("list")
    assert [one["batch_id"] for one in (newest, second, oldest)] == made[::-1]
    assert [one["adjustment_rate"] for one in (newest, second, oldest)] == [3, 2, 1]
    assert shell.json("list", "--limit", "2") == [newest, second]
    [cursor] = re.findall(r"the next ones: --cursor (\S+)", shell("list", "--limit", "2").out)
    assert shell.json("list", "--cursor", cursor) == [oldest]
    assert "--cursor" not in shell("list").out
    assert shell.json("list", "--status", "completed") == []
    assert len(shell.json("list", "--status", "cancelled")) == 3
    rows = shell.json("history", "user-0000003")
    assert [(row["transaction_type"], row["amount"]) for row in rows] == [("deposit", "20999999.97690000")]


@pytest.mark.parametrize(
    "rate",
    ["-100", "-100.5", "0", "-0.0", "abc", "", "NaN", "Infinity", "1000000000", "1e2", "1_0", "５", "5.123456789"],
)
def test_a_rate_that_cannot_be(shell: Shell, rate: str) -> None:
    for command in (
        ("preview",),
        ("adjust", "--memo", "m", *AS_KEI),
        ("adjust", "--memo", "m", "--dry-run", *AS_KEI),
    ):
        assert shell(*command, "--rate", rate).failed(2).startswith("adjustment_rate ")
    assert shell.json("list") == []


def test_a_rate_beyond_the_setting_is_typed_twice(shell: Shell) -> None:
    shell.seeded(8)
    assert "confirmed by typing 120.5 again" in shell("preview", "--rate", "120.50").failed(2)
    found = shell("preview", "--rate", "120.50", "--confirm", "120.5", "--json")
    assert '"adjustment_rate": 120.5,' in found.out
    sealed = shell("adjust", "--rate", "120.5", "--confirm", "120.5", "--memo", "m", "--json", *AS_KEI)
    assert sealed.json["plan_sha256"] == found.json["plan_sha256"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("seed",), "either --users N or --file CSV"),
        (("seed", "--users", "1", "--file", "x.csv"), "either --users N or --file CSV"),
        (("seed", "--users", "-1"), "users must be 0 to 10,000,000"),
        (("seed", "--file", "/nowhere/users.csv"), "/nowhere/users.csv: the file cannot be read: No such file"),
        (("preview", "--rate", "5", "--rounding", "up"), "--rounding is half_even, half_up, toward_zero, not up"),
        (("preview", "--rate", "5", "--format", "xml"), "--format is table, json, csv, not xml"),
        (("preview", "--rate", "5", "--rows", "-1"), "--rows must not be negative"),
        (("preview", "--rate", "5", "--target-total", "much"), "target_total must be BTC"),
        *(
            (
                (*command, "--target-total", number, *AS_KEI[: len(command) - 3]),
                "target_total must be BTC in plain digits",
            )
            for command in (("preview", "--rate", "5"), ADJUST)
            for number in ("1_0", "１０", "1e2", "５")
        ),
        *((("list", "--limit", number), "Invalid value for '--limit'") for number in ("1_0", "１０", "1e1")),
        (("preview", "--rate", "5", "--target-total", "0.000000001"), "a satoshi cannot be split"),
        (("preview", "--rate", "5", "--target-total", "1"), "target_total 1.00000000 BTC cannot be met"),
        ((*ADJUST, "--shards", "3", *AS_KEI), "shards must be 1 or 16"),
        ((*ADJUST, "--shards", "3", "--dry-run", *AS_KEI), "shards must be 1 or 16"),
        ((*ADJUST, "--key", "", *AS_KEI), "Idempotency-Key must be"),
        (("adjust", "--rate", "5", "--memo", "m" * 201, "--dry-run", *AS_KEI), "memo has 201 characters"),
        (("list", "--status", "done"), "--status: "),
        (("list", "--limit", "0"), "0 is less than 1"),
        (("list", "--cursor", "nonsense"), "cursor"),
        (("history", "ann", "--limit", "10001"), "10001 is more than 10000"),
        (("show", "no-batch"), "there is no batch no-batch"),
        (("plan", "no-batch"), "there is no batch no-batch"),
        (("proof", "no-batch"), "there is no batch no-batch"),
        (("verify", "no-batch"), "there is no batch no-batch"),
        (("resume", "no-batch", *AS_KEI), "there is no batch no-batch"),
        (("cancel", "no-batch", *AS_KEI), "there is no batch no-batch"),
        (("cancel", "no-batch", "--dry-run", *AS_KEI), "there is no batch no-batch"),
        (("rollback", "no-batch", *AS_KEI), "there is no batch no-batch"),
        (("rollback", "no-batch", "--dry-run", *AS_KEI), "there is no batch no-batch"),
        (("approve", "x", "--count", "1", "--sum", "1", "--hash", "0", *AS_KEI), "there is no batch x"),
        (("approve", "x", "--count", "1", "--sum", "one", "--hash", "0", *AS_KEI), "sum must be BTC"),
        ((*ADJUST, "--as", "nobody"), "no account nobody"),
        (("show",), "Missing argument 'ID' (see"),
        (("list", "--limit", "many"), "Invalid value for '--limit'"),
        (("list", "--pages", "2"), "No such option: --pages"),
        (("adjustt",), "Did you mean 'adjust'?"),
    ],
)
def test_bad_input_is_one_line(shell: Shell, words: tuple[str, ...], told: str) -> None:
    assert told in shell(*words).failed(2)


def test_who_may_act(shell: Shell) -> None:
    assert "account yui may not do this: it needs the permission batch:execute" in shell(
        *ADJUST, "--as", "yui"
    ).failed(1)
    shell.seeded()
    user = pwd.getpwuid(os.getuid()).pw_name
    assert shell.json(*ADJUST)["created_by"] == f"cli:{user}"
    shell.patch.setenv("BATCH_PLATFORM_ENV", "dev")
    for words in (ADJUST, ("seed", "--users", "1")):
        assert shell(*words, *AS_KEI).failed(2) == "--as works in the local environment only"
        assert f"no account {user}" in shell(*words).failed(2)


def test_two_people_where_the_setting_asks_for_them(shell: Shell) -> None:
    shell.seeded()
    shell.patch.setenv("BTC_SECOND_APPROVER", "true")
    batch = shell.json(*ADJUST, "--approve", *AS_KEI)
    assert (batch["status"], batch["approvals_missing"]) == ("planned", 1)
    assert "a second person" in shell("approve", *seen(batch), *AS_KEI, "--dry-run").failed(2)
    assert "a second person" in shell("approve", *seen(batch), *AS_KEI).failed(2)
    assert shell.json("approve", *seen(batch), "--no-run", "--as", "rin")["approvals_missing"] == 0


def test_where_a_look_is_required_an_approval_in_advance_is_none(shell: Shell) -> None:
    shell.seeded()
    shell.patch.setenv("BTC_REQUIRE_APPROVAL", "true")
    told = shell(*ADJUST, "--approve", *AS_KEI)
    assert (told.code, told.err) == (0, "")
    assert "waits for 1 approval" in told.out
    assert "approve it: batch-platform btc approve" in told.out


def test_a_large_sum_waits_for_an_approval_that_names_it(shell: Shell) -> None:
    shell.seeded()
    shell.patch.setenv("BTC_CONFIRM_ABOVE", "1_000")
    assert shell("list").failed(2) == "BTC_CONFIRM_ABOVE: must be a number in plain digits"
    shell.patch.setenv("BTC_CONFIRM_ABOVE", "1000")
    told = shell(*ADJUST, "--approve", *AS_KEI)
    assert told.code == 0
    assert "waits for 1 approval that names its sum (BTC_CONFIRM_ABOVE)" in told.out
    [batch] = shell.json("list")
    assert (batch["status"], batch["approvals"]) == ("planned", [])
    wrong = seen(batch | {"plan_sum": "1000.00000000"})
    assert "look at the plan again" in shell("approve", *wrong, "--no-run", *AS_KEI).failed(2)
    assert shell.json("approve", *seen(batch), "--no-run", *AS_KEI)["approvals_missing"] == 0
    shell.json("cancel", batch["batch_id"], *AS_KEI)
    shell.patch.setenv("BTC_CONFIRM_ABOVE", batch["plan_sum"])
    assert shell.json(*ADJUST, "--dry-run", *AS_KEI)["plan_sum"] == batch["plan_sum"]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("BTC_MAX_RATE", "1_00", "must be a number in plain digits"),
        ("BTC_MAX_RATE", "１００", "must be a number in plain digits"),
        ("BTC_ADJUSTMENT_RATE", "1e1", "must be a number in plain digits"),
        ("BTC_ADJUSTMENT_RATE", "-100", "should be greater than -100"),
        ("BTC_SHARDS", "1_6", "must be a number in plain digits"),
        ("BTC_WRITE_UNITS", "４", "must be a number in plain digits"),
        ("CUR_STILL_MINUTES", "1_5", "must be a number in plain digits"),
        ("BTC_CONFIRM_ABOVE", "-1", "should be greater than or equal to 0"),
        ("BTC_CONFIRM_ABOVE", "0.000000001", "no more than 8 decimal places"),
    ],
)
def test_a_setting_is_written_in_plain_digits(shell: Shell, variable: str, value: str, told: str) -> None:
    shell.patch.setenv(variable, value)
    said = shell("list").failed(2)
    assert said.startswith(f"{variable}: ")
    assert told in said


def test_a_dry_run_writes_nothing(shell: Shell) -> None:
    shell.seeded()
    before = shell.stored()
    rehearsed = shell.json(*ADJUST, "--approve", "--dry-run", *AS_KEI)
    assert (rehearsed["dry_run"], rehearsed["adjustment_rate"]) == (True, 5)
    assert "nothing is written" in shell(*ADJUST, "--dry-run", *AS_KEI).out
    shell("preview", "--rate", "5")
    assert shell.stored() == before
    batch = shell.json(*ADJUST, *AS_KEI)
    assert batch["plan_sum"] == rehearsed["plan_sum"]
    planned = shell.stored()
    for words in (("approve", *seen(batch)), ("cancel", batch["batch_id"])):
        assert shell(*words, "--dry-run", *AS_KEI).code == 0
    assert shell.stored() == planned
    assert [what for _, what, *_ in shell.audited(batch["batch_id"])] == ["btc-batch.create"]


def test_every_command_has_help(shell: Shell) -> None:
    names = "seed preview adjust approve list show plan balances history resume cancel rollback verify proof prove"
    for name in names.split():
        told = shell(name, "--help")
        assert told.code == 0
        assert f"btc {name} [OPTIONS]" in told.out
        assert "--json" in told.out
