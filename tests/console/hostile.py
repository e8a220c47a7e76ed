"""Hostile: texts, addresses and things that somebody made to do harm."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fixtures import holdings

from taihang.app import places as placing
from taihang.app import platform
from taihang.core import asset, principal
from tests.console.running import Running

SCRIPT = "<script>window.pwned=1</script>"
RTL = "مرحبا بالعالم شركة"
FORGED = (
    "/findings?level=%3Cscript%3E&state=x&verdict=1&order=rank&after=AAAA",
    "/findings?rule=%3Cscript%3Ewindow.pwned%3D1%3C%2Fscript%3E",
    "/tickets?view=../../etc&level=%22%3E&after=zzzz",
    "/jobs?state=%27%3B+drop+table&after=%F0%9F%98%80",
    "/assets?kind=weapon&q=%3Cscript%3Ewindow.pwned%3D1%3C%2Fscript%3E&after=%00",
    "/videos?q=" + "x" * 10_000,
    "/admin?tab=%3Cscript%3E",
    "/audit?subject=" + "%E2%80%AE" * 50,
    "/quality/version-0000000000000000?since=version-1&finding=%3Cscript%3E",
    "/rules/edit?asset=asset-0000000000000000",
    "/rules/edit?asset=..%2F..%2Fusers",
    "/tickets/ticket-does-not-exist",
    "/jobs/%2e%2e%5cusers",
    "/no/such/page",
)


def put(console: Running) -> dict[str, str]:
    """Things of another tenant, and hostile ones of one's own, put straight into the store."""
    with _opened(console) as whole:
        known = asset.Asset(kind="table", name="secret-plan.csv", sha256="a" * 64, size=1, tenant="mine-b")
        other = whole.catalogue(principal.Principal(name="x", tenant="mine-b"))
        version = other.register(known)
        other.record(holdings.report_of(known, 3, "theirs"), version.id, kind="assess")
        mine = whole.catalogue(principal.Principal(name="x", tenant="default"))
        for number, name in enumerate((SCRIPT, RTL, "n" * 300)):
            one = asset.Asset(kind="table", name=name, sha256=f"{number + 1:064x}", size=1)
            made = mine.register(one, description=SCRIPT, tags=(SCRIPT,))
            mine.record(holdings.report_of(one, 60, SCRIPT), made.id, kind="assess")
        gone = mine.register(asset.Asset(kind="video", name="gone.mp4", sha256="b" * 64, size=1))
        return {"version": version.id, "asset": version.asset_id, "hostile": made.id, "gone": gone.id}


def report_again(console: Running, times: int) -> None:
    """So many more reports, on one more table."""
    with _opened(console) as whole:
        mine = whole.catalogue(principal.Principal(name="x", tenant="default"))
        one = asset.Asset(kind="table", name="again.csv", sha256="c" * 64, size=1)
        made = mine.register(one)
        for number in range(times):
            mine.record(holdings.report_of(one, number + 1, "again"), made.id, kind="assess")


@contextlib.contextmanager
def _opened(console: Running) -> Iterator[platform.Platform]:
    where = placing.Places(console.home, f"sqlite:///{console.home / 'taihang.db'}", (console.home / "blobs").as_uri())
    whole = platform.open_platform(where)
    try:
        yield whole
    finally:
        whole.close()
