"""Drawing a zone in a real browser, and judging by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from report import chromium

from taihang.app import sketch
from taihang.core import errors, i18n
from taihang.use.video.scene import truth
from taihang.use.video.zoning import zones

DRAW = """
const board = document.getElementById('board'), box = board.getBoundingClientRect();
const [width, height] = board.getAttribute('viewBox').split(' ').slice(2).map(Number);
for (const [x, y] of arguments[0]) board.dispatchEvent(new PointerEvent('pointerdown', {
  clientX: box.left + x * box.width / width, clientY: box.top + y * box.height / height, bubbles: true}));
document.getElementById('name').value = arguments[1];
document.getElementById('kind').value = arguments[2];
document.getElementById('close').click();
return [document.getElementById('list').textContent, document.getElementById('say').textContent];
"""
SAVED = """
let text = null;
const keep = URL.createObjectURL;
return new Promise(done => {
  URL.createObjectURL = blob => { blob.text().then(done); return keep.call(URL, blob); };
  document.getElementById('save').click();
});
"""


@pytest.mark.browser
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_a_zone_is_drawn_saved_and_read_back(planted: truth.Truth, tmp_path: Path, language: i18n.Language) -> None:
    i18n.use(language)
    try:
        page, picture = sketch.sketch(planted.video, tmp_path / "site.html", at_s=2.0)
    finally:
        i18n.use("en")
    with chromium.browser() as browser:
        browser.open(page)
        listed, said = browser.run(DRAW, [[100, 200], [300, 200], [300, 320]], 'Shaft "1"', "restricted")
        assert 'Shaft "1"' in listed
        assert said == ""
        _, refused = browser.run(DRAW, [[10, 10], [20, 20]], "line", "area")
        assert refused != ""
        text = browser.run(SAVED)
        assert browser.console() == []
        assert [url for url in browser.requests() if url.startswith(("http", "ws"))] == []
    saved = tmp_path / "planted.zones.yaml"
    saved.write_text(text, encoding="utf-8")
    loaded = zones.load(saved)
    assert [(z.name, z.kind) for z in loaded.zones] == [('Shaft "1"', "restricted")]
    assert zones.area(loaded.zones[0].array()) == pytest.approx(200 * 120 / 2, rel=0.02)
    assert loaded.frame.time_s == pytest.approx(2.0, abs=0.1)
    assert loaded.image() == picture


def test_a_hostile_video_name_stays_text(planted: truth.Truth, tmp_path: Path) -> None:
    evil = tmp_path / "<script>alert(1)<.mp4"
    evil.write_bytes(planted.video.read_bytes())
    page, _ = sketch.sketch(evil, tmp_path / "</script>.html")
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    facts = text.split('id="facts">')[1].split("</script>")[0]
    assert json.loads(facts)["yaml"] == "<script>alert(1)<.zones.yaml"


@pytest.mark.parametrize("at", [999.0, 24.5])
def test_a_moment_after_the_end_is_one_line(planted: truth.Truth, tmp_path: Path, at: float) -> None:
    with pytest.raises(errors.UserError, match="no frame can be decoded"):
        sketch.sketch(planted.video, tmp_path / "site.html", at_s=at)
    assert not list(tmp_path.glob("site*"))


def test_the_page_is_html(planted: truth.Truth, tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match=r"\.html"):
        sketch.sketch(planted.video, tmp_path / "site.png")
