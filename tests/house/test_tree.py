"""What must not be in the tree: a machine's own paths, hosts of registries, unfinished work, big files."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from tests.house import source

# Written so that this file does not hold what it looks for.
_WORKPLACE = (
    r"/wo[r]k/(main|shared|plan)\b",
    r"\bissues? (#|show |list )\d*",
    r"\bpypi\.or[g]\b|pythonhosted\.or[g]|npmjs\.or[g]|deb\.debian\.or[g]",
    r"(?i)\b(cla[u]de|anthro[p]ic|chatgp[t]|copilo[t])\b",
)
_UNFINISHED = (r"\bTO[D]O\b|\bFIX[M]E\b|\bXX[X]\b", r"raise NotImplemente[d]Error")


def _texts() -> dict[str, str]:
    found = {}
    for path in source.tracked():
        try:
            found[source.place(path)] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


@pytest.mark.parametrize("pattern", _WORKPLACE)
def test_nothing_speaks_of_the_place_where_it_was_written(pattern: str) -> None:
    found = [
        f"{name}: {match[0]}"
        for name, text in _texts().items()
        if name != "LICENSE" and (match := re.search(pattern, text))
    ]
    assert not found


@pytest.mark.parametrize("pattern", _UNFINISHED)
def test_nothing_is_left_unfinished(pattern: str) -> None:
    assert not [f"{name}: {match[0]}" for name, text in _texts().items() if (match := re.search(pattern, text))]


def test_no_file_is_larger_than_a_megabyte() -> None:
    assert not [source.place(path) for path in source.tracked() if path.stat().st_size > 1_000_000]


def test_no_media_and_no_weights_are_kept_but_those_trained_here() -> None:
    own = {"src/taihang/model/temporal/weights/temporal.onnx"}
    kept = {".mp4", ".mkv", ".mov", ".avi", ".gif", ".onnx", ".pt", ".safetensors", ".parquet"}
    found = {source.place(path) for path in source.tracked() if path.suffix in kept}
    assert found <= own
    for name in found:  # each says what it learnt from, and is what that speaks of
        card = json.loads((source.ROOT / name).with_suffix(".json").read_text(encoding="utf-8"))
        assert card["synthetic"] is True
        assert card["sha256"] == hashlib.sha256((source.ROOT / name).read_bytes()).hexdigest()


def test_constraints_pin_versions_and_nothing_else() -> None:
    lines = (source.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", pin) for pin in pins)
    assert "torch==2.13.0" in pins
    names = [re.sub(r"[._-]+", "-", pin.partition("==")[0]).lower() for pin in pins]
    # SciPy comes with a peer and an extra; that the base stays without it is held in test_versions.py.
    assert not {"opencv-python", "scenedetect", "ultralytics"} & set(names)
    assert len(names) == len(set(names))
