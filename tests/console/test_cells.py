"""What somebody wrote is text in every table and drawing, never markup."""

from __future__ import annotations

import html.parser
import re

from hypothesis import given
from hypothesis import strategies as st

from taihang.app.console import cells, charts

HOSTILE = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "'-alert(1)-'",
            "</title></svg><script>",
            "\u202eabc",
            "&lt;b&gt;",
        ]
    ),
)


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data


def _read(markup: str) -> _Reader:
    found = _Reader()
    found.feed(markup)
    found.close()
    return found


@given(HOSTILE)
def test_a_cell_holds_what_was_written_and_one_element(written: str) -> None:
    found = _read(cells.text(written))
    assert [tag for tag, _ in found.tags] == ["span"]
    assert (
        found.said == (written or "—").replace("\r\n", "\n").replace("\r", "\n") or "\r" in written or "\0" in written
    )


@given(HOSTILE, HOSTILE)
def test_a_link_leads_inside_and_has_no_attribute_of_somebodys_own(name: str, id: str) -> None:
    found = _read(cells.link(name, cells.address("assets", id, finding=id)))
    ((tag, marks),) = found.tags
    assert (tag, set(marks)) == ("a", {"dir", "href"})
    assert re.fullmatch(r"/assets/[^/?#]*\?finding=[^/?#&]*", marks["href"] or "")


@given(st.dictionaries(st.text(min_size=1, max_size=8), HOSTILE, min_size=1, max_size=8), st.data())
def test_a_graph_of_any_names_and_circles_is_drawn_and_escaped(names: dict[str, str], data: st.DataObject) -> None:
    ids = list(names)
    links = data.draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(ids)), max_size=12))
    drawn = charts.lineage(names, {id: cells.address("assets", id) for id in ids}, set(), links, ids[0])
    found = _read(drawn)
    tags = [tag for tag, _ in found.tags]
    assert tags.count("a") == tags.count("text") == len(ids)
    assert tags.count("path") == len(links) + 1
    assert not set(tags) - {"svg", "defs", "marker", "path", "a", "title", "rect", "text"}


def test_a_graph_stands_from_left_to_right() -> None:
    names = {"raw": "raw.csv", "job": "clean", "made": "clean.csv"}
    drawn = charts.lineage(names, {}, {"job"}, [("raw", "job"), ("job", "made")], "made")
    places = dict(
        zip(re.findall(r"<title>(.*?)</title>", drawn), re.findall(r'<rect [^>]* x="(\d+)"', drawn), strict=True)
    )
    assert int(places["raw.csv"]) < int(places["clean"]) < int(places["clean.csv"])


def test_a_very_long_name_is_cut_where_it_is_shown() -> None:
    assert len(_read(cells.text("长" * 10_000)).said) == 400


def test_the_levels_stand_from_the_gravest_on() -> None:
    assert cells.LEVELS == ("red", "orange", "yellow", "blue", "info")
