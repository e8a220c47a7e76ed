"""Plain text: files of text, each one row, alone or below a folder."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from taihang.core import errors, ids
from taihang.engines.sources import encoding, faults, limits, paths, source

SUFFIXES = frozenset({".txt", ".text", ".md", ".markdown"})


class Plaintext(source.Source):
    """A row a file: its name below the folder, and its text. Lines of another encoding are read in theirs, and told.

    A file may have sources.max_document_bytes; a larger one is a fault.
    """

    kind = "text"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.name, self._folder = str(path), path if path.is_dir() else path.parent
        self._files: list[Path] = []
        if not path.is_dir():
            self._files.append(path)
        else:
            for file, reason in paths.files(path):
                if reason or file.suffix.lower() not in SUFFIXES:
                    self._opening.add(f"passed_{reason or 'kind'}", part=file.relative_to(path).as_posix())
                else:
                    self._files.append(file)
        if not self._files:
            raise errors.UserError("engines.sources:empty_folder", path=path)
        self._declare(["file", "text"], [pa.string(), pa.string()])

    def digest(self) -> tuple[str, int]:
        """SHA-256 over the files' names and hashes, and their size in all; of one file its own."""
        found = [(self._part(file), *paths.digest(file)) for file in self._files]
        sha256 = found[0][1] if len(found) == 1 else ids.digest_json([[part, one] for part, one, _ in found])
        return sha256, sum(size for _, _, size in found)

    def _part(self, file: Path) -> str:
        return file.relative_to(self._folder).as_posix()

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        # A text may be large: few at once.
        for number, file in enumerate(self._files):
            part = self._part(file)
            values = {"file": part, "text": self._read(file, part) if any(c.name == "text" for c in wanted) else None}
            arrays = [pa.array([values[c.name]], c.type) for c in wanted]
            data = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in wanted])
            yield source.Chunk(data, number, part, 0, lines=np.ones(1, np.int64))

    def _read(self, file: Path, part: str) -> str | None:
        limit = limits.Limits.current().max_document_bytes
        with file.open("rb") as raw:
            data = raw.read(limit + 1)
        if len(data) > limit:
            self.faults.add("file", part=part, rows=0, reason=f"> {limit} B")
            return None
        found = encoding.detect(data[: 1 << 20])
        return decoded(data[found.mark :], found.codec, part, self.faults)


def mostly(folder: Path, tables: Collection[str]) -> bool:
    """True for a folder that holds texts, and no more files of these suffixes of tables."""
    names = [p.suffix.lower() for p in folder.rglob("*") if p.is_file() and not p.name.startswith((".", "_"))]
    texts = sum(suffix in SUFFIXES for suffix in names)
    return texts > 0 and texts >= sum(suffix in tables and suffix not in SUFFIXES for suffix in names)


def decoded(data: bytes, codec: str, part: str, noted: faults.Faults) -> str:
    """A text in this encoding; lines that are none of it in the other likely one, else with U+FFFD, each noted."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        pass
    if codec not in {"utf-8", "gb18030"}:
        noted.add("replaced", part=part, line=1, rows=0, codec=codec)
        return data.decode(codec, "replace")
    other = "gb18030" if codec == "utf-8" else "utf-8"
    made = []
    for number, line in enumerate(data.split(b"\n"), 1):
        for known in (codec, other):
            try:
                made.append(line.decode(known))
            except UnicodeDecodeError:
                continue
            if known == other:
                noted.add("mixed", part=part, line=number, rows=0, codec=codec, other=other)
            break
        else:
            noted.add("replaced", part=part, line=number, rows=0, codec=codec)
            made.append(line.decode(codec, "replace"))
    return "\n".join(made)
