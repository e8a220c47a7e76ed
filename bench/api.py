"""The API beside a bare FastAPI + SQLAlchemy query: p99 of reading a finding list under 32 concurrent clients.

Both serve the same rows of the same SQLite file, 50 of them a call, each from a process of its own behind uvicorn
on the loopback, driven in turns by the same 32 clients in a third process. The bare one asks nobody who they are.

    python bench/api.py [--seconds 5] [--rounds 8] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
CLIENTS = 32
FINDINGS = 5_000
PATHS = {"bare": "/findings", "ours": "/api/v1/findings?limit=50"}


def bare(folder: Path) -> Any:
    """What one writes by hand: one route, one statement, the rows as they are."""
    import fastapi
    import sqlalchemy as sa

    engine = sa.create_engine(f"sqlite:///{folder / 'store.db'}", pool_size=40)
    app = fastapi.FastAPI()
    names = (
        "version_id, id, asset_id, rule, rulebook, dimension, verdict, rank, recorded, job_id, state, revision, "
        "reason, reviewer, body"
    )
    statement = sa.text(
        f"SELECT {names} FROM catalog_findings WHERE tenant = :tenant "
        "ORDER BY rank DESC, recorded DESC, version_id DESC, id DESC LIMIT 50"
    )

    @app.get("/findings")
    def findings() -> list[dict[str, Any]]:
        with engine.connect() as conn:
            rows = conn.execute(statement, {"tenant": "default"}).mappings().all()
        return [{**row, "body": json.loads(row["body"])} for row in rows]

    return app


def ours(folder: Path) -> Any:
    """The whole platform's API."""
    from taihang.app import platform
    from taihang.app.api import factory, settings

    where = platform.Places(folder / "home", f"sqlite:///{folder / 'store.db'}", (folder / "blobs").as_uri())
    return factory.create(platform.open_platform(where), settings.Api(rate_per_s=1e6, burst=10**6))


def serve(which: str, folder: Path, handle: int) -> None:
    import uvicorn

    app = {"bare": bare, "ours": ours}[which](folder)
    uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none")).run(sockets=[socket.socket(fileno=handle)])


def filled(folder: Path) -> str:
    """A store with many findings; gives a token to read them with."""
    from fixtures import holdings, platforms

    from taihang.core import asset

    with platforms.running("sqlite", folder) as one:
        catalogue = one.whole.catalogue(one.admin)
        for n in range(10):
            known = asset.Asset(kind="table", name=f"t{n}.csv", sha256=f"{n:064x}", size=1)
            version = catalogue.register(known)
            catalogue.record(holdings.report_of(known, FINDINGS // 10, f"t{n}"), version.id, kind="assess")
        return one.token(one.admin)


async def driven(url: str, headers: dict[str, str], seconds: float) -> list[float]:
    """Seconds that each answer took."""
    import httpx

    took: list[float] = []
    end = time.perf_counter() + seconds

    async def client() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            while time.perf_counter() < end:
                began = time.perf_counter()
                answer = await http.get(url, headers=headers)
                took.append(time.perf_counter() - began)
                assert answer.status_code == 200, answer.text

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return took


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def cpu_s(process: int) -> float:
    """CPU seconds of a process so far, all threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, tuple[int, int]]]:
    """Both, each a process with one listening socket: name → (process id, port)."""
    running: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
    try:
        for which in PATHS:
            with socket.socket() as place:
                place.bind(("127.0.0.1", 0))
                place.listen(128)
                words = [sys.executable, __file__, "--serve", which, str(folder), str(place.fileno())]
                environment = {**os.environ, "TAIHANG_HOME": str(folder / "home")}
                process = subprocess.Popen(words, pass_fds=(place.fileno(),), env=environment)
                running[which] = (process, place.getsockname()[1])
        yield {which: (process.pid, port) for which, (process, port) in running.items()}
    finally:
        for process, _ in running.values():
            process.terminate()
            process.wait(20)


def measured(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Both in turns, now the one first and now the other; a ratio is that of two neighbours in time."""
    headers = {"Authorization": f"Bearer {filled(folder)}"}
    took: dict[str, list[list[float]]] = {which: [] for which in PATHS}
    spent = dict.fromkeys(PATHS, 0.0)
    with servers(folder) as there:
        urls = {which: f"http://127.0.0.1:{port}{PATHS[which]}" for which, (_, port) in there.items()}
        for url in urls.values():
            asyncio.run(driven(url, headers, 2.0))
        for number in range(rounds):
            for which in list(PATHS) if number % 2 else list(PATHS)[::-1]:
                before = cpu_s(there[which][0])
                took[which].append(asyncio.run(driven(urls[which], headers, seconds)))
                spent[which] += cpu_s(there[which][0]) - before
    found: dict[str, Any] = {}
    for which, parts in took.items():
        whole = [value for part in parts for value in part]
        found[which] = {
            "calls": len(whole),
            **{f"p{round(100 * share)}_ms": round(1e3 * quantile(whole, share), 1) for share in (0.5, 0.9, 0.99)},
            "cpu_ms_a_call": round(1e3 * spent[which] / len(whole), 2),
        }
    for share in (0.5, 0.9, 0.99):
        ratios = [quantile(a, share) / quantile(b, share) for a, b in zip(took["ours"], took["bare"], strict=True)]
        found[f"ratio_of_p{round(100 * share)}"] = round(statistics.median(ratios), 2)
        found[f"ratios_of_p{round(100 * share)}"] = [round(ratio, 2) for ratio in ratios]
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--serve", nargs=3)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve[0], Path(given.serve[1]), int(given.serve[2]))
        return
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        found = measured(Path(name), given.rounds, given.seconds)
    found["clients"] = CLIENTS
    found["machine"] = {"cores": os.cpu_count(), "load before": before, "load after": os.getloadavg()[0]}
    text = json.dumps(found, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
