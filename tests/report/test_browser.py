"""The page in real Chromium: it is quiet, plays, prints, and can be read by everybody."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from report import chromium, hostile, sample
from taihang.report import attachments, bundle, embed
from taihang.report import html as page

pytestmark = pytest.mark.browser

PLAY = """
const video = document.querySelectorAll('video')[arguments[0]];
video.muted = true; video.scrollIntoView();
return video.play().then(() => new Promise(resolve => {
  const until = Date.now() + 15000;
  (function wait() {
    if (video.currentTime > 0.3 || Date.now() > until) resolve([video.readyState, video.currentTime, video.videoWidth]);
    else setTimeout(wait, 50);
  })();
}));
"""

# WCAG 2.2, 1.4.3: contrast of every visible text with the nearest opaque background behind it.
CONTRAST = """
const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = node => { for (; node; node = node.parentElement) {
  const c = parse(getComputedStyle(node).backgroundColor);
  if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
const poor = [];
for (const node of document.body.querySelectorAll('*')) {
  const own = [...node.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!own || !node.checkVisibility() || node.closest('title, desc, style')) continue;
  const style = getComputedStyle(node), drawn = node instanceof SVGElement;
  const ink = parse(drawn ? style.fill : style.color);
  const ground = drawn && node.classList.contains('event') ? [0x4d, 0x5b, 0x69]
    : drawn && node.classList.contains('state') ? [0xd5, 0xda, 0xe0] : behind(node);
  const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) poor.push([String(node.getAttribute('class')), node.textContent.slice(0, 40)]);
}
return poor;
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Browser]:
    with chromium.browser() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    report, files = sample.make()
    made = {}
    for language in ("zh", "en"):
        folder = tmp_path_factory.mktemp(language)
        path = bundle.write(report, folder, language, files, formats=["html"]).html
        assert path is not None
        # The page must stand alone: what lies beside it is taken away.
        alone = folder / "alone"
        alone.mkdir()
        made[language] = path.rename(alone / path.name)
    return made


def test_it_is_quiet_and_asks_for_nothing(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    for path in pages.values():
        browser.resize(1280)
        browser.requests()
        browser.console()
        browser.open(path)
        broken = browser.run("return [...document.images].filter(i => !i.naturalWidth).length")
        assert (broken, browser.run("return document.images.length")) == (0, 13)
        assert browser.console() == []
        asked = {url.split(",")[0] for url in browser.requests() if not url.startswith("data:")}
        assert asked == {path.as_uri()}


def test_a_clip_inside_the_page_plays(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["zh"])
    ready, at, width = browser.run(PLAY, 0)
    assert ready >= 2
    assert at > 0.3
    assert width == 480
    assert browser.console() == []


def test_a_clip_beside_the_page_plays_too(
    browser: chromium.Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "choose", lambda *_: frozenset())
    report, files = sample.make()
    path = bundle.write(report, tmp_path, "en", files, formats=["html"]).html
    assert path is not None
    browser.requests()
    browser.open(path)
    ready, at, _ = browser.run(PLAY, 0)
    assert ready >= 2
    assert at > 0.3
    browser.run("document.images[0].scrollIntoView(); return document.images[0].decode()")
    assert browser.run("return document.images[0].naturalWidth") == sample.WIDTH
    assert browser.console() == []
    # The browser draws its own controls from data: addresses.
    asked = [url for url in browser.requests() if not url.startswith("data:")]
    assert all(url.startswith(tmp_path.as_uri()) for url in asked)


def test_the_policy_holds_even_when_a_script_gets_in(browser: chromium.Browser, tmp_path: Path) -> None:
    report, _ = sample.make()
    path = page.write(report.model_copy(update={"findings": ()}), tmp_path, "en")
    text = path.read_text(encoding="utf-8")
    attack = "<script>window.owned=1</script><img src='http://127.0.0.1:9/x.png'><style>body{color:red}</style>"
    path.write_text(
        text.replace("<main>", f"<main onclick='window.owned=1' style='color:red'>{attack}"), encoding="utf-8"
    )
    browser.open(path)
    browser.run("document.querySelector('main').click()")
    assert browser.run("return window.owned === undefined") is True
    assert browser.run("return getComputedStyle(document.querySelector('main')).color") == "rgb(22, 25, 29)"
    assert len([line for line in browser.console() if "Content Security Policy" in line]) >= 4


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_nothing_sticks_out_at_any_width(browser: chromium.Browser, pages: dict[str, Path], width: int) -> None:
    for path in pages.values():
        browser.resize(width)
        browser.open(path)
        assert browser.run("return document.documentElement.scrollWidth") <= width


def test_every_text_has_enough_contrast(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    browser.resize(1280)
    browser.open(pages["en"])
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.run(CONTRAST) == []


def test_a_keyboard_reaches_the_findings_first(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["en"])
    browser.press("Tab")
    assert browser.run("return document.activeElement.getAttribute('href')") == "#findings"
    reached = browser.run(
        """return ['a[href]', 'summary', 'video[controls]']
        .map(s => [...document.querySelectorAll(s)].every(n => n.tabIndex >= 0))"""
    )
    assert reached == [True, True, True]


def test_pictures_and_charts_have_a_name(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["en"])
    nameless = browser.run(
        """return [...document.querySelectorAll('img, video, svg[role]')]
        .filter(n => !(n.getAttribute('alt') || n.getAttribute('aria-label'))).length"""
    )
    assert nameless == 0
    order = browser.run("return [...document.querySelectorAll('h1,h2,h3,h4,h5')].map(n => +n.tagName[1])")
    assert order[0] == 1
    assert all(deeper - level <= 1 for level, deeper in itertools.pairwise(order))


def test_on_paper_frames_stay_clips_go_and_queries_open(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["zh"])
    browser.media("print")
    try:
        shown = browser.run(
            """const seen = s => [...document.querySelectorAll(s)].filter(n => n.getClientRects().length).length;
            return [seen('video'), seen('.figures img'), seen('.query pre'), seen('.paper'), seen('details.words')]"""
        )
    finally:
        browser.media("")
    assert shown == [0, 13, 2, 8, 0]
    pages_printed = len(re.findall(rb"/Type\s*/Page\b", browser.pdf()))
    assert 5 <= pages_printed <= 14


def test_a_hostile_report_takes_nothing_over(browser: chromium.Browser, tmp_path: Path) -> None:
    report, files = hostile.make()
    path = page.write(report, tmp_path, "zh", attachments.Attachments(files))
    browser.requests()
    browser.console()
    browser.resize(1280)
    browser.open(path)
    assert browser.run("return window.owned === undefined && !document.scripts.length") is True
    assert browser.console() == []
    assert set(browser.requests()) == {path.as_uri()}
    assert browser.run("return document.documentElement.scrollWidth") <= 1280
    browser.resize(390)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
