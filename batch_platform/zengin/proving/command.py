"""`batch-platform zengin prove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from batch_platform.kit.proving import prove_command

if TYPE_CHECKING:
    from batch_platform.proving.suite import CrashProof
    from batch_platform.zengin.proving.ground import Ground

HELP: Final = """\
Prove that releases survive crashes: kill their workers anywhere, and compare every row of master and history.

What must come out is computed by an oracle of its own. Database, table and bucket are the proof's own and dropped
afterwards; your bank master is not touched. Exit code 1 when anything differs.
"""


def crash_proof() -> CrashProof[Ground]:
    """What `zengin prove` proves."""
    from batch_platform.proving.suite import CrashProof
    from batch_platform.zengin.proving.ground import COMMAND, own_ground
    from batch_platform.zengin.proving.scenarios import SCENARIOS

    return CrashProof(COMMAND, "row", own_ground, SCENARIOS)


prove = prove_command(crash_proof, sizes="--banks", sizes_help="Banks of a master.", size=4, says=HELP)
