"""Logins and tokens of an OIDC provider: a real one over HTTP, and every way in which it or an attacker may cheat."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt

from batch_platform.core import postgres
from batch_platform.core.audit import DONE, AuditStore
from batch_platform.core.failures import PermanentFailure
from batch_platform.web.access.model import Role
from batch_platform.web.access.oidc.provider import Provider as Client
from batch_platform.web.access.tokens import AUDIENCE, ISSUER
from batch_platform.web.context import OidcSettings
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.oidc_provider import CLIENT, CLIENT_SECRET, EC, OTHER_RSA, RSA, Provider, providing
from batch_platform_tests.web.site import NOON, Browser, HandClock, Site, open_site

Mend = Callable[[dict[str, Any]], dict[str, Any]]


def settings_of(provider: Provider, **changes: Any) -> OidcSettings:
    values = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": CLIENT_SECRET, "audience": CLIENT}
    return OidcSettings(**values | changes)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing(HandClock()) as provider:
        yield provider


@pytest.fixture
def site(pool: postgres.Pool, provider: Provider) -> Iterator[Site]:
    with open_site(pool, oidc=settings_of(provider)) as site:
        provider.clock = site.clock
        yield site


def leave(browser: Browser, target: str = "/console") -> str:
    """Click on «sign in», and sign in there: where the provider sends the browser back to."""
    away = browser.get(f"/login/oidc?{urlencode({'next': target})}")
    assert away.status_code == 303, away.text
    back = httpx.get(away.headers["location"], timeout=PATIENCE)
    assert back.status_code == 302
    return back.headers["location"].partition("/login/")[2]


def sign_in(browser: Browser, target: str = "/console") -> httpx.Response:
    return browser.get(f"/login/{leave(browser, target)}")


def test_signing_in(site: Site) -> None:
    browser = site.browser()
    assert "/login/oidc?next=/console/audit" in browser.get("/console/audit").text
    answer = sign_in(browser, "/console/audit")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/audit")
    data = browser.client.get("/api/session").json()["data"]
    assert (data["subject"], data["name"], data["roles"], data["via"]) == ("oidc:u-1", "Ann", ["operator"], "session")
    assert browser.send("/logout", {"csrf_token": browser.csrf("/console/audit")}).status_code == 303
    assert browser.get("/console").status_code == 401


def test_nothing_secret_travels_through_the_browser(site: Site) -> None:
    browser = site.browser()
    away = browser.get("/login/oidc")
    query = parse_qs(urlsplit(away.headers["location"]).query)
    assert {"state", "nonce", "code_challenge"} <= set(query)
    cookie = away.headers["set-cookie"]
    assert "code_verifier" not in query
    assert query["nonce"][0] not in cookie
    assert "HttpOnly" in cookie
    assert "Max-Age=600" in cookie


def test_local_accounts_are_switched_off(site: Site) -> None:
    site.add_user("ann", Role.ADMINISTRATOR)
    browser = site.browser()
    form = {"name": "ann", "password": "correct horse battery", "csrf_token": browser.csrf()}
    assert browser.send("/login", form).status_code == 404


def other(**changes: Any) -> Mend:
    return lambda claims: {name: value for name, value in (claims | changes).items() if value is not ...}


@pytest.mark.parametrize(
    "mend",
    [
        other(iss="https://other.example"),
        other(iss=...),
        other(aud="another-client"),
        other(aud=...),
        other(aud=[CLIENT, "another-client"]),
        other(azp="another-client"),
        other(exp=int(NOON.timestamp()) - 61),
        other(exp=...),
        other(iat=int(NOON.timestamp()) + 3600),
        other(nbf=int(NOON.timestamp()) + 3600),
        other(sub=...),
        other(sub=""),
        other(nonce="another"),
        other(nonce=...),
    ],
    ids=range(14),
)
def test_id_tokens_are_checked(site: Site, provider: Provider, mend: Mend) -> None:
    provider.mend = mend
    browser = site.browser()
    answer = sign_in(browser)
    assert answer.status_code == 401
    assert "本人確認" in answer.text
    assert browser.get("/console").status_code == 401
    provider.mend = other(aud=[CLIENT, "another-client"], azp=CLIENT)
    assert sign_in(browser).status_code == 303


def written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unsigned(claims: dict[str, Any], algorithm: str = "none") -> str:
    parts = ({"alg": algorithm, "kid": "k1"}, claims)
    return ".".join(written(json.dumps(part).encode()) for part in parts) + "."


def confused(claims: dict[str, Any]) -> str:
    """Signed by HMAC with the public key as its secret, for verifiers that let the token choose the algorithm."""
    text = unsigned(claims, "HS256")
    return text + written(hmac.digest(RSA.as_pem(private=False), text.removesuffix(".").encode(), "sha256"))


def stolen_name(claims: dict[str, Any]) -> str:
    """Signed by a key of the attacker's under the name of the provider's."""
    return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, OTHER_RSA, algorithms=["RS256"])


def brought_along(claims: dict[str, Any]) -> str:
    """The key comes with the token."""
    header = {"alg": "RS256", "kid": "evil", "jwk": OTHER_RSA.as_dict(private=False)}
    return jwt.encode(header, claims, OTHER_RSA, algorithms=["RS256"])


def mixed(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "PS256", "kid": "k1"}, claims, RSA, algorithms=["PS256"])


def ours(claims: dict[str, Any]) -> str:
    """A right signature under the wrong kind of key."""
    return jwt.encode({"alg": "ES256", "kid": "k1"}, claims, EC, algorithms=["ES256"])


ATTACKS = [unsigned, confused, stolen_name, brought_along, mixed, ours]


@pytest.mark.parametrize("encode", ATTACKS)
def test_signatures_are_checked(site: Site, provider: Provider, encode: Callable[[dict[str, Any]], str]) -> None:
    provider.encode = encode
    assert sign_in(site.browser()).status_code == 401
    client = site.client(Authorization=f"Bearer {provider.token()}")
    assert client.get("/api/session").status_code == 401
    platforms = provider.token(iss=ISSUER, aud=AUDIENCE, sub="token:x", roles=["administrator"])
    assert site.client(Authorization=f"Bearer {platforms}").get("/api/session").status_code == 401


@pytest.mark.parametrize("change", ["state", "no state", "no code", "code", "no cookie", "issuer", "error"])
def test_callbacks_are_checked(site: Site, provider: Provider, change: str) -> None:
    browser = site.browser()
    parts = urlsplit(leave(browser))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    changes: dict[str, Callable[[], Any]] = {
        "state": lambda: query.update(state="another"),
        "no state": lambda: query.pop("state"),
        "no code": lambda: query.pop("code"),
        "code": lambda: query.update(code="another"),
        "no cookie": browser.client.cookies.clear,
        "issuer": lambda: query.update(iss="https://other.example"),
        "error": lambda: query.update(error=query.pop("code")),
    }
    changes[change]()
    answer = browser.get(f"/login/{parts.path}?{urlencode(query)}")
    assert answer.status_code == 401
    assert browser.get("/console").status_code == 401


def test_a_code_works_once(site: Site) -> None:
    browser = site.browser()
    back = leave(browser)
    thief = site.browser()
    thief.client.cookies.update(browser.client.cookies)
    assert browser.get(f"/login/{back}").status_code == 303
    assert browser.get(f"/login/{back}").status_code == 401  # the login under way has ended
    assert thief.get(f"/login/{back}").status_code == 401  # and so has the code
    assert thief.get("/console").status_code == 401


def test_a_code_of_somebody_elses_login_is_refused(site: Site) -> None:
    """Login CSRF: the attacker's code, sent by the victim's browser with the victim's state."""
    attackers = parse_qs(urlsplit(leave(site.browser())).query)
    victim = site.browser()
    own = parse_qs(urlsplit(leave(victim)).query)
    query = urlencode({"state": own["state"][0], "code": attackers["code"][0]})
    assert victim.get(f"/login/oidc/callback?{query}").status_code == 401


def test_a_login_takes_ten_minutes_at_most(site: Site) -> None:
    browser = site.browser()
    back = leave(browser)
    site.clock.pass_by(timedelta(minutes=10, seconds=1))
    assert browser.get(f"/login/{back}").status_code == 401


@pytest.mark.parametrize(
    ("claim", "roles"),
    [
        (["operator", "viewer", "staff"], ["operator", "viewer"]),
        ("approver other", ["approver"]),
        (["Administrator"], ["administrator"]),
        ([], None),
        ("", None),
        (None, None),
        ({"viewer": True}, None),
        (["root", 1, ["viewer"]], None),
    ],
    ids=str,
)
def test_roles_come_from_the_claim(site: Site, provider: Provider, claim: Any, roles: list[str] | None) -> None:
    provider.roles = claim
    browser = site.browser()
    answer = sign_in(browser)
    assert answer.status_code == (303 if roles else 403)
    if roles:
        assert browser.client.get("/api/session").json()["data"]["roles"] == roles
    client = site.client(Authorization=f"Bearer {provider.token()}")
    assert client.get("/api/session").status_code == (200 if roles else 403)


def test_the_claim_can_be_another(pool: postgres.Pool, provider: Provider) -> None:
    with open_site(pool, oidc=settings_of(provider, roles_claim="https://x/roles")) as site:
        token = provider.token(**{"https://x/roles": "viewer"})
        data = site.client(Authorization=f"Bearer {token}").get("/api/session").json()["data"]
        assert data["roles"] == ["viewer"]


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
def test_its_tokens_open_the_api(site: Site, provider: Provider, key: Any) -> None:
    provider.signer, provider.algorithm = key, "RS256" if key is RSA else "ES256"
    client = site.client(Authorization=f"Bearer {provider.token()}")
    data = client.get("/api/session").json()["data"]
    assert (data["subject"], data["via"]) == ("oidc:u-1", "token")
    assert client.post("/api/shop/orders", json={}).status_code == 201
    assert site.program(Role.VIEWER).get("/api/session").status_code == 200


def test_its_tokens_are_seen_in_use_once(site: Site, provider: Provider, pool: postgres.Pool) -> None:
    token, another = provider.token(), provider.token(jti="another")
    with open_site(pool, oidc=settings_of(provider)) as second:
        for where in (site, second, site):
            assert where.client(Authorization=f"Bearer {token}").get("/api/session").status_code == 200
        assert second.client(Authorization=f"Bearer {another}").get("/api/session").status_code == 200
    uses = [row for row in AuditStore(pool).rows(what="token.use", limit=10) if row.target == provider.issuer]
    assert [(row.who, row.outcome, row.after["address"]) for row in uses] == [("oidc:u-1", DONE, "127.0.0.1")] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "x"},
        {"aud": "x"},
        {"aud": ...},
        {"exp": 1},
        {"exp": ...},
        {"sub": ...},
        {"token_use": "access", "aud": ...},
    ],
    ids=str,
)
def test_bearer_tokens_are_checked(site: Site, provider: Provider, changes: dict[str, Any]) -> None:
    provider.mend = other(**changes)
    assert site.client(Authorization=f"Bearer {provider.token()}").get("/api/session").status_code == 401


def test_access_tokens_of_cognito_name_the_client_elsewhere(site: Site, provider: Provider) -> None:
    provider.mend = other(token_use="access", aud=..., client_id=CLIENT)
    assert site.client(Authorization=f"Bearer {provider.token()}").get("/api/session").status_code == 200
    provider.mend = other(token_use="access", aud=..., client_id="another")
    assert site.client(Authorization=f"Bearer {provider.token()}").get("/api/session").status_code == 401


def test_keys_are_kept_and_new_ones_found(site: Site, provider: Provider) -> None:
    def status() -> int:
        return site.client(Authorization=f"Bearer {provider.token()}").get("/api/session").status_code

    assert [status() for _ in range(5)] == [200] * 5
    assert provider.asked.count("/jwks") == 1
    provider.signer = OTHER_RSA
    assert [status() for _ in range(5)] == [401] * 5
    assert provider.asked.count("/jwks") == 1  # nobody can make us ask at pleasure
    provider.keys = [RSA, OTHER_RSA]
    site.clock.pass_by(timedelta(seconds=31))
    assert status() == 200
    provider.keys = [OTHER_RSA]
    provider.signer = RSA
    assert status() == 200
    site.clock.pass_by(timedelta(hours=1, seconds=1))
    assert status() == 401


def test_a_provider_that_is_away(site: Site, provider: Provider) -> None:
    token = provider.token(exp=int(NOON.timestamp()) + 86_400)
    client = site.client(Authorization=f"Bearer {token}")
    provider.away = True
    assert site.browser().get("/login/oidc").status_code == 503
    assert client.get("/api/session").status_code == 503
    provider.away = False
    site.clock.pass_by(timedelta(seconds=31))
    assert client.get("/api/session").status_code == 200
    provider.away = True
    site.clock.pass_by(timedelta(hours=2))
    assert client.get("/api/session").status_code == 200  # known keys stay in use


def test_a_provider_that_is_another(provider: Provider) -> None:
    provider.calls_itself = "https://other.example"
    client = Client(settings_of(provider), clock=HandClock())
    with pytest.raises(PermanentFailure, match="calls itself https://other"):
        client.read(provider.token())
    with pytest.raises(PermanentFailure, match="without TLS"):
        Client(settings_of(provider, issuer="http://login.example"), clock=HandClock())
