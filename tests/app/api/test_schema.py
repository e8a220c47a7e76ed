"""Generated calls against the real application, by schemathesis with every check on; and the published document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures import platforms

from taihang.trust.access import actions

ROOT = Path(__file__).resolve().parents[3]
_CONFIG = """
# A 400 says that the document does not allow a call; a call that it allows and that cannot be done gets another status.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "413", "415", "422", "423", "429", "460"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422", "428", "460"]
[checks.missing_required_header]
# 422: the same made-up Idempotency-Key was used for another request before.
expected-statuses = ["400", "401", "403", "404", "412", "415", "422"]
"""
_HOOKS = """
import schemathesis

@schemathesis.serializer("application/offset+octet-stream")
def piece(context, value):
    return value if isinstance(value, bytes) else str(value).encode()

@schemathesis.hook
def filter_case(context, case):
    # An id that a link took from an answer without one is empty, and makes another address of this one.
    if any(value == "" for value in (case.path_parameters or {}).values()):
        return False
    # Headers that nobody knows are passed over, as HTTP wants it: proxies add them.
    return "x-schemathesis-unknown-property" not in {str(name).lower() for name in (case.headers or {})}
"""
# With these the caller under test would take away its own right to call, and nothing more were tried.
_FATAL = {
    "token:delete",
    "session:delete",
    "user:delete",
    "user:update",
    "role:grant",
    "policy:update",
    "tenant:update",
}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--phases", "examples,fuzzing", "--max-examples", "1", "--seed", "7"], id="short"),
        # Calls that follow from another reach jobs that are there, whose stream of events lasts as long as they do.
        pytest.param(
            ["--max-examples", "20", "--exclude-path-regex", "/events$"],
            id="long",
            marks=[pytest.mark.long, pytest.mark.timeout(1800)],
        ),
    ],
)
def test_schemathesis_finds_nothing(words: list[str], tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(_CONFIG)
    (tmp_path / "api_hooks.py").write_text(_HOOKS)
    with platforms.running("sqlite", tmp_path) as one, platforms.served(one.app) as base:
        one.whole.publish()
        one.app.openapi()  # made once: on a busy machine it takes longer than schemathesis waits
        token = one.token(one.admin, *_scopes())
        ran = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "run"),
                f"{base}/api/v1/openapi.json",
                *("--header", f"Authorization: Bearer {token}", "--continue-on-failure"),
                *("--request-timeout", "60", *words),
            ],
            env={**os.environ, "SCHEMATHESIS_HOOKS": "api_hooks", "PYTHONPATH": str(tmp_path), "NO_COLOR": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout[-20_000:]
    assert "Tested: " in ran.stdout


def test_the_published_document_is_what_the_application_says(local: platforms.Running) -> None:
    path = ROOT / "docs" / "schema" / "openapi.json"
    made = json.dumps(local.app.openapi(), ensure_ascii=False, indent=1) + "\n"
    if os.environ.get("TAIHANG_WRITE_SCHEMA"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, "run this test once with TAIHANG_WRITE_SCHEMA=1"


def _scopes() -> list[str]:
    """All actions but the fatal ones, a noun at a time where that says the same."""
    nouns = {name.partition(":")[0] for name in actions.names()}
    careful = {name.partition(":")[0] for name in _FATAL}
    named = [n for n in actions.names() if n.partition(":")[0] in careful and n not in _FATAL]
    return [*(f"{noun}:*" for noun in sorted(nouns - careful)), *named]
