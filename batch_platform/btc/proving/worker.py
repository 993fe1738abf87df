"""The process that is killed and stopped: runs a batch to its end by the use case everybody calls.

    python -m batch_platform.btc.proving.worker PROJECT LEASE_IN_MILLISECONDS < BATCH_ID

It says `ready` on standard output, reads the id of the batch, and begins. Where its services are it reads from the
environment, as every process of the platform does.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from batch_platform.btc import service
from batch_platform.btc.proving.ground import Ground
from batch_platform.core.clock import utc_now
from batch_platform.settings import load_settings

_BEATS = 5
"""Renewals in the time of a lease."""


def main() -> None:
    project, milliseconds = sys.argv[1:]
    lease = timedelta(milliseconds=int(milliseconds))
    context = Ground(load_settings(), project).worker(utc_now, lease=lease, heartbeat=lease.total_seconds() / _BEATS)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    batch_id = sys.stdin.readline().strip()
    if batch_id:
        service.run_when_free(context, batch_id)


if __name__ == "__main__":
    main()
