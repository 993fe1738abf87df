"""The dashboard: last night's jobs as a strip, the worst first, with a plot."""

from __future__ import annotations

import re

from batch_platform.operations.night import last_night
from batch_platform_tests.operations_web.conftest import Client
from batch_platform_tests.operations_web.rig import Rig


def test_last_nights_runs_stand_in_a_strip_with_how_they_ended(rig: Rig, client: Client) -> None:
    good, bad = rig.run().run_id, rig.run("fail").run_id
    page = client("viewer").get("/console", headers={"accept": "text/html"}).text
    strip = dict(re.findall(r'<a class="tone-[a-z]+" href="/console/runs/([^"]+)" title="[^ ]+ [^ ]+ ([^ "]+)', page))
    assert (strip[good], strip[bad]) == ("成功", "失敗")
    assert "時間ごとの終了した実行" in page


def test_a_rehearsal_is_no_run_of_the_night(rig: Rig, client: Client) -> None:
    rehearsal = rig.run(dryRun=True).run_id
    _since, by_job = last_night(rig.operations)
    assert rehearsal not in {run.run_id for runs in by_job.values() for run in runs}


def test_an_empty_list_says_what_to_do_next(client: Client) -> None:
    html = {"accept": "text/html"}
    letters = client("viewer").get("/console/dead-letters?job=web-sweep", headers=html).text
    assert "別の状態かジョブを選んでください" in letters
