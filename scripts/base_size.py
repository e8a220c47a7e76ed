"""How large the base install is: installed into a throw-away environment as ./try does, then added up.

    base_size.py          prints the size, the largest parts and what must not be there; exit 1 over the limit

1 MB is 10^6 bytes; what counts is the bytes of all files, the environment's own pip included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT_MB = 900
UNWANTED = ("scipy", "torch", "transformers", "sklearn", "pandas", "matplotlib")
_SETUP = 'set -eu; root=$1; . "$root/scripts/env.sh"; env_ready base'
# What a walk imports is compiled on first use, and stays: it belongs to the size.
_IMPORTS = (
    "import contextlib, pkgutil, importlib, taihang\n"
    "from taihang.core import errors\n"
    "for m in pkgutil.walk_packages(taihang.__path__, 'taihang.', lambda name: None):\n"
    "    if m.name == 'taihang.app.migrations.env': continue\n"  # a script that alembic runs, not a module
    "    with contextlib.suppress(errors.MissingExtra, ModuleNotFoundError):\n"
    "        importlib.import_module(m.name)\n"
)


def measure(folder: Path) -> Counter[str]:
    """Install the base into `folder`; bytes by top-level package."""
    environment = {**os.environ, "TAIHANG_VENV": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(["sh", "-c", _SETUP, "sh", str(ROOT)], env=environment, check=True)
    subprocess.run([str(folder / "bin" / "python"), "-c", _IMPORTS], env=environment, check=True)
    sizes: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            parts = path.relative_to(folder).parts
            inside = parts[parts.index("site-packages") + 1 :] if "site-packages" in parts else ("(environment)",)
            sizes[inside[0].removesuffix(".libs").split("-")[0]] += path.stat().st_size
    return sizes


def main() -> int:
    """Measure and judge."""
    with tempfile.TemporaryDirectory() as place:
        sizes = measure(Path(place, "env"))
    total = sum(sizes.values()) / 1e6
    for name, size in sizes.most_common(10):
        print(f"{size / 1e6:8.1f} MB  {name}")
    found = sorted(set(sizes) & set(UNWANTED))
    print(f"{total:8.1f} MB  in all (limit {LIMIT_MB} MB); unwanted: {', '.join(found) or 'none'}")
    return int(total >= LIMIT_MB or bool(found))


if __name__ == "__main__":
    sys.exit(main())
