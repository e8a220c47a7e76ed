"""ID tokens: which ones are believed (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
from typing import Any

from joserfc import errors as jose
from joserfc import jwt

from taihang.trust.identity import provider, refusal
from taihang.trust.identity import remote as remotes

_LONGEST = 64 * 1024


def claims(
    remote: remotes.Remote, token: object, *, nonce: str, access_token: object, now: datetime.datetime
) -> dict[str, Any]:
    """The claims of a token that the provider made for us, now, for this sign-in.

    Raises refusal.NotSignedIn that says in one line what is wrong with it, remote.Away.
    """
    name, settings = remote.name, remote.provider
    header = _header(name, token)
    algorithm = header.get("alg")
    # Before any key is looked for: `none` and HS256 with a public key as its secret end here.
    if algorithm not in settings.algorithms:
        raise refusal.NotSignedIn("trust:identity.oidc_algorithm", provider=name, algorithm=str(algorithm)[:20])
    kid = header.get("kid")
    key = remote.key(kid) if kid is None or isinstance(kid, str) else None
    if key is None:
        raise refusal.NotSignedIn("trust:identity.oidc_key", provider=name, kid=str(kid)[:60])
    try:
        found = jwt.decode(str(token), key, algorithms=[algorithm]).claims
    except (jose.JoseError, ValueError, TypeError):
        raise refusal.NotSignedIn("trust:identity.oidc_signature", provider=name) from None
    _meant_for_us(name, settings, found)
    _in_time(name, settings, found, now)
    if not isinstance(found.get("nonce"), str) or not hmac.compare_digest(found["nonce"].encode(), nonce.encode()):
        raise refusal.NotSignedIn("trust:identity.oidc_nonce", provider=name)
    if "at_hash" in found and found["at_hash"] != _half_hash(algorithm, str(access_token)):
        raise refusal.NotSignedIn("trust:identity.oidc_signature", provider=name)
    subject = found.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise refusal.NotSignedIn("trust:identity.oidc_form", provider=name)
    return dict(found)


def _header(name: str, token: object) -> dict[str, Any]:
    try:
        if not isinstance(token, str) or len(token) > _LONGEST or token.count(".") != 2:
            raise ValueError("form")
        first = token.partition(".")[0]
        header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
        if not isinstance(header, dict):
            raise ValueError("form")
    except (ValueError, RecursionError):
        raise refusal.NotSignedIn("trust:identity.oidc_form", provider=name) from None
    return header


def _meant_for_us(name: str, settings: provider.Provider, found: dict[str, Any]) -> None:
    if found.get("iss") != settings.issuer:
        raise refusal.NotSignedIn("trust:identity.oidc_issuer", provider=name, issuer=str(found.get("iss"))[:200])
    audience = found.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    other = len(several) > 1 and found.get("azp") != settings.client_id
    if settings.client_id not in several or other or found.get("azp", settings.client_id) != settings.client_id:
        raise refusal.NotSignedIn("trust:identity.oidc_audience", provider=name)


def _in_time(name: str, settings: provider.Provider, found: dict[str, Any], now: datetime.datetime) -> None:
    at = now.timestamp()
    times: list[Any] = [found.get("exp"), found.get("iat"), found.get("nbf", 0)]
    if any(isinstance(time, bool) or not isinstance(time, int | float) for time in times):
        raise refusal.NotSignedIn("trust:identity.oidc_form", provider=name)
    expires, issued, begins = times
    if not at < expires + settings.skew_s:
        raise refusal.NotSignedIn("trust:identity.oidc_expired", provider=name)
    if not max(issued, begins) <= at + settings.skew_s:
        raise refusal.NotSignedIn("trust:identity.oidc_early", provider=name)


def _half_hash(algorithm: str, text: str) -> str:
    kind = {"256": "sha256", "384": "sha384", "512": "sha512"}.get(algorithm[2:], "sha512")
    whole = hashlib.new(kind, text.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")
