from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bench.keyframes import measure

TRUTH = json.loads((Path(measure.__file__).parent / "truth.json").read_text(encoding="utf-8"))


def test_a_moment_is_found_within_a_second_and_has_context_only_on_both_sides():
    assert measure.measure([9.2, 11.5], [10.0]) == {"n": 1, "found": 1, "recall": 1.0, "context": 1.0}
    assert measure.measure([9.2], [10.0])["context"] == 0.0
    # A frame at the moment itself is not its own context.
    assert measure.measure([10.0], [10.0]) == {"n": 1, "found": 1, "recall": 1.0, "context": 0.0}
    assert measure.measure([8.9], [10.0]) == {"n": 1, "found": 0, "recall": 0.0, "context": None}
    assert measure.measure([1.0], []) == {"n": 0, "found": 0, "recall": None, "context": None}


def test_the_truth_is_the_one_that_was_frozen():
    """Its halves hold enters and leaves alike, and it is not the file it was if this hash differs."""
    for half in ("tune", "report"):
        kinds = [event["kind"] for event in TRUTH["events"] if event["half"] == half]
        assert sorted(kinds) == ["enter"] * 3 + ["leave"] * 3
    frozen = json.dumps([[e["time_s"], e["kind"], e["half"]] for e in TRUTH["events"]])
    assert (
        hashlib.sha256(frozen.encode()).hexdigest()
        == "16df560a92d96be65c4b35a0070c3707f77c8e7068715720424a0a1693766cb4"
    )


@pytest.mark.parametrize("share", [0.02, 0.03])
def test_the_frames_chosen_of_the_real_film_show_who_comes_and_goes(shared, share):
    from taihang.engines.media import packets
    from taihang.use.video.select import boundaries, budget, saliency

    path = shared("video/intel_one-by-one-person.mp4")
    table = packets.packets(path)
    signals = saliency.signals(path, table, workers=1)
    times = budget.choose(boundaries.segments(signals), signals, table, budget=share)["time_s"].to_pylist()
    found = measure.measure(times, [event["time_s"] for event in TRUTH["events"]])
    assert found["recall"] >= 0.95
    assert found["context"] >= 0.9
