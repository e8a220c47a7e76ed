from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
import tiny_hub

from taihang.core import errors
from taihang.engines.media import frame as media
from taihang.engines.predict import hub, loading, registry

torch = pytest.mark.skipif(
    not (importlib.util.find_spec("torch") and importlib.util.find_spec("transformers")),
    reason="the extra `hub` is not installed (torch, transformers)",
)


@pytest.fixture
def pretend(monkeypatch):
    """The libraries look installed: what is refused before any weights are read needs none of them."""
    monkeypatch.setattr(hub, "libraries", lambda: (None, None))


def _folder(tmp_path, config, preprocessor=None):
    (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    if preprocessor is not None:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("not json", "config.json"),
        ("[]", "not an object"),
        ({"model_type": "llama"}, "rt_detr_v2"),
        ({"model_type": "rt_detr"}, "labels"),
        ({"model_type": "rt_detr", "id2label": {"0": "a", "7": "b"}}, "labels"),
    ],
)
def test_what_is_no_known_detector_is_refused(tmp_path, pretend, config, told):
    with pytest.raises(errors.UserError, match=told):
        loading.load(_folder(tmp_path, config))


@pytest.mark.parametrize("size", [{"height": 5, "width": 640}, {"height": 10**9, "width": 640}, {"height": "x"}, [1]])
def test_sizes_that_make_no_sense_are_refused(tmp_path, pretend, size):
    config = {"model_type": "rt_detr", "id2label": {"0": "person"}}
    with pytest.raises(errors.UserError, match="preprocessor_config"):
        loading.load(_folder(tmp_path, config, {"size": size}))


def test_a_name_that_is_no_hub_id_and_no_folder_is_told(pretend):
    with pytest.raises(errors.UserError, match="check the path"):
        hub.build("nobody", registry.Options())


@torch
def test_a_local_folder_is_read_and_its_labels_are_its_own(tmp_path):
    detector = loading.load(str(tiny_hub.save(tmp_path / "tiny")), threshold=0.01)
    assert detector.name == "tiny"
    assert detector.classes == ("person", "helmet", "vest")
    frame = media.Frame(np.random.default_rng(0).integers(0, 255, (90, 160, 3)).astype(np.uint8), 0.0, 0, 0, True)
    assert detector.predict([frame]).num_rows == 10


@torch
def test_pickled_weights_are_refused(tmp_path):
    folder = tiny_hub.save(tmp_path / "tiny")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(errors.UserError, match="cannot be loaded"):
        loading.load(str(folder))
