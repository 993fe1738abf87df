"""What the pages ask before balances change, and that what was seen is what is done, once, or nothing is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from batch_platform.btc import service
from batch_platform.btc.model import BatchStatus
from batch_platform.btc.store import Ledger, Outcome
from batch_platform_tests.btc.service_tools import BTC, expected
from batch_platform_tests.btc_web.conftest import Office
from batch_platform_tests.btc_web.forms import HOME, HTML, flash_of, flat, form, hidden, led_to, page, question_form
from batch_platform_tests.web.rig import Call


@pytest.mark.parametrize(
    ("rate", "why"),
    [
        ("", "増減率は数値で入力してください。"),
        ("NaN", "増減率は有限の数値で入力してください。"),
        ("0", "増減率に 0 は指定できません。"),
        ("-100", "増減率は -100 より大きくしてください。残高以上は減らせません。"),
        ("1e2", "増減率は数値で入力してください。"),
        ("10000000000", "増減率は 1,000,000,000 以下にしてください。"),
        ("5.123456789", "増減率の小数は 8 桁までです。"),
        ("<b>5</b>", "増減率は数値で入力してください。"),
        ("1000000000", "この増減率では user-02 の残高が BTC の上限を超えます。"),
    ],
)
def test_a_rate_that_cannot_be_is_refused(office: Office, administrator: httpx.Client, rate: str, why: str) -> None:
    answer = form(administrator, "/preview", adjustment_rate=rate, memo="覚え")
    assert answer.status_code == 422
    shown = flat(answer)
    assert why in shown
    assert 'aria-invalid="true"' in shown
    assert 'value="覚え"' in shown
    assert "<dialog" not in shown
    assert service.history(office.context).total == 0


def test_looking_writes_nothing(office: Office, administrator: httpx.Client) -> None:
    answer = form(administrator, "/preview", adjustment_rate="＋５．０％", memo="10月の運用益")
    assert answer.status_code == 200
    shown = flat(answer)
    for words in (
        "全ユーザーの残高を +5% 調整しますか",
        "+1,050,006.54668501",
        "21,000,130.93370028",
        "22,050,137.48038529",
        "停止・解約: 2 · 残高 0: 1",
        "うち端数 0: 2 人",
        "data-chart",
        "20,999,999.97690000",
        "10月の運用益",
    ):
        assert words in shown
    sent = hidden(answer, "question")
    found = service.preview(office.context, "5")
    assert (sent["count"], sent["sum"], sent["plan_sha256"]) == ("11", str(found.plan_sum), found.plan_sha256)
    assert sent["adjustment_rate"] == "5"
    assert service.history(office.context).total == 0
    assert office.context.store.batches.open_batch_id() is None


def test_what_was_seen_is_what_is_done(office: Office, administrator: httpx.Client, audit_rows: Call) -> None:
    sent = question_form(administrator, memo="10月の運用益")
    answer = form(administrator, "/execute", **sent)
    batch_id = led_to(answer)
    assert flash_of(administrator, answer) == "一括調整を受け付けました。この画面に進み具合と結果が表示されます。"
    assert led_to(form(administrator, "/execute", **sent)) == batch_id
    batch = office.batch(batch_id)
    assert batch.status is BatchStatus.PROCESSING
    assert (batch.memo, batch.created_by, [one.account for one in batch.approvals]) == (
        *("10月の運用益", "token:ann"),
        ["token:ann"],
    )
    assert batch.plan_sha256 == sent["plan_sha256"]
    assert [launch.partition for launch in office.runner.launches.values()] == [batch_id]
    assert [row[1] for row in audit_rows(batch_id)] == ["btc-batch.create", "btc-batch.approve"]
    office.apply()
    assert office.booked(batch_id) == expected(office.before, "5")
    # late, the same answer still leads to the batch, whatever has become of it
    assert led_to(form(administrator, "/execute", **sent)) == batch_id
    assert service.history(office.context).total == 1
    # the dialog's key belongs to this rate alone
    other = form(administrator, "/execute", **{**sent, "adjustment_rate": "6"})
    assert other.status_code == 422
    assert "この画面は別の内容ですでに送信されています" in flat(other)


def test_an_answer_sent_many_times_at_once_makes_one_batch(office: Office, administrator: httpx.Client) -> None:
    sent = question_form(administrator)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: form(administrator, "/execute", **sent), range(4)))
    [batch_id] = {led_to(answer) for answer in answers}
    assert service.history(office.context).total == 1
    assert [launch.partition for launch in office.runner.launches.values()] == [batch_id]
    assert [one.account for one in office.batch(batch_id).approvals] == ["token:ann"]
    office.apply()
    assert office.booked(batch_id) == expected(office.before, "5")


def test_balances_that_moved_keep_it_from_starting(office: Office, administrator: httpx.Client) -> None:
    sent = question_form(administrator)
    office.context.store.accounts.deposit("user-05", BTC, transaction_id="d-1", created_by="x")
    answer = form(administrator, "/execute", **sent)
    batch_id = led_to(answer)
    assert flash_of(administrator, answer) == "表示した後に残高が変わったため、開始していません。"
    batch = office.batch(batch_id)
    assert (batch.status, batch.approvals) == (BatchStatus.PLANNED, ())
    assert batch.plan_sha256 != sent["plan_sha256"]
    again = administrator.get(answer.headers["location"], headers=HTML)
    assert "現在の残高で封印した計画はこのとおりです" in flat(again)
    # another deposit changes nothing any more: this plan is sealed
    office.context.store.accounts.deposit("user-05", BTC, transaction_id="d-2", created_by="x")
    sealed = hidden(again, "approve")
    assert sealed == {"count": "11", "sum": str(batch.plan_sum), "plan_sha256": batch.plan_sha256}
    # the first answer, sent once more, does not start it either
    assert led_to(form(administrator, "/execute", **sent)) == batch_id
    assert office.batch(batch_id).approvals == ()
    assert not office.runner.launches
    assert (
        flash_of(administrator, form(administrator, f"/{batch_id}/approve", **sealed))
        == "一括調整を受け付けました。この画面に進み具合と結果が表示されます。"
    )
    office.apply()
    now = {**office.before, "user-05": office.before["user-05"] + BTC}
    assert office.booked(batch_id) == expected(now, "5")


@pytest.mark.parametrize("wrong", [{"count": "12"}, {"sum": "1"}, {"plan_sha256": "0" * 64}])
def test_other_figures_start_nothing(office: Office, administrator: httpx.Client, wrong: dict[str, str]) -> None:
    batch_id = led_to(form(administrator, "/execute", **{**question_form(administrator), **wrong}))
    assert office.batch(batch_id).status is BatchStatus.PLANNED
    assert not office.runner.launches


@pytest.mark.parametrize("wrong", [{"count": ""}, {"sum": "1.5"}, {"sum": "٣"}, {"count": "9" * 30}])
def test_a_form_that_no_page_has_made_is_refused(
    office: Office, administrator: httpx.Client, wrong: dict[str, str]
) -> None:
    answer = form(administrator, "/execute", **{**question_form(administrator), **wrong})
    assert answer.status_code == 422
    assert "入力が不完全です" in flat(answer)
    made = office.make(apply=False, approve=False)
    refused = form(administrator, f"/{made.batch_id}/approve", **wrong)
    assert "入力が不完全です" in flash_of(administrator, refused)
    assert service.history(office.context).total == 1


def test_a_large_rate_is_typed_twice(office: Office, administrator: httpx.Client) -> None:
    answer = form(administrator, "/preview", adjustment_rate="150", memo="")
    assert "±100% を超えています" in flat(answer)
    sent = hidden(answer, "question")
    for typed in ("", "15", "151"):
        refused = form(administrator, "/execute", **sent, confirm_rate=typed)
        assert refused.status_code == 422
        assert 'id="question-confirm_rate-error"' in refused.text
        assert "確認のため 150 をもう一度入力してください" in flat(refused)
    assert service.history(office.context).total == 0
    assert (
        office.batch(led_to(form(administrator, "/execute", **sent, confirm_rate="１５０％"))).status == "processing"
    )
    assert "confirm_rate" not in form(administrator, "/preview", adjustment_rate="100").text


def test_one_batch_at_a_time(office: Office, administrator: httpx.Client) -> None:
    sent = question_form(administrator)
    first = office.make(apply=False, approve=False)
    shown = page(administrator)
    assert "未完了の一括調整があるため、次の実行はできません" in shown
    assert f"{HOME}/{first.batch_id}" in shown
    assert '<button type="submit" disabled>実行</button>' in shown
    refused = form(administrator, "/execute", **sent)
    assert refused.status_code == 409
    assert f"一括調整 {first.batch_id} が未完了です" in flat(refused)
    assert flash_of(administrator, form(administrator, f"/{first.batch_id}/cancel")) == (
        "取り消しました。何も記帳されていません。"
    )
    assert "token:ann が取り消しました。" in page(administrator, f"{HOME}/{first.batch_id}")
    assert office.batch(led_to(form(administrator, "/execute", **sent))).status == "processing"


def test_a_second_person_has_to_approve(
    office: Office, administrator: httpx.Client, colleague: httpx.Client, audit_rows: Call
) -> None:
    office.set(second_approver=True)
    sent = question_form(administrator)
    answer = form(administrator, "/execute", **sent)
    batch_id = led_to(answer)
    here = f"{HOME}/{batch_id}"
    assert flash_of(administrator, answer) == "承認しました。もう一人の承認が必要です。"
    assert "あと 1 人の承認が必要です" in page(administrator, here)
    assert 'id="approve"' not in page(administrator, here)
    assert "別の人の承認が必要です" in flash_of(administrator, form(administrator, "/execute", **sent))
    seal = hidden(colleague.get(here, headers=HTML), "approve")
    assert (
        flash_of(colleague, form(colleague, f"/{batch_id}/approve", **seal))
        == "一括調整を受け付けました。この画面に進み具合と結果が表示されます。"
    )
    assert office.batch(batch_id).status is BatchStatus.PROCESSING
    assert led_to(form(colleague, f"/{batch_id}/approve", **seal)) == batch_id
    assert [(row[0], row[1]) for row in audit_rows(batch_id)] == [
        ("token:ann", "btc-batch.create"),
        ("token:ann", "btc-batch.approve"),
        ("token:bob", "btc-batch.approve"),
    ]


def test_a_failed_batch_says_why_and_is_resumed(
    office: Office, administrator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = office.make(apply=False)
    monkeypatch.setattr(Ledger, "write_chunk", lambda *_: Outcome(applied=3))
    with pytest.raises(Exception, match="are not in the ledger"):
        service.run(office.context, batch.batch_id)
    monkeypatch.undo()
    here = f"{HOME}/{batch.batch_id}"
    shown = page(administrator, here)
    assert f"行が一括調整 {batch.batch_id} の台帳にありません" in shown
    assert "この一括調整が終わるまで次の実行はできません" in shown
    assert flash_of(administrator, form(administrator, f"/{batch.batch_id}/resume")) == "再開しました。"
    office.apply()
    assert "完了" in page(administrator, here)
    assert "再開できません" in flash_of(administrator, form(administrator, f"/{batch.batch_id}/resume"))
    assert office.booked(batch.batch_id) == expected(office.before, "5")


def test_a_batch_is_reversed_as_it_was_previewed(office: Office, administrator: httpx.Client) -> None:
    batch = office.make()
    here = f"/{batch.batch_id}"
    question = form(administrator, f"{here}/preview-reversal")
    assert question.status_code == 200
    assert "この一括調整を逆取引で取り消しますか" in flat(question)
    assert "-1,050,006.54668501" in flat(question)
    # its plan holds those who were booked: it tells nothing of the others
    dialog = question.text.partition('id="question"')[2].partition("</dialog>")[0]
    assert "途中では止められず" in dialog
    assert "対象外" not in dialog
    assert "全ユーザーの残高" not in dialog
    sent = hidden(question, "question")
    # somebody has spent what is to be taken back: the plan is another one by now
    gone = office.balances()["user-07"]
    office.context.store.accounts.deposit("user-07", -gone, transaction_id="w-1", created_by="x")
    answer = form(administrator, f"{here}/reverse", **sent, memo="誤り")
    back = led_to(answer)
    assert "残高が変わった" in flash_of(administrator, answer)
    seal = hidden(administrator.get(f"{HOME}/{back}", headers=HTML), "approve")
    assert led_to(form(administrator, f"/{back}/approve", **seal)) == back
    office.apply()
    shown = page(administrator, f"{HOME}/{back}?proof=true")
    for words in (
        "逆取引 -5%",
        "一部失敗",
        "記帳できなかったユーザー 1 人",
        "残高が足りない",
        "行ごとの逆取引",
        "誤り",
    ):
        assert words in shown
    assert "すべて一致しました" in shown
    assert "誤り" in shown
    assert f"{HOME}/{batch.batch_id}" in shown
    assert f"{HOME}/{back}" in page(administrator, HOME + here)
    assert "逆取引済み" in page(administrator)
    for path in ("preview-reversal", "reverse"):
        refused = flash_of(administrator, form(administrator, f"{here}/{path}", **sent))
        assert f"すでに {back} で逆取引されています" in refused


def test_a_reversal_that_was_seen_starts_at_once(office: Office, administrator: httpx.Client) -> None:
    batch = office.make()
    sent = hidden(form(administrator, f"/{batch.batch_id}/preview-reversal"), "question")
    refused = form(administrator, f"/{batch.batch_id}/reverse", **sent, memo="x" * 201)
    assert refused.status_code == 422
    assert "メモが 201 文字あります" in flat(refused)
    [back] = {led_to(form(administrator, f"/{batch.batch_id}/reverse", **sent, memo="a\tb")) for _ in range(2)}
    assert office.batch(back).memo == "a b"
    office.apply()
    assert office.balances() == office.before


def test_a_large_sum_is_typed_again(office: Office, administrator: httpx.Client) -> None:
    """Where it is beyond the setting: by the form, for a batch that waits, and for a reversal."""
    office.set(confirm_above=1_000_000 * BTC)
    question = form(administrator, "/preview", adjustment_rate="5", memo="")
    assert "±1,000,000.00000000 BTC を超えています" in flat(question)
    sent = hidden(question, "question")
    for typed in ("", "1050006.54668500", "-1050006.54668501", "1050006.5466850１１", "1_050_006.54668501"):
        refused = form(administrator, "/execute", **sent, confirm_sum=typed)
        assert refused.status_code == 422
        assert "確認のため増減合計 1050006.54668501 をもう一度入力してください。" in flat(refused)
        assert 'id="question-confirm_sum-error"' in refused.text
    assert service.history(office.context).total == 0
    batch_id = led_to(form(administrator, "/execute", **sent, confirm_sum="+1,050,006.54668501"))
    assert office.batch(batch_id).status is BatchStatus.PROCESSING
    office.apply()
    # the API's one call plans and seals it, and its approval names the sum
    back = service.reverse(office.context, batch_id, by="token:ann", approve=True)
    assert (back.status, back.approvals) == (BatchStatus.PLANNED, ())
    shown = administrator.get(f"{HOME}/{back.batch_id}", headers=HTML)
    seal = hidden(shown, "approve")
    assert 'id="approve-confirm_sum"' in shown.text
    refused = form(administrator, f"/{back.batch_id}/approve", **seal, confirm_sum="1050006.54668501")
    assert "増減合計 -1050006.54668501 をもう一度" in flash_of(administrator, refused)
    assert office.batch(back.batch_id).approvals == ()
    service.cancel(office.context, back.batch_id, by="x")
    again = hidden(form(administrator, f"/{batch_id}/preview-reversal"), "question")
    assert form(administrator, f"/{batch_id}/reverse", **again).status_code == 422
    led = led_to(form(administrator, f"/{batch_id}/reverse", **again, confirm_sum="-1050006.54668501"))
    assert office.batch(led).status is BatchStatus.PROCESSING
    office.apply()
    # a sum within the setting is approved as ever
    office.set(confirm_above=2_000_000 * BTC)
    assert "confirm_sum" not in form(administrator, "/preview", adjustment_rate="5").text


def test_the_whole_risk_is_shown_and_the_result_at_the_end(office: Office, administrator: httpx.Client) -> None:
    shown = flat(form(administrator, "/preview", adjustment_rate="5", memo=""))
    for words in (
        # computed apart: 21,000,130.93370028 BTC of targets, 2 BTC of the two who are inactive
        "対象ユーザーの残高の 5.00%",
        "全ユーザーの残高の >99.99%",
        "対象外の残高 2.00000000 BTC は変わりません",
        "1 人の最大の増減",
        "+1,049,999.99884500",
        "増減合計の >99.99%",
        "1 人の最小の増減と中央値",
        "+0.00000002",
        "途中では止められず",
    ):
        assert words in shown, words
    batch = office.make()
    here = f"{HOME}/{batch.batch_id}"
    shown = page(administrator, here)
    assert "計画どおり完了しました。 9 人に記帳し、 合計は +1,050,006.54668501 BTC です。" in shown
    assert f'hx-get="{here}/proof" hx-trigger="load"' in shown
    proof = page(administrator, f"{here}/proof")
    assert "すべて一致しました" in proof
    assert "hx-get" not in proof
    live = page(administrator, f"{here}/live")
    assert live.count('hx-swap-oob="outerMorph"') == 1
    back = service.run(
        office.context, service.reverse(office.context, batch.batch_id, by="local:setup", approve=True).batch_id
    )
    shown = page(administrator, f"{HOME}/{back.batch_id}")
    assert "逆取引は逆取引できません" in shown
    assert "preview-reversal" not in shown
    refused = flash_of(administrator, form(administrator, f"/{back.batch_id}/preview-reversal"))
    assert f"一括調整 {back.batch_id} は {batch.batch_id} の逆取引であり、逆取引できません" in refused
    assert "逆取引済み" in page(administrator, here)
