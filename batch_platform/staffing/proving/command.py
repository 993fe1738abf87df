"""`batch-platform staffing prove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from batch_platform.kit.proving import prove_command

if TYPE_CHECKING:
    from batch_platform.proving.suite import CrashProof
    from batch_platform.staffing.proving.ground import Ground

HELP: Final = """\
Prove that billing, approaches and the mails of both survive crashes: kill workers anywhere, and look for each yen.

What must come out is computed by an oracle of its own. Database, bucket and mail sink are the proof's own and removed
afterwards; your invoices are not touched. Exit code 1 when anything differs.
"""


def crash_proof() -> CrashProof[Ground]:
    """What `staffing prove` proves."""
    from batch_platform.proving.suite import CrashProof
    from batch_platform.staffing.proving.ground import COMMAND, own_ground
    from batch_platform.staffing.proving.scenarios import SCENARIOS

    return CrashProof(COMMAND, "invoice or mail", own_ground, SCENARIOS)


prove = prove_command(
    crash_proof, sizes="--contracts", sizes_help="Contracts that are billed for two months.", size=4, says=HELP
)
