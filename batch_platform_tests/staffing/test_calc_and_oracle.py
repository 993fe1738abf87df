"""`staffing calc` against the oracle, which somebody wrote apart, over random lines."""

from __future__ import annotations

import json
from random import Random

import pytest

from batch_platform.staffing.calc import CALCULATIONS
from batch_platform.staffing.proving import oracle, questions
from batch_platform_tests.staffing.holidays import national_holidays


@pytest.mark.parametrize("kind", sorted(CALCULATIONS))
def test_an_answer_is_the_same_to_both(kind):
    random = Random(f"{kind} of the suite")
    for number in range(1, 301):
        line = json.loads(json.dumps(questions.question(kind, random)))
        theirs = oracle.calc(kind, line, national_holidays())
        theirs.pop("days", None)  # which days an invoice waits for: `invoices` says it, not `calc`
        assert CALCULATIONS[kind](number, line) == theirs, line
