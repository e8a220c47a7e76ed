"""A real server of the OpenAI kind: `transformers serve` with tiny models that were built here."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydantic
import pytest
from engines.predict import tiny_vlm

from taihang.engines.media import clips
from taihang.engines.predict import chat, speaker

pytest.importorskip("torch")
pytest.importorskip("openai")

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


class Form(pydantic.BaseModel):
    seen: str


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    program = shutil.which("transformers", path=str(Path(sys.executable).parent))
    assert program is not None
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder.parent / "hf")}
    line = [program, "serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with subprocess.Popen(line, env=env) as server:
        try:
            until = time.monotonic() + 600
            while time.monotonic() < until and server.poll() is None:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                    break
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1#{folder}"
        finally:
            server.terminate()


@pytest.mark.parametrize("family", tiny_vlm.FAMILIES)
def test_random_weights_behind_a_real_server_are_seen_as_no_answer(family: str, tmp_path: Path) -> None:
    folder = tiny_vlm.save(tmp_path / family, family)
    pixels = np.random.default_rng(0).integers(0, 255, (84, 112, 3), dtype=np.uint8)
    picture = chat.Image(clips.still(pixels), 112, 84)
    question = [chat.Message("user", (chat.Text("What is seen?"), picture))]
    with _served(folder) as spec:
        model = speaker.load(spec, speaker.Settings(max_tokens=16, attempts=2))
        answer = model.ask(question, Form)
    assert answer.outcome in {"prose", "cut", "empty", "schema"}, answer
    assert answer.value is None
