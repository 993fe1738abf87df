"""Tokens of the platform: nothing but what we signed, as we signed it, within its time, is accepted."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from batch_platform.core.failures import InvalidInput
from batch_platform.web.access.model import Role
from batch_platform.web.access.tokens import AUDIENCE, ISSUER, TokenRefused, Tokens, parse_ttl
from batch_platform.web.context import derive_key
from batch_platform_tests.web.site import NOON, SECRET

TOKENS = Tokens.of(SECRET)
HOUR = timedelta(hours=1)
NOW = int(NOON.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "token:ci",
    "roles": ["viewer"],
    "jti": "1",
    "iat": NOW,
    "exp": NOW + 3600,
}


def issue(*roles: Role, ttl: timedelta = HOUR, name: str = "ci", owner: str | None = None) -> str:
    return TOKENS.issue(
        name=name, roles=roles or [Role.VIEWER], ttl=ttl, now=NOON, random=secrets.token_bytes, owner=owner
    )


def signed(key: OctKey = TOKENS.key, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not ...}
    return jwt.encode({"alg": algorithm}, claims, key, algorithms=[algorithm])


def test_a_token_says_who_and_what() -> None:
    claims = TOKENS.read(issue(Role.OPERATOR, Role.VIEWER), now=NOON)
    assert (claims.subject, claims.name, claims.owner) == ("token:ci", "ci", None)
    assert claims.roles == {Role.OPERATOR, Role.VIEWER}
    assert claims.expires_at - claims.issued_at == HOUR
    assert TOKENS.read(signed(), now=NOON).subject == "token:ci"


@given(st.data())
def test_no_altered_token_is_accepted(data: st.DataObject) -> None:
    token = issue()
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="ascii"))
    altered = data.draw(
        st.sampled_from([token[:place] + letter + token[place + 1 :], token[:place], token + letter, token[place:]])
    )
    assume(altered != token)
    with pytest.raises(TokenRefused):
        TOKENS.read(altered, now=NOON)


@given(st.text())
def test_no_text_is_a_token(text: str) -> None:
    with pytest.raises(TokenRefused):
        TOKENS.read(text, now=NOON)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"iss": ...},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": ...},
        {"sub": ...},
        {"sub": ""},
        {"sub": "local:admin"},
        {"sub": "token:"},
        {"sub": 7},
        {"exp": ...},
        {"exp": None},
        {"exp": NOW - 31},
        {"exp": str(NOW + 60)},
        {"exp": True},
        {"exp": NOW + 90 * 86_400 + 1},
        {"iat": ...},
        {"iat": NOW + 3600},
        {"nbf": NOW + 3600},
        {"jti": ...},
        {"jti": 7},
        {"owner": 7},
        {"owner": "token:other"},
        {"owner": "local:"},
        {"roles": ...},
        {"roles": []},
        {"roles": "viewer"},
        {"roles": ["root"]},
        {"roles": [1]},
        {"roles": [["viewer"]]},
        {"roles": {"viewer": 1, "root": 2}},
        {"roles": ["administrator"], "exp": NOW + 25 * 3600},
    ],
    ids=str,
)
def test_every_claim_is_checked(changes: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        TOKENS.read(signed(**changes), now=NOON)


def test_a_token_ends() -> None:
    token = issue()
    TOKENS.read(token, now=NOON + HOUR)  # clocks may be half a minute apart
    with pytest.raises(TokenRefused):
        TOKENS.read(token, now=NOON + HOUR + timedelta(seconds=31))


def test_keys_of_other_purposes_and_secrets_are_foreign() -> None:
    for key in (SECRET, derive_key(SECRET, "cookie session 1"), derive_key(b"x" * 32, "api tokens 1")):
        with pytest.raises(TokenRefused):
            TOKENS.read(signed(OctKey.import_key(key)), now=NOON)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_no_other_algorithm_even_with_the_key(algorithm: str) -> None:
    with pytest.raises(TokenRefused):
        TOKENS.read(signed(algorithm=algorithm), now=NOON)


@pytest.mark.parametrize("name", ["none", "None", "NONE", ""])
def test_no_unsigned_token(name: str) -> None:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": name}, CLAIMS)
    )
    for token in (f"{head}.{body}.", f"{head}.{body}", f"{head}.{body}.{issue().rpartition('.')[2]}"):
        with pytest.raises(TokenRefused):
            TOKENS.read(token, now=NOON)


@pytest.mark.parametrize(
    ("roles", "ttl"),
    [
        ([Role.VIEWER], timedelta(days=91)),
        ([Role.OPERATOR], timedelta(hours=24, seconds=1)),
        ([Role.VIEWER, Role.ADMINISTRATOR], timedelta(days=2)),
        ([Role.VIEWER], timedelta(0)),
    ],
)
def test_lifetimes_are_bounded(roles: list[Role], ttl: timedelta) -> None:
    with pytest.raises(InvalidInput) as failure:
        issue(*roles, ttl=ttl)
    assert failure.value.field == "ttl"
    for owner in (None, "local:vic"):
        assert TOKENS.read(issue(Role.VIEWER, ttl=timedelta(days=90), owner=owner), now=NOON)


def test_those_of_a_login_providers_people_live_a_day() -> None:
    with pytest.raises(InvalidInput, match="at most 1"):
        issue(Role.VIEWER, ttl=timedelta(hours=25), owner="oidc:u-1")
    assert TOKENS.read(issue(Role.VIEWER, ttl=timedelta(hours=24), owner="oidc:u-1"), now=NOON)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "é", "x" * 64, "a\n"])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(InvalidInput):
        issue(name=name)


def test_lifetimes_are_written_shortly() -> None:
    assert [parse_ttl(text) for text in ("90s", "30m", "1h", "7d")] == [
        timedelta(seconds=90),
        timedelta(minutes=30),
        timedelta(hours=1),
        timedelta(days=7),
    ]
    for wrong in ("", "1", "h", "0h", "1.5h", "1h30m", "-1h", "１h", "1h\n"):
        with pytest.raises(InvalidInput):
            parse_ttl(wrong)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(InvalidInput, match="32"):
        Tokens.of(b"short")
