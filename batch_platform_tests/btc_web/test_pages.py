"""The console pages of btc: what they show, to whom, and that a viewer only looks."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from batch_platform.btc import service
from batch_platform.btc.model import BatchStatus, UserStatus
from batch_platform.btc.web.context import FILES
from batch_platform.core.failures import InvalidInput
from batch_platform.web.access.model import Role
from batch_platform_tests.btc.service_tools import BTC
from batch_platform_tests.btc_web.conftest import Client, Office
from batch_platform_tests.btc_web.forms import HOME, HTML, flash_of, flat, form, page

WRITES = (
    *("/preview", "/execute"),
    *(f"/{{id}}/{verb}" for verb in ("approve", "cancel", "resume", "preview-reversal", "reverse")),
)


def test_the_page_is_as_the_specification_draws_it(administrator: httpx.Client) -> None:
    shown = page(administrator)
    for words in ("<h1>BTC一括調整</h1>", "増減率", "メモ", ">実行</button>", "実行履歴"):
        assert words in shown
    assert "一括調整はまだ実行されていません" in shown
    assert "BTC adjustment of all users" in page(administrator, language="en")


def test_a_viewer_sees_everything_and_executes_nothing(
    office: Office, administrator: httpx.Client, viewer: httpx.Client
) -> None:
    batch = office.make(memo="10月の運用益")
    shown = page(viewer)
    for words in (
        "ID",
        "実行日時",
        "増減率",
        "ステータス",
        "+5%",
        "完了",
        "2026-11-20 12:00",
        "10月の運用益",
        "local:setup",
    ):
        assert words in shown
    assert "+1,050,006.54668501" in shown
    one = page(viewer, f"{HOME}/{batch.batch_id}?proof=true")
    for words in (
        "user-07",
        "+6.17283945",
        "記帳済み",
        "すべて一致しました",
        batch.plan_sha256 or "",
        "停止・解約: 2",
    ):
        assert words in one
    assert_japanese(one, 14)
    assert f"/dagster/runs?q[0]=tag%3Abtc/batch%3D{batch.batch_id}" in one
    for form_of in (shown, one):
        assert 'method="post"' not in form_of[form_of.index("<main") :]
    for path in WRITES:
        answer = form(viewer, path.format(id=batch.batch_id), adjustment_rate="5")
        assert answer.status_code == 403, path
    assert 'method="post"' in page(administrator, f"{HOME}/{batch.batch_id}")
    assert service.history(office.context).total == 1


def test_progress_is_told_while_it_lasts(office: Office, administrator: httpx.Client) -> None:
    batch = office.make(apply=False)
    here = f"{HOME}/{batch.batch_id}"
    assert "hx-get" not in page(administrator, here)
    assert "承認済みです。数秒で開始します。" in page(administrator, here)
    held = office.take(batch)
    done: dict[str, Any] = {"processed_user_count": 5, "applied_sum": 12_345}
    office.context.store.batches.renew(held, now=office.clock(), **done)
    part = page(administrator, f"{here}/live")
    assert "<html" not in part
    assert f'hx-get="{here}/live"' in part
    assert '<progress value="7" max="11">' in part
    for count in ('対象ユーザー <strong class="money">11<', '記帳済み <strong class="money">5<', "+0.00012345"):
        assert count in part
    assert 'id="resume"' not in part
    assert f'hx-get="{HOME}/live?status=&offset=0"' in page(administrator)
    assert "処理中" in page(administrator, f"{HOME}/live")
    late = form(administrator, f"/{batch.batch_id}/cancel")
    assert flash_of(administrator, late) == "「処理中」の一括調整を「取消」にはできません。"
    assert office.batch(batch.batch_id).status is BatchStatus.PROCESSING
    refused = flash_of(administrator, form(administrator, f"/{batch.batch_id}/resume"))
    assert "処理中です。ワーカーの持ち時間は" in refused
    office.later()
    assert 'id="resume"' in page(administrator, here)
    assert flash_of(administrator, form(administrator, f"/{batch.batch_id}/resume")) == "再開しました。"
    assert len(office.runner.launches) == 1


def test_the_history_is_filtered_and_paged(office: Office, administrator: httpx.Client) -> None:
    done = office.make("5")
    for number in range(1, 23):
        made = office.make(str(number), apply=False, approve=False)
        service.cancel(office.context, made.batch_id, by="local:setup")
    first = page(administrator)
    assert first.count("<tr>") == 21
    assert "1–20 / 23" in first
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following
    rest = page(administrator, following[1])
    assert rest.count("<tr>") == 4
    assert "21–23 / 23" in rest
    assert done.batch_id in rest
    assert re.search(r'href="[^"]*offset=0" rel="prev"', rest)
    completed = page(administrator, f"{HOME}?status=completed")
    assert completed.count("<tr>") == 2
    assert '<option value="completed" selected>' in completed
    assert "このステータスの一括調整はありません" in page(administrator, f"{HOME}?status=failed")
    assert page(administrator, f"{HOME}?status=nonsense").count("<tr>") == 21


def test_the_rows_of_a_batch_are_paged(office: Office, administrator: httpx.Client) -> None:
    for number in range(10):
        office.open_user(f"more-{number:02d}", BTC)
    here = f"{HOME}/{office.make().batch_id}"
    first = page(administrator, here)
    following = re.search(r'href="([^"]+cursor=[^"]+)" rel="next"', first)
    assert following
    second = page(administrator, following[1])
    assert "more-00" in first
    users = re.compile(r"<code>((?:more|user)-\d\d)</code>")
    of = [users.findall(text[: text.index('id="proof"')]) for text in (first, second)]
    assert [len(found) for found in of] == [10, 9]
    assert len({*of[0], *of[1]}) == 19
    assert f'href="{here}" rel="prev"' in second
    assert administrator.get(f"{here}?cursor=nonsense", headers=HTML).status_code == 422


def test_a_lost_plan_hides_nothing_else(office: Office, administrator: httpx.Client, viewer: httpx.Client) -> None:
    batch = office.make()
    office.context.store.batches.amend(batch, plan_sha256="0" * 64)
    shown = page(viewer, f"{HOME}/{batch.batch_id}?proof=true")
    assert "保存された計画を読めないか、封印したものと一致しません" in shown
    assert "一致しない項目があります" in shown
    assert "user-07" in shown


def test_a_batch_that_could_not_be_planned_says_why(office: Office, administrator: httpx.Client) -> None:
    with pytest.raises(InvalidInput):
        service.create(office.context, "1000000000", by="local:setup", confirm="1000000000")
    [batch] = service.history(office.context).batches
    shown = page(administrator, f"{HOME}/{batch.batch_id}")
    assert "この増減率では user-02 の残高が BTC の上限を超えます。" in shown
    for words in ("<progress", 'id="resume"', "記帳済み <strong", "封印された計画"):
        assert words not in shown
    # it holds up no other one
    assert "disabled" not in page(administrator)


def test_a_batch_without_targets_is_shown(office: Office, administrator: httpx.Client) -> None:
    for user, satoshi in filter(lambda one: one[1], office.before.items()):
        office.context.store.accounts.deposit(user, -satoshi, transaction_id=f"w-{user}", created_by="x")
    shown = page(administrator, f"{HOME}/{office.make().batch_id}?proof=true")
    assert "<progress" not in shown
    assert "残高が変わるユーザーはいません。" in shown
    assert "すべて一致しました" in shown


def test_who_is_left_out_is_told_by_reason(office: Office, administrator: httpx.Client) -> None:
    office.open_user("y-suspended", BTC, UserStatus.SUSPENDED)
    shown = flat(form(administrator, "/preview", adjustment_rate="-3"))
    assert "停止・解約: 3 · 残高 0: 1" in shown
    assert "全ユーザーの残高を -3% 調整しますか" in shown


def test_the_dashboard_has_a_card(office: Office, administrator: httpx.Client) -> None:
    office.app.state.operations = office.operations
    title = '<section class="card"> <h2>BTC一括調整</h2>'
    assert title not in page(administrator, "/console")
    batch = office.make()
    card = page(administrator, "/console").partition(title)[2].partition("</section>")[0]
    assert f'<a href="{HOME}/{batch.batch_id}">+5%</a>' in card
    assert "完了" in card


def test_unknown_batches_and_files_are_not_found(client: Client, office: Office) -> None:
    viewer = client(Role.VIEWER)
    page(viewer, f"{HOME}/01999999-0000-7000-8000-000000000000", status=404)
    style = viewer.get(FILES.url("btc.css"))
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert style.headers["cache-control"] == f"private, max-age={int(timedelta(days=365).total_seconds())}, immutable"
    assert viewer.get(f"{FILES.path}/btc.css").headers["cache-control"] == "no-cache"
    assert viewer.get(f"{FILES.path}/other.css").status_code == 404


def test_proofs_of_all_kinds_are_told_in_japanese(office: Office, viewer: httpx.Client) -> None:
    batch = office.make()
    back = service.run(
        office.context, service.reverse(office.context, batch.batch_id, by="local:setup", approve=True).batch_id
    )
    assert_japanese(page(viewer, f"{HOME}/{back.batch_id}?proof=true"), 16)
    office.context.store.batches.amend(batch, processed_user_count=4, plan_sum=1)
    assert_japanese(page(viewer, f"{HOME}/{batch.batch_id}?proof=true"), 14)
    made = office.make("-3", apply=False, approve=False)
    service.cancel(office.context, made.batch_id, by="local:setup")
    assert_japanese(page(viewer, f"{HOME}/{made.batch_id}?proof=true"), 2)


def assert_japanese(shown: str, findings: int) -> None:
    """What checks expect and find is in the reader's language."""
    found = re.findall(r'<td class="finding">(.*?)</td>', shown)
    assert len(found) == findings
    for text in found:
        assert not re.search("[a-z]{3}", re.sub(r"[0-9a-f]{64}|satoshi|<.*?>", "", text)), text
