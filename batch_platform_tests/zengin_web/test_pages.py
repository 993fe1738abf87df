"""The console pages: what they show, what they ask before they write, and that what was asked is what is done."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from batch_platform.zengin import service
from batch_platform.zengin.model import Changeset, Limits
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.rig import Call
from batch_platform_tests.zengin_web.conftest import Master
from batch_platform_tests.zengin_web.releases import first, second

HTML = {"Accept": "text/html"}
HOME = "/console/zengin"


@pytest.fixture
def changeset(master: Master) -> Changeset:
    master.load(first())
    return master.propose(second())


@pytest.fixture
def few(master: Master) -> Changeset:
    """Ten rows."""
    master.load(first(8))
    return master.propose(second(8, 3))


def page(client: httpx.Client, path: str, status: int = 200, language: str = "ja") -> str:
    answer = client.get(path, headers={**HTML, "Cookie": f"language={language}"})
    assert answer.status_code == status, answer.text
    return re.sub(r"\s+", " ", unescape(answer.text))


def form(client: httpx.Client, path: str, **values: Any) -> Any:
    return client.post(path, data=values, headers=HTML)


def asked(client: httpx.Client, **values: Any) -> dict[str, Any]:
    """What the question would send when it is answered with yes."""
    answer = form(client, f"{HOME}/ask", **values)
    assert answer.status_code == 200, answer.text
    body = answer.text[answer.text.index("data-confirm") :]
    fields: dict[str, Any] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body):
        fields.setdefault(name, []).append(unescape(value))
    return {name: found if len(found) > 1 else found[0] for name, found in fields.items()}


def said(answer: httpx.Response) -> str:
    """The message that the next page shows."""
    assert answer.status_code == 303, answer.text
    asking = {**HTML, "Authorization": answer.request.headers["authorization"]}
    shown = httpx.get(
        answer.url.join(answer.headers["location"]),
        headers={**asking, "Cookie": f"flash={answer.cookies['flash']}"},
        timeout=PATIENCE,
    )
    before_content = shown.text[: shown.text.index('id="connection"')].replace('<p class="notice tone-warning" ', "")
    found = re.findall(r'class="notice tone-\w+" role="\w+">([^<]*)', before_content)
    assert found, shown.text
    return unescape(found[-1])


def dialog(shown: str, name: str) -> str:
    """One dialog of a page."""
    return shown[shown.index(f'<dialog class="confirm" id="{name}"') :].partition("</dialog>")[0]


def named(master: Master, changeset: Changeset, *keys: str) -> list[str]:
    records = master.records(changeset)
    return [f"{records[key].id}:{records[key].version}" for key in keys]


def test_the_review_shows_what_waits(approver: httpx.Client, master: Master, changeset: Changeset) -> None:
    shown = page(approver, HOME)
    assert re.search(r'aria-current="page">承認待ち <small class="money">137<', shown)
    assert "最長の承認待ちは" in shown
    assert shown.count("data-row") == 100
    following = re.search(r'href="([^"]*cursor=[^"]*)" rel="next"', shown)
    assert following
    rest = page(approver, following[1])
    assert rest.count("data-row") == 37
    on_both = re.findall(r"全 (\d+) 件のうち、このページに (\d+) 件", shown + rest)
    shares: dict[str, list[int]] = {}
    for whole, here in on_both:
        shares.setdefault(whole, []).append(int(here))
    assert shares == {"130": [96, 34], "2": [1, 1]}  # 第100 and 新町100 have no more than a number in common
    both = shown + rest
    assert "本店<del>営業部</del>" in both
    assert "霞<del>ヶ</del>関" in both
    assert "ヶ U+30F6 → ケ U+30B1" in both
    assert "金融機関の廃止" in both
    assert page(approver, f"{HOME}?status=rejected").count("data-row") == 0
    assert "この状態の差分はありません" in page(approver, f"{HOME}?status=rejected")
    english = page(approver, HOME, language="en")
    assert "Waiting for approval" in english
    assert 'lang="en"' in english


def test_a_changeset_and_its_filters(approver: httpx.Client, changeset: Changeset) -> None:
    base = f"{HOME}/changesets/{changeset.id}"
    shown = page(approver, base)
    assert changeset.payload_hash in shown
    assert "1–100 / 137" in shown
    assert page(approver, f"{base}?offset=100").count("data-row") == 37
    assert page(approver, f"{base}?change_class=bank_closed").count("data-row") == 2
    high = page(approver, f"{base}?risk=high")
    assert 0 < high.count("data-row") <= changeset.counts["risk.high"]
    assert "条件に合う差分はありません" in page(approver, f"{base}?change_class=merger&risk=low")
    # the riskiest stand first
    assert shown.index("リスク高", shown.index("data-group")) < shown.index("data-row")
    assert changeset.id in page(approver, f"{HOME}/changesets")
    assert changeset.id not in page(approver, f"{HOME}/changesets?status=held")
    page(approver, f"{HOME}/changesets/none", status=404)


def test_a_record_and_its_history(approver: httpx.Client, master: Master, few: Changeset) -> None:
    record = master.records(few)["0901-003"]
    path = f"{HOME}/records/{record.id}"
    shown = page(approver, path)
    assert "霞<del>ヶ</del>関" in shown
    assert "霞<ins>ケ</ins>関" in shown
    done = form(approver, f"{path}/approve", version=record.version, not_before="2026-12-01")
    assert said(done) == "1 件を承認しました。"
    shown = page(approver, path)
    assert "token:ann" in shown
    assert "2026-12-01" in shown
    assert said(form(approver, f"{path}/approve", version=record.version))  # stale: a message, no error page
    back = form(approver, f"{path}/revoke", version=service.record(master.context, record.id).version)
    assert said(back) == "1 件の承認を取り消しました。"
    assert master.status(record) == "pending"
    version = service.record(master.context, record.id).version
    assert said(form(approver, f"{path}/reject", version=version, reason="  "))
    assert master.status(record) == "pending"
    assert said(form(approver, f"{path}/reject", version=version, reason="表記は正しい")) == "1 件を却下しました。"
    assert "表記は正しい" in page(approver, path)
    page(approver, f"{HOME}/records/diff-20261120-000000000000", status=404)


def test_what_was_asked_is_what_is_done(
    approver: httpx.Client, master: Master, few: Changeset, audit_rows: Call
) -> None:
    rows = named(master, few, "0901-001", "0901-003", "0903-002")
    fields = asked(approver, action="approve", record=rows, next=HOME)
    assert (fields["count"], fields["record"]) == ("3", rows)
    records = master.records(few)
    for wrong in ({"count": "4"}, {"payload_hash": "0" * 64}, {"record": rows[:2]}):
        assert "表示後に対象が変わった" in said(form(approver, f"{HOME}/decide", **{**fields, **wrong}))
    assert {master.status(records[key]) for key in ("0901-001", "0901-003", "0903-002")} == {"pending"}
    assert said(form(approver, f"{HOME}/decide", **fields)) == "3 件を承認しました。"
    assert {master.status(records[key]) for key in ("0901-001", "0901-003", "0903-002")} == {"approved"}
    assert audit_rows(records["0901-001"].id)[0][:2] == ("token:ann", "bank-diff.approve")


def test_a_row_that_somebody_else_decided_stops_all(
    approver: httpx.Client, colleague: httpx.Client, master: Master, few: Changeset
) -> None:
    fields = asked(approver, action="approve", record=named(master, few, "0901-001", "0901-003"), next=HOME)
    theirs = asked(colleague, action="reject", record=named(master, few, "0901-001"), next=HOME)
    assert form(colleague, f"{HOME}/decide", **theirs).status_code == 422  # a reason is needed
    assert form(colleague, f"{HOME}/decide", **theirs, reason="stale").status_code == 303
    assert said(form(approver, f"{HOME}/decide", **fields))
    records = master.records(few)
    assert master.status(records["0901-001"]) == "rejected"
    assert master.status(records["0901-003"]) == "pending"


def test_a_whole_group_beyond_the_page(approver: httpx.Client, master: Master, changeset: Changeset) -> None:
    groups: dict[tuple[str, str], int] = {}
    for record in master.records(changeset).values():
        group = (str(record.change_class), str(record.risk))
        groups[group] = groups.get(group, 0) + 1
    (change_class, risk), count = max(groups.items(), key=lambda item: item[1])
    assert count > 100
    base = f"{HOME}/changesets/{changeset.id}"
    assert f"グループの全 {count} 件を承認" in page(approver, f"{base}?change_class={change_class}")
    fields = asked(
        approver, action="approve", changeset=changeset.id, change_class=change_class, risk=risk, next=base
    )
    assert (fields["count"], "record" in fields) == (str(count), False)
    one = next(
        one for one in master.records(changeset).values() if (one.change_class, one.risk) == (change_class, risk)
    )
    service.reject(master.context, [one.id], by="local:other", reason="no")
    assert "表示後に対象が変わった" in said(form(approver, f"{HOME}/decide", **fields))
    again = asked(approver, action="approve", changeset=changeset.id, change_class=change_class, risk=risk, next=base)
    assert said(form(approver, f"{HOME}/decide", **again)) == f"{count - 1} 件を承認しました。"


def test_two_approvers_of_a_bank_that_closes(
    approver: httpx.Client, colleague: httpx.Client, master: Master, few: Changeset
) -> None:
    record = master.records(few)["0904"]
    fields = asked(approver, action="approve", record=named(master, few, "0904"), next=HOME)
    assert "別の承認者" in said(form(approver, f"{HOME}/decide", **fields))
    assert master.status(record) == "pending"
    again = form(approver, f"{HOME}/ask", action="approve", record=named(master, few, "0904"), next=HOME)
    assert said(again) == "あなたは承認済みです。別の承認者の承認が必要です。"
    assert "token:ann が承認済みです" in page(colleague, f"{HOME}/changesets/{few.id}?change_class=bank_closed")
    theirs = asked(colleague, action="approve", record=named(master, few, "0904"), next=HOME)
    assert said(form(colleague, f"{HOME}/decide", **theirs)) == "1 件を承認しました。"
    assert master.status(record) == "approved"


def test_the_whole_changeset(
    approver: httpx.Client, colleague: httpx.Client, viewer: httpx.Client, master: Master, few: Changeset
) -> None:
    base = f"{HOME}/changesets/{few.id}"
    assert "10 行を承認" in page(approver, base)
    values = {"version": few.version, "count": 10, "payload_hash": few.payload_hash}
    for wrong in ({"count": 135}, {"payload_hash": "x"}, {"version": 9}, {"version": "x"}):
        assert said(form(approver, f"{base}/approve", **{**values, **wrong}))
    assert {record.status for record in master.records(few).values()} == {"pending"}
    assert "別の承認者" in said(form(approver, f"{base}/approve", **values))
    assert "すべて承認" not in page(approver, base)
    version = service.changeset(master.context, few.id).version
    assert said(form(colleague, f"{base}/approve", **{**values, "version": version})) == "10 件を承認しました。"
    service.apply(master.context, master.context.business_date())
    shown = page(approver, base)
    assert "適用済み" in shown
    assert "取消を起案" in shown
    assert "取消を起案" not in page(viewer, base)
    question = dialog(shown, "rollback")
    risks = dict(re.findall(r'リスク(高|中|低)</span> <span class="money">(\d+)<', question))
    # 新町1 to 3 become 第1 to 3; a bank comes back, a branch closes, a kana changes; spellings and openings
    assert risks == {"高": "3", "中": "3", "低": "4"}
    assert re.search(r'店舗の新設 <span class="money">\d+<', question)
    assert "取消の起案者だけでは承認できません" in question
    undone = form(approver, f"{base}/rollback")
    assert undone.status_code == 303
    inverse = service.changeset(master.context, undone.headers["location"].rsplit("/", 1)[1])
    assert (inverse.inverse_of, inverse.proposed_by, inverse.needs_approvals) == (few.id, "token:ann", 2)
    there = f"{HOME}/changesets/{inverse.id}"
    shown = page(approver, there)
    assert few.id in shown
    question = dialog(shown, "approve-all")
    assert "取消の起案者だけでは承認できません" in question
    assert re.search(r"リスク.</span> <span", question)
    assert "取消の起案者だけでは承認できません" not in page(colleague, there)
    history = page(approver, f"{HOME}/history?key=0901-001")
    assert "本店営業部" in history
    assert "名称の推移" in history
    assert page(approver, f"{HOME}/history?changeset={few.id}").count("<tr>") > 9


def test_a_held_snapshot(
    approver: httpx.Client, colleague: httpx.Client, viewer: httpx.Client, app: Any, master: Master
) -> None:
    master.load(first(8))
    master.context = app.state.zengin = replace(master.context, limits=Limits())
    held = master.propose(second(8, 3))
    base = f"{HOME}/changesets/{held.id}"
    shown = page(approver, base)
    assert "変更件数の上限超過" in shown
    assert "一度の変更が多すぎます。金融機関 4 件のうち 1 件が削除（上限 3 %）、" in shown
    assert "保留を解除" in shown
    assert held.id in page(approver, HOME)
    assert "保留を解除" not in page(viewer, base)
    assert (
        said(form(approver, f"{base}/override", version=held.version)) == "解除には別の承認者による操作も必要です。"
    )
    version = service.changeset(master.context, held.id).version
    assert said(form(colleague, f"{base}/override", version=version)) == "保留を解除しました。"
    shown = page(approver, base)
    assert shown.count("data-row") == 10
    assert re.search(r"保留を解除</span>\s*· 変更件数の上限超過", shown)
    assert 'href="/console/zengin" aria-current="true"' in shown  # the navigation says where this is


def test_a_verdict_says_why_it_was_accepted(approver: httpx.Client, master: Master, few: Changeset) -> None:
    master.approve(few)
    service.apply(master.context, master.context.business_date())
    inverse = service.rollback(master.context, few.id, by="local:ann")
    filled, *_ = [one for one in service.changesets(master.context)[0] if one.id not in (few.id, inverse.id)]
    for one, told in ((filled, "初回登録"), (few, "上限内"), (inverse, "適用済み変更の取消")):
        assert f"{told}</span>" in page(approver, f"{HOME}/changesets/{one.id}")
    listed = page(approver, f"{HOME}/changesets")
    assert all(listed.count(f"{told}</span>") == 1 for told in ("初回登録", "上限内", "適用済み変更の取消"))


def test_whoever_may_not_decide_only_reads(
    approver: httpx.Client, viewer: httpx.Client, master: Master, few: Changeset
) -> None:
    base = f"{HOME}/changesets/{few.id}"
    record = master.records(few)["0901-001"]
    for path in (HOME, base, f"{HOME}/records/{record.id}"):
        shown = page(viewer, path)
        assert 'method="post" action="/console/zengin' not in shown
        assert 'type="checkbox"' not in shown
    for path in ("ask", "decide", f"records/{record.id}/approve", f"changesets/{few.id}/approve"):
        assert form(viewer, f"{HOME}/{path}").status_code == 403


def test_nonsense_is_refused(approver: httpx.Client, master: Master, few: Changeset) -> None:
    row = named(master, few, "0901-001")
    for values in (
        {},
        {"action": "approve"},
        {"action": "burn", "record": row},
        {"action": "approve", "record": "x"},
    ):
        assert said(form(approver, f"{HOME}/ask", **values))
    away = form(approver, f"{HOME}/ask", action="approve", next="https://elsewhere.example/")
    assert away.headers["location"] == HOME
    record = master.records(few)["0901-001"]
    assert said(form(approver, f"{HOME}/records/{record.id}/burn", version=1))
    bad = asked(approver, action="approve", record=row, next=HOME)
    assert form(approver, f"{HOME}/decide", **bad, not_before="soon").status_code == 422


def test_the_master_is_searched(approver: httpx.Client, master: Master, changeset: Changeset) -> None:
    assert "あおば" in page(approver, f"{HOME}/banks")
    assert "0903-002" in page(approver, f"{HOME}/banks?q=さくら センタ－")
    assert re.findall(r"<code>([-\d]+)</code>", page(approver, f"{HOME}/banks?q=おう")) == []
    found = page(approver, f"{HOME}/banks?q=090")
    codes = re.findall(r"<code>([-\d]+)</code>", found)
    assert codes[:5] == ["0901", "0902", "0903", "0904", "0901-001"]  # banks first
    assert "サクラシンキン" in found
    assert "センタ－ドオリ" in page(approver, f"{HOME}/banks?q=0903-002")
    assert "マスタにありません" in page(approver, f"{HOME}/banks?q=どこにもない")
    shown = page(approver, f"{HOME}/banks/0902")
    assert "第100" in shown
    assert 'rel="next"' in shown
    assert "第150" in page(approver, f"{HOME}/banks/0902?q=150")
    page(approver, f"{HOME}/banks/9999", status=404)
    page(approver, f"{HOME}/banks?as_of=soon", status=422)
    before = master.context.business_date() - timedelta(days=30)
    assert "金融機関が見つかりません" in page(approver, f"{HOME}/banks?as_of={before}")


def test_many_hits_come_in_pages(approver: httpx.Client, master: Master, changeset: Changeset) -> None:
    shown = page(approver, f"{HOME}/banks?q=第")
    following = re.search(r'href="([^"]*cursor=[^"]*)" rel="next"', shown)
    assert following
    rest = page(approver, following[1])
    found = re.findall(r"<code>(0902-\d{3})</code>", shown + rest)
    assert found == [f"0902-{number:03}" for number in range(1, 161)]


def test_the_dashboard_has_a_card(approver: httpx.Client, app: Any, master: Master, few: Changeset) -> None:
    from batch_platform.zengin.web.pages import CARD

    class Asking:
        pass

    asking: Any = Asking()
    asking.app = app
    card = CARD.load(asking)
    assert card is not None
    assert card["waiting"].pending == 10
    assert sum(card["waiting"].by_risk.values()) == 10


def test_script_and_style_are_kept_by_content(approver: httpx.Client, few: Changeset) -> None:
    shown = page(approver, HOME)
    for kind in ("js", "css"):
        address = re.search(rf'"(/console/zengin/files/review\.{kind}\?v=\w+)"', shown)
        assert address
        answer = approver.get(address[1])
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert approver.get("/console/zengin/files/other.js").status_code == 404
