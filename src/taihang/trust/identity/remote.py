"""A provider as it answers: its addresses, its keys, its token endpoint (OpenID Connect Discovery 1.0).

Keys are fetched again when a token names one that is not known (rotation).
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

import httpx
from joserfc import errors as jose
from joserfc import jwk

from taihang.core import errors
from taihang.trust.access import secrets
from taihang.trust.identity import provider

_TIMEOUT_S = 10.0
_LARGEST = 1 << 20
_KEEP_S = 3600.0
_PAUSE_S = 10.0  # between two fetches of keys, so that forged tokens do not make us hammer the provider


class Away(errors.Failure, errors.Transient):
    """The provider does not answer, or not as the standard says."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ends:
    """Where the provider is spoken to."""

    authorize: str
    token: str
    keys: str
    basic: bool


class Remote:
    """Talks to one provider; remembers its addresses and keys. Safe to share between threads."""

    def __init__(self, name: str, settings: provider.Provider, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.provider = settings
        self._ticks = ticks
        self._lock = threading.Lock()
        self._ends: tuple[float, Ends] | None = None
        self._keys: tuple[float, dict[str, jwk.Key]] | None = None
        self._http = httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False)

    def ends(self) -> Ends:
        """The provider's addresses, asked once an hour. Raises Away, errors.UserError for another's discovery."""
        with self._lock:
            if self._ends is None or self._ticks() - self._ends[0] > _KEEP_S:
                self._ends = (self._ticks(), self._discovered())
            return self._ends[1]

    def key(self, kid: str | None) -> jwk.Key | None:
        """The signing key of this id; of a provider with one key, that one when no id is given. Raises Away."""
        where = self.ends().keys
        with self._lock:
            known = self._keys
            stale = known is None or self._ticks() - known[0] > _KEEP_S
            unknown = known is not None and kid is not None and kid not in known[1]
            if known is None or stale or (unknown and self._ticks() - known[0] >= _PAUSE_S):
                known = self._keys = (self._ticks(), self._fetched(where))
        keys = known[1]
        if kid is not None:
            return keys.get(kid)
        return next(iter(keys.values())) if len(keys) == 1 else None

    def exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The token endpoint's answer. Raises Away, errors.UserError when it refuses."""
        ends, body = self.ends(), {**form, "client_id": self.provider.client_id}
        login: tuple[str, str] | None = None
        if self.provider.client_secret is not None:
            secret = secrets.read(self.provider.client_secret)
            if ends.basic:
                login = (_escaped(self.provider.client_id), _escaped(secret))
            else:
                body["client_secret"] = secret
        sent = self._http.build_request("POST", ends.token, data=body, headers={"accept": "application/json"})
        status, answer = self._sent(sent, httpx.BasicAuth(*login) if login else None)
        if 400 <= status < 500:
            raise errors.UserError(
                "trust:identity.oidc_exchange", provider=self.name, reason=str(answer.get("error", status))[:100]
            )
        if status != 200:
            raise Away("trust:identity.oidc_away", provider=self.name, reason=f"HTTP {status}")
        return answer

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def _discovered(self) -> Ends:
        found = self._read(self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != self.provider.issuer:
            raise errors.UserError("trust:identity.oidc_discovery", provider=self.name, issuer=self.provider.issuer)
        places = [found.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if not all(provider.guarded(place) for place in places):
            raise Away("trust:identity.oidc_away", provider=self.name, reason="https")
        ways = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        authorize, token, keys = (str(place) for place in places)
        return Ends(authorize, token, keys, basic="client_secret_basic" in ways)

    def _fetched(self, where: str) -> dict[str, jwk.Key]:
        found: dict[str, jwk.Key] = {}
        entries = self._read(where).get("keys")
        for entry in entries[:100] if isinstance(entries, list) else []:
            if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") == "oct":
                continue
            try:
                key = jwk.import_key(entry)
            except (jose.JoseError, ValueError, TypeError, KeyError):
                continue  # a key of a kind that we do not know is not a reason to let nobody in
            found[str(entry.get("kid", ""))] = key
        return found

    def _read(self, url: str) -> dict[str, Any]:
        status, answer = self._sent(self._http.build_request("GET", url, headers={"accept": "application/json"}), None)
        if status != 200:
            raise Away("trust:identity.oidc_away", provider=self.name, reason=f"HTTP {status}")
        return answer

    def _sent(self, request: httpx.Request, auth: httpx.Auth | None) -> tuple[int, dict[str, Any]]:
        try:
            response = self._http.send(request, auth=auth, stream=True)
            try:
                data = b""
                for piece in response.iter_bytes():
                    data += piece
                    if len(data) > _LARGEST:
                        raise ValueError("too large")
            finally:
                response.close()
            answer = json.loads(data)
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            raise Away("trust:identity.oidc_away", provider=self.name, reason=type(error).__name__) from None
        if not isinstance(answer, dict):
            raise Away("trust:identity.oidc_away", provider=self.name, reason="JSON")
        return response.status_code, answer


def _escaped(text: str) -> str:
    """As RFC 6749 2.3.1 wants name and secret before they are put into the header."""
    return quote_plus(text)
