"""`batch-platform trading prove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from batch_platform.kit.proving import prove_command

if TYPE_CHECKING:
    from batch_platform.proving.suite import CrashProof
    from batch_platform.trading.proving.ground import Ground

HELP: Final = """\
Prove that the competition survives crashes: kill and stop its workers anywhere, and compare every amount.

What must come out is computed by an oracle of its own. The database is the proof's own and dropped afterwards; your
campaigns are not touched. Exit code 1 when anything differs.
"""


def crash_proof() -> CrashProof[Ground]:
    """What `trading prove` proves."""
    from batch_platform.proving.suite import CrashProof
    from batch_platform.trading.proving.ground import COMMAND, own_ground
    from batch_platform.trading.proving.scenarios import SCENARIOS

    return CrashProof(COMMAND, "amount", own_ground, SCENARIOS)


prove = prove_command(crash_proof, sizes="--players", sizes_help="Players of a campaign.", size=4, says=HELP)
