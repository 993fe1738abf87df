"""The console of the competition over the real app: what players see of it, of themselves and of each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from batch_platform.core import postgres
from batch_platform.trading.instants import instant_text
from batch_platform.web.access.model import Role
from batch_platform_tests.trading.live import START, Live
from batch_platform_tests.trading_web.conftest import Wallet, new_wallet
from batch_platform_tests.trading_web.story import HOME, sign_in, tell
from batch_platform_tests.web.site import Browser, Site

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]{3,}( [A-Za-z]{2,}){2,}")


@pytest.fixture
def story(site: Site, pool: postgres.Pool) -> tuple[Live, dict[str, Wallet]]:
    return tell(site, pool, hours=6)


@pytest.fixture
def sakura(site: Site, story: tuple[Live, dict[str, Wallet]]) -> Browser:
    return sign_in(site, story[1]["sakura"])


def words(browser: Browser, path: str, status: int = 200) -> str:
    """What a page says, its tags taken away."""
    answer = browser.get(path)
    assert answer.status_code == status, answer.text
    main = re.sub(r"(?s).*<main[^>]*>|</main>.*|<script.*?</script>|<option.*?</option>", "", answer.text)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def pages(live: Live, wallet: Wallet) -> Iterator[str]:
    own = f"{HOME}/players/{wallet.address}"
    order = live.place(wallet.address, "swap", **{"from": "SOL", "to": "USDC", "amount": "0.5"})
    yield from (HOME, f"{HOME}/live", f"{HOME}/leaderboard", f"{HOME}/tokens", f"{HOME}/tokens/SOL?period=7d")
    yield from (own, f"{own}/live", f"{own}?period=1y", f"{own}/history", f"{own}/history?kind=swap")
    yield from (f"{own}/trade?order={kind}" for kind in ("swap", "stake", "liquid_stake", "perp_open"))
    yield from (f"{own}/quote?order=swap&from=SOL&to=USDC&amount=1", f"{HOME}/orders/{order['id']}")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_page_speaks_one_language(
    site: Site, story: tuple[Live, dict[str, Wallet]], sakura: Browser, language: str
) -> None:
    live, wallets = story
    site.add_user("ann", Role.ADMINISTRATOR)
    ann = site.browser()
    assert ann.log_in("ann").status_code == 303
    staff = ("", "/prices", "/administration", "/administration?q=mei")
    walked = [(sakura, path) for path in pages(live, wallets["sakura"])] + [(ann, f"{HOME}{path}") for path in staff]
    for browser, path in walked:
        browser.client.cookies.set("language", language, domain="127.0.0.1")
        text = re.sub(r"\w{6}…\w{4}|English|日本語", "", words(browser, path))
        foreign = JAPANESE.search(text) if language == "en" else LATIN.search(text)
        assert foreign is None, (path, text)


def test_who_has_signed_in_joins_and_is_granted_once(site: Site, story: tuple[Live, dict[str, Wallet]]) -> None:
    wallet = new_wallet()
    browser = sign_in(site, wallet)
    own = f"{HOME}/players/{wallet.address}"
    assert "コンペティションに参加する" in words(browser, HOME)
    assert browser.get(own).status_code == 404  # looking registers nobody
    form = {"csrf_token": browser.csrf(HOME), "username": "hana", "email": ""}
    for _ in range(2):
        answer = browser.send(f"{HOME}/join", form)
        assert (answer.status_code, answer.headers["location"]) == (303, own)
    assert "コンペティションに参加する" not in words(browser, HOME)
    shown = words(browser, own)
    assert "hana" in shown
    assert "900" in shown
    taken = {**form, "email": "h@example.com"}
    other = sign_in(site, new_wallet())
    other.send(f"{HOME}/join", taken | {"csrf_token": other.csrf(HOME)})
    third = sign_in(site, new_wallet())
    refused = third.send(f"{HOME}/join", taken | {"csrf_token": third.csrf(HOME)})
    assert refused.status_code == 422
    assert "既に使われています" in refused.text


def test_the_board_of_an_hour(story: tuple[Live, dict[str, Wallet]], sakura: Browser) -> None:
    newest = words(sakura, f"{HOME}/leaderboard")
    first = words(sakura, f"{HOME}/leaderboard?at={instant_text(START.replace(hour=1))}")
    assert "kenji" in newest
    assert "自分の順位" in newest
    assert newest != first
    answer = sakura.get(f"{HOME}/leaderboard?at=yesterday")
    assert answer.status_code == 422
    assert words(sakura, f"{HOME}/leaderboard?at=2020-01-01T00:00:00Z", 404)
    # of others only the name: their portfolios are theirs
    board = sakura.get(f"{HOME}/leaderboard").text
    wallets = story[1]
    assert f"/players/{wallets['sakura'].address}" in board
    assert wallets["kenji"].address not in board


def test_a_portfolio_is_its_players_and_the_staffs(
    site: Site, story: tuple[Live, dict[str, Wallet]], sakura: Browser
) -> None:
    wallets = story[1]
    others = f"{HOME}/players/{wallets['kenji'].address}"
    for path in ("", "/live", "/history", "/trade", "/quote"):
        assert sakura.get(f"{others}{path}").status_code == 403
    form = {"csrf_token": sakura.csrf(HOME), "order": "swap", "from": "SOL", "to": "USDC", "amount": "1"}
    assert sakura.send(f"{others}/orders", form).status_code == 403
    viewer = site.signed_in("vic", Role.VIEWER)
    shown = words(viewer, others)
    assert "kenji" in shown
    assert "決済…" not in shown
    assert words(viewer, f"{others}/trade").count("取引できるのは本人のみです")
    assert viewer.send(f"{others}/orders", {"csrf_token": viewer.csrf(HOME)}).status_code == 403


def test_a_portfolio_shows_all_that_a_player_has(story: tuple[Live, dict[str, Wallet]], sakura: Browser) -> None:
    live, wallets = story
    own = f"{HOME}/players/{wallets['sakura'].address}"
    shown = words(sakura, f"{own}?period=7d")
    for part in (
        "SOL ロング 5×",
        "リキッドステーキング",
        "清算価格",
        "資産構成",
        "期間別の損益",
        "開始時の評価額 2,820.00 USD",
    ):
        assert part in shown
    live.clock.pass_by(minutes=31)
    stale = words(sakura, f"{own}/live")
    assert "有効な価格がないトークン（SOL, USDC, WIF, jSOL）" in stale
    history = words(sakura, f"{own}/history?kind=swap")
    assert "1.5 SOL" in history
    assert "初期配布" not in history


def test_an_order_waits_and_is_filled(story: tuple[Live, dict[str, Wallet]], sakura: Browser) -> None:
    live, wallets = story
    own = f"{HOME}/players/{wallets['sakura'].address}"
    quoted = words(sakura, f"{own}/quote?order=swap&from=SOL&to=USDC&amount=１")
    assert "手数料 0.003 SOL" in quoted
    assert "次のティックの価格で約定します" in quoted
    form = {"csrf_token": sakura.csrf(f"{own}/trade"), "order": "swap", "from": "SOL", "to": "USDC", "amount": "1"}
    answer = sakura.send(f"{own}/orders", form | {"request_id": "once"})
    assert answer.status_code == 303
    there = answer.headers["location"]
    assert sakura.send(f"{own}/orders", form | {"request_id": "once"}).headers["location"] == there
    assert "hx-get" in sakura.get(there).text
    assert "約定待ち" in words(sakura, there)
    assert "約定待ちの注文" in words(sakura, own)
    live.clock.pass_by(minutes=1)
    live.tick({"SOL": "160", "USDC": "1"})
    assert "159.52 USDC" in words(sakura, f"{there}/live")
    assert "hx-get" not in sakura.get(f"{there}/live").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"order": "swap", "from": "SOL", "to": "SOL", "amount": "1"}, "to"),
        ({"order": "swap", "from": "SOL", "to": "USDC", "amount": "1,5"}, "amount"),
        ({"order": "swap", "from": "SOL", "to": "USDC", "amount": "1000"}, "amount"),
        ({"order": "swap", "from": "SOL", "to": "", "amount": "1"}, "from"),
        ({"order": "stake", "token": "SOL", "amount": "0"}, "amount"),
        ({"order": "liquid_stake", "token": "WIF", "amount": "1"}, "token"),
        ({"order": "perp_open", "token": "SOL", "collateral": "1", "leverage": "21"}, "leverage"),
        ({"order": "perp_open", "token": "SOL", "collateral": "1", "leverage": "two"}, "leverage"),
        ({"order": "perp_open", "token": "SOL", "collateral": "9999", "leverage": "2"}, "collateral"),
    ],
    ids=["same", "comma", "much", "nothing", "zero", "no-pool", "high", "word", "poor"],
)
def test_a_refused_order_says_why_beside_its_field(
    story: tuple[Live, dict[str, Wallet]], sakura: Browser, fields: dict[str, str], said: str
) -> None:
    own = f"{HOME}/players/{story[1]['sakura'].address}"
    answer = sakura.send(f"{own}/orders", {"csrf_token": sakura.csrf(HOME), **fields})
    assert answer.status_code == 422
    error = re.search(rf'id="field-{said}-error">([^<]+)<', answer.text)
    assert error is not None, answer.text
    assert JAPANESE.search(error[1])
    if "amount" in fields:
        assert f'value="{fields["amount"]}"' in answer.text


def test_positions_and_stakes_are_ended_from_the_portfolio(
    story: tuple[Live, dict[str, Wallet]], sakura: Browser
) -> None:
    live, wallets = story
    own = f"{HOME}/players/{wallets['sakura'].address}"
    text = sakura.get(own).text
    position = re.search(r'name="position" value="([^"]+)"', text)
    stake = re.search(r'name="investment" value="([^"]+)"', text)
    assert position
    assert stake
    csrf = {"csrf_token": sakura.csrf(own)}
    closing = csrf | {"order": "perp_close", "position": position[1]}
    assert "/orders/" in sakura.send(f"{own}/orders", closing).headers["location"]
    again = sakura.send(f"{own}/orders", closing)
    assert again.headers["location"] == own
    assert "決済" in words(sakura, own)
    ended = sakura.send(f"{own}/orders", csrf | {"order": "unstake", "investment": stake[1]})
    assert "約定しました" in words(sakura, ended.headers["location"])
    live.clock.pass_by(minutes=1)
    live.tick({"SOL": "160", "USDC": "1"})
    assert position[1] not in sakura.get(own).text


def test_a_token_shows_what_happened_to_the_player_on_it(
    story: tuple[Live, dict[str, Wallet]], sakura: Browser
) -> None:
    text = sakura.get(f"{HOME}/tokens/SOL?period=1d").text
    for mark in ("売り", "ポジション新規", "清算"):
        assert f'"name": "{mark}"' in text
    assert words(sakura, f"{HOME}/tokens/NONE", 404)


def test_without_a_competition_the_overview_says_so(site: Site, pool: postgres.Pool) -> None:
    with postgres.transaction(pool) as connection:
        connection.execute("SET LOCAL trading.removing = 'on'")
        connection.execute("TRUNCATE trading.campaigns CASCADE")
    browser = sign_in(site, new_wallet())
    assert "まだ作成されていません" in words(browser, HOME)
    assert words(browser, f"{HOME}?campaign=none", 404)
    assert words(browser, f"{HOME}/leaderboard", 404)
