"""Edge nodes for tests: films in which a bright upright thing stands for a person, and a network that fails."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pytest

from taihang.core import ids
from taihang.engines.predict import predictor as contract
from taihang.engines.predict import registry

RULES = """
taihang: rules/1
id: live-test
version: "1"
title: {zh: 测试, en: test}
scope: {camera: fixed}
rules:
  - id: somebody
    title: {zh: 有人, en: somebody}
    level: orange
    dimension: personnel
    table: people
    where: people >= 1
    sustained: 1s
    max_gap: 1s
    cooldown: 3s
    message: {zh: "有人 {start}", en: "somebody from {start}"}
  - id: fast
    title: {zh: 快, en: fast}
    level: blue
    dimension: personnel
    table: movement
    where: speed > 50
    message: {zh: 快, en: fast}
"""


class Bright:
    """Every bright region is a person; cheap, and right on these films."""

    name = "bright"
    version = ids.digest(b"bright")
    classes = ("person",)
    sure = 0.5
    calibration = None
    limits = ()

    def predict(self, frames: Sequence[Any], scene: Any = None) -> pa.Table:
        return contract.joined([self._one(frame) for frame in frames])

    def _one(self, frame: Any) -> pa.Table:
        rows, columns = np.nonzero(frame.image[:, :, 0] > 180)
        if len(rows) < 20:
            return contract.detections(frame, [], [], [])
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return contract.detections(frame, [box], [0.9], ["person"])


registry.scheme("bright")(lambda spec, options: Bright())


def film(
    path: Path, seconds: float, shown: Sequence[tuple[float, float]], size: tuple[int, int] = (160, 120),
    comment: str = "",
) -> Path:  # fmt: skip
    """A film at 10 pictures a second; in each span of `shown` the thing stands in it. `comment` stands in its tags."""
    wide, high = size
    texture = np.random.default_rng(1).integers(40, 110, (high, wide, 1), np.uint8).repeat(3, axis=2)
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = wide, high, "yuv420p"
        for number in range(round(seconds * 10)):
            image = texture.copy()
            if any(a <= number / 10 < b for a, b in shown):
                left = 40 + number % 3
                image[30:100, left : left + 28] = 235
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def rules(folder: Path, text: str = RULES) -> str:
    """The rulebook of these films, as a file."""
    file = folder / "live.rules.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def until(true: Callable[[], Any], what: str, wait_s: float = 60.0) -> Any:
    """Wait for something; a test that waits in vain says for what."""
    over = time.monotonic() + wait_s
    while time.monotonic() < over:
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"never came: {what}")


class Hook:
    """A receiver of webhooks: bodies as they come, with their headers and when they came."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.at: list[float] = []
        self.status = 200


@contextlib.contextmanager
def hook() -> Iterator[tuple[str, Hook]]:
    got = Hook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if got.status == 200:
                got.raw.append(raw)
                got.bodies.append(json.loads(raw))
                got.headers.append(dict(self.headers))
                got.at.append(time.time())
            self.send_response(got.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        server.server_close()


class Line:
    """A TCP line to a port that can be cut, and made slow; `carried` counts bytes on their way to the port."""

    def __init__(self, port: int) -> None:
        self.target, self.cut, self.slow_s, self.carried = port, False, 0.0, 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def break_(self) -> None:
        """Cut it, in the middle of what is under way."""
        self.cut = True
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.cut = False

    def close(self) -> None:
        self.break_()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.cut:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            self._open += [near, far]
            for one, other, there in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._carry, args=(one, other, there), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, there: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(16384):
                if self.slow_s:
                    time.sleep(self.slow_s)
                if self.cut:
                    break
                if there:
                    self.carried += len(data)
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
                end.close()


@contextlib.contextmanager
def line(port: int) -> Iterator[Line]:
    made = Line(port)
    try:
        yield made
    finally:
        made.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_RTSP = """
import gi, sys
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GLib, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer(); server.set_address("127.0.0.1"); server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch("( filesrc location=%s ! qtdemux ! rtph264pay name=pay0 pt=96 config-interval=1 )" % sys.argv[2])
factory.set_shared(True)
server.get_mount_points().add_factory("/cam", factory); server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
"""


@contextlib.contextmanager
def camera(file: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A real RTSP server (GStreamer's) that shows a film at rtsp://127.0.0.1:PORT/cam."""
    python = "/usr/bin/python3"
    there = subprocess.run(
        [
            python,
            "-c",
            "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer",
        ],
        capture_output=True,
        check=False,
    )
    if there.returncode:
        pytest.skip("not installed: GstRtspServer (sudo apt install gir1.2-gst-rtsp-server-1.0 python3-gi "
                    "gstreamer1.0-plugins-good)")  # fmt: skip
    server = subprocess.Popen([python, "-c", _RTSP, str(port), str(file)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert server.stdout.readline().strip() == "ready"
        yield server
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def command(*words: str) -> list[str]:
    """The command line in a process that knows the detector of these films."""
    code = "from use.video.cascade import nodes; from taihang.app.cli import main; main()"
    return [sys.executable, "-c", code, *words]
