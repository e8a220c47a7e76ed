"""Which files travel inside the HTML file, and which lie beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from taihang.core import evidence as proof
from taihang.report import attachments, sections, view

# One file must pass through mail gateways and open on an old office machine.
LARGEST_HTML = 25_000_000
_SLACK = 200_000
_PICTURES_AT_MOST = 0.5


def choose(
    groups: Sequence[view.Group],
    parts: Iterable[sections.Section],
    files: attachments.Attachments,
    budget: int,
) -> frozenset[str]:
    """Names of the files to embed within `budget` bytes of HTML, most important first.

    One picture a finding, then further pictures, may take half the budget; clips, in the order of
    the findings, take what is left; then pictures that had no room are tried again.
    """
    shown = [entry for group in groups for entry in group.full]
    first = [name for entry in shown for name in _names(entry.pictures[:1])]
    more = [name for entry in shown for name in _names(entry.pictures[1:])]
    more += [p.file for part in parts if isinstance(part, sections.Gallery) for p in part.pictures]
    clips = [name for entry in shown for name in _names(entry.clips)]
    chosen: set[str] = set()
    used = 0
    turns = ((first + more, int(budget * _PICTURES_AT_MOST), "picture"), (clips, budget, "clip"))
    for names, limit, kind in (*turns, (first + more, budget, "picture")):
        for name in names:
            if name in chosen or name not in files or files.kind(name) != kind:
                continue
            cost = cost_of(name, files)
            if used + cost <= limit:
                chosen.add(name)
                used += cost
    return frozenset(chosen)


def budget(text_size: int) -> int:
    """Bytes left for files in an HTML file whose text takes `text_size` bytes."""
    return max(0, LARGEST_HTML - _SLACK - text_size)


def cost_of(name: str, files: attachments.Attachments) -> int:
    """Bytes that a file takes as a data URI."""
    return 4 * ((files.size(name) + 2) // 3) + 40


def data_uri(name: str, files: attachments.Attachments) -> str:
    """The file as a `data:` URI of the type that its first bytes show."""
    return f"data:{files.media_type(name)};base64,{base64.b64encode(files.read(name)).decode('ascii')}"


def _names(evidence: Iterable[proof.Frame | proof.Span]) -> list[str]:
    return [e.file for e in evidence if e.file is not None]
