"""Redaction: what is secret never reaches a log, whoever writes it and however it got into the text."""

from __future__ import annotations

import logging
import re
import threading
import traceback
from urllib.parse import quote

GONE = "[redacted]"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), GONE),
    # Ours (sessions, links, API tokens), JSON web tokens, a private key of a signed-note log.
    (re.compile(r"th[slt]_[0-9A-Za-z_-]{20,}"), GONE),
    (re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){0,3}"), GONE),
    (re.compile(r"PRIVATE\+KEY\+[^\s\"']+"), GONE),
    (re.compile(r"\bAKIA[0-9A-Z]{16}\b"), GONE),
    # A password in an address; it may hold anything but the @ that ends it.
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://)[^\s/@\"'<>]*:[^\s\"'<>]*@", re.I), rf"\1{GONE}@"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://)[^\s/:@\"'<>]{20,}@", re.I), rf"\1{GONE}@"),
    (re.compile(r"(\b(?:proxy-)?authorization[\"']?\s*[:=]\s*)[^\r\n]+", re.I), rf"\1{GONE}"),
    (re.compile(r"(\b(?:set-)?cookie[\"']?\s*[:=]\s*)[^\r\n]+", re.I), rf"\1{GONE}"),
    (re.compile(r"(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}", re.I), rf"\1{GONE}"),
    # name=value, name: value, "name": "value", name='several words'
    (
        re.compile(
            r"((?:(?:passw(?:or)?d|passwort|passphrase|secret|token|api[_-]?key|access[_-]?key|credential|"
            r"private[_-]?key|signature|otp|verifier)|(?:x-)?csrf[\w-]*|pwd|密码|口令|密钥|令牌)[\"']?\s*(?:[:=]|：|＝|=>)\s*)"
            r"(?:\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s,;&\"'})\]]+)",
            re.I,
        ),
        rf"\1{GONE}",
    ),
    (re.compile(r"([?&](?:code|state|sig|key|session)=)[^&\s\"'#]+", re.I), rf"\1{GONE}"),
)
_SHORTEST = 6
_lock = threading.Lock()
_known: dict[str, None] = {}
_MOST = 10_000


def remember(secret: str) -> None:
    """This very text is redacted from now on, in any form (as it is, in an address, in Python's quotes)."""
    for form in {secret, quote(secret, safe=""), repr(secret)[1:-1]}:
        if len(form) >= _SHORTEST:
            with _lock:
                _known[form] = None
                if len(_known) > _MOST:
                    del _known[next(iter(_known))]


def redact(text: str) -> str:
    """The text without secrets."""
    with _lock:
        known = sorted(_known, key=len, reverse=True)  # one secret may be part of another
    for secret in known:
        if secret in text:
            text = text.replace(secret, GONE)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


class Filter(logging.Filter):
    """Redacts a record before a handler sees it: message with its arguments, traceback, stack, extra fields."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: nothing is dropped, only what is secret in it."""
        try:
            record.msg = redact(record.getMessage())
        except Exception:  # noqa: BLE001 - a message that cannot be made must not show its arguments either
            record.msg = redact(str(record.msg))
        record.args = ()
        if record.exc_info and not isinstance(record.exc_info, bool) and record.exc_info[1] is not None:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip())
            record.exc_info = None
        elif record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        for name, value in list(vars(record).items()):
            if name not in _PLAIN and isinstance(value, str):
                setattr(record, name, redact(value))
        return True


def install(*names: str) -> None:
    """Put the filter on every handler of the root logger and of the named loggers, and on the last resort."""
    for name in ("", *names):
        for handler in logging.getLogger(name or None).handlers:
            on(handler)
    if logging.lastResort is not None:
        on(logging.lastResort)


def on(handler: logging.Handler) -> None:
    """Put the filter on one handler, once."""
    if not any(isinstance(found, Filter) for found in handler.filters):
        handler.addFilter(Filter())


_PLAIN = {*vars(logging.makeLogRecord({})), "message", "asctime"}
