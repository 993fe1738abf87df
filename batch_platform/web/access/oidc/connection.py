"""The provider as a server: its metadata and keys, fetched and kept, and every request to it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from batch_platform.core.clock import Clock
from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.web.access.tokens import TokenRefused
from batch_platform.web.context import OidcSettings

_KEPT: Final = timedelta(hours=1)
_ASK_AGAIN: Final = timedelta(seconds=30)
_SECONDS: Final = 10.0
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OPTIONAL: Final = ("userinfo_endpoint", "end_session_endpoint")

_log = structlog.get_logger(__name__)


class Connection:
    """What is known of one issuer. Safe to share between threads."""

    def __init__(self, settings: OidcSettings, *, clock: Clock) -> None:
        _check_url(settings.issuer, settings.issuer)
        self._settings = settings
        self._clock = clock
        self._client = httpx.Client(timeout=_SECONDS, follow_redirects=False)
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] = {}
        self._metadata_at: datetime | None = None
        self._keys: dict[str | None, Key] = {}
        self._keys_at: datetime | None = None

    def close(self) -> None:
        self._client.close()

    def metadata(self) -> Mapping[str, Any]:
        """What the provider says of itself; what was known stays in use while it does not answer.

        Raises `TransientFailure` when nothing is known yet.
        """
        with self._lock:
            return self._discovered()

    def key(self, header: Mapping[str, Any]) -> Key:
        """The key a token names. Unknown ones are asked for at the provider, but not at anybody's pleasure.

        Raises `TokenRefused` for one that is not published, `TransientFailure` when none can be had.
        """
        kid = header.get("kid")
        with self._lock:
            now = self._clock()
            age = None if self._keys_at is None else now - self._keys_at
            if age is None or age > _KEPT or (kid not in self._keys and age > _ASK_AGAIN):
                self._keys_at = now
                self._refresh_keys()
            key = self._keys.get(kid)
            if key is None and kid is None and len(self._keys) == 1:
                [key] = self._keys.values()
        if not self._keys:
            raise TransientFailure(
                "login-keys-unavailable",
                "the keys of {issuer} cannot be had at the moment",
                issuer=self._settings.issuer,
            )
        if key is None:
            raise TokenRefused("the token is signed by a key that the provider does not publish")
        return key

    def grant(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The tokens for a grant. Raises `TokenRefused` when the provider refuses it, `TransientFailure`."""
        metadata, secret = self.metadata(), self._settings.client_secret
        own, auth = {"client_id": self._settings.client_id}, None
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret and "client_secret_basic" not in methods and "client_secret_post" in methods:
            own["client_secret"] = secret
        elif secret:
            # RFC 6749, 2.3.1: both are form-encoded before they are joined
            auth = httpx.BasicAuth(quote_plus(self._settings.client_id), quote_plus(secret))
        answer = self._ask("POST", metadata["token_endpoint"], data={**form, **own}, auth=auth)
        if answer.status_code != 200:
            raise TokenRefused(f"the provider refuses the {form['grant_type']} with {answer.status_code}")
        return _json(answer)

    def userinfo(self, access_token: str) -> dict[str, Any]:
        """What the provider says of the token's owner. Raises `TokenRefused` when it does not, `TransientFailure`."""
        endpoint = self.metadata()["userinfo_endpoint"]
        answer = self._ask("GET", endpoint, headers={"Authorization": f"Bearer {access_token}"})
        if answer.status_code != 200:
            raise TokenRefused(f"the provider refuses to tell who it is with {answer.status_code}")
        return _json(answer)

    def _refresh_keys(self) -> None:
        """What was known stays in use while the provider does not answer."""
        try:
            self._keys = self._fetched_keys()
        except TransientFailure:
            if not self._keys:
                raise

    def _fetched_keys(self) -> dict[str | None, Key]:
        entries = _json(self._get(self._discovered()["jwks_uri"])).get("keys")
        keys = [_usable(entry) for entry in entries] if isinstance(entries, list) else []
        return {key.kid: key for key in keys if key is not None}

    def _discovered(self) -> Mapping[str, Any]:
        now = self._clock()
        if self._metadata_at is not None and now - self._metadata_at < _KEPT:
            return self._metadata
        issuer = self._settings.issuer
        try:
            metadata = _json(self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
        except TransientFailure:
            if self._metadata:
                return self._metadata
            raise
        if metadata.get("issuer") != issuer:
            raise PermanentFailure(
                "other-issuer",
                "OIDC_ISSUER is {issuer}, but the provider calls itself {provider}",
                issuer=issuer,
                provider=str(metadata.get("issuer")),
            )
        for name in (*_NEEDED, *(name for name in _OPTIONAL if name in metadata)):
            _check_url(metadata.get(name), issuer)
        self._metadata, self._metadata_at = metadata, now
        return metadata

    def _get(self, url: str) -> httpx.Response:
        answer = self._ask("GET", url)
        if answer.status_code != 200:
            raise self._failing(answer)
        return answer

    def _ask(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        try:
            accepting = {"Accept": "application/json", **(headers or {})}
            answer = self._client.request(method, url, headers=accepting, **more)
        except httpx.HTTPError as error:
            _log.warning("the OIDC provider does not answer", url=url, reason=str(error))
            raise TransientFailure(
                "login-provider-silent", "the login provider {issuer} does not answer", issuer=self._settings.issuer
            ) from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise self._failing(answer)
        return answer

    def _failing(self, answer: httpx.Response) -> TransientFailure:
        _log.warning("the OIDC provider fails", url=str(answer.request.url), status=answer.status_code)
        return TransientFailure(
            "login-provider-failing",
            "the login provider {issuer} answers {status}",
            issuer=self._settings.issuer,
            status=answer.status_code,
        )


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise TransientFailure(
            "answer-no-json", "{host} did not answer with a JSON object", host=answer.request.url.host
        )
    return content


def _usable(entry: Any) -> Key | None:
    """The key, if it verifies signatures of the kinds we accept: a provider may publish others beside it."""
    if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC") or entry.get("use", "sig") != "sig":
        return None
    try:
        [key] = KeySet.import_key_set({"keys": [entry]}).keys
    except (JoseError, ValueError, TypeError, KeyError) as error:
        _log.info("a key of the OIDC provider is passed over", kid=str(entry.get("kid")), reason=str(error))
        return None
    return key


def _check_url(url: Any, issuer: str) -> None:
    """TLS, except towards a provider on this machine."""
    parts = urlsplit(url if isinstance(url, str) else "")
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        return
    raise PermanentFailure(
        "login-provider-without-tls",
        "the login provider {issuer} names an address without TLS: {url}",
        issuer=issuer,
        url=url,
    )
