"""A platform of its own process, as `taihang up` starts it: for tests in a browser, pictures and measurements."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from taihang.app.client import client

PASSWORD = "a-long-enough-Passphrase-7"


@dataclasses.dataclass
class Running:
    """A platform on this machine: its address, its home, its process, a client that is signed in as administrator."""

    base: str
    home: Path
    pid: int
    client: client.Client


@contextlib.contextmanager
def up(
    home: Path, *words: str, port: int = 0, more: Mapping[str, str] | None = None, before: str = ""
) -> Iterator[tuple[str, str, int]]:
    """`taihang up` until the block ends: its address, what it said first, its process. `before`: a plug-in's code."""
    environment = {
        **os.environ, "TAIHANG_HOME": str(home), "TAIHANG_LANG": "en", "PYTHONUNBUFFERED": "1", **(more or {}),
    }  # fmt: skip
    code = f"{before}\nfrom taihang.app import cli\ncli.main()"
    command = [sys.executable, "-c", code, "up", "--port", str(port), *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if "/welcome#" in line or (port and "http://" in line):
                    break
            base = re.search(r"http://[\d.:]+\d", said)
            assert base, said
            # What it goes on saying must not fill the pipe.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield base[0], said, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@contextlib.contextmanager
def platform(home: Path, *words: str, more: Mapping[str, str] | None = None, before: str = "") -> Iterator[Running]:
    """A new platform whose administrator (`admin`, PASSWORD) has come in."""
    with up(home, *words, more=more, before=before) as (base, said, pid):
        link = re.search(r"http://\S+/welcome#\S+", said)
        assert link, said
        made = client.Client(base)
        made.join(link[0], PASSWORD, login="admin", name="管理员")
        yield Running(base, home, pid, made)
