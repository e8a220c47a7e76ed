"""Artefacts: blobs, folders of reports and cached stages of a deleted version, removed and looked for."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from taihang.catalog.retention import rows, traces
from taihang.core import errors
from taihang.engines.blobs import blobs as kept

BLOB = "blob:"
_WORDED = frozenset({".html", ".json", ".yaml", ".docx", ".pdf", ".xlsx", ".md", ".svg", ".txt"})
_LARGEST_MANIFEST = 16 << 20


def manifest(blobs: kept.Blobs, tenant: str, folder: str) -> dict[str, str]:
    """The blobs of a report that was put away, with their names: its manifest (`blob:SHA256`) and what it lists."""
    if not folder.startswith(BLOB):
        return {}
    sha256 = folder.removeprefix(BLOB)
    try:
        value = json.loads(blobs.read(tenant, sha256, 0, _LARGEST_MANIFEST))
        return {sha256: "manifest.json"} | {str(file[0]): str(name) for name, file in value.items()}
    except (errors.NotFound, ValueError, AttributeError, TypeError, IndexError, KeyError):
        return {}


def telling(name: str) -> bool:
    """Whether pieces of a file tell it from others; the words of a report are in every report."""
    return Path(name).suffix not in _WORDED


def sampled(blobs: kept.Blobs | None, tenant: str, shas: Iterable[str], folders: Iterable[Path]) -> tuple[str, ...]:
    """Pieces of what is about to go, as hexadecimal."""
    found: dict[str, None] = {}
    for sha256 in shas:
        size = blobs.size(tenant, sha256) if blobs is not None else None
        if blobs is not None and size:
            with blobs.open(tenant, sha256) as stream:
                found |= {w.hex(): None for w in traces.windows(stream, size)}
    for folder in folders:
        for path in traces.files(folder):
            if telling(path.name):
                with path.open("rb") as stream:
                    found |= {w.hex(): None for w in traces.windows(stream, path.lstat().st_size)}
    return tuple(found)


def removable(folders: Sequence[str], roots: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The folders that may be removed, and those that may not: they do not lie below a root of ours."""
    fits: list[Path] = []
    left: list[str] = []
    for name in folders:
        path = Path(name)
        if name.startswith(BLOB) or not os.path.lexists(path):
            continue
        whole = path.resolve()
        below = any(whole != root.resolve() and whole.is_relative_to(root.resolve()) for root in roots)
        if below and path.is_dir() and not path.is_symlink():
            fits.append(whole)
        else:
            left.append(name)
    return fits, left


def remove(
    blobs: kept.Blobs | None, tenant: str, plan: rows.Plan, folders: Sequence[Path]
) -> tuple[int, int, list[str]]:
    """Take blobs and folders away: blobs gone, files gone, and what is still there."""
    gone = files = 0
    still: list[str] = []
    for sha256 in plan.blobs if blobs is not None else ():
        assert blobs is not None
        done = blobs.delete(tenant, sha256)
        gone += done.existed
        still += [] if done.erased else [f"{blobs.name} {sha256}"]
    for folder in folders:
        files += sum(1 for _ in traces.files(folder))
        shutil.rmtree(folder, ignore_errors=True)
        still += [str(folder)] if folder.exists() else []
    return gone, files, still


def blob_files(root: Path) -> Iterator[Path]:
    """Files below the blobs' folder that are not themselves blobs of somebody: what was left half done.

    A blob is named by its content's hash, so one that is still registered is not the one that is gone.
    """
    for path in traces.files(root):
        if len(path.name) != 64:
            yield path
