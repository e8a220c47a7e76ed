"""Encoding: what bytes of a text file mean, and a stream that gives them as UTF-8, whatever lines are broken."""

from __future__ import annotations

import codecs
import dataclasses
import io
import re
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from taihang.core import errors
from taihang.engines.sources import faults, limits

_HEAD = 1 << 20
_BLOCK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LINE_WISE = frozenset({"utf-8", "gb18030", "cp1252"})
# Two Chinese characters in UTF-8. Three of GB18030 look so only where the first is a rare one and the others fit too.
_TWO = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){2}")


@dataclasses.dataclass(frozen=True, slots=True)
class Encoding:
    """A codec's name, how many bytes of byte order mark come first, and whether it is only the likeliest."""

    codec: str
    mark: int = 0
    guessed: bool = False


def detect(head: bytes) -> Encoding:
    """The encoding of a file from its first bytes: a mark, UTF-16 by its zeros, UTF-8, GB18030, else cp1252."""
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, len(mark))
    sample = head[:_HEAD]
    if len(sample) >= 4 and (wide := _utf16(sample)):
        return Encoding(wide, guessed=True)
    for codec in ("utf-8", "gb18030"):
        try:
            # What is cut at the end of the sample is no fault.
            codecs.getincrementaldecoder(codec)().decode(sample, final=len(sample) == len(head) < _HEAD)
        except UnicodeDecodeError:
            continue
        if codec == "utf-8":
            return Encoding(codec)
        lines = [line for line in sample.split(b"\n")[:20_000] if not line.isascii()]
        mostly = 2 * sum(map(_looks_utf8, lines)) >= len(lines)
        return Encoding("utf-8") if mostly else Encoding(codec, guessed=True)
    return Encoding(_majority(sample), guessed=True)


def _utf16(sample: bytes) -> str:
    zeros = np.frombuffer(sample[: len(sample) // 2 * 2], np.uint8).reshape(-1, 2) == 0
    high, low = zeros[:, 1].mean(), zeros[:, 0].mean()
    if max(high, low) < 0.3 or min(high, low) > 0.05:
        return ""
    return "utf-16-le" if high > low else "utf-16-be"


def _majority(sample: bytes) -> str:
    """For a file of mixed encodings: the one that most of its lines with other than ASCII have."""
    lines = [line for line in sample.split(b"\n")[:20_000] if not line.isascii()]
    counts = {codec: sum(_decodes(line, codec) for line in lines) for codec in ("utf-8", "gb18030")}
    best = max(counts, key=lambda codec: counts[codec])
    return best if counts[best] * 2 >= len(lines) else "cp1252"


def _decodes(line: bytes, codec: str) -> bool:
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _looks_utf8(line: bytes) -> bool:
    """True for a line that GB18030 can read too and that is surely UTF-8: see `_TWO`."""
    return _TWO.search(line) is not None and _decodes(line, "utf-8")


class Stream(io.RawIOBase):
    """UTF-8 bytes of a text file, without its mark.

    A line that its encoding cannot read is read in the other likely one, or with U+FFFD where
    nothing fits, and noted as a fault with its line number. Keeps where records of a CSV stand on
    several lines or after blank ones, so that `line_of` can tell a record's line. Raises
    errors.UserError for a line longer than the setting sources.max_line_bytes.
    """

    def __init__(self, raw: BinaryIO, encoding: Encoding, noted: faults.Faults, part: str, quotes: bool = True) -> None:
        super().__init__()
        self._raw = raw
        self._encoding = encoding
        self._faults = noted
        self._part = part
        self._limit = limits.Limits.current().max_line_bytes
        self._ready = memoryview(b"")
        self._carry = b""
        self._ended = False
        self._line = 1
        self._wide = None if encoding.codec in _LINE_WISE else codecs.getincrementaldecoder(encoding.codec)("replace")
        self._map = _Lines(quotes)
        raw.seek(encoding.mark)

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer with UTF-8; 0 at the end."""
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._ready and not self._ended:
            self._ready = memoryview(self._next())
        count = min(len(target), len(self._ready))
        target[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def line_of(self, records: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """One-based lines on which these zero-based records begin."""
        return self._map.line_of(records)

    def _next(self) -> bytes:
        """The next whole lines as UTF-8; empty when more must be read first."""
        block = self._raw.read(_BLOCK)
        ended = not block
        if self._wide is not None:
            block = self._wide.decode(block, final=ended).encode("utf-8", "replace")
        whole = self._carry + block
        if b"\n" not in whole and b"\r" in whole[:-1]:
            whole = whole.replace(b"\r", b"\n")
        cut = len(whole) if ended else whole.rfind(b"\n") + 1
        self._carry, lines = whole[cut:], whole[:cut]
        self._ended = ended
        if len(self._carry) > self._limit:
            line = self._line + lines.count(b"\n")
            raise errors.UserError(
                "engines.sources:long_line", path=self._part, line=line, limit=self._limit, size=len(self._carry)
            )
        text = self._repaired(lines)
        self._map.add(text, self._line)
        self._line += text.count(b"\n")
        return text

    def _repaired(self, lines: bytes) -> bytes:
        if self._wide is not None:
            if b"\xef\xbf\xbd" in lines:
                for number, line in enumerate(lines.split(b"\n"), self._line):
                    if b"\xef\xbf\xbd" in line:
                        self._faults.add("replaced", part=self._part, line=number, rows=0, codec=self._encoding.codec)
            return lines
        codec = self._encoding.codec
        try:
            text = lines.decode(codec)
            mixed = codec == "gb18030" and _TWO.search(lines) is not None
        except UnicodeDecodeError:
            mixed = True
        if mixed:
            return b"\n".join(self._line_of_other(line, n) for n, line in enumerate(lines.split(b"\n"), self._line))
        return lines if codec == "utf-8" else text.encode()

    def _line_of_other(self, line: bytes, number: int) -> bytes:
        codec = self._encoding.codec
        if _decodes(line, codec) and not (codec == "gb18030" and _looks_utf8(line)):
            return line if codec == "utf-8" else line.decode(codec).encode()
        other = "gb18030" if codec == "utf-8" else "utf-8"
        if _decodes(line, other):
            self._faults.add("mixed", part=self._part, line=number, rows=0, codec=codec, other=other)
            return line.decode(other).encode()
        self._faults.add("replaced", part=self._part, line=number, rows=0, codec=codec)
        return line.decode(codec, "replace").encode()


class _Lines:
    """From records to lines: only where the two stop running in step is kept."""

    _MOST = 1_000_000

    def __init__(self, quotes: bool) -> None:
        self._quotes = quotes
        self._open = False  # inside a quoted value that goes on over the end of a line
        self._records = 0
        self._firsts = [0]
        self._shifts = [1]

    def add(self, text: bytes, line: int) -> None:
        """Whole lines, the first of which is `line`."""
        if not text:
            return
        plain = not self._open and not (self._quotes and b'"' in text)
        if plain and b"\n\n" not in text and b"\n\r" not in text and not text.startswith((b"\n", b"\r\n")):
            self._note(self._records, line)
            self._records += text.count(b"\n") + (not text.endswith(b"\n") and bool(text))
            return
        data = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(data == 10)
        if not text.endswith(b"\n"):
            ends = np.append(ends, len(data))
        starts = np.concatenate(([0], ends[:-1] + 1))
        quoted = np.cumsum(data == 34) if self._quotes else np.zeros(len(data), np.int64)
        before = np.concatenate((quoted, quoted[-1:]))[np.maximum(ends, 1) - 1]
        inside = (before + self._open) % 2 == 1
        fresh = np.concatenate(([not self._open], ~inside[:-1]))
        lengths = ends - starts
        blank = (lengths == 0) | ((lengths == 1) & (data[np.minimum(starts, len(data) - 1)] == 13))
        lines = line + np.flatnonzero(fresh & ~(blank & fresh))
        records = self._records + np.arange(len(lines))
        shifts = lines - records
        for i in np.flatnonzero(np.diff(shifts, prepend=self._shifts[-1])):
            self._note(int(records[i]), int(lines[i]))
        self._records += len(lines)
        self._open = bool(inside[-1]) if len(inside) else self._open

    def _note(self, record: int, line: int) -> None:
        if line - record != self._shifts[-1] and len(self._firsts) < self._MOST:
            self._firsts.append(record)
            self._shifts.append(line - record)

    def line_of(self, records: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        places = np.searchsorted(np.array(self._firsts), records, side="right") - 1
        return records + np.array(self._shifts, np.int64)[places]
