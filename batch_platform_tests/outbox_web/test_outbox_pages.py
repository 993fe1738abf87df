"""What viewers see of the outbox, and how a recipient declines."""

from __future__ import annotations

import re

import httpx
import pytest
from fastapi import FastAPI

from batch_platform.core import cursors
from batch_platform.outbox import links, service
from batch_platform.outbox.model import Channel, Sender
from batch_platform_tests.outbox.rig import KEY, OPTIONS, Kept, Outbox, attached

A, B = "a@example.com", "b@example.com"
HTML = {"Accept": "text/html"}


def page(client: httpx.Client, path: str) -> str:
    answer = client.get(f"/console/outbox{path}", headers=HTML)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_notices_are_listed_filtered_and_shown(viewer: httpx.Client, outbox: Outbox) -> None:
    outbox.server.rcpt = {B: "450 4.2.1 later"}
    outbox.add(A, B)
    outbox.deliver()
    every = viewer.get("/api/outbox").json()["data"]
    assert [(one["recipient"], one["state"], one["reason"]) for one in every["items"]] == [
        (B, "pending", "not-taken"),
        (A, "accepted", None),
    ]
    assert "text" not in every["items"][0]
    first = viewer.get("/api/outbox", params={"limit": 1}).json()["data"]
    rest = viewer.get("/api/outbox", params={"limit": 1, "cursor": first["nextCursor"]}).json()["data"]
    assert [one["recipient"] for one in (*first["items"], *rest["items"])] == [B, A]
    for name, value in {"state": "accepted", "recipient": A}.items():
        found = viewer.get("/api/outbox", params={name: value}).json()["data"]["items"]
        assert [one["recipient"] for one in found] == [A]
    for foreign in ("x", cursors.encode({"id": "none"}), cursors.encode({"number": 1})):
        assert viewer.get("/api/outbox", params={"cursor": foreign}).status_code == 422
    assert viewer.get("/api/outbox", params={"domain": "none"}).json()["data"]["items"] == []
    assert viewer.get("/api/outbox", params={"state": "none"}).status_code == 422
    sent = every["items"][1]
    detail = viewer.get(f"/api/outbox/{sent['id']}").json()["data"]
    assert (detail["subject"], detail["parameters"]) == (
        "<山田> & 太郎 様 お支払いを受け付けました",
        {"name": "<山田> & 太郎"},
    )
    shown = page(viewer, "")
    assert A in shown
    assert "送信待ち" in shown
    assert A not in page(viewer, "?state=pending")
    text = page(viewer, f"/{sent['id']}")
    assert "&lt;山田&gt; &amp; 太郎 様" in text
    assert "再送" not in re.findall("<button.*?</button>", text)
    assert "送信先のサービスが受け付けませんでした" in page(viewer, f"/{every['items'][0]['id']}")
    assert viewer.get("/console/outbox/none", headers=HTML).status_code == 404


def test_a_notice_is_followed_until_it_is_sent_or_given_up(operator: httpx.Client, outbox: Outbox) -> None:
    outbox.add(A)
    [row] = outbox.rows()
    waits = page(operator, f"/{row['id']}")
    assert "この画面で終了まで表示を更新します" in waits
    assert f'hx-get="/console/outbox/{row["id"]}/live"' in waits
    outbox.deliver()
    for path in (f"/{row['id']}/live", f"/{row['id']}"):
        sent = page(operator, path)
        assert "に送信しました（1 回目の試行）" in sent
        assert "hx-trigger" not in sent

    outbox.add("local:yamada", channel=Channel.IN_APP)
    assert "からアプリ内に表示されています" in page(operator, f"/{outbox.rows()[-1]['id']}")

    outbox.add(B, parameters={})
    outbox.deliver()
    failed = outbox.rows()[-1]["id"]
    assert "送信できませんでした。1 回試行して中止しました。" in page(operator, f"/{failed}")
    answer = operator.post(f"/console/outbox/{failed}/retry", headers=HTML)
    assert (answer.status_code, "flash" in answer.cookies) == (303, False)
    assert "hx-trigger" in page(operator, f"/{failed}")
    outbox.deliver()
    assert "送信できませんでした" in page(operator, f"/{failed}/live")


def test_the_html_of_a_mail_can_do_nothing_in_the_console(viewer: httpx.Client, outbox: Outbox) -> None:
    outbox.add(A)
    outbox.deliver()
    [row] = outbox.rows()
    [mail] = outbox.server.mails()
    for place in (f"/{row['id']}", f"/mails/{mail.name}", "/templates/shop/receipt"):
        source = rf'<iframe class="mail" src="/console/outbox{re.escape(place)}/html(\?category=\w+)?" sandbox=""'
        assert re.search(source, page(viewer, place))
        framed = viewer.get(f"/console/outbox{place}/html", headers=HTML)
        policy = framed.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "sandbox", "frame-ancestors 'self'"} <= set(policy)
        assert "受け付け" in framed.text
    assert "&lt;山田&gt;" in viewer.get(f"/console/outbox/{row['id']}/html").text


def test_templates_are_previewed(viewer: httpx.Client, nobody: httpx.Client, outbox: Outbox, app: FastAPI) -> None:
    assert viewer.get("/api/outbox/templates").json()["data"] == [{"domain": "shop", "template": "receipt"}]
    said = viewer.get("/api/outbox/templates/shop/receipt").json()["data"]
    assert said["subject"] == "山田 太郎 様 お支払いを受け付けました"
    assert viewer.get("/api/outbox/templates/shop/none").status_code == 404
    assert "receipt" in page(viewer, "/templates")
    place = "/templates/shop/receipt"
    assert "<iframe" in page(viewer, place)
    assert "<iframe" not in page(viewer, f"{place}?channel=sms")
    assert OPTIONS.sender.postal_address not in page(viewer, place)
    for advertising in (
        page(viewer, f"{place}?category=advertising"),
        page(viewer, f"{place}/html?category=advertising"),
        viewer.get(f"/api/outbox{place}", params={"category": "advertising"}).json()["data"]["text"],
    ):
        assert OPTIONS.sender.postal_address in advertising
    [link] = re.findall(r"/u\?(\S+)", viewer.get(f"/api/outbox{place}?category=advertising").json()["data"]["text"])
    assert nobody.post(f"/u?{link}").status_code == 404  # it declines nothing
    app.state.outbox = outbox.worker(sender=Sender("x@example.com", "x"))
    assert "OUTBOX_SENDER_ADDRESS が設定されていません" in page(viewer, f"{place}?category=advertising")
    assert viewer.get(f"/api/outbox{place}?category=advertising").status_code == 422


def test_attachments_are_shown_with_the_notice_and_the_mail(viewer: httpx.Client, outbox: Outbox) -> None:
    content = b"%PDF-1.7 \xff"
    outbox.files = Kept(content)  # type: ignore[assignment]
    attachment = attached(content)
    outbox.add(A, attachments=[attachment])
    outbox.deliver()
    [row] = outbox.rows()
    [mail] = outbox.server.mails()
    shown = page(viewer, f"/{row['id']}")
    assert ("請求書.pdf" in shown, "s3://bucket/k/1.pdf" in shown, attachment.sha256 in shown) == (True, True, True)
    assert viewer.get(f"/api/outbox/{row['id']}").json()["data"]["attachments"] == [
        {
            "filename": "請求書.pdf",
            "contentType": "application/pdf",
            "bucket": "bucket",
            "key": "k/1.pdf",
            "sha256": attachment.sha256,
        }
    ]
    assert attachment.sha256 in page(viewer, f"/mails/{mail.name}")
    sent = viewer.get(f"/console/outbox/mails/{mail.name}/attachments/1")
    assert (sent.content, sent.headers["Content-Type"]) == (content, "application/pdf")
    assert sent.headers["Content-Disposition"].startswith("attachment;")
    for number in (0, 2):
        assert viewer.get(f"/console/outbox/mails/{mail.name}/attachments/{number}").status_code == 404


def test_mails_of_the_sink_are_seen_where_there_is_one(
    viewer: httpx.Client, outbox: Outbox, app: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.add(A)
    outbox.deliver()
    assert "お支払いを受け付けました" in page(viewer, "/mails")
    assert viewer.get("/console/outbox/mails/none", headers=HTML).status_code == 404
    from dataclasses import replace

    app.state.outbox = replace(app.state.outbox, mailbox=None)  # type: ignore[attr-defined]
    assert viewer.get("/console/outbox/mails", headers=HTML).status_code == 404
    assert "/console/outbox/mails" not in page(viewer, "")


def test_a_recipient_declines_by_the_link_of_a_notice(nobody: httpx.Client, outbox: Outbox) -> None:
    outbox.consent(A)
    outbox.advertise(A)
    outbox.deliver()
    [mail] = outbox.server.mails()
    link = dict(mail.headers)["List-Unsubscribe"].strip("<>")
    assert link in mail.text
    path = link.removeprefix(OPTIONS.link_url)
    looked = nobody.get(path, headers=HTML)
    assert (looked.status_code, A in looked.text) == (200, True)
    outbox.advertise(A, key="2 ")
    outbox.deliver()
    assert len(outbox.server.mails()) == 2  # looking changes nothing
    one_click = {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        answer = nobody.post(path, data=one_click, headers={"Origin": "https://mail.example.com"})
        assert (answer.status_code, "停止しました" in answer.text) == (200, True)
    outbox.advertise(A, key="3 ")
    outbox.add(A, key="receipt ")
    outbox.deliver()
    assert [row["reason"] for row in outbox.rows()] == [None, None, "opted-out", None]


def test_no_other_address_is_open(nobody: httpx.Client, outbox: Outbox) -> None:
    outbox.add(A)
    foreign = links.link("https://x.example", b"another key", outbox.rows()[0]["number"]).partition("?")[2]
    for query in ("", foreign, "x" * 20):
        assert nobody.get(f"/u?{query}", headers=HTML).status_code == 404
        assert nobody.post(f"/u?{query}").status_code == 404
    for path in ("/u/", "/u/x", "/api/outbox", "/console/outbox"):
        assert nobody.get(path).status_code in (401, 404)
    own = links.link("https://x.example", KEY, outbox.rows()[0]["number"]).partition("?")[2]
    assert nobody.post("/console/outbox/suppressions", data={"recipient": A}).status_code == 401
    assert nobody.get(f"/u?{own}", headers=HTML).status_code == 200
    assert service.suppressions(outbox.worker(), limit=1) == ([], None)
