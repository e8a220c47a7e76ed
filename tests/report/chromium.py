"""Real Chromium, driven by chromedriver over plain HTTP (W3C WebDriver)."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
)


class Refused(AssertionError):
    """The browser did not do what it was asked to, in its own words."""


class Browser:
    """One window."""

    def __init__(self, server: str, session: str) -> None:
        self._at = f"{server}/session/{session}"

    def open(self, page: Path) -> None:
        _call(f"{self._at}/url", {"url": page.as_uri()})

    def run(self, script: str, *args: Any) -> Any:
        """The value that a script returns; a promise is awaited."""
        return _call(f"{self._at}/execute/sync", {"script": script, "args": list(args)})

    def resize(self, width: int, height: int = 900) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._cdp("Emulation.setDeviceMetricsOverride", metrics)

    def media(self, name: str) -> None:
        self._cdp("Emulation.setEmulatedMedia", {"media": name})

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self._cdp("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": 9})

    def pdf(self) -> bytes:
        # A browser that gets too little of the machine gives up printing; what it prints is the same the next time.
        for _ in range(3):
            with contextlib.suppress(Refused):
                return base64.b64decode(_call(f"{self._at}/print", {"background": True}))
        return base64.b64decode(_call(f"{self._at}/print", {"background": True}))

    def console(self) -> list[str]:
        """What the console said since it was last asked, warnings and errors of the policy among it."""
        return [entry["message"] for entry in _call(f"{self._at}/se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """Every address asked for since the last question."""
        events = [json.loads(e["message"])["message"] for e in _call(f"{self._at}/se/log", {"type": "performance"})]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def _cdp(self, command: str, parameters: dict[str, Any]) -> Any:
        return _call(f"{self._at}/goog/cdp/execute", {"cmd": command, "params": parameters})


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A fresh browser with an empty profile, or a skip that says what is missing."""
    driver = shutil.which("chromedriver")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if driver is None or chromium is None:
        pytest.skip("needs Chromium and chromedriver: apt install chromium chromium-driver")
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None
            port = next(
                found[1] for line in process.stdout if (found := re.search(r"successfully on port (\d+)", line))
            )
            server = f"http://127.0.0.1:{port}"
            options = {"binary": chromium, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
            session = _call(f"{server}/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            try:
                yield Browser(server, session)
            finally:
                _call(f"{server}/session/{session}", None, "DELETE")
        finally:
            process.terminate()
            process.wait(10)


def _call(address: str, body: dict[str, Any] | None, method: str = "POST") -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=120) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise Refused(error.read().decode(errors="replace")[:500]) from None
