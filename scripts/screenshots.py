# ruff: noqa: PLC0415 - the way to the tests is made first
"""Pictures of the console for docs/console: a platform with synthetic holdings, judged by itself, and a Chromium.

screenshots.py [--only NAME]     writes docs/console/NAME.LANGUAGE.webp; takes ten minutes, mostly for the film
screenshots.py --at URL          of a platform that runs and has these holdings already
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "src")]
OUT = ROOT / "docs" / "console"
LARGEST, ALL = 60_000, 600_000
BOTH = ("overview", "video", "quality")


@contextlib.contextmanager
def platform(at: str | None) -> Iterator[tuple[str, Any]]:
    """Its address, and a client that is signed in."""
    from taihang.app.client import client
    from tests.console import holdings, running

    if at is not None:
        known = client.Client(at)
        known.sign_in("admin", running.PASSWORD)
        yield at, known
        return
    with tempfile.TemporaryDirectory() as name, running.platform(Path(name, "home")) as found:
        folder = Path(name)
        holdings.tables(found.client, folder)
        holdings.video(found.client, folder)
        holdings.broken(found.client, folder)
        yield found.base, found.client


def pages_of(known: Any) -> dict[str, str]:
    """Addresses by the name of the picture."""
    assets = {one["name"]: one for one in known.get("assets")["items"]}
    film = next(one for name, one in assets.items() if name.startswith("3号"))
    table = next(one for one in assets.values() if one["kind"] == "table")
    book = next(one for name, one in assets.items() if name.endswith(".rules.yaml"))
    found = known.get("findings", version=film["latest"], limit=50)["items"]
    chosen = next((one for one in found if one["rule"] == "restricted-zone"), found[0])
    ticket = next(one for one in known.get("tickets")["items"] if one["kind"] == "video")
    job = next(one for one in known.get("jobs", kind="inspect-asset")["items"] if one["state"] == "done")
    return {
        "overview": "/",
        "video": f"/videos/{film['latest']}?finding={chosen['id']}",
        "findings": "/findings",
        "quality": f"/quality/{table['latest']}",
        "ticket": f"/tickets/{ticket['id']}",
        "asset": f"/assets/{table['id']}",
        "job": f"/jobs/{job['id']}",
        "rules": f"/rules/edit?asset={book['id']}",
        "audit": "/audit",
        "admin": "/admin?tab=policies",
    }


def taken(browser: Any, path: str) -> bytes:
    """The page as WebP, as small as it has to be."""
    browser.goto(path)
    browser.until("return window.did_handshake && document.querySelector('main h1')")
    time.sleep(2.5)  # charts and the film's picture
    for quality in (62, 48, 36, 24):
        shot = {"format": "webp", "quality": quality, "optimizeForSpeed": False}
        data = base64.b64decode(browser._cdp("Page.captureScreenshot", shot)["data"])
        if len(data) < LARGEST:
            return data
    raise SystemExit(f"{path}: {len(data)} bytes are too many")


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--at")
    parser.add_argument("--only")
    given = parser.parse_args()
    from tests.console import conftest
    from tests.console import pages as browsers

    OUT.mkdir(exist_ok=True)
    with platform(given.at) as (base, known):
        addresses = pages_of(known)
        for language in ("zh", "en"):
            with browsers.browsing(base, language) as browser:
                browser.patience_s = 90.0
                conftest.sign_in(browser)
                for name, path in addresses.items():
                    if (language == "zh" or name in BOTH) and given.only in {None, name}:
                        data = taken(browser, path)
                        (OUT / f"{name}.{language}.webp").write_bytes(data)
                        print(f"{len(data):7} {name}.{language}.webp", flush=True)
    total = sum(one.stat().st_size for one in OUT.glob("*.webp"))
    if total >= ALL:
        raise SystemExit(f"{total} bytes in all are too many")


if __name__ == "__main__":
    main()
