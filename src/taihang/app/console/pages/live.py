"""Live: what edge nodes warn of, as it comes: node, time, rule, clip, state, ticket."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from taihang.app.console import cells, frame, listing, moments, registry, visit
from taihang.app.console.pages import findings

_LIVE_S = 2.0


@registry.page("/live", key="live", icon="sensors", order=12, action="finding:read")
async def live(looking: visit.Visit) -> None:
    """The newest first, looked at anew every two seconds while the first page is shown."""
    t = looking.t
    frame.heading(looking, t("live.title"), t("live.note"))

    def none() -> None:
        frame.empty("sensors", t("live.none"), t("live.none_hint"))

    heads = [t(f"live.{name}") for name in ("level", "time", "node", "rule", "message", "clip", "state", "ticket")]
    with frame.card():
        listed = listing.Listing(
            looking, "alerts", heads, lambda one: _row(looking, one), none=none, size=25, label=t("live.title")
        )
        await listed.show()
    ui.timer(_LIVE_S, frame.acting(looking, listed.again))


def _row(looking: visit.Visit, one: dict[str, Any]) -> tuple[object, ...]:
    t = looking.t
    title = looking.both(one["finding"]["rule"]["title"]) or one["rule"]
    where = cells.address("videos", one["version_id"], finding=one["finding_id"])
    origin = f"{one['node']} · {one['stream']}" + (f" · {t('assets.synthetic')}" if one["synthetic"] else "")
    state = cells.chip(t(f"videos.state.{one['state']}"), f"th-state th-review-{one['state']}")
    return (
        findings.level(looking, one), cells.when(moments.at(one["at"])), cells.text(origin),
        cells.link(title, where) if one["clip"] else cells.text(title),
        cells.text(looking.both(one["finding"]["message"]), "th-clip"),
        cells.link(t("live.play"), where) if one["clip"] else cells.text(t("live.no_clip")), state,
        cells.link(t("live.open"), cells.address("tickets", one["ticket"])) if one["ticket"] else cells.text(""),
    )  # fmt: skip
