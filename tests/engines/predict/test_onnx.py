from __future__ import annotations

import numpy as np
import pytest
import tiny_onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.engines.media import frame as media
from taihang.engines.predict import labels, loading

NAMES = "{0: 'person', 1: 'helmet'}"
RT_DETR = {"inputs": ("images", "orig_target_sizes")}


def _frame(height=128, width=256):
    return media.Frame(np.zeros((height, width, 3), np.uint8), 0.0, 0, 0, True)


def _boxes(table):
    return [
        (r["label"], round(r["score"], 2), *(round(r[c]) for c in ("x0", "y0", "x1", "y1"))) for r in table.to_pylist()
    ]


def _refusal(path, **options):
    with pytest.raises(errors.UserError) as caught:
        loading.load(str(path), **options)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 900
    return text


@pytest.mark.parametrize("raw", [True, False], ids=["raw grid", "decoded"])
def test_a_yolox_grid_is_read_either_way_and_its_doubles_are_suppressed(tmp_path, raw):
    path = tiny_onnx.write(tmp_path / "m.onnx", tiny_onnx.yolox(raw), names=NAMES)
    # 64 x 64 letterboxed from 128 wide and high: twice the size.
    assert _boxes(loading.load(str(path)).predict([_frame(128, 128)])) == [("helmet", 0.9, 32, 16, 96, 112)]


def test_rt_detr_of_its_authors_is_read(tmp_path):
    path = tiny_onnx.write(tmp_path / "m.onnx", tiny_onnx.rt_detr(), names=NAMES, **RT_DETR)
    found = loading.load(str(path)).predict([_frame()])
    assert _boxes(found) == [("person", 0.9, 64, 16, 192, 112), ("helmet", 0.6, 0, 0, 40, 20)]


def test_rt_detr_of_transformers_is_read(tmp_path):
    path = tiny_onnx.write(tmp_path / "m.onnx", tiny_onnx.rt_detr_logits(), names=NAMES)
    assert _boxes(loading.load(str(path)).predict([_frame()])) == [("person", 0.95, 64, 16, 192, 112)]


def test_real_weights_find_the_person(shared):
    av = pytest.importorskip("av")
    with av.open(str(shared("video/intel_one-by-one-person.mp4"))) as container:
        container.seek(10_000_000)
        image = next(container.decode(video=0)).to_ndarray(format="rgb24")
    frame = media.Frame(image, 10.0, 0, 100, True)
    for name in ("yolox_nano.onnx", "FastestDet.onnx"):
        detector = loading.load(str(shared(f"weights/{name}")))
        assert detector.classes == labels.COCO
        [person] = [r for r in detector.predict([frame]).to_pylist() if r["label"] == "person"]
        assert person["score"] > 0.8
        assert 350 < person["x0"] < person["x1"] < 560
        assert person["y1"] - person["y0"] > 300


def test_eighty_classes_without_names_are_those_of_coco(tmp_path):
    path = tiny_onnx.write(tmp_path / "m.onnx", tiny_onnx.yolox(classes=80))
    assert loading.load(str(path)).classes[:2] == ("person", "bicycle")
    assert len(labels.COCO) == 80


def test_other_numbers_of_classes_need_names(tmp_path):
    path = tiny_onnx.write(tmp_path / "m.onnx", tiny_onnx.yolox(classes=3))
    assert "labels" in _refusal(path)
    assert loading.load(str(path), labels=["a", "b", "c"]).classes == ("a", "b", "c")
    assert "2 names" in _refusal(path, labels=["a", "b"])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'person', 1: 'helmet'}", ("person", "helmet")),
        ('{"1": "helmet", "0": "person"}', ("person", "helmet")),
        ("person, helmet", ("person", "helmet")),
        ("{0: 'person', 2: 'helmet'}", None),
        ("__import__('os')", None),
        ("['a', 'a']", None),
        ("{" * 5000, None),
    ],
)
def test_names_in_metadata(text, names):
    assert labels.from_metadata(text) == names


def test_a_sidecar_says_what_the_file_does_not(tmp_path):
    path = tiny_onnx.write(tmp_path / "m.onnx", tiny_onnx.yolox())
    plain = loading.load(str(path), labels=["a", "b"])
    sidecar = tmp_path / "m.onnx.yaml"
    sidecar.write_text(
        "labels: [person, 安全帽]\nthreshold: 0.5\nsure: 0.7\nresize: stretch\n"
        "calibration: {method: 'isotonic, 1,200 frames', scores: [0.5, 1.0], probabilities: [0.4, 0.8]}\n",
        encoding="utf-8",
    )
    detector = loading.load(str(path))
    assert detector.classes == ("person", "安全帽")
    assert detector.sure == 0.7
    assert detector.calibration.probability(0.75) == pytest.approx(0.6)
    assert detector.calibration.probability(0.1) == 0.4
    assert detector.version != plain.version
    # Stretched, not letterboxed: the height keeps its own factor.
    assert _boxes(detector.predict([_frame()])) == [("安全帽", 0.9, 64, 16, 192, 112)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("labels: [a, a]", "labels"),
        ("threshold: 2", "threshold"),
        ("unknown: 1", "unknown"),
        ("- a list", "file"),
        ("a: [", "while parsing"),
        ("calibration: {method: m, scores: [0.5, 0.4], probabilities: [0, 1]}", "rise"),
        ("std: [0, 1, 1]", "std"),
        ("width: 1000000", "width"),
        ("!!python/object/apply:os.system ['true']", "python"),
        ("x" * (2 << 20), "1 MiB"),
    ],
)
def test_a_wrong_sidecar_is_told_by_its_entry(tmp_path, text, told):
    path = tiny_onnx.write(tmp_path / "m.onnx", tiny_onnx.yolox(), names=NAMES)
    (tmp_path / "m.onnx.yaml").write_text(text, encoding="utf-8")
    refusal = _refusal(path)
    assert told in refusal
    assert "m.onnx.yaml" in refusal


def test_unknown_layouts_are_refused_with_their_ports(tmp_path):
    odd = {"out": np.zeros((1, 7, 9, 2), np.float32)}
    text = _refusal(tiny_onnx.write(tmp_path / "m.onnx", odd))
    assert "out[1, 7, 9, 2]" in text
    assert "YOLOX" in text
    assert "out[1, 90, 7]" in _refusal(tiny_onnx.write(tmp_path / "m.onnx", {"out": np.zeros((1, 90, 7), np.float32)}))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_outputs_that_are_no_numbers_are_refused_before_a_video_is_read(tmp_path, bad):
    outputs = tiny_onnx.yolox()
    outputs["output"][0, 5, 6] = bad
    assert "NaN" in _refusal(tiny_onnx.write(tmp_path / "m.onnx", outputs, names=NAMES))


def test_data_files_outside_the_folder_are_refused(tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"\0" * 100_000)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link.bin").symlink_to(secret)
    for name in ("../secret.bin", str(secret), "link.bin", "a/../../secret.bin", ""):
        path = tiny_onnx.write(folder / "m.onnx", tiny_onnx.yolox(), names=NAMES, external=name)
        assert "outside its folder" in _refusal(path), name
    path = tiny_onnx.write(folder / "m.onnx", tiny_onnx.yolox(), names=NAMES, external="absent.bin")
    assert "absent.bin" in _refusal(path)


def test_data_files_in_the_folder_count_as_weights(tmp_path):
    outputs = tiny_onnx.yolox()
    path = tiny_onnx.write(tmp_path / "m.onnx", outputs, names=NAMES, external="m.bin")
    (tmp_path / "m.bin").write_bytes(outputs["output"].tobytes())
    one = loading.load(str(path))
    assert _boxes(one.predict([_frame(128, 128)])) == [("helmet", 0.9, 32, 16, 96, 112)]
    (tmp_path / "m.bin").write_bytes(tiny_onnx.yolox(shift=1)["output"].tobytes())
    assert loading.load(str(path)).version != one.version
    (tmp_path / "m.bin").write_bytes(b"short")
    assert "m.onnx" in _refusal(path)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_random_bytes_give_one_clear_line(tmp_path, data):
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    assert "m.onnx" in _refusal(path)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_one_flipped_byte_gives_a_predictor_or_one_clear_line(tmp_path, place, value):
    data = bytearray(tiny_onnx.model(tiny_onnx.rt_detr(), names=NAMES, **RT_DETR))
    data[place % len(data)] = value
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    try:
        loading.load(str(path)).predict([_frame()])
    except errors.UserError as error:
        assert "\n" not in str(error)


def test_a_missing_file_is_told(tmp_path):
    assert "none.onnx" in _refusal(tmp_path / "none.onnx")
    (tmp_path / "folder.onnx").mkdir()
    assert "folder.onnx" in _refusal(tmp_path / "folder.onnx")
