"""Uploading: a file of the visitor's, resumable, and what happens with its version after."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable

from nicegui import events, ui

from taihang.app.console import frame, visit
from taihang.core import errors


def field(
    looking: visit.Visit, accept: str, kind: str, then: Callable[[str], Awaitable[None]], *, label: str
) -> ui.element:
    """A button that takes one file; `then` gets the id of its version."""
    ui.add_head_html('<script src="/console/upload.js"></script>', shared=False)
    with ui.row().classes("items-center gap-3") as row:
        picker = ui.element("input").props(f'type="file" accept="{accept}" aria-label="{label}"').classes("th-file")
        picker.style("position:absolute;width:1px;height:1px;opacity:0")
        button = ui.button(label, icon="upload").props("unelevated no-caps")
        button.on("click", js_handler=f"() => document.getElementById('c{picker.id}').click()")
        bar = ui.linear_progress(0, show_value=False).classes("w-40").props(f'aria-label="{label}"')
        bar.set_visibility(False)

    options = {"csrf": looking.api.csrf, "language": looking.language, "kind": kind}

    async def sent(event: events.GenericEventArguments) -> None:
        bar.set_visibility(False)
        button.enable()
        if event.args.get("problem"):
            looking.complain(errors.UserError("app.client:told", detail=str(event.args["problem"])[:500]))
        elif event.args.get("version"):
            await then(str(event.args["version"]))

    ui.on(f"sent-{picker.id}", frame.taking(looking, sent))

    def moved(event: events.GenericEventArguments) -> None:
        bar.set_visibility(True)
        button.disable()
        bar.set_value(float(event.args))

    ui.on(f"moved-{picker.id}", moved)
    picker.on(
        "change",
        js_handler=f"""(event) => {{
          emitEvent('moved-{picker.id}', 0);
          taihangUpload(event.target, {json.dumps(options)}, (share) => emitEvent('moved-{picker.id}', share))
            .then((version) => emitEvent('sent-{picker.id}', {{version}}))
            .catch((error) => emitEvent('sent-{picker.id}', {{problem: error.message}}))
            .finally(() => {{ event.target.value = ''; }});
        }}""",
    )
    return row


async def text(looking: visit.Visit, name: str, content: str, kind: str) -> str:
    """Keep a small text, such as zones, as a version; its id. Raises errors.UserError and its kinds."""
    data = content.encode()
    common = {"Tus-Resumable": "1.0.0"}
    metadata = ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}"
        for key, value in (("filename", name), ("kind", kind))
        if value
    )
    made = await looking.api.ask(
        "POST", "uploads", headers={**common, "Upload-Length": str(len(data)), "Upload-Metadata": metadata}
    )
    place = made.headers["location"].rpartition("/")[2]
    await looking.api.ask(
        "PATCH",
        f"uploads/{place}",
        content=data,
        headers={**common, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"},
    )
    found = await looking.api.get(f"uploads/{place}")
    return str(found["version"])
