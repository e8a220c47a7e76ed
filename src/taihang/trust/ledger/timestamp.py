"""Time stamps of RFC 3161: asked for over HTTP, checked offline. By rfc3161-client: the extra `timestamp`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

import httpx
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from taihang.core import errors
from taihang.trust.ledger import anchoring, forged

try:
    import rfc3161_client as rfc3161
except ImportError:
    _installed = False
else:
    _installed = True

_PATIENCE_S = 20.0
_LONGEST = 1 << 18
_KIND = "application/timestamp-query"


class Authority:
    """A time stamping authority at an HTTP address, believed through its root certificates (see `Roots`)."""

    def __init__(self, url: str, roots: Roots, *, client: httpx.Client | None = None) -> None:
        self._url = url
        self._roots = roots
        self._client = client or httpx.Client(timeout=_PATIENCE_S, trust_env=False)

    def stamp(self, message: bytes) -> bytes:
        """See anchoring.Anchor: the whole response, which also openssl reads."""
        _needed()
        asked = rfc3161.TimestampRequestBuilder().data(message).hash_algorithm(rfc3161.HashAlgorithm.SHA256).build()
        token = self._posted(asked.as_bytes())
        self._roots.check(token, message, self._url, nonce=asked.nonce)
        return token

    def _posted(self, data: bytes) -> bytes:
        try:
            with self._client.stream("POST", self._url, content=data, headers={"Content-Type": _KIND}) as answer:
                found = bytearray()
                for piece in answer.iter_bytes():
                    found += piece
                    if len(found) > _LONGEST:
                        raise errors.Failure("trust:ledger.web", where=self._url, reason="too long an answer")
                if answer.status_code != 200:
                    raise errors.Failure("trust:ledger.web", where=self._url, reason=f"HTTP {answer.status_code}")
                return bytes(found)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise errors.Failure("trust:ledger.web", where=self._url, reason=type(error).__name__) from None


class Roots:
    """Certificates in PEM: those that sign themselves are believed, the others lead to them.

    Raises errors.UserError when there is no certificate that signs itself.
    """

    def __init__(self, pem: bytes) -> None:
        _needed()
        try:
            found = x509.load_pem_x509_certificates(pem)
        except ValueError:
            found = []
        self._roots = [one for one in found if one.issuer == one.subject]
        self._between = [one for one in found if one.issuer != one.subject]
        if not self._roots:
            raise errors.UserError("trust:ledger.no_root")

    def check(self, token: bytes, message: bytes, where: object, *, nonce: int | None = None) -> anchoring.Stamp:
        """See anchoring.Checker; certificates must have been valid when the stamp was made.

        The nonce ties an answer to its request; whoever checks later has none.
        """
        try:
            answer = rfc3161.decode_timestamp_response(token)
            if answer.status != rfc3161.PKIStatus.GRANTED:
                raise ValueError("the authority refused")
            builder = rfc3161.VerifierBuilder(roots=self._roots, intermediates=self._between, nonce=nonce)
            builder.build().verify_message(answer, message)
            at = answer.tst_info.gen_time
            self._valid(answer, at)
            if len(token) != len(answer.as_bytes()):
                raise ValueError("bytes behind the token")
            return anchoring.Stamp(at.astimezone(datetime.UTC), _signer(answer))
        except (rfc3161.VerificationError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise forged.Forged("trust:ledger.stamp", where=where, reason=_reason(error)) from None

    def _valid(self, answer: rfc3161.TimeStampResponse, at: datetime.datetime) -> None:
        """The library leaves the roots' own dates out."""
        shown = [x509.load_der_x509_certificate(one) for one in answer.signed_data.certificates]
        for one in (*shown, *self._used(shown)):
            if not one.not_valid_before_utc <= at <= one.not_valid_after_utc:
                raise ValueError(f"certificate of {one.subject.rfc4514_string()} was not valid then")

    def _used(self, shown: Sequence[x509.Certificate]) -> list[x509.Certificate]:
        issuers = {one.issuer for one in (*shown, *self._between)}
        return [one for one in self._roots if one.subject in issuers]


def _signer(answer: rfc3161.TimeStampResponse) -> str:
    """The subject of the certificate that signed."""
    (info,) = answer.signed_data.signer_infos
    for one in map(x509.load_der_x509_certificate, answer.signed_data.certificates):
        if (one.issuer, one.serial_number) == (info.issuer, info.serial_number):
            return one.subject.rfc4514_string()
    return info.issuer.rfc4514_string()


def _reason(error: Exception) -> str:
    """The library's words in one line."""
    return re.sub(r"\s+", " ", str(error))[:160] or type(error).__name__


def _needed() -> None:
    if not _installed:
        raise errors.MissingExtra("timestamp", "RFC 3161")
