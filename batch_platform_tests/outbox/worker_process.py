"""A worker in a process of its own: `PORT LEASE_SECONDS`, the database by TEST_DATABASE. It never ends."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from datetime import timedelta

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.outbox import service
from batch_platform.outbox.model import Channel
from batch_platform.outbox.service import build_context
from batch_platform.outbox.store.files import Files
from batch_platform.outbox.store.smtp import SmtpProvider
from batch_platform_tests.outbox.rig import KEY, OPTIONS, SENDER, TEMPLATES


def main() -> None:
    port, lease = sys.argv[1:]
    options = replace(OPTIONS, lease=timedelta(seconds=float(lease)), resend_after=timedelta(seconds=0.2))
    with postgres.open_pool(os.environ["TEST_DATABASE"], application_name="outbox worker") as pool:
        context = build_context(pool=pool, templates=TEMPLATES, options=options, key=KEY, clock=utc_now)
        providers = {Channel.MAIL: SmtpProvider(f"smtp://127.0.0.1:{port}", sender=SENDER.address)}
        files = Files(None)  # type: ignore[arg-type] # nothing is attached
        while True:
            if not service.deliver(context, providers, files):
                time.sleep(0.05)


main()
