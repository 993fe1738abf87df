"""`batch-platform btc prove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from batch_platform.kit.proving import prove_command

if TYPE_CHECKING:
    from batch_platform.btc.proving.ground import Ground
    from batch_platform.proving.suite import CrashProof

HELP: Final = """\
Prove that batches survive crashes: kill, pause, race and disturb their workers, and compare every satoshi.

What must come out is computed by an oracle of its own. The tables are the proof's own and dropped afterwards;
your users, balances and batches are not touched. Exit code 1 when anything differs.
"""


def crash_proof() -> CrashProof[Ground]:
    """What `btc prove` proves."""
    from batch_platform.btc.proving.ground import COMMAND, own_ground
    from batch_platform.btc.proving.processes import IN_PROCESSES
    from batch_platform.btc.proving.scenarios import IN_THREADS
    from batch_platform.proving.suite import CrashProof

    return CrashProof(COMMAND, "satoshi", own_ground, (*IN_THREADS, *IN_PROCESSES))


prove = prove_command(
    crash_proof, sizes="--users", sizes_help="Users of a batch; more where processes run it.", says=HELP
)
