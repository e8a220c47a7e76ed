"""Whoever cannot use a mouse, or does not see colours, can use every page: checked by axe-core in a real browser."""

from __future__ import annotations

import importlib.resources

import pytest
from fixtures import holdings

from taihang.app import places as placing
from taihang.app import platform
from taihang.catalog.tickets import policy
from taihang.catalog.tickets import words as tickets
from taihang.core import asset, principal
from tests.console import pages
from tests.console.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900 * pages.SLOW)]
PAGES = (
    "/",
    "/videos",
    "/quality",
    "/tickets",
    "/assets",
    "/jobs",
    "/rules",
    "/rules/edit",
    "/audit",
    "/admin",
    "/admin?tab=policies",
    "/admin?tab=tokens",
    "/findings",
    "/live",
    "/no/such/page",
)


_STILL = """return document.getAnimations().every(
    a => a.playState !== 'running' || a.effect.getTiming().iterations > 9)"""


@pytest.fixture(scope="module")
def things(console: Running) -> tuple[str, ...]:
    """Pages of one thing each, with something on them."""
    where = placing.Places(console.home, f"sqlite:///{console.home / 'taihang.db'}", (console.home / "blobs").as_uri())
    whole = platform.open_platform(where)
    who = principal.Principal(name="x", tenant="default")
    try:
        made = []
        for kind, name, page in (("table", "axe.csv", "quality"), ("video", "axe.mp4", "videos")):
            known = asset.Asset(kind=kind, name=name, sha256=("e" if kind == "table" else "f") * 64, size=1)
            version = whole.catalogue(who).register(known)
            whole.catalogue(who).record(holdings.report_of(known, 3, name), version.id, kind="assess")
            made += [f"/{page}/{version.id}", f"/assets/{version.asset_id}"]
        subject = tickets.Subject(asset="axe.csv", version="e" * 64)
        opened = whole.desk(who).open_by_policy([holdings.finding_of(9)], policy.load("default"), subject)
        return (*made, *(f"/tickets/{one}" for one in (*opened.opened, *opened.joined)))
    finally:
        whole.close()


def test_no_page_keeps_anybody_out(visitor: pages.Pages, things: tuple[str, ...]) -> None:
    library = pytest.importorskip("axe_core_python")
    axe = importlib.resources.files(library).joinpath("axe.min.js").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for path in (*PAGES, *things):
        visitor.goto(path)
        visitor.until("return window.did_handshake && document.querySelector('main h1, main .th-empty-title')")
        if path == "/rules/edit":
            visitor.until("return document.querySelector('.cm-content[aria-label]')")
        # Something that is still fading in has another colour for a moment.
        visitor.until(_STILL)
        visitor.run(axe)
        grave = visitor.run(
            """return axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']}).then(r => r.violations
              .filter(v => ['serious', 'critical'].includes(v.impact))
              .map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')))"""
        )
        if grave:
            found[path] = grave
    assert not found, "\n".join(f"{path} {one}" for path, many in found.items() for one in many)


def test_every_control_is_reached_by_the_tab_key(visitor: pages.Pages, things: tuple[str, ...]) -> None:
    for path in ("/", "/tickets", "/findings", "/rules", "/admin", "/admin?tab=policies", *things):
        visitor.goto(path)
        visitor.until("return document.querySelector('main.th-main h1')")
        wanted = visitor.run(
            """return [...document.querySelectorAll('a[href], button, input, select, textarea, [role=button]')]
              .filter(e => e.getClientRects().length && !e.disabled && e.tabIndex >= 0).length"""
        )
        reached = set()
        for _ in range(wanted + 8):
            visitor.press("Tab")
            reached.add(
                visitor.run(
                    "const e = document.activeElement; e.dataset.n ||= String(Math.random()); return e.dataset.n"
                )
            )
        assert len(reached) >= wanted, path
