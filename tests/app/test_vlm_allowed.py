"""Which vision-language models a job of the platform may name: those that the operator lists, word for word."""

from __future__ import annotations

import pytest

from taihang.app import inspect
from taihang.core import errors

LISTED = "http://10.0.0.8:8000/v1#qwen"


@pytest.mark.parametrize(
    "spec", ["http://169.254.169.254/v1", "http://10.0.0.8:8000/v1", f"{LISTED}2", "hf:/etc", "", " ", f"{LISTED},x"]
)
def test_a_job_makes_the_platform_call_no_other_address(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_VLM_ALLOWED", f"{LISTED}, hf:/models/small")
    with pytest.raises(errors.Forbidden, match="allowed"):
        inspect.allowed(spec)


@pytest.mark.parametrize("spec", [LISTED, "hf:/models/small", None])
def test_a_job_may_name_what_is_listed(spec: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_VLM_ALLOWED", f"{LISTED}, hf:/models/small")
    assert inspect.allowed(spec) == spec


def test_a_key_stands_in_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    from taihang.engines.predict import speaker

    monkeypatch.setenv("TAIHANG_VLM_KEY", "sk-verysecret")
    with pytest.raises(errors.UserError) as raised:
        speaker.Settings.current()
    assert "sk-verysecret" not in str(raised.value)
