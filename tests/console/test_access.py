"""Whoever cannot use a mouse, or does not see colours, can use every page: checked by axe-core in a real browser."""

from __future__ import annotations

import importlib.resources

import pytest

from tests.console import pages

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
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
    "/admin?tab=tokens",
)


def test_no_page_keeps_anybody_out(visitor: pages.Pages) -> None:
    library = pytest.importorskip("axe_core_python")
    axe = importlib.resources.files(library).joinpath("axe.min.js").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for path in PAGES:
        visitor.goto(path)
        visitor.until("return document.querySelector('main.th-main h1')")
        if path == "/rules/edit":
            visitor.until("return document.querySelector('.cm-content[aria-label]')")
        visitor.run(axe)
        grave = visitor.run(
            """return axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']}).then(r => r.violations
              .filter(v => ['serious', 'critical'].includes(v.impact))
              .map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')))"""
        )
        if grave:
            found[path] = grave
    assert not found, "\n".join(f"{path} {one}" for path, many in found.items() for one in many)


def test_every_control_is_reached_by_the_tab_key(visitor: pages.Pages) -> None:
    for path in ("/", "/tickets", "/admin"):
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
        assert len(reached) >= min(wanted, 60) * 0.9
