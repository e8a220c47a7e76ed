"""Nothing secret reaches a log: by pattern, by having been read, through arguments, tracebacks and extras."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.core import errors
from taihang.trust.access import redaction, secrets
from taihang.trust.identity import secret


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s %(where)s", defaults={"where": ""}))
    redaction.on(handler)
    redaction.on(handler)
    assert len(handler.filters) == 1
    logger = logging.getLogger("test_redaction")
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel("DEBUG")
    yield logger, stream
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("opened postgresql://me:hunter2x@db/x", "hunter2x"),
        ("opened postgresql://me:hun/ter@2x@db/x", "ter@2x"),
        ("redis://:hunter2x@host:6379/0", "hunter2x"),
        ("https://ghp_abcdefghijklmnopqrst@github.example/x", "ghp_abcdefghijklmnopqrst"),
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("{'authorization': 'Basic bWU6aHVudGVy'}", "bWU6aHVudGVy"),
        ("Cookie: __Host-taihang=abc; other=def", "def"),
        ('{"password": "two words \\" and more"}', "and more"),
        ("password='two words'", "two words"),
        ("PASSWORD=hunter2x", "hunter2x"),
        ("client_secret=hunter2x&x=1", "hunter2x"),
        ("aws_secret_access_key: hunter2x", "hunter2x"),
        ("X-CSRF-Token: 0123abcd", "0123abcd"),
        ("密码：我的口令", "我的口令"),
        ("GET /callback?code=abc123&state=xyz789", "abc123"),
        ("GET /callback?code=abc123&state=xyz789", "xyz789"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIiOiIxIn0"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----", "MHcCAQ"),
        ("-----BEGIN PRIVATE KEY-----\nMHcCAQ", "MHcCAQ"),
        ("PRIVATE+KEY+log+1a2b3c4d+AbCd", "AbCd"),
    ],
)
def test_secrets_by_their_form(log: tuple[logging.Logger, io.StringIO], text: str, hidden: str) -> None:
    logger, stream = log
    logger.info(text)
    logger.info("say %s", text)
    logger.info("say %(it)s", {"it": text})
    logger.info("more", extra={"where": text})
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("failed")
    assert hidden not in stream.getvalue()
    assert stream.getvalue().count("INFO") == 4
    assert redaction.GONE in stream.getvalue()


@given(st.sampled_from(["ths", "thl", "tht"]), st.text(max_size=10), st.text(max_size=10))
def test_what_we_hand_out_is_never_shown(kind: secret.Kind, before: str, after: str) -> None:
    made = secret.fresh(kind, "0123456789abcdef" if kind == "tht" else "")
    shown = redaction.redact(f"{before} {made} {after}")
    assert made[-43:] not in shown


def test_a_message_that_cannot_be_made_does_not_show_its_arguments(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.info("only %s", "hunter2x", "password=hunter2x")  # noqa: PLE1205 - the mistake is what is tried
    assert "hunter2x" not in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "read 12 rows from orders.parquet",
        "http://localhost:8080/api/v1/assets?limit=5",
        "job-0123 done in 3 s",
        "第 3 步完成",
    ],
)
def test_plain_lines_stay_as_they_are(text: str) -> None:
    assert redaction.redact(text) == text


def test_a_long_line_is_read_in_time_that_grows_with_it() -> None:
    for text in ("a" * 200_000, "a:" * 100_000, "://" * 60_000, "password" * 25_000, '"\\' * 100_000, "eyJ" * 60_000):
        # The suite's own time limit ends what grows faster; nothing of such a line may get lost.
        assert len(redaction.redact(text)) > 0


def test_a_secret_that_was_read_is_known_in_every_form(
    log: tuple[logging.Logger, io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, stream = log
    monkeypatch.setenv("MY_SECRET", "s3cr/et w0rd'")
    assert secrets.read("env:MY_SECRET") == "s3cr/et w0rd'"
    logger.info("it is s3cr/et w0rd' or s3cr%2Fet%20w0rd%27 or %r", ["s3cr/et w0rd'"])
    assert "cr/et" not in stream.getvalue()
    assert "cr%2Fet" not in stream.getvalue()


def test_a_secret_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("from a file\n")
    path.chmod(0o640)
    with pytest.raises(errors.UserError, match="chmod 600"):
        secrets.read(f"file:{path}")
    path.chmod(0o600)
    assert secrets.read(f"file:{path}") == "from a file"


def test_files_that_hold_no_secret(tmp_path: Path) -> None:
    (tmp_path / "empty").touch(0o600)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("bytes", "large"):
        (tmp_path / name).chmod(0o600)
    for name in ("empty", "bytes", "large", "pipe", "missing", "."):
        with pytest.raises(errors.UserError):
            secrets.read(f"file:{tmp_path / name}")


@pytest.mark.parametrize("text", ["hunter2x", "env:", "env:A B", "file:", "file:\0", "ENV:HOME", "", "https://x"])
def test_a_secret_itself_is_refused_and_not_repeated(text: str) -> None:
    assert not secrets.is_reference(text)
    with pytest.raises(errors.UserError) as caught:
        secrets.read(text)
    assert text == "" or text not in str(caught.value).replace("env:NAME or file:PATH", "")


def test_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH", raising=False)
    with pytest.raises(errors.UserError, match="NO_SUCH is not set"):
        secrets.read("env:NO_SUCH")
