"""The console over 100,000 findings beside an empty page of the same console: time, CPU and memory in one run.

One platform, one Chromium. An empty page (frame and title only) and the list of findings are opened in turns; each time
is what the browser's own clock says from the start of the navigation until the page is there and its socket is up.
The filter's and the next page's time runs from the click until the new rows stand in the page. CPU is the server
process's own. Memory is the server process's resident set with ten tabs open on the empty page, then on the list.

    python bench/console.py [--findings 100000] [--rounds 5] [--out bench/console.json]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
EACH = 5_000
TABS = 10
EMPTY = """
from taihang.app.console import frame, registry

@registry.page("/empty", key="app.console:overview", action="asset:read")
async def empty(looking):
    frame.heading(looking, "empty")
"""
# The first moment at which the page is there, by the browser's clock.
WATCH = """(() => { const look = () => {
  const table = location.pathname === '/empty' || document.querySelector('.th-table tbody tr');
  if (window.did_handshake && document.querySelector('main h1') && table) window.readyAt = performance.now();
  else setTimeout(look, 4); }; look(); })()"""
CHANGED = """const [wanted] = arguments; return new Promise((done) => {
  const look = () => eval(wanted) ? done(performance.now() - window.clickedAt) : setTimeout(look, 4); look(); })"""


def filled(home: Path, count: int) -> None:
    """A store with so many findings, in reports of five thousand."""
    import sqlalchemy as sa
    from fixtures import holdings

    from taihang.app import platform
    from taihang.catalog import tables
    from taihang.core import asset, principal

    where = platform.Places(home, f"sqlite:///{home / 'taihang.db'}", (home / "blobs").as_uri())
    whole = platform.open_platform(where)
    platform.prepare(whole)
    catalogue = whole.catalogue(principal.Principal(name="bench", tenant="default"))
    made = [
        catalogue.register(asset.Asset(kind="table", name=f"t{number}.csv", sha256=f"{number + 1:064x}", size=1))
        for number in range(max(1, count // EACH))
    ]
    catalogue.record(holdings.report_of(made[0].asset, min(EACH, count), "t0"), made[0].id, kind="assess")
    # The others hold the same rows under their own ids: written by the store, not found anew.
    names = [column.name for column in tables.findings.columns]
    given = ", ".join({"version_id": ":version", "asset_id": ":asset"}.get(name, name) for name in names)
    rows = f"SELECT {given} FROM catalog_findings WHERE version_id = :first"
    copy = f"INSERT INTO catalog_findings ({', '.join(names)}) {rows}"
    with whole.store.begin() as conn:
        for one in made[1:]:
            conn.execute(sa.text(copy), {"version": one.id, "asset": one.asset_id, "first": made[0].id})
    whole.close()
    gc.collect()


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Its resident set, in 10^6 bytes."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def opened(browser: Any, pid: int, path: str) -> tuple[float, float]:
    """Milliseconds by the browser's clock until the page is there, seconds of CPU of the server."""
    before = cpu_s(pid)
    browser.goto(path)
    took = float(browser.until("return window.readyAt"))
    return took, cpu_s(pid) - before


def clicked(browser: Any, control: Any, until: str) -> float:
    """Milliseconds from a click until something is so."""
    browser.run(
        "addEventListener('click', () => { window.clickedAt = performance.now(); }, {capture: true, once: true})"
    )
    browser.click(control)
    return float(browser.run(CHANGED, until))


def tabs(browser: Any, path: str) -> None:
    """Ten tabs, each on its own page."""
    from tests.report import chromium

    for number in range(TABS):
        if number:
            made = chromium._call(f"{browser._at}/window/new", {"type": "tab"})
            chromium._call(f"{browser._at}/window", {"handle": made["handle"]})
            browser._cdp("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        browser.goto(path)
        browser.until("return window.readyAt")


def closed(browser: Any) -> None:
    """All tabs but one."""
    from tests.report import chromium

    first, *others = chromium._call(f"{browser._at}/window/handles", None, "GET")
    for handle in others:
        chromium._call(f"{browser._at}/window", {"handle": handle})
        chromium._call(f"{browser._at}/window", None, "DELETE")
    chromium._call(f"{browser._at}/window", {"handle": first})


def measured(browser: Any, pid: int, rounds: int) -> dict[str, Any]:
    """All of it."""
    from tests.console import conftest

    browser.patience_s = 120.0
    conftest.sign_in(browser)
    browser._cdp("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    browser._cdp("Network.enable", {})
    took: dict[str, list[float]] = {}
    used: dict[str, list[float]] = {}
    for round_ in range(rounds + 1):
        for name, path, cached in (("empty", "/empty", True), ("list", "/findings", True), ("overview", "/", True),
                                   ("empty_cold", "/empty", False), ("overview_cold", "/", False)):  # fmt: skip
            browser._cdp("Network.setCacheDisabled", {"cacheDisabled": not cached})
            ms, cpu = opened(browser, pid, path)
            if round_:  # the first of each is the server's own first time
                took.setdefault(name, []).append(ms)
                used.setdefault(name, []).append(cpu)
    browser._cdp("Network.setCacheDisabled", {"cacheDisabled": False})
    for _ in range(rounds):
        opened(browser, pid, "/findings")
        browser.click(browser.element("[aria-label='级别']"))
        option = browser.until("return [...document.querySelectorAll('.q-item')].find(e => e.innerText === '低')")
        rows = "[...document.querySelectorAll('.th-table tbody tr')]"
        only = f"{rows}.length && {rows}.every(r => r.querySelector('.th-level-blue'))"
        took.setdefault("filter", []).append(clicked(browser, option, only))
        first = json.dumps(browser.run(f"return {rows}[0].innerText"))
        following = browser.until(
            "return [...document.querySelectorAll('.th-steps button')].find(e => e.innerText.includes('下一页'))"
        )
        changed = f"{rows}.length && {rows}[0].innerText !== {first}"
        took.setdefault("next_page", []).append(clicked(browser, following, changed))
    memory = {"idle": resident_mb(pid)}
    for name, path in (("ten_empty", "/empty"), ("ten_lists", "/findings"), ("ten_overviews", "/")):
        tabs(browser, path)
        time.sleep(2)
        memory[name] = resident_mb(pid)
        closed(browser)
    middle = {name: round(statistics.median(values), 1) for name, values in took.items()}
    return {
        "ms": middle, "worst_ms": {name: round(max(values), 1) for name, values in took.items()},
        "cpu_s": {name: round(statistics.median(values), 3) for name, values in used.items()},
        "memory_mb": {name: round(value, 1) for name, value in memory.items()},
        "ratio_to_empty": {
            "list_ms": round(middle["list"] / middle["empty"], 2),
            "overview_ms": round(middle["overview"] / middle["empty"], 2),
            "ten_lists_mb": round(memory["ten_lists"] / memory["ten_empty"], 2),
        },
    }  # fmt: skip


def grown_mb() -> float:
    """What the console's library and all that only it brings add to the base install, in 10^6 bytes."""
    import importlib.metadata
    import re
    import tomllib

    from packaging.requirements import Requirement

    def closure(wanted: list[Requirement]) -> set[str]:
        seen: set[tuple[str, frozenset[str]]] = set()
        todo = [(one.name, frozenset(one.extras)) for one in wanted]
        while todo:
            name, extras = todo.pop()
            key = (re.sub(r"[-_.]+", "-", name).lower(), extras)
            if key in seen:
                continue
            seen.add(key)
            for line in importlib.metadata.requires(name) or []:
                one = Requirement(line)
                if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras or {""}):
                    todo.append((one.name, frozenset(one.extras)))
        return {name for name, _ in seen}

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = [Requirement(line) for line in project["dependencies"]]
    more = closure(base) - closure([one for one in base if one.name != "nicegui"])
    files = [Path(str(f.locate())) for name in more for f in importlib.metadata.files(name) or []]
    return round(sum(one.stat().st_size for one in files if one.is_file()) / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    from tests.console import pages, running

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        filled(home, given.findings)
        limits = {"TAIHANG_API_RATE_PER_S": "1000", "TAIHANG_API_BURST": "10000"}
        with (
            running.platform(home, "--workers", "0", more=limits, before=EMPTY) as found,
            pages.browsing(found.base, "zh") as browser,
        ):
            made = measured(browser, found.pid, given.rounds)
    made = {"findings": given.findings, "rounds": given.rounds, "load": round(os.getloadavg()[0], 1),
            "grown_mb": grown_mb(), **made}  # fmt: skip
    text = json.dumps(made, indent=1, ensure_ascii=False)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
