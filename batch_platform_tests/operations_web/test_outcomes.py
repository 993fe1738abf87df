"""Whoever asks for something, or comes back later, reads on its page how it ended, with numbers and a way on."""

from __future__ import annotations

import re

from batch_platform.operations import backfills, service
from batch_platform_tests.operations_web.conftest import Client
from batch_platform_tests.operations_web.rig import GATE, MENDED, STOP, Rig

HTML = {"accept": "text/html"}
POLLS = "hx-trigger="


def outcome(page: str, live: str) -> str:
    """The sentence and links of a live part, without their tags."""
    part = page[page.index(f'id="{live}"') :]
    found = re.search(r'<p class="notice [^>]*>(.*?)</p>', part, re.DOTALL)
    assert found
    return found[1]


def test_a_run_is_followed_until_it_has_ended_and_says_how(rig: Rig, client: Client) -> None:
    STOP.clear()
    GATE.clear()
    operator = client("operator")
    answer = operator.post(
        "/console/jobs/web-count/run",
        data={"step": "run", "parameters.mode": "wait", "request_id": "o1"},
        headers=HTML,
    )
    there = answer.headers["location"]
    assert "flash" not in answer.cookies  # a sentence that stays while the run ends beside it
    waits = operator.get(there, headers=HTML).text
    assert POLLS in waits
    assert "この画面で終了まで表示を更新します" in outcome(waits, "run-live")
    rig.runner.settle()
    part = operator.get(f"{there}/live", headers={**HTML, "hx-request": "true"}).text
    assert POLLS not in part
    for shown in (part, operator.get(there, headers=HTML).text):
        text = outcome(shown, "run-live")
        assert re.search(r"に完了しました\(所要時間 \d+ .*成功したステップ: 1 / 1", text)
        assert "/console/jobs/web-count" in text
    assert "Completed at" in outcome(operator.get(there, headers=HTML, cookies={"language": "en"}).text, "run-live")


def test_a_failed_run_says_so_and_leads_to_its_dead_letter(rig: Rig, client: Client) -> None:
    letter = rig.letter()
    text = outcome(client("viewer").get(f"/console/runs/{letter}", headers=HTML).text, "run-live")
    assert re.search(r"に失敗しました\(所要時間 .*成功したステップ: 0 / 1", text)
    assert f"/console/dead-letters/{letter}" in text


def test_a_dry_run_says_that_nothing_was_written(rig: Rig, client: Client) -> None:
    run_id = rig.run(dryRun=True).run_id
    text = outcome(client("viewer").get(f"/console/runs/{run_id}", headers=HTML).text, "run-live")
    assert "ドライランが" in text
    assert "書き込みはありません" in text


def test_a_backfill_says_how_many_of_its_runs_succeeded(rig: Rig, client: Client) -> None:
    operator = client("operator")
    for month, mode, expected in (
        ("2026-03", "work", "完了しました。2 件の実行がすべて成功しました。"),
        ("2026-04", "fail", "失敗しました。全 2 件のうち、成功 0 件、失敗 2 件、キャンセル 0 件です。"),
    ):
        days = {
            "from": f"{month}-01",
            "to": f"{month}-02",
            "parameters.mode": mode,
            "step": "run",
            "request_id": month,
        }
        answer = operator.post("/console/jobs/web-day/backfill", data=days, headers=HTML)
        there = answer.headers["location"]
        assert "flash" not in answer.cookies
        assert "この画面で終了まで" in outcome(operator.get(there, headers=HTML).text, "backfill-live")
        for _ in range(5):
            backfills.advance_all(rig.operations)
            rig.runner.settle()
            service.sync(rig.operations)
        ended = operator.get(there, headers=HTML).text
        assert expected in outcome(ended, "backfill-live")
        assert POLLS not in ended
        if mode == "fail":
            assert "/console/dead-letters?state=all&amp;job=web-day" in outcome(ended, "backfill-live")


def test_letters_that_are_run_again_together_are_followed_on_their_list(rig: Rig, client: Client) -> None:
    letters = [rig.letter(), rig.letter()]
    operator = client("operator")
    MENDED.set()
    answer = operator.post("/console/dead-letters/retry", data={"id": letters}, headers=HTML)
    there = answer.headers["location"]
    assert "flash" not in answer.cookies
    begun = operator.get(there, headers=HTML).text
    assert POLLS in begun
    assert "直近 24 時間の再実行: 実行中・順番待ち 2 件" in outcome(begun, "retries-live")
    rig.runner.settle()
    service.sync(rig.operations)
    part = operator.get("/console/dead-letters/retries", headers={**HTML, "hx-request": "true"}).text
    assert POLLS not in part
    assert re.search(r"すべて終了しました: 成功 \d+ 件、失敗 \d+ 件", outcome(part, "retries-live"))
