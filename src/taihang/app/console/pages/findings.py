"""Findings: everything that was found, by filter, a page at a time from the server."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from taihang.app.console import cells, frame, listing, moments, registry, visit

_STATES = ("open", "accepted", "rejected")
_VERDICTS = ("violated", "insufficient")
_ORDERS = ("gravest", "newest", "oldest", "rule")


@registry.page("/findings", key="findings", icon="report_problem", order=15, action="finding:read")
async def found(looking: visit.Visit) -> None:
    """The gravest first; level, state, verdict, order and rule stand in the address."""
    t = looking.t
    frame.heading(looking, t("findings.title"), t("findings.note"))
    counts = ui.column().classes("w-full gap-1")
    levels = {name: t(f"core:level.{name}") for name in frame.LEVELS}
    states = {name: t(f"videos.state.{name}") for name in _STATES}
    verdicts = {name: t(f"findings.verdict.{name}") for name in _VERDICTS}
    orders = {name: t(f"findings.order.{name}") for name in _ORDERS}
    with ui.row().classes("items-center gap-2 th-filters"):
        level_ = frame.choice(looking, "level", levels, t("findings.any_level"), t("findings.level"))
        state = frame.choice(looking, "state", states, t("findings.any_state"), t("findings.state"))
        verdict = frame.choice(looking, "verdict", verdicts, t("findings.any_verdict"), t("findings.verdict_label"))
        order = frame.choice(looking, "order", orders, "", t("findings.order_label"))
        rule = (
            ui.input(placeholder=t("findings.rule_id"), value=looking.query.get("rule", "")[:100])
            .props(f'dense outlined clearable debounce=400 maxlength=100 aria-label="{t("findings.rule_id")}"')
            .classes("w-48")
        )

    def only() -> dict[str, Any]:
        return {"level": level_.value, "state": state.value, "verdict": verdict.value,
                "order": order.value or "gravest",
                "rule": (rule.value or "").strip(), "version": looking.query.get("version"),
                "asset": looking.query.get("asset")}  # fmt: skip

    def none() -> None:
        frame.empty("check_circle", t("findings.none"), t("findings.none_hint"))

    heads = [t(f"findings.{name}") for name in ("level", "rule", "message", "place", "dimension", "state", "recorded")]
    with frame.card():
        listed = listing.Listing(
            looking, "findings", heads, lambda one: _row(looking, one), only=only, none=none, label=t("findings.title")
        )
        await listed.show()

    async def count() -> None:
        given = {name: looking.query.get(name) for name in ("asset", "version")}
        now = await looking.api.get("findings/levels", **given, state=state.value)
        counts.clear()
        with counts:
            frame.spread(looking, now)

    async def changed() -> None:
        await listed.anew(
            level=level_.value, state=state.value, verdict=verdict.value, rule=(rule.value or "").strip(),
            order="" if order.value == "gravest" else order.value,
        )  # fmt: skip
        await count()

    await count()
    for control in (level_, state, verdict, order, rule):
        control.on_value_change(frame.acting(looking, changed))


def _row(looking: visit.Visit, one: dict[str, Any]) -> tuple[object, ...]:
    state = looking.t(f"videos.state.{one['state']}")
    message = looking.both(one["finding"]["message"])
    if one["verdict"] == "insufficient":
        message = f"{looking.t('core:verdict.insufficient')} · {message}"
    return (
        level(looking, one), title(looking, one), cells.text(message, "th-clip"), place(one),
        dimension(looking, one["dimension"]), cells.chip(state, f"th-state th-review-{one['state']}"),
        cells.when(moments.at(one["recorded"])[:16]),
    )  # fmt: skip


def level(looking: visit.Visit, one: dict[str, Any]) -> cells.Markup:
    """The level as a chip."""
    return cells.chip(looking.t(f"core:level.{one['level']}"), f"th-level th-level-{one['level']}")


def title(looking: visit.Visit, one: dict[str, Any]) -> cells.Markup:
    """The rule's title; it leads to the place where the finding is judged."""
    name = looking.both(one["finding"]["rule"]["title"]) or one["rule"]
    where = "videos" if one["finding"]["place"].get("start_s") is not None else "quality"
    return cells.link(name, cells.address(where, one["version_id"], finding=one["id"]))


def place(one: dict[str, Any]) -> str:
    """Where: a time in a video, a table and its column, or the keys of a row."""
    at = one["finding"]["place"]
    if at.get("start_s") is not None:
        return moments.clock(float(at["start_s"]))
    keys = ", ".join(f"{name}={value}" for name, value in list((at.get("keys") or {}).items())[:3])
    return " · ".join(part for part in (str(at.get("table") or ""), str(at.get("column") or ""), keys) if part)


def dimension(looking: visit.Visit, name: str) -> str:
    """A dimension in words; one of somebody's own keeps its name."""
    try:
        return looking.t(f"report:dimension.{name}")
    except KeyError:
        return name
