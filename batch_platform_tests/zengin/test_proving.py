"""The crash proof as users run it: it finds nothing in the product, and it finds what is broken on purpose."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from batch_platform.proving.cases import Scenario, Wish, each_case
from batch_platform.proving.suite import Verdict, attempt
from batch_platform.settings import Settings
from batch_platform.zengin.proving import oracle
from batch_platform.zengin.proving.command import crash_proof
from batch_platform.zengin.proving.ground import Ground, own_ground
from batch_platform.zengin.proving.oracle import Books, Change, End, Stood, Written
from batch_platform.zengin.proving.play import ReleaseCase
from batch_platform.zengin.proving.scenarios import SCENARIOS
from batch_platform.zengin.service.context import ZenginContext
from batch_platform.zengin.store.apply import Apply
from batch_platform.zengin.store.records import RecordStore

# the package gives these names to the use cases
APPLY = import_module("batch_platform.zengin.service.apply")
SWEEP = import_module("batch_platform.zengin.service.sweep")
QUICK = Wish(size=3, seed=1, kills=3, depth=0)
CRASHES = SCENARIOS[0]


def verdict(settings: Settings, name: str, wish: Wish = QUICK) -> Verdict:
    [found] = crash_proof().verdicts(settings, wish, name)
    return found


def crashes(edits: bool) -> Scenario[Ground, ReleaseCase]:
    """Of a release alone, or of one during which somebody else edits the master."""
    return replace(CRASHES, cases=lambda wish: [replace(CRASHES.cases(wish)[0], edits=edits)])


# nothing differs


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("edits", [False, True], ids=["alone", "somebody edits"])
@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.every_kill_point)])
def test_each_write_of_a_release_as_the_last_one(provisioned: Settings, edits: bool, half: int) -> None:
    """Before it and after it, in turn."""
    with own_ground(provisioned) as ground:
        shape = crashes(edits)
        whole, *points = each_case(ground, shape, replace(QUICK, depth=1))
        assert attempt(ground, shape, whole).differences == ()
        assert len(points) > 12
        for place, case in enumerate(points[half::2]):
            dies = replace(case, after=place % 2 == edits)
            played = attempt(ground, shape, dies)
            assert played.differences == (), dies.summary()
            assert played.writes == case.at


@pytest.mark.faults
def test_processes_killed_at_random(provisioned: Settings) -> None:
    found = verdict(provisioned, "kill -9")
    assert found.worst is None, found.worst
    assert found.disturbances == QUICK.kills


# what is broken on purpose is found

Break = Callable[[pytest.MonkeyPatch], None]


def nobody_finishes_what_a_dead_worker_left(patch: pytest.MonkeyPatch) -> None:
    due = APPLY._is_due
    patch.setattr(APPLY, "_is_due", lambda record, day: record.lease_until is None and due(record, day))


def audits_that_are_left_out(patch: pytest.MonkeyPatch) -> None:
    def forgotten(context: ZenginContext, records: Any, **more: Any) -> None:
        from batch_platform.zengin.service.trail import settle

        settle(context, {record.changeset_id for record in records}, who="system", reason=None)

    patch.setattr(APPLY, "note", forgotten)
    patch.setattr(SWEEP, "_behind", lambda context: [])


def conflicts_that_are_overwritten(patch: pytest.MonkeyPatch) -> None:
    """The row of the release goes over what somebody has edited."""
    whole = Apply._run

    def run(self: Apply, name: str, **parameters: Any) -> int:
        if name == "await_banks":
            self.connection.execute("UPDATE zengin_judged SET outcome = 'applied' WHERE outcome = 'conflict'")
        return whole(self, name, **parameters)

    patch.setattr(Apply, "_run", run)


def records_that_are_never_ended(patch: pytest.MonkeyPatch) -> None:
    whole = RecordStore.move_many

    def move(self: RecordStore, records: Any, status: Any, **more: Any) -> Any:
        return whole(self, records if status != "completed" else records[:1], status, **more)

    patch.setattr(RecordStore, "move_many", move)


@pytest.mark.parametrize(
    ("broken", "told", "edits"),
    [
        (nobody_finishes_what_a_dead_worker_left, "of the master", False),
        (audits_that_are_left_out, "mirrored as", False),
        (conflicts_that_are_overwritten, "of the master", True),
        (records_that_are_never_ended, "records", False),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_broken_apply_is_found(
    provisioned: Settings, monkeypatch: pytest.MonkeyPatch, broken: Break, told: str, edits: bool
) -> None:
    broken(monkeypatch)
    proof = replace(crash_proof(), scenarios=(crashes(edits),))
    [found] = proof.verdicts(provisioned, replace(QUICK, depth=1))
    assert found.worst is not None, "the proof has not seen it"
    assert told in "\n".join(found.worst.differences), found.worst


# the oracle

A, B, C = ("a", "", "", ""), ("b", "", "", ""), ("c", "", "", "")
FIRST, SECOND, THIRD = date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)


def test_it_imports_nothing_of_the_platform() -> None:
    tree = ast.parse(Path(oracle.__file__).read_text())
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not [name for name in names if name.startswith(("batch_platform", "polars", "psycopg"))]


def test_books_of_releases_with_somebody_else_at_work() -> None:
    books = Books()
    assert books.apply(FIRST, oracle.changes({}, {"0001": A, "0001-001": A})) == End("applied", 2, 0)
    proposed = oracle.changes(books.master, {"0001": B, "0001-001": B, "0001-002": A})
    books.edit(SECOND, "0001-001", C)
    assert books.apply(SECOND, proposed) == End("partially_applied", 2, 1)
    assert books.apply(THIRD, oracle.changes(books.master, {"0001": B, "0001-002": A})) == End("applied", 1, 0)
    assert books.master == {"0001": B, "0001-002": A}
    assert books.conflicts == {"0001-001"}
    assert [written.change.operation for written in books.history] == [
        *("addition", "addition"),
        *("update", "addition"),
        "deletion",
    ]
    assert books.history[-1] == Written(THIRD, Change("0001-001", C, None))
    assert [row for row in books.standing if row.key == "0001-001"] == [
        Stood("0001-001", A, FIRST, SECOND),
        Stood("0001-001", C, SECOND, THIRD),
    ]


def test_what_is_replaced_on_its_own_day_has_not_stood() -> None:
    books = Books()
    books.edit(FIRST, "0001", A)
    books.edit(FIRST, "0001", B)
    assert books.standing == [Stood("0001", B, FIRST, None)]
