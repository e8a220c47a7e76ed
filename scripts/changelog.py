"""Gather the fragments in changes/ under a version at the head of CHANGELOG.md, and remove them.

    changelog.py VERSION

A fragment is `changes/WHAT.KIND.md`, with KIND one of added, changed, fixed, removed: one or more
sentences for the people who use Taihang.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHANGELOG = ROOT / "CHANGELOG.md"
KINDS = ("added", "changed", "fixed", "removed")


def fragments() -> dict[str, list[Path]]:
    """The fragments by kind. Raises ValueError for a name that is no fragment's."""
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for path in sorted((ROOT / "changes").glob("*")):
        _, _, kind = path.stem.rpartition(".")
        if path.suffix != ".md" or kind not in KINDS:
            raise ValueError(f"changes/{path.name}: a fragment is named WHAT.KIND.md, KIND one of {', '.join(KINDS)}")
        found[kind].append(path)
    return found


def section(version: str, found: dict[str, list[Path]]) -> str:
    """The changelog's section for a version."""
    lines = [f"## {version} ({datetime.datetime.now(datetime.UTC).date().isoformat()})", ""]
    for kind, paths in found.items():
        if paths:
            lines += [f"### {kind.capitalize()}", ""]
            lines += [f"- {' '.join(path.read_text(encoding='utf-8').split())}" for path in paths]
            lines.append("")
    return "\n".join(lines)


def main(version: str) -> int:
    """Write the section, remove the fragments."""
    found = fragments()
    head, mark, rest = CHANGELOG.read_text(encoding="utf-8").partition("\n## ")
    CHANGELOG.write_text(f"{head.rstrip()}\n\n{section(version, found)}{mark}{rest}".rstrip() + "\n", encoding="utf-8")
    for path in (path for paths in found.values() for path in paths):
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
