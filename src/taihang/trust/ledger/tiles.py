"""Tiles: the tree's hashes and the entries in files of 256. Source: c2sp.org/tlog-tiles.

A tile of level L holds 256 roots of subtrees of 256**L entries; a bundle holds 256 entries, each
behind its length in two bytes. The last file of each level may be partial.
"""

from __future__ import annotations

import collections
import struct
from collections.abc import Iterable, Iterator, Sequence

from taihang.trust.ledger import forged, merkle, store

WIDTH = 256
LONGEST_ENTRY = 0xFFFF
_KEPT = 512  # tiles; 8 KiB each
_KEPT_INNER = 256  # tiles with all the hashes inside them; twice that

Place = tuple[int | str, int, int]
"""Level, or "entries"; number in the level; width."""


def name(level: int | str, number: int, width: int = WIDTH) -> str:
    """File name of a tile, or of a bundle when `level` is "entries"."""
    parts = [f"{number % 1000:03}"]
    while number := number // 1000:
        parts.append(f"x{number % 1000:03}")
    return f"tile/{level}/{'/'.join(reversed(parts))}" + ("" if width == WIDTH else f".p/{width}")


def bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as the bytes of a bundle."""
    return b"".join([struct.pack(">H", len(entry)) + entry for entry in entries])


def entries(data: bytes, where: object) -> list[bytes]:
    """The entries of a bundle. Raises forged.Forged when a length does not fit."""
    found, place, end = [], 0, len(data)
    while place < end:
        start = place + 2
        place = start + int.from_bytes(data[place:start], "big")
        if place > end or start > end:
            raise forged.Forged("trust:ledger.bundle_form", where=where)
        found.append(data[start:place])
    return found


def layout(size: int) -> Iterator[Place]:
    """Every file that a log of `size` entries has beside its checkpoint."""
    if size:
        yield from (("entries", n, w) for n, w in _row(size))
    level, width = 0, size
    while width:
        yield from ((level, n, w) for n, w in _row(width))
        level, width = level + 1, width // WIDTH


def _row(width: int) -> Iterator[tuple[int, int]]:
    for number in range(width // WIDTH):
        yield number, WIDTH
    if width % WIDTH:
        yield width // WIDTH, width % WIDTH


class Reader:
    """The files of a log of `size` entries: hashes of subtrees, entries. Nothing here is verified.

    `earlier` is a reader of the same log when it was smaller: the full tiles that it knows are known here too.
    For one thread at a time.
    """

    def __init__(self, files: store.Store, size: int, earlier: Reader | None = None) -> None:
        self._files = files
        self.size = size
        self._tiles: collections.OrderedDict[tuple[int, int], list[bytes]] = collections.OrderedDict()
        self._inner: collections.OrderedDict[tuple[int, int], list[list[bytes]]] = collections.OrderedDict()
        if earlier is not None:
            self._tiles.update((place, row) for place, row in earlier._tiles.items() if len(row) == WIDTH)
            self._inner.update((place, rows) for place, rows in earlier._inner.items() if len(rows[0]) == WIDTH)

    def node(self, level: int, index: int) -> bytes:
        """Root of the perfect subtree of 2**level entries (see merkle.Node). Raises forged.Forged."""
        row, inside = divmod(level, 8)
        number, place = divmod(index << inside, WIDTH)
        if row and inside:
            # Few tiles stand above the lowest level, and every proof passes through them.
            return self._rows(row, number)[inside][place >> inside]
        hashes = self.tile(row, number)
        return merkle.root(hashes[place : place + (1 << inside)])

    def _rows(self, level: int, number: int) -> list[list[bytes]]:
        """A tile's hashes and all perfect subtrees over them, by height."""
        kept = self._inner.get((level, number))
        if kept is not None:
            self._inner.move_to_end((level, number))
            return kept
        rows = [self.tile(level, number)]
        while len(rows[-1]) > 1:
            row = rows[-1]
            rows.append([merkle.node(left, right) for left, right in zip(row[0::2], row[1::2], strict=False)])
        self._inner[level, number] = rows
        if len(self._inner) > _KEPT_INNER:
            self._inner.popitem(last=False)
        return rows

    def tile(self, level: int, number: int) -> list[bytes]:
        """A tile's hashes. Raises forged.Forged when the file is missing or has the wrong size."""
        kept = self._tiles.get((level, number))
        if kept is not None:
            self._tiles.move_to_end((level, number))
            return kept
        data = self.data(level, number)
        hashes = [data[i : i + merkle.SIZE] for i in range(0, len(data), merkle.SIZE)]
        self._tiles[level, number] = hashes
        if len(self._tiles) > _KEPT:
            self._tiles.popitem(last=False)
        return hashes

    def data(self, level: int, number: int) -> bytes:
        """A tile's bytes. Raises forged.Forged."""
        width = self._width(self.size >> (8 * level), number)
        title, data = self._file(level, number, width)
        right = width * merkle.SIZE
        # A later and wider tile starts with this one.
        if len(data) != right and (title.endswith(f".p/{width}") or len(data) < right or width == WIDTH):
            raise forged.Forged(
                "trust:ledger.file_size", where=self._files.where(title), size=len(data), right=right
            )  # fmt: skip
        return data[:right]

    def bundle(self, number: int) -> list[bytes]:
        """The entries of a bundle. Raises forged.Forged."""
        width = self._width(self.size, number)
        title, data = self._file("entries", number, width)
        found = entries(data, self._files.where(title))
        if len(found) != width and (title.endswith(f".p/{width}") or len(found) < width or width == WIDTH):
            raise forged.Forged(
                "trust:ledger.bundle_count", where=self._files.where(title), count=len(found), right=width
            )  # fmt: skip
        return found[:width]

    def file(self, level: int | str, number: int) -> bytes:
        """The bytes of a tile or a bundle, as wide as this size needs it. Raises forged.Forged."""
        return bundle(self.bundle(number)) if level == "entries" else self.data(int(level), number)

    def where(self, level: int | str, number: int) -> str:
        """What messages call a file."""
        total = self.size if level == "entries" else self.size >> (8 * int(level))
        return self._files.where(name(level, number, self._width(total, number)))

    def _file(self, level: int | str, number: int, width: int) -> tuple[str, bytes]:
        for title in dict.fromkeys((name(level, number, width), name(level, number))):
            data = self._files.read(title)
            if data is not None:
                return title, data
        raise forged.Forged("trust:ledger.missing", where=self._files.where(name(level, number, width)))

    @staticmethod
    def _width(total: int, number: int) -> int:
        width = min(WIDTH, total - number * WIDTH)
        if width <= 0:
            raise ValueError(f"tile {number} of {total} hashes")
        return width


class Edge:
    """The right edge of a growing tree: for each level the hashes that fill no tile yet."""

    def __init__(self, size: int = 0, levels: Sequence[Sequence[bytes]] = ()) -> None:
        self.size = size
        self._levels = [list(level) for level in levels]

    @classmethod
    def of(cls, reader: Reader) -> Edge:
        """The edge of a published log. Raises forged.Forged."""
        levels, width, level = [], reader.size, 0
        while width:
            levels.append(reader.tile(level, width // WIDTH) if width % WIDTH else [])
            width, level = width // WIDTH, level + 1
        return cls(reader.size, levels)

    def copy(self) -> Edge:
        """One that grows apart from this."""
        return Edge(self.size, self._levels)

    def grow(self, hashes: Iterable[bytes]) -> dict[Place, bytes]:
        """Add leaf hashes; gives the tiles that became full."""
        full: dict[Place, bytes] = {}
        for leaf_hash in hashes:
            self._add(0, leaf_hash, full)
            self.size += 1
        return full

    def partial(self) -> dict[Place, bytes]:
        """The partial tiles."""
        return {
            (level, (self.size >> (8 * level)) // WIDTH, len(row)): b"".join(row)
            for level, row in enumerate(self._levels)
            if row
        }

    def root(self) -> bytes:
        """Root of the whole tree."""
        made: list[bytes] = []
        for row in self._levels:
            if row or made:
                made = [merkle.root([*row, *made])]
        return made[0] if made else merkle.EMPTY

    def _add(self, level: int, value: bytes, full: dict[Place, bytes]) -> None:
        if level == len(self._levels):
            self._levels.append([])
        row = self._levels[level]
        row.append(value)
        if len(row) == WIDTH:
            # The size does not hold this leaf yet, so the number of the tile that it fills comes out right.
            full[level, (self.size >> (8 * level)) // WIDTH, WIDTH] = b"".join(row)
            self._levels[level] = []
            self._add(level + 1, merkle.root(row), full)
