"""Every check of the house, one after the other; run by ./check inside the environment it made.

All of them run even when one fails. The last line printed is pytest's own closing line.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
RECORD = ROOT / "docs" / "long-checks.md"

# What the tests look at the product with: a file that shows it is there (`*`: the machine's kind) → the Debian package.
TOOLS = {
    "/usr/bin/chromium": "chromium",
    "/usr/bin/chromedriver": "chromium-driver",
    "/usr/bin/pdftoppm": "poppler-utils",
    "/usr/bin/strace": "strace",
    "/usr/lib/postgresql": "postgresql",
    "/usr/bin/redis-server": "redis-server",
    "/usr/sbin/mariadbd": "mariadb-server",
    "/usr/bin/openssl": "openssl",
    "/usr/bin/java": "default-jre-headless",
    "/usr/sbin/mosquitto": "mosquitto",
    "/usr/lib/*/girepository-1.0/GstRtspServer-1.0.typelib": "gir1.2-gst-rtsp-server-1.0",
    "/usr/lib/python3/dist-packages/gi": "python3-gi",
    "/usr/lib/*/gstreamer-1.0/libgstrtp.so": "gstreamer1.0-plugins-good",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc": "fonts-noto-cjk",
}


class Result(NamedTuple):
    """How one check ended; `closing` is the last line that it printed."""

    name: str
    passed: bool
    seconds: float
    closing: str


def prepare() -> Result:
    """Install the Debian packages that tests need, when we may; else say how."""
    start = time.monotonic()
    missing = [package for path, package in TOOLS.items() if not any(Path("/").glob(path[1:]))]
    line = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"$ {line}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in ("apt-get update -qq", f"{line} -qq"):
            subprocess.run(shlex.split(command), env=environment, stdout=subprocess.DEVNULL, check=False)
        missing = [package for path, package in TOOLS.items() if not any(Path("/").glob(path[1:]))]
    if not missing:
        return Result("tools", True, time.monotonic() - start, "all there")
    print(f"Tests that look at pages and at paper will be skipped: sudo {line}")
    return Result("tools", os.environ.get("CI") != "true", time.monotonic() - start, f"missing: {' '.join(missing)}")


def run(name: str, *command: str) -> Result:
    """Run one check, showing what it prints as it comes."""
    print(f"\n── {name}: {shlex.join(command)}", flush=True)
    start = time.monotonic()
    closing = ""
    with subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            closing = line.strip() or closing
    return Result(name, process.returncode == 0, time.monotonic() - start, closing)


def checks(marked: str, extra: list[str]) -> list[Result]:
    """Form, types, layers, then the tests."""
    # Many tests wait for a process or a server: one more at a time than there are cores keeps the cores at work.
    spread = ["-n", str(min(4, 1 + (os.cpu_count() or 1))), "--dist", "loadfile", "--no-loadscope-reorder"]
    shown = ["-ra", "--durations=30", "--durations-min=5", *(["--color=yes"] if sys.stdout.isatty() else [])]
    # What takes minutes by nature hangs later.
    shown += ["-o", "faulthandler_timeout=880"] if marked != "not long" else []
    return [
        prepare(),
        run("format", "ruff", "format", "--check"),
        run("lint", "ruff", "check"),
        run("types", "mypy"),
        run("layers", "lint-imports", "--no-cache"),
        run("tests", "python", "-m", "pytest", "-m", marked, *spread, *shown, *extra),
    ]


def record(results: list[Result]) -> None:
    """Add a line about this long run to the list of them."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    failed = [result.name for result in results if not result.passed]
    seconds = sum(result.seconds for result in results)
    cells = (
        datetime.datetime.now(datetime.UTC).date().isoformat(),
        commit or "no git",
        f"Python {platform.python_version()}, {os.cpu_count()} cores",
        f"failed: {', '.join(failed)}" if failed else "passed",
        results[-1].closing.strip("= "),
        f"{seconds / 60:.0f} min",
    )
    RECORD.parent.mkdir(exist_ok=True)
    if not RECORD.exists():
        RECORD.write_text(
            "# Long checks\n\nOne line for each `./check --long`; the script adds it.\n\n"
            "| day | commit | machine | result | tests | took |\n|---|---|---|---|---|---|\n",
            encoding="utf-8",
        )
    with RECORD.open("a", encoding="utf-8") as stream:
        stream.write(f"| {' | '.join(cells)} |\n")


def main() -> int:
    """Run what was asked for; 0 when every check passed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--hub", action="store_true", help="seen by ./check, which installs it")
    options, extra = parser.parse_known_args()
    results = checks("long or not long" if options.long else "not long", extra)
    if options.long and not extra:  # a part of the tests is no record of them all
        record(results)
    print("\n── summary")
    for result in results:
        print(f"{'passed' if result.passed else 'FAILED':7} {result.name:8} {result.seconds:6.1f} s  {result.closing}")
    print(results[-1].closing)
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
