"""Random files of facts: what staffing answers after they were loaded, against the oracle."""

from __future__ import annotations

from random import Random

import pytest

from batch_platform.staffing.proving import oracle, worlds
from batch_platform.staffing.service import StaffingContext, loading


@pytest.mark.parametrize("seed", range(2))
def test_a_random_file_answers_as_the_oracle_does(emptied: StaffingContext, seed: int) -> None:
    made = worlds.world(Random(seed))
    world = oracle.read(made.lines)
    added = loading.load(emptied, [line.encode() for line in made.lines]).added
    assert added == {kind: len(lines) for kind, lines in world.lines.items()}
