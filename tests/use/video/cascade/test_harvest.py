"""Harvest: what was collected comes back, a receiving end killed midway loses nothing, junk is one line at most."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from use.video.cascade import nodes

from taihang.core import errors, i18n, ids
from taihang.use.video.cascade import cloud, harvest
from tests.house import source

FPS = 1.0
EASY = {"people": 0.2, "objects": 0.0, "motion": 0.4, "blur": 0.0, "dark": 0.0}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Three films that differ, of 2, 3 and 4 seconds."""
    place = tmp_path_factory.mktemp("films")
    return [nodes.film(place / f"{k}.mp4", k, [(0, k / 2)]).read_bytes() for k in (2, 3, 4)]


def _id(number: int) -> str:
    return ids.content_id("segment", number)


def _sent(number: int, film: bytes, **more: Any) -> bytes:
    body = json.dumps({"id": _id(number), "level": "red", "rule": "zone-entry", "complexity": EASY, **more})
    digest = ids.digest(body.encode() + film)
    clip = base64.b64encode(film).decode()
    return json.dumps({"node": "n1", "id": _id(number), "sha256": digest, "facts": body, "clip": clip}).encode()


def _found(folder: Path) -> Counter[str]:
    """How many pictures came of each segment's folder."""
    return Counter(one.name.split("/")[0] for one in harvest.pictures_of(folder, FPS))


def _place(folder: Path, number: int) -> str:
    return cloud.Cloud(folder).place(_id(number)).name


@pytest.mark.parametrize("seed", range(4))
def test_all_that_was_collected_comes_back_once_and_alike_whatever_order_it_came_in(
    tmp_path: Path, films: list[bytes], seed: int
) -> None:
    dice = random.Random(seed)
    lot = {number: dice.randrange(3) for number in dice.sample(range(1000), dice.randint(1, 6))}
    seen = []
    for name in ("a", "b"):
        kept = cloud.Cloud(tmp_path / name)
        order = list(lot) * dice.randint(1, 2)  # a node that heard no acknowledgement sends again
        dice.shuffle(order)
        for number in order:
            kept.take(_sent(number, films[lot[number]]))
        seen.append([(p.name, p.sha256, p.hard) for p in harvest.pictures_of(tmp_path / name, FPS)])
    assert seen[0] == seen[1]
    assert _found(tmp_path / "a") == {_place(tmp_path / "a", n): film + 2 for n, film in lot.items()}
    assert [hard for _, _, hard in seen[0]] == pytest.approx([(1 - 0.9 * 0.8) / (1 - 0.5**5)] * len(seen[0]))


def test_pictures_are_those_of_the_clip_and_know_what_their_segment_was_answered(
    tmp_path: Path, films: list[bytes]
) -> None:
    kept = cloud.Cloud(tmp_path)
    for number, said in enumerate((True, False, None)):
        kept.take(_sent(number, films[0]))
        kept.answer(_id(number), violated=said, by="li")
    kept.take(_sent(3, films[0]))
    told = {}
    for one in harvest.pictures_of(tmp_path, FPS):
        assert one.image.shape == (120, 160, 3) and one.image.dtype == np.uint8
        told[one.name.split("/")[0]] = one.answered and (one.answered.rule, one.answered.violated)
    assert told == {
        _place(tmp_path, 0): ("zone-entry", True), _place(tmp_path, 1): ("zone-entry", False),
        _place(tmp_path, 2): None, _place(tmp_path, 3): None,
    }  # fmt: skip
    # The thing stands in the first half of this film alone.
    first, second = [one for one in harvest.pictures_of(tmp_path, FPS) if one.name.startswith(_place(tmp_path, 3))]
    assert (first.image > 200).any() and not (second.image > 200).any()


def test_an_answer_to_another_clip_is_none(tmp_path: Path, films: list[bytes]) -> None:
    kept = cloud.Cloud(tmp_path)
    kept.take(_sent(1, films[0]))
    file = kept.answer(_id(1), violated=True, by="li")
    file.write_text(json.dumps({**json.loads(file.read_text()), "sha256": "0" * 64}))
    assert [one.answered for one in harvest.pictures_of(tmp_path, FPS)] == [None, None]


_TAKES = """
import sys
from pathlib import Path
from taihang.use.video.cascade import cloud
kept = cloud.Cloud(Path(sys.argv[1]))
for file in sorted(Path(sys.argv[2]).iterdir()):
    told = kept.take(file.read_bytes())
    print(told["id"], flush=True)
"""


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_receiving_end_that_is_killed_loses_nothing_that_it_acknowledged(
    tmp_path: Path, films: list[bytes], after: int
) -> None:
    (tmp_path / "sent").mkdir()
    for number in range(40):
        (tmp_path / "sent" / f"{number:02}").write_bytes(_sent(number, films[number % 3]))
    path = os.pathsep.join((str(source.ROOT / "src"), str(source.ROOT)))
    words = [sys.executable, "-c", _TAKES, str(tmp_path / "cloud"), str(tmp_path / "sent")]
    child = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(after)]
    child.send_signal(signal.SIGKILL)
    acknowledged += child.stdout.read().split()
    child.wait()
    wanted = {ids.digest(name.encode())[:24]: 2 + number % 3 for number, name in enumerate(acknowledged)}
    found = _found(tmp_path / "cloud")
    # One more may have come whole and died before it was acknowledged: the node sends it again.
    assert found.items() >= wanted.items() and len(found) <= len(wanted) + 1
    assert subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, check=False).returncode == 0
    assert _found(tmp_path / "cloud") == {_place(tmp_path / "cloud", n): 2 + n % 3 for n in range(40)}


def _hostile(place: Path, how: str, film: bytes) -> None:
    """A segment's folder that somebody tampered with."""
    place.mkdir(parents=True)
    clip, facts = place / "clip.mp4", place / "facts.json"
    clip.write_bytes(film)
    facts.write_text(json.dumps({"rule": "r", "complexity": EASY}))
    if how in {"empty", "junk", "half", "head"}:
        clip.write_bytes(
            {"empty": b"", "junk": b"\x00junk" * 999, "half": film[: len(film) // 2], "head": film[:32]}[how]
        )
    elif how == "folder":
        clip.unlink()
        clip.mkdir()
    elif how == "pipe":
        clip.unlink()
        os.mkfifo(clip)
    elif how == "away":
        clip.unlink()
        clip.symlink_to(place / "nowhere.mp4")
    else:
        facts.write_bytes(how.encode())
        (place / "answer.json").write_bytes(how.encode())
        (place / "entry.json").write_bytes(how.encode())


BROKEN_CLIPS = ("empty", "junk", "half", "head", "folder", "pipe", "away")
BROKEN_FACTS = (
    "", "[]", "null", "{", "\x00", "[" * 100_000, '{"complexity": 7}', '{"complexity": {"people": "x"}}',
    '{"complexity": {"people": 1e400, "objects": 0, "motion": 0, "blur": 0, "dark": 0}}',
    '{"complexity": {"people": 1' + "0" * 400 + ', "objects": 0, "motion": 0, "blur": 0, "dark": 0}}',
    '{"complexity": {"people": NaN, "objects": 0, "motion": 0, "blur": 0, "dark": 0}, "rule": ["r"]}',
)  # fmt: skip


@pytest.mark.parametrize("how", BROKEN_FACTS)
def test_facts_that_are_none_leave_pictures_as_hard_as_unknown(tmp_path: Path, films: list[bytes], how: str) -> None:
    _hostile(tmp_path / "segments" / "a", how, films[0])
    found = list(harvest.pictures_of(tmp_path, FPS))
    assert [(one.hard, one.answered) for one in found] == [(0.5, None)] * 2


@pytest.mark.parametrize("how", BROKEN_CLIPS)
def test_a_clip_that_is_none_is_left_out_and_alone_it_is_one_line(tmp_path: Path, films: list[bytes], how: str) -> None:
    _hostile(tmp_path / "segments" / "a", how, films[0])
    for language in i18n.LANGUAGES:
        i18n.use(language)
        with pytest.raises(errors.UserError) as caught:
            list(harvest.pictures_of(tmp_path, FPS))
        said = str(caught.value)
        assert "\n" not in said and str(tmp_path) in said
    _hostile(tmp_path / "segments" / "b", "{}", films[1])
    assert _found(tmp_path) == {"b": 3}


def test_a_folder_of_no_receiving_end_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "segments").write_text("no folder")
    with pytest.raises(errors.UserError) as caught:
        list(harvest.pictures_of(tmp_path, FPS))
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)
