"""What an OIDC provider says of people and tokens: groups, UserInfo, keys, and which tokens are for the API."""

from __future__ import annotations

from typing import Any

import pytest

from batch_platform.core import postgres
from batch_platform_tests.web.oidc_provider import CLIENT, Provider
from batch_platform_tests.web.site import Site, open_site
from batch_platform_tests.web.test_oidc import provider, settings_of, sign_in, site

__all__ = ["provider", "site"]


@pytest.mark.parametrize(
    ("userinfo", "status"),
    [
        ({"sub": "u-1", "cognito:groups": ["approver"]}, 303),
        ({"sub": "u-2", "cognito:groups": ["approver"]}, 401),
        ({"cognito:groups": ["approver"]}, 401),
        ({"sub": "u-1"}, 403),
    ],
    ids=["same", "another", "nobody", "no role"],
)
def test_what_the_id_token_lacks_comes_from_userinfo(
    site: Site, provider: Provider, userinfo: dict[str, Any], status: int
) -> None:
    provider.offers, provider.userinfo, provider.roles = {"userinfo_endpoint"}, userinfo, ...
    browser = site.browser()
    assert sign_in(browser).status_code == status
    if status == 303:
        data = browser.client.get("/api/session").json()["data"]
        assert (data["roles"], data["name"]) == (["approver"], "Ann")


def test_userinfo_is_not_asked_for_what_the_id_token_says(site: Site, provider: Provider) -> None:
    provider.offers, provider.userinfo = {"userinfo_endpoint"}, {"sub": "u-1", "cognito:groups": ["administrator"]}
    browser = site.browser()
    assert sign_in(browser).status_code == 303
    assert browser.client.get("/api/session").json()["data"]["roles"] == ["operator"]
    assert "/userinfo" not in provider.asked


@pytest.mark.parametrize(
    ("path", "claims", "roles"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["Batch operators"]}}, ["operator", "viewer"]),
        ("resource_access.batch.v1.roles", {"resource_access": {"batch.v1": {"roles": ["cn=a,ou=b"]}}}, ["approver"]),
        ("https://x.example/groups", {"https://x.example/groups": ["/staff"]}, ["viewer"]),
        ("groups", {"groups": "/staff, Batch operators,unknown"}, ["operator", "viewer"]),
        ("groups", {"groups": "/staff other"}, ["viewer"]),
        ("groups", {"groups": "Batch operators"}, ["operator", "viewer"]),
        ("groups", {"groups": ["administrator"]}, None),
        ("groups.deeper", {"groups": ["/staff"]}, None),
        ("none.at.all", {}, None),
    ],
    ids=range(9),
)
def test_groups_become_roles_by_setting(
    pool: postgres.Pool, provider: Provider, path: str, claims: dict[str, Any], roles: list[str] | None
) -> None:
    groups = {"Batch operators": ["viewer", "operator"], "/staff": ["viewer"], "cn=a,ou=b": ["approver"]}
    provider.roles = ...
    with open_site(pool, oidc=settings_of(provider, roles_claim=path, roles_map=groups)) as site:
        client = site.client(Authorization=f"Bearer {provider.token(**claims)}")
        answer = client.get("/api/session")
        assert answer.status_code == (200 if roles else 403)
        if roles:
            assert answer.json()["data"]["roles"] == roles


def test_keys_of_unknown_kinds_are_passed_over(site: Site, provider: Provider) -> None:
    provider.strange_keys = [
        {"kty": "OKP", "crv": "Ed448", "x": "AA", "kid": "o"},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "e", "use": "sig"},
        {"kty": "RSA", "kid": "r"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "q"},
        {"kid": "nothing"},
    ]
    assert sign_in(site.browser()).status_code == 303


# what is a token for the API


@pytest.mark.parametrize(
    ("kind", "claims", "status"),
    [
        ("at+jwt", {}, 200),
        ("application/at+jwt", {}, 200),
        ("AT+JWT", {}, 200),
        ("JWT", {}, 401),
        ("JWT", {"token_use": "access"}, 200),
        ("JWT", {"token_use": "id"}, 401),
        ("JWT", {"typ": "Bearer"}, 200),
        ("JWT", {"typ": "ID"}, 401),
        ("JWT", {"typ": "Refresh"}, 401),
        ("logout+jwt", {"typ": "Bearer"}, 401),
        ("JWT", {"aud": "the-api"}, 401),  # for the API's own audience this site is not set up
    ],
    ids=str,
)
def test_only_access_tokens_open_the_api(
    site: Site, provider: Provider, kind: str, claims: dict[str, Any], status: int
) -> None:
    client = site.client(Authorization=f"Bearer {provider.token(kind, **claims)}")
    assert client.get("/api/session").status_code == status


@pytest.mark.parametrize(
    ("claims", "status"),
    [({"aud": "the-api"}, 200), ({"aud": ["the-api", CLIENT]}, 401), ({"aud": "the-api", "nonce": "n"}, 401)],
    ids=str,
)
def test_an_audience_of_the_api_tells_access_tokens_too(
    pool: postgres.Pool, provider: Provider, claims: dict[str, Any], status: int
) -> None:
    with open_site(pool, oidc=settings_of(provider, audience="the-api")) as site:
        client = site.client(Authorization=f"Bearer {provider.token('JWT', **claims)}")
        assert client.get("/api/session").status_code == status


def test_the_id_token_of_a_login_is_no_api_token(site: Site, provider: Provider) -> None:
    token = provider.tokens(nonce="n")["id_token"]
    assert site.client(Authorization=f"Bearer {token}").get("/api/session").status_code == 401
