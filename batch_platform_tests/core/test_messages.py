"""Messages: one sentence in English, the same one wherever it is kept or sent."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PermanentFailure
from batch_platform.core.messages import Message, from_json, to_json

MISSING = Message("unknown-thing", "no thing {thing}", thing="a{b}")
WHOLE = Message(
    "whole",
    "{day}, {moment}, {amount}, {count}, {several}: {reasons} {{thing}",
    day=date(2026, 11, 30),
    moment=datetime(2026, 11, 30, 1, tzinfo=UTC),
    amount=Decimal("1.50"),
    count=2,
    several=["b", "a"],
    reasons=(MISSING, MISSING),
    thing="x",
)


def test_a_message_is_its_english_sentence() -> None:
    assert MISSING == "no thing a{b}"
    assert type(str(MISSING)) is str
    assert WHOLE == "2026-11-30, 2026-11-30 01:00:00+00:00, 1.50, 2, b, a: no thing a{b}; no thing a{b} {x"
    assert (MISSING.id, MISSING.text, MISSING.parameters) == ("unknown-thing", "no thing {thing}", {"thing": "a{b}"})
    with pytest.raises(KeyError, match="thing"):
        Message("unknown-thing", "no thing {thing}")


def test_it_is_stored_with_all_it_knows() -> None:
    again = from_json(to_json(WHOLE))
    assert again == WHOLE
    assert to_json(again) == to_json(WHOLE)
    assert (again.id, again.text) == (WHOLE.id, WHOLE.text)
    [first, _] = again.parameters["reasons"]  # type: ignore[misc, union-attr]
    assert isinstance(first, Message)
    assert first.parameters == {"thing": "a{b}"}
    assert json.loads(to_json(MISSING))["parameters"] == {"thing": "a{b}"}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_it_travels_between_processes(copied) -> None:  # type: ignore[no-untyped-def]
    again = copied(WHOLE)
    assert (again, again.id, again.text, again.parameters) == (WHOLE, WHOLE.id, WHOLE.text, WHOLE.parameters)
    failure = copied(NotFound("unknown-thing", "no thing {thing}", thing="x", field="thing"))
    assert (str(failure), failure.field, failure.message.id) == ("no thing x", "thing", "unknown-thing")


def test_a_failure_carries_a_message() -> None:
    assert str(InvalidInput("not-a-number", "{field} must be a number", field="rate")) == "rate must be a number"
    assert PermanentFailure("broken", "{file} is broken", file="a.csv").message.parameters == {"file": "a.csv"}
    passed_on = Conflict.of(MISSING, field="thing")
    assert (type(passed_on), passed_on.message) == (Conflict, MISSING)
    assert passed_on.message is MISSING
    assert (str(passed_on), passed_on.field) == ("no thing a{b}", "thing")
    assert NotFound.of(MISSING).field is None
    with pytest.raises(TypeError):
        PermanentFailure("a sentence alone")  # type: ignore[call-arg]
