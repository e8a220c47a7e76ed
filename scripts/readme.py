"""The console blocks of the README files: run them, and compare or write what they print.

    readme.py            exit 1, with a diff, when a block no longer shows what its command prints
    readme.py --write    put what is printed now into the files

A block is fenced as ```console and holds commands after `$ `, each followed by what it prints. The
commands of a file run one after the other in an empty folder, in the file's language; then, once,
what is fenced as ```python. What differs from run to run (how long something took, hashes) may differ.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FILES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}

_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_VOLATILE = (
    (re.compile(r"\d+(?:\.\d+)?(?=\s?(?:s|min|秒|分钟)(?![A-Za-z]))"), "N"),
    (re.compile(r"\d+(?:\.\d+)?(?=\s?(?:[×x倍](?!\d)|of its length))"), "N"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "HASH"),
)


class Block(NamedTuple):
    """A fenced block: its language word and its text."""

    kind: str
    body: str


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a Markdown text, in order."""
    return [Block(found["kind"], found["body"]) for found in _BLOCK.finditer(text)]


def commands(block: Block) -> list[str]:
    """The commands of a console block."""
    return [line[2:] for line in block.body.splitlines() if line.startswith("$ ")]


def settled(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, word in _VOLATILE:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def played(text: str, folder: Path, language: str) -> str:
    """The text with every console block as its commands print it in `folder` now."""

    def fresh(found: re.Match[str]) -> str:
        block = Block(found["kind"], found["body"])
        if block.kind != "console":
            return found[0]
        return f"```console\n{''.join(_lines(block, folder, language))}```"

    return _BLOCK.sub(fresh, text)


def _lines(block: Block, folder: Path, language: str) -> Iterator[str]:
    for command in commands(block):
        yield f"$ {command}\n"
        yield _printed(command, folder, language)


def _printed(command: str, folder: Path, language: str) -> str:
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "TAIHANG_VENV": str(programs.parent),
        "TAIHANG_HOME": str(folder / ".taihang"),
        "TAIHANG_LANG": language,
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    ran = subprocess.run(
        ["sh", "-c", re.sub(r"^\./(?=try|check)", f'"{ROOT}"/', command)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    # What goes to the other stream is progress, unless it is the reason why nothing came of it.
    return ran.stdout + (ran.stderr if ran.returncode > 1 else "")


def _run_python(text: str, folder: Path) -> int:
    """Run the Python blocks of a text in `folder`; 1 when one fails."""
    environment = {**os.environ, "TAIHANG_HOME": str(folder / ".taihang")}
    failed = 0
    for block in blocks(text):
        if block.kind == "python":
            failed |= subprocess.run(
                [sys.executable, "-c", block.body], cwd=folder, env=environment, check=False
            ).returncode
    return int(failed != 0)


def main(*words: str) -> int:
    """Compare, or write with --write."""
    stale = 0
    with tempfile.TemporaryDirectory() as folder:
        stages = None
        for language, path in FILES.items():
            text = path.read_text(encoding="utf-8")
            place = Path(folder, language)  # each reader starts with nothing, but for what both would see in the film
            place.mkdir()
            if stages is not None:
                shutil.copytree(stages, place / ".taihang" / "stages")
            stages = place / ".taihang" / "stages"
            now = played(text, place, language)
            if "--write" in words:
                path.write_text(now, encoding="utf-8")
            elif settled(now) != settled(text):
                stale = 1
                lines = difflib.unified_diff(
                    settled(text).splitlines(), settled(now).splitlines(), path.name, "what is printed now", "", "", 1
                )
                print("\n".join(lines))
        stale |= _run_python(FILES["en"].read_text(encoding="utf-8"), Path(folder, "en"))
    return stale


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
