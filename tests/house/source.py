"""The house's own source, read once: what the tests of the house ask about."""

from __future__ import annotations

import ast
import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "taihang"


@functools.cache
def modules() -> dict[Path, ast.Module]:
    """Every module of the product, parsed."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def tracked() -> tuple[Path, ...]:
    """Every file that belongs to the tree: what git tracks and what it would not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    return tuple(path for name in names if name and (path := ROOT / name).is_file())


def place(path: Path, line: int | None = None) -> str:
    """`src/taihang/x.py:12`, as an editor wants it."""
    shown = path.relative_to(ROOT).as_posix()
    return shown if line is None else f"{shown}:{line}"
