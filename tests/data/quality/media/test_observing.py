"""What is observed of a folder: every layout, every fault a row, and work that was done is not done again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from taihang.app import assess, dataset
from taihang.core import errors
from taihang.data.quality.media import copies, layout, looking, observing
from taihang.data.quality.metrics import examples
from tests.data.quality.media import folders


def _tables(root: Path, home: Path) -> dict[str, list[dict[str, Any]]]:
    found = layout.recognise(root)
    assert found is not None
    seen = observing.observe(found, home)
    return {name: pq.read_table(path).to_pylist() for name, path in seen.tables.items()}


@pytest.mark.parametrize(("make", "kind"), [(folders.coco, "coco"), (folders.yolo, "yolo"), (folders.voc, "voc")])
def test_labels_of_every_layout_become_boxes_in_pixels(make: Any, kind: str, tmp_path: Path) -> None:
    seen = _tables(make(tmp_path / "set"), tmp_path / "home")
    assert seen["dataset"][0]["layout"] == kind
    assert {row["class"] for row in seen["boxes"]} <= {"helmet", "vest"}
    for box in seen["boxes"]:
        assert box["outside"] == 0
        assert box["width"] > 0
        assert box["image_width"] == 240
    assert {row["kind"] for row in seen["links"]} == {"read"}
    assert all(row["decoded"] for row in seen["images"])


def test_coco_ids_that_lead_nowhere_and_boxes_that_cannot_be(tmp_path: Path) -> None:
    bad = [
        {"id": 90, "image_id": 777, "category_id": 1, "bbox": [0, 0, 9, 9]},
        {"id": 91, "image_id": 0, "category_id": 55, "bbox": [0, 0, 9, 9]},
        {"id": 92, "image_id": 0, "category_id": 1, "bbox": [200, 200, 100, 100]},
        {"id": 93, "image_id": 0, "category_id": 1, "bbox": [50, 50, -20, 30]},
        {"id": 93, "image_id": 0, "category_id": 1, "bbox": ["a", None, 1, 2]},
        "nothing",
        {"id": [1], "image_id": {}, "category_id": [], "bbox": [1, 1, 2, 2]},
    ]
    seen = _tables(folders.coco(tmp_path / "set", bad), tmp_path / "home")
    kinds = [row["kind"] for row in seen["links"]]
    assert {"image_unknown", "category_unknown", "annotation_twice", "box_unreadable", "unreadable"} <= set(kinds)
    boxes = {row["number"]: row for row in seen["boxes"]}
    assert boxes[8]["outside"] == pytest.approx(0.84)
    assert boxes[9]["width"] == -20
    assert boxes[7]["declared"] is False


@pytest.mark.parametrize(
    ("text", "kind"),
    [("x y z\n", "box_unreadable"), ("0 0.5 0.5\n", "box_unreadable"), ("0 nan 0 0 0\n", "box_unreadable")],
)
def test_a_yolo_line_that_says_nothing_is_told_with_its_number(text: str, kind: str, tmp_path: Path) -> None:
    seen = _tables(folders.yolo(tmp_path / "set", text), tmp_path / "home")
    assert [(row["kind"], row["line"]) for row in seen["links"] if row["kind"] != "read"] == [(kind, 1)]


def test_a_class_that_nobody_declared(tmp_path: Path) -> None:
    seen = _tables(folders.yolo(tmp_path / "set", "7 0.5 0.5 0.1 0.1\n"), tmp_path / "home")
    assert [(row["class"], row["declared"]) for row in seen["boxes"]] == [("7", False)]


def test_an_xml_document_with_a_dtd_is_not_parsed(tmp_path: Path) -> None:
    root = folders.voc(tmp_path / "set")
    bomb = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'
    (root / "Annotations" / "bomb.xml").write_text(bomb)
    seen = _tables(root, tmp_path / "home")
    assert ("Annotations/bomb.xml", "unreadable") in {(row["path"], row["kind"]) for row in seen["links"]}


def test_broken_pictures_are_rows_among_the_others(tmp_path: Path) -> None:
    root = tmp_path / "set"
    whole = folders.image(root / "a.png", seed=1).read_bytes()
    jpeg = folders.image(root / "b.jpg", seed=2).read_bytes()
    (root / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (root / "cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "flipped.png").write_bytes(whole[:2000] + bytes([whole[2000] ^ 255]) + whole[2001:])
    (root / "text.png").write_text("no picture")
    (root / "empty.png").touch()
    (root / "copy.png").write_bytes(whole)
    folders.giant_png(root / "giant.png")
    seen = _tables(root, tmp_path / "home")
    faults = {row["path"]: row["fault"] for row in seen["files"]}
    assert faults == {
        "a.png": None, "b.jpg": None, "copy.png": None, "cut.jpg": "truncated", "cut.png": "truncated",
        "empty.png": "empty", "flipped.png": "damaged", "giant.png": "large", "text.png": "not_image",
    }  # fmt: skip
    images = {row["path"]: row for row in seen["images"]}
    assert images["giant.png"]["width"] == 32_768
    assert images["giant.png"]["sharpness"] is None
    assert images["a.png"]["sharpness"] > 0
    assert images["copy.png"]["copy_of"] == "a.png"


def test_a_sound_of_zeros_is_silent_from_end_to_end_and_has_no_ratio(tmp_path: Path) -> None:
    root = tmp_path / "set"
    folders.audio(root / "zeros.wav", np.zeros(32_000))
    folders.audio(root / "voice.wav", folders.speech())
    (root / "noise.mp3").write_bytes(b"\0" * 100)
    seen = _tables(root, tmp_path / "home")
    sounds = {row["path"]: row for row in seen["audio"]}
    assert sounds["zeros.wav"]["silence"] == 1
    assert sounds["zeros.wav"]["snr"] is None
    assert sounds["voice.wav"]["snr"] > 15
    assert sounds["voice.wav"]["sample_rate"] == 16_000
    assert sounds["voice.wav"]["bit_depth"] == 16
    assert sounds["noise.mp3"]["fault"] == "no_sound"
    silent = [row for row in seen["spans"] if row["kind"] == "silent"]
    assert [(row["path"], row["start_s"], round(row["end_s"], 1)) for row in silent] == [("zeros.wav", 0.0, 2.0)]


def test_a_film_that_stands_still_says_when(tmp_path: Path) -> None:
    root = tmp_path / "set"
    moving = [np.roll(examples.scene(128, 1).pixels, 2 * n, axis=1) for n in range(50)]
    folders.film(root / "still.mp4", [*moving[:25], *[moving[24]] * 60])
    folders.film(root / "moving.mp4", moving)
    (root / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 200)
    seen = _tables(root, tmp_path / "home")
    videos = {row["path"]: row for row in seen["videos"]}
    assert videos["moving.mp4"]["frozen"] == 0
    assert videos["still.mp4"]["frozen"] > 0.5
    assert videos["moving.mp4"]["fps"] == pytest.approx(25)
    assert videos["broken.mp4"]["fault"]
    frozen = [row for row in seen["spans"] if row["kind"] == "frozen"]
    assert [row["path"] for row in frozen] == ["still.mp4"]
    assert frozen[0]["start_s"] == pytest.approx(1.0, abs=0.2)


def test_alpaca_records_that_lack_what_they_need(tmp_path: Path) -> None:
    root = tmp_path / "set"
    good = {"instruction": "写一句安全提示", "input": "", "output": "进入井下须佩戴安全帽。"}
    (root).mkdir()
    (root / "train.json").write_text(json.dumps([good, good, {"instruction": "x", "output": ""}, {"output": "y"}, 3]))
    seen = _tables(root, tmp_path / "home")
    assert seen["dataset"][0]["layout"] == "alpaca"
    assert [row["fault"] for row in seen["texts"]] == [None, None, "empty", "field", "damaged"]
    assert seen["texts"][1]["copy_of"] == 0


def test_annotators_without_a_common_item_have_no_measure(tmp_path: Path) -> None:
    root = tmp_path / "set"
    told = [("a", "1", "x"), ("a", "2", "y"), ("b", "1", "x"), ("b", "2", "x"), ("c", "9", "x")]
    records = [{"annotator": a, "item": i, "label": v} for a, i, v in told]
    folders.image(root / "1.jpg")
    folders.lines(root / "labels.jsonl", records)
    rows = {row["annotators"]: row for row in _tables(root, tmp_path / "home")["agreement"]}
    assert rows["a, b"]["shared"] == 2
    assert rows["a, b"]["cohen_kappa"] == pytest.approx(0.0)
    assert rows["a, c"]["shared"] == 0
    assert rows["a, c"]["krippendorff_alpha"] is None
    assert rows["a, b, c"]["krippendorff_alpha"] is not None


def test_a_folder_of_tables_stays_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    assert layout.recognise(tmp_path) is None
    assert dataset.recognised([str(tmp_path)]) is None


def test_a_data_set_beside_other_sources_is_refused(tmp_path: Path) -> None:
    folders.image(tmp_path / "set" / "a.jpg")
    with pytest.raises(errors.UserError):
        dataset.recognised([str(tmp_path / "set"), "other.csv"])


def test_what_was_looked_at_is_not_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_DATASET_BATCH", "2")
    root = tmp_path / "set"
    for n in range(6):
        folders.image(root / f"{n}.jpg", seed=n, size=64)
    looked: list[str] = []
    whole = looking.look

    def watched(shared: looking.Shared, piece: looking.Piece) -> Any:
        if len(looked) >= stop:
            raise KeyboardInterrupt
        looked.extend(file.name for file in piece.files)
        return whole(shared, piece)

    monkeypatch.setattr(looking, "look", watched)
    stop = 4
    with pytest.raises(KeyboardInterrupt):
        _tables(root, tmp_path / "home")
    assert looked == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    stop = 100
    first = _tables(root, tmp_path / "home")
    assert looked == [f"{n}.jpg" for n in range(6)]
    os.utime(root / "5.jpg", ns=(1, 1))
    again = _tables(root, tmp_path / "home")
    assert looked[6:] == ["4.jpg", "5.jpg"]
    assert again["images"] == first["images"]


def test_near_copies_are_found_as_one_by_one_comparison_finds_them() -> None:
    chance = np.random.default_rng(3)
    prints = chance.integers(0, 1 << 63, 400, dtype=np.uint64)
    for at in range(200, 300):
        prints[at] = prints[at - 200]
        for bit in chance.integers(0, 64, at % 7):
            prints[at] ^= np.uint64(1) << np.uint64(bit)
    place, bits = copies.near(prints)
    for at in range(len(prints)):
        apart = np.bitwise_count(prints[:at] ^ prints[at])
        close = [int(a) for a in apart if a <= copies.MOST_BITS]
        assert (place[at] >= 0) == bool(close)
        if close:
            assert bits[at] == min(close)


def test_detections_beside_the_labels_tell_which_label_is_suspect(tmp_path: Path) -> None:
    root = folders.coco(tmp_path / "set", count=6)
    found = [
        {"image_id": n, "category_id": kind, "bbox": [x, 20, 60, 70], "score": 0.95}
        for n in range(6)
        for kind, x in ((1, 10), (2, 120))
    ]
    found[0]["category_id"] = 2
    found.append({"image_id": 3, "category_id": 1, "bbox": [180, 150, 40, 40], "score": 0.9})
    broken = [{"image_id": 99, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}, {"image_id": [], "score": "x"}, 5]
    (root / "predictions.json").write_text(json.dumps([*found, *broken]))
    seen = _tables(root, tmp_path / "home")
    told = [row for row in seen["suspects"] if row["suspicion"] >= 0.5]
    assert [(row["path"], row["kind"], row["seen_as"]) for row in told] == [
        ("images/0.jpg", "swapped", "vest"),
        ("images/3.jpg", "omitted", "helmet"),
    ]
    assert sum(row["kind"] == "agreed" for row in seen["suspects"]) == 6
    assert [row["kind"] for row in seen["links"] if row["kind"] != "read"] == ["detection_unreadable"] * 3


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_assess_judges_a_data_set_and_names_the_files(lang: Any, tmp_path: Path) -> None:
    bad = [{"id": 90, "image_id": 777, "category_id": 1, "bbox": [0, 0, 9, 9]}]
    root = folders.coco(tmp_path / "set", bad)
    (root / "images" / "text.png").write_text("no picture")
    options = assess.Options(formats=("html", "json"))
    done = assess.assess(root, lang=lang, fail_on="orange", out=tmp_path / "out", options=options)
    assert done.exit_code == 1
    told = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert told["asset"]["kind"] == "dataset"
    found = {one["rule"]["id"] for one in told["findings"]}
    assert {"files.readable", "links.known"} <= found
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "images/text.png" in page
    assert not [one for one in told["not_judged"] if one["rule"].startswith(("videos.", "audio."))]
