"""The console in a real browser: go somewhere, look, type and click as a visitor does."""

from __future__ import annotations

import base64
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from taihang.core import i18n
from tests.report import chromium

# How many times slower than usual the machine is, for whoever runs this beside other work.
SLOW = float(os.environ.get("TAIHANG_SLOW", "1"))
ENTER = "\ue007"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Pages(chromium.Browser):
    """A browser on the console at `base`. What is not there yet is waited for, up to `patience_s`."""

    base = ""
    language = "zh"
    patience_s = 30.0
    clicks = 0

    def t(self, key: str, **values: Any) -> str:
        """The console's own word for something, in the browser's language."""
        return i18n.text(key if ":" in key else f"app.console:{key}", self.language, **values)  # type: ignore[arg-type]

    def goto(self, path: str) -> None:
        """Open a page and wait until the console's socket is up."""
        chromium._call(f"{self._at}/url", {"url": path if path.startswith("http") else self.base + path})
        self.until("return document.readyState === 'complete'")

    def until(self, script: str, *args: Any) -> Any:
        """What the script gives once that is true. Raises AssertionError with the page's text."""
        end = time.monotonic() + self.patience_s * SLOW
        while time.monotonic() < end:
            with contextlib.suppress(OSError, chromium.Refused):
                if found := self.run(script, *args):
                    return found
            time.sleep(0.1)
        raise AssertionError(f"never: {script} {args}\n{self.run('return document.body.innerText')[-4000:]}")

    def sees(self, text: str) -> None:
        """The text is shown."""
        self.until("return document.body.innerText.includes(arguments[0])", text)

    def element(self, css: str) -> Any:
        """The first element."""
        return self.until("return document.querySelector(arguments[0])", css)

    def named(
        self, text: str, tags: str = "button, a, [role=button], [role=tab], [role=menuitem], .q-item, label"
    ) -> Any:
        """The first visible control with this text or accessible name."""
        return self.until(
            """const wanted = arguments[0];
            // An icon is a word in a font of signs: it is no part of what a button says.
            const shown = (e) => [...e.querySelectorAll('.q-icon')].reduce(
              (text, icon) => text.replace(icon.innerText, ''), e.innerText || '').trim();
            return [...document.querySelectorAll(arguments[1])].find(e => e.getClientRects().length &&
              (shown(e) === wanted || e.getAttribute('aria-label') === wanted))""",
            text,
            tags,
        )

    def click(self, found: Any) -> None:
        """Click as a mouse does."""

        def once() -> None:
            element = found if isinstance(found, dict) else self.named(found)
            chromium._call(f"{self._at}/element/{element[_ELEMENT]}/click", {})

        self._patiently(once)
        self.clicks += 1

    def type(self, css: str, text: str, *, clear: bool = True) -> None:
        """Type into a field."""

        def once() -> None:
            at = f"{self._at}/element/{self.element(css)[_ELEMENT]}"
            if clear:
                chromium._call(f"{at}/clear", {})
            chromium._call(f"{at}/value", {"text": text})

        self._patiently(once)

    def _patiently(self, once: Callable[[], None]) -> None:
        """Again while what is meant still moves, or something lies over it."""
        end = time.monotonic() + self.patience_s * SLOW
        while True:
            try:
                once()
            except (OSError, chromium.Refused):
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
            else:
                return

    def put(self, element: Any, text: str) -> None:
        """Type into a field that was found."""
        chromium._call(f"{self._at}/element/{element[_ELEMENT]}/value", {"text": text})

    def keys(self, text: str) -> None:
        """Press keys, wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        chromium._call(f"{self._at}/actions", {"actions": [{"type": "key", "id": "k", "actions": actions}]})

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Pull the mouse from one place of the window to another; counts as a click."""
        move = [{"type": "pointerMove", "duration": 80, "x": round(x), "y": round(y)} for x, y in (start, end)]
        steps = [move[0], {"type": "pointerDown", "button": 0}, move[1], {"type": "pointerUp", "button": 0}]
        mouse = {"type": "pointer", "id": "m", "parameters": {"pointerType": "mouse"}, "actions": steps}
        chromium._call(f"{self._at}/actions", {"actions": [mouse]})
        self.clicks += 1

    def attach(self, css: str, file: Path) -> None:
        """Choose a file in an upload field, hidden or not."""
        self.type(css, str(file), clear=False)

    def picture(self, file: Path) -> Path:
        """What is seen, as PNG."""
        data = chromium._call(f"{self._at}/screenshot", None, "GET")
        file.write_bytes(base64.b64decode(data))
        return file

    def cookie(self, name: str, value: str) -> None:
        """Set a cookie of the page that is open."""
        chromium._call(f"{self._at}/cookie", {"cookie": {"name": name, "value": value, "path": "/"}})


@contextlib.contextmanager
def browsing(base: str, language: str = "zh") -> Iterator[Pages]:
    """A fresh browser on the console, in this language."""
    with chromium.browser() as found:
        found.__class__ = Pages
        assert isinstance(found, Pages)
        found.base = base.rstrip("/")
        found.resize(1280, 860)
        found.goto("/sign-in")
        found.cookie("taihang_lang", language)
        yield found
