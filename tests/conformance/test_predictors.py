"""One suite that every predictor passes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from taihang.core import errors
from taihang.engines.media import frame as media
from taihang.engines.predict import loading, predictor, scene

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engines" / "predict"))
import tiny_hub
import tiny_onnx

NAMES = "{0: 'person', 1: 'helmet'}"
Make = Callable[..., predictor.Predictor]


def _frame(image, number=0):
    return media.Frame(np.ascontiguousarray(image, np.uint8), number / 10, number, number, number == 0)


def _noise(seed, shape):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def _figure(height=360, width=480, left=200):
    """A dark upright figure before a bright wall: something for a detector to say something about."""
    image = np.full((height, width, 3), 200, np.uint8)
    tall = height * 3 // 5
    top = height // 5
    image[top + tall // 6 : top + tall * 11 // 20, left : left + tall // 4] = 40
    image[top + tall // 2 : top + tall, left + tall // 40 : left + tall * 9 // 80] = 30
    image[top + tall // 2 : top + tall, left + tall * 11 // 80 : left + tall * 9 // 40] = 30
    y, x = np.mgrid[:height, :width]
    image[(y - top - tall // 12) ** 2 + (x - left - tall // 8) ** 2 < (tall // 11) ** 2] = 60
    return image


@pytest.fixture(
    params=["builtin", "yolox", "yolox-decoded", "rt-detr", "rt-detr-logits", "yolox-nano", "fastestdet", "hub"]
)
def make(request, tmp_path, shared) -> Make:
    """Builds the predictor under test; `other=True` gives one of the same kind with other weights."""

    def build(other: bool = False, **options):
        match request.param:
            case "builtin":
                # Its weights are its code and its settings.
                return loading.load("builtin", **({"threshold": 0.31} if other else {}) | options)
            case "yolox" | "yolox-decoded":
                outputs = tiny_onnx.yolox(request.param == "yolox", shift=float(other))
                path = tiny_onnx.write(tmp_path / f"{other}.onnx", outputs, names=NAMES)
            case "rt-detr":
                outputs = tiny_onnx.rt_detr()
                outputs["boxes"] += float(other)
                path = tiny_onnx.write(
                    tmp_path / f"{other}.onnx", outputs, inputs=("images", "orig_target_sizes"), names=NAMES
                )
            case "rt-detr-logits":
                outputs = tiny_onnx.rt_detr_logits()
                outputs["logits"] += float(other)
                path = tiny_onnx.write(tmp_path / f"{other}.onnx", outputs, names=NAMES)
            case "hub":
                if not (importlib.util.find_spec("torch") and importlib.util.find_spec("transformers")):
                    pytest.skip("the extra `hub` is not installed (torch, transformers)")
                path = tiny_hub.save(tmp_path / f"hub-{other}", seed=int(other))
            case name:
                if other:
                    pytest.skip("one file of these weights")
                path = shared(f"weights/{'yolox_nano' if name == 'yolox-nano' else 'FastestDet'}.onnx")
        return loading.load(str(path), **options)

    return build


def _rows(table: pa.Table) -> list[dict[str, object]]:
    return table.to_pylist()


def test_it_says_what_it_is(make):
    detector = make()
    assert detector.name
    assert len(detector.version) == 64
    assert detector.classes
    assert len(set(detector.classes)) == len(detector.classes)
    assert 0 < detector.sure < 1
    assert detector.calibration is None
    assert all(text.both().zh and text.both().en for text in detector.limits)
    assert predictor.producer(detector).sha256 == detector.version


def test_detections_follow_the_schema_inside_the_frame_best_first(make):
    images = [_figure(), _noise(1, (120, 200, 3)), _noise(2, (333, 77, 3))]
    frames = [_frame(image, n * 7) for n, image in enumerate(images)]
    detector = make(threshold=0.05)
    found = detector.predict(frames, scene.Scene())
    assert found.schema == predictor.DETECTIONS
    assert found.column("number").null_count == 0
    for frame in frames:
        rows = [r for r in _rows(found) if r["number"] == frame.number]
        height, width = frame.image.shape[:2]
        assert [r["score"] for r in rows] == sorted((r["score"] for r in rows), reverse=True)
        for row in rows:
            assert row["label"] in detector.classes
            assert 0.05 <= row["score"] <= 1
            assert row["time_s"] == frame.time_s
            assert 0 <= row["x0"] < row["x1"] <= width
            assert 0 <= row["y0"] < row["y1"] <= height
    numbers = found["number"].to_pylist()
    assert numbers == sorted(numbers)


def test_the_same_input_gives_the_same_result(make):
    frames = [_frame(_figure()), _frame(_noise(3, (200, 300, 3)), 1)]
    assert make().predict(frames).equals(make().predict(frames))


def test_a_batch_is_its_frames_one_by_one(make):
    frames = [_frame(_figure(left=60 * n + 20), n) for n in range(4)]
    known = scene.of([_frame(_figure(left=-400), n) for n in range(8)], "fixed")
    detector = make()
    singles = pa.concat_tables([detector.predict([f], known) for f in frames])
    assert detector.predict(frames, known).equals(singles.combine_chunks())


def test_nothing_in_gives_an_empty_table(make):
    found = make().predict([])
    assert found.num_rows == 0
    assert found.schema == predictor.DETECTIONS


@pytest.mark.parametrize(
    "shape", [(8, 8, 3), (1, 1, 3), (4, 900, 3), (900, 4, 3), (4320, 7680, 3)], ids=["8x8", "1x1", "flat", "thin", "8K"]
)
def test_sizes_nobody_expects(make, shape):
    found = make().predict([_frame(np.full(shape, 90, np.uint8))])
    for row in _rows(found):
        assert 0 <= row["x0"] < row["x1"] <= shape[1]
        assert 0 <= row["y0"] < row["y1"] <= shape[0]


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_even_grey_picture_gives_a_table(make, value):
    assert make().predict([_frame(np.full((240, 320, 3), value, np.uint8))]).schema == predictor.DETECTIONS


def test_the_version_tells_other_weights_apart(make):
    assert make().version == make().version
    assert make().version != make(other=True).version


def test_the_version_tells_other_settings_apart(make):
    assert make(threshold=0.4).version != make(threshold=0.45).version


def test_unknown_classes_are_refused_with_the_known_ones(make):
    detector = make()
    predictor.require(detector, [detector.classes[0]])
    with pytest.raises(errors.UserError) as caught:
        predictor.require(detector, ["person", "unicorn"])
    assert "unicorn" in str(caught.value)
    assert detector.classes[0] in str(caught.value)
    assert "\n" not in str(caught.value)
