"""What the settings ask of a model in this process reaches it."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="could not import torch (./check --hub)")
pytest.importorskip("transformers", reason="could not import transformers (./check --hub)")

from pathlib import Path

from engines.predict import tiny_vlm

from taihang.app import speaking
from taihang.core import errors
from taihang.engines.predict import speaker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vlm.save(tmp_path_factory.mktemp("vlm"), tiny_vlm.FAMILIES[0])


def test_the_cap_is_a_setting_and_off_by_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = speaking.load(f"hf:{folder}", speaker.Settings.current())
    monkeypatch.setenv("TAIHANG_VLM_CACHE_TOKENS", "4096")
    capped = speaking.load(f"hf:{folder}", speaker.Settings.current())
    assert len(whole.limits) == 1
    assert "4096" in capped.limits[-1].in_("en")
    assert whole.version != capped.version


def test_a_cap_that_holds_nothing_is_refused_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_VLM_CACHE_TOKENS", "50")
    with pytest.raises(errors.UserError, match="a cap of 50 tokens is too small"):
        speaking.load("hf:/nowhere/model", speaker.Settings.current())


def test_an_endpoint_has_a_cache_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_VLM_CACHE_TOKENS", "4096")
    remote = speaking.load("http://127.0.0.1:9/v1#x", speaker.Settings.current())
    assert remote.limits == speaker.Remote.limits
