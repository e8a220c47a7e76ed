"""The picture of a chain: every node and link once, nothing outside, no label a program."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import i18n
from taihang.report import charts, drawing

HOSTILE = "<script>alert(1)</script>\"'&\u202e"


def _chain(count: int, links: list[tuple[int, int]], label: str = "未佩戴安全帽") -> charts.Chain:
    told = i18n.Text(zh=label, en=label)
    return charts.Chain(
        title=told,
        nodes=tuple(charts.Node(label=told, note=told) for _ in range(count)),
        links=tuple(charts.Link(source=a, target=b, label=told, confidence=0.9) for a, b in links),
    )


def _boxes(svg: str) -> list[tuple[float, float, float, float]]:
    tree = ET.fromstring(svg)
    return [
        tuple(float(r.get(k, "nan")) for k in ("x", "y", "width", "height"))
        for r in tree.iter()
        if r.tag.endswith("rect")
    ]  # type: ignore[misc]


_LINKS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14, unique=True)


@settings(max_examples=60, deadline=None)
@given(_LINKS, st.sampled_from([960, 340]))
def test_boxes_lie_inside_and_never_on_each_other(links: list[tuple[int, int]], width: int) -> None:
    svg = drawing.draw(_chain(8, links), "zh", width)
    boxes = _boxes(svg)
    assert len(boxes) == 8
    height = float(re.search(r'height="([0-9.]+)"', svg)[1])  # type: ignore[index]
    for n, (x, y, w, h) in enumerate(boxes):
        assert x >= 0
        assert x + w <= width + 1
        assert y + h <= height
        assert w > 20
        for x1, y1, w1, h1 in boxes[:n]:
            assert x + w <= x1 or x1 + w1 <= x or y + h <= y1 or y1 + h1 <= y
    assert svg.count("<path") == len(links)
    assert svg.count("<circle") == len(links)


@pytest.mark.parametrize("width", [960, 340])
def test_a_label_is_never_a_program(width: int) -> None:
    svg = drawing.draw(_chain(2, [(0, 1)], HOSTILE), "en", width)
    ET.fromstring(svg)
    assert "<script" not in svg
    assert "\u202e" not in svg


def test_a_link_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="leads from a node"):
        _chain(1, [(0, 1)])


def test_a_chain_in_words_names_both_ends_and_the_confidence() -> None:
    head, rows = charts.table(_chain(2, [(0, 1)]), "en")
    assert len(head) == len(rows[0]) == 3
    assert rows == [["未佩戴安全帽 → 未佩戴安全帽", "90.0%", "未佩戴安全帽"]]
