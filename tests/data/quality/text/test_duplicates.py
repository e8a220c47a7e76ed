"""Near-duplicates: all planted edits are found, nothing else, whatever the batches."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.data.quality.text import duplicates, letters, minhash

WORDS = [
    "瓦斯",
    "通风",
    "巷道",
    "支护",
    "检查",
    "记录",
    "设备",
    "停电",
    "撤离",
    "班组",
    "水泵",
    "皮带",
    "运输",
    "探放",
    "防火",
    "监测",
    "报警",
    "整改",
    "验收",
    "复工",
    "safety",
    "valve",
    "pump",
    "crew",
    "shift",
    "report",
]


def _text(chance: random.Random) -> str:
    return "".join(chance.choices(WORDS, k=25)) + str(chance.randrange(10**9))


def _find(texts: list[str | None], folder: Path, batch: int = 64) -> duplicates.Found:
    folder.mkdir(exist_ok=True)
    return duplicates.find((texts[at : at + batch] for at in range(0, len(texts), batch)), folder)


def test_a_copy_with_a_letter_changed_case_and_punctuation_is_near_and_another_text_is_not(tmp_path: Path) -> None:
    chance = random.Random(3)
    texts: list[str | None] = [_text(chance) for _ in range(300)]
    copies = {}
    for row in range(0, 300, 10):
        whole = texts[row] or ""
        at = chance.randrange(len(whole))
        copies[len(texts)] = row
        texts.append(f"{whole[:at].upper()}，{whole[at + 1 :]}！")
    found = _find(texts, tmp_path / "near")
    told = {row: int(found.near[row]) for row in np.flatnonzero(found.duplicate).tolist()}
    assert told == copies
    assert all(0.7 <= found.similarity[row] <= 1 for row in told)


def test_equal_texts_are_one_group_and_empty_ones_are_none(tmp_path: Path) -> None:
    found = _find(["安全第一", "", "安全第一！", None, "  ", "预防为主"], tmp_path / "near")
    assert found.first.tolist() == [0, 1, 0, 3, 4, 5]
    assert found.near.tolist() == [-1, -1, 0, -1, -1, -1]


def test_nothing_at_all(tmp_path: Path) -> None:
    assert len(_find([], tmp_path / "near").first) == 0
    assert _find(["", "。。。"], tmp_path / "near2").duplicate.sum() == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(alphabet="安全生产abc ，", min_size=0, max_size=30), max_size=30), st.integers(1, 7))
def test_batches_do_not_matter(tmp_path_factory: pytest.TempPathFactory, texts: list[str], batch: int) -> None:
    folder = tmp_path_factory.mktemp("near")
    given_: list[str | None] = list(texts)
    one, other = _find(given_, folder / "a", batch), _find(given_, folder / "b", 1000)
    assert one.first.tolist() == other.first.tolist()
    assert one.near.tolist() == other.near.tolist()


def test_similarity_is_the_jaccard_of_the_shingles(tmp_path: Path) -> None:
    one, other = "矿井通风系统每班检查并且记录在册", "矿井通风系统每班检查并且登记在册"
    plain = [letters.plain(t) + "\0" * 3 for t in (one, other)]
    a, b = ({t[n : n + 4] for n in range(len(t) - 3)} for t in plain)
    found = minhash.sets([letters.plain(one), letters.plain(other)], 4)
    told = duplicates.jaccard(found.hashes, found.starts, np.array([0]), np.array([1]))[0]
    assert told == pytest.approx(len(a & b) / len(a | b))


def test_bands_name_what_is_at_the_threshold_nearly_always() -> None:
    assert minhash.Bands().chance(duplicates.THRESHOLD) > 0.99
    assert minhash.Bands().chance(0.1) < 0.001
