"""What a platform costs while nothing happens: CPU of the server and of one worker, in parts of a core.

python bench/idle.py [--seconds 40] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_SETTLED_S = 25  # imports, migrations, the first looks


def spent(pid: int) -> float:
    """User and system seconds of a process, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Start, settle, measure, stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    taihang = str(Path(sys.executable).with_name("taihang"))
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "TAIHANG_HOME": home}
        command = [taihang, "up", "--port", "0", "--workers", "1"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as server:
            try:
                time.sleep(_SETTLED_S)
                tasks = Path(f"/proc/{server.pid}/task")
                worker = next(int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split())
                before, began = {p: spent(p) for p in (server.pid, worker)}, time.monotonic()
                time.sleep(given.seconds)
                took = time.monotonic() - began
                share = {p: (spent(p) - before[p]) / took for p in before}
            finally:
                server.send_signal(signal.SIGTERM)
    found = {
        "seconds": round(took, 1),
        "worker": round(share[worker], 4),
        "server": round(share[server.pid], 4),
        "load": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(found, indent=1))
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
