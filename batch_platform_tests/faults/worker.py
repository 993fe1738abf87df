"""A worker as a process, without Dagster: reads and publishes one month and prints what it did as JSON.

    python worker.py PROJECT YYYY-MM [--fetch] [--lease SECONDS] [--shard BYTES]
                     [--stop before-reading|after-file|before-finish|before-publication]

With `--fetch` it registers the newest delivery first. With `--stop` it pauses itself at that point as by SIGSTOP,
until somebody sends SIGCONT.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from batch_platform.core.clock import utc_now
from batch_platform.core.failures import PlatformError
from batch_platform.finops import service
from batch_platform.finops.opening import open_context
from batch_platform.finops.service.context import SHARD_BYTES
from batch_platform.settings import load_settings


class Pause:
    """Stops this process once, at the point that was asked for."""

    def __init__(self, point: str | None) -> None:
        self.point = point

    def at(self, point: str) -> None:
        if point == self.point:
            self.point = None
            os.kill(os.getpid(), signal.SIGSTOP)

    def progress(self, message: str) -> None:
        if " rows of " in message:
            self.at("after-file")

    def clock(self) -> datetime:
        caller = sys._getframe(1).f_code.co_name
        if caller == "_note_done":  # the file stands in the lake, its row does not say so yet
            self.at("before-finish")
        return utc_now()


def work(project_id: str, month: str, *, fetch: bool, lease: float, shard: int, pause: Pause) -> dict[str, Any]:
    with open_context(load_settings()) as opened:
        context = replace(
            opened,
            lease=timedelta(seconds=lease),
            shard_bytes=shard,
            progress=pause.progress,
            clock=pause.clock,
        )
        at = service.parse_month(month)
        if fetch:
            service.fetch_month(context, context.connection(project_id), at)
        pause.at("before-reading")
        outcome = service.read_files(context, project_id=project_id, month=at)
        pause.at("before-publication")
        published = service.publish_month(context, context.connection(project_id), at)
        if published.published is not None:
            service.compute_anomalies(context, project_id, at)
            service.compute_forecast(context, project_id, at)
    return {
        **asdict(outcome),
        "published": published.published is not None,
        "changed": published.changed,
        "waiting_for": published.waiting_for,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("project")
    parser.add_argument("month")
    parser.add_argument("--fetch", action="store_true")
    parser.add_argument("--lease", type=float, default=180.0)
    parser.add_argument("--shard", type=int, default=SHARD_BYTES)
    parser.add_argument("--stop", choices=["before-reading", "after-file", "before-finish", "before-publication"])
    given = parser.parse_args()
    pause = Pause(given.stop)
    try:
        done = work(given.project, given.month, fetch=given.fetch, lease=given.lease, shard=given.shard, pause=pause)
    except PlatformError as error:
        sys.stdout.write(json.dumps({"error": error.message}))
        sys.exit(1)
    sys.stdout.write(json.dumps(done))


if __name__ == "__main__":
    main()
