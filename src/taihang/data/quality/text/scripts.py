"""Scripts: which writing system letters are of, by the blocks of Unicode (names of ISO 15924)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from taihang.data.quality.text import letters

# First and last code point of the blocks that hold letters of a script; what is in none is no letter we know.
_BLOCKS: tuple[tuple[int, int, str], ...] = (
    (0x41, 0x5A, "Latn"), (0x61, 0x7A, "Latn"), (0xC0, 0xD6, "Latn"), (0xD8, 0xF6, "Latn"), (0xF8, 0x24F, "Latn"),
    (0x250, 0x2AF, "Latn"), (0x370, 0x373, "Grek"), (0x376, 0x37D, "Grek"), (0x37F, 0x3FF, "Grek"),
    (0x400, 0x52F, "Cyrl"), (0x531, 0x556, "Armn"), (0x561, 0x587, "Armn"), (0x5D0, 0x5EA, "Hebr"),
    (0x620, 0x64A, "Arab"), (0x66E, 0x6D3, "Arab"), (0x710, 0x74A, "Syrc"), (0x750, 0x77F, "Arab"),
    (0x780, 0x7B1, "Thaa"), (0x904, 0x97F, "Deva"), (0x980, 0x9FF, "Beng"), (0xA00, 0xA7F, "Guru"),
    (0xA80, 0xAFF, "Gujr"), (0xB00, 0xB7F, "Orya"), (0xB80, 0xBFF, "Taml"), (0xC00, 0xC7F, "Telu"),
    (0xC80, 0xCFF, "Knda"), (0xD00, 0xD7F, "Mlym"), (0xD80, 0xDFF, "Sinh"), (0xE01, 0xE3A, "Thai"),
    (0xE40, 0xE4E, "Thai"), (0xE80, 0xEFF, "Laoo"), (0xF40, 0xFBC, "Tibt"), (0x1000, 0x109F, "Mymr"),
    (0x10A0, 0x10FF, "Geor"), (0x1100, 0x11FF, "Hang"), (0x1200, 0x139F, "Ethi"), (0x13A0, 0x13FF, "Cher"),
    (0x1780, 0x17B3, "Khmr"), (0x1820, 0x18AA, "Mong"), (0x1E00, 0x1EFF, "Latn"), (0x1F00, 0x1FFF, "Grek"),
    (0x3005, 0x3007, "Hani"), (0x3041, 0x309F, "Kana"), (0x30A1, 0x30FA, "Kana"), (0x30FC, 0x30FF, "Kana"),
    (0x3105, 0x312F, "Bopo"), (0x3131, 0x318E, "Hang"), (0x31F0, 0x31FF, "Kana"), (0x3400, 0x4DBF, "Hani"),
    (0x4E00, 0x9FFF, "Hani"), (0xA000, 0xA48C, "Yiii"), (0xAC00, 0xD7A3, "Hang"), (0xF900, 0xFAFF, "Hani"),
    (0xFF21, 0xFF3A, "Latn"), (0xFF41, 0xFF5A, "Latn"), (0xFF66, 0xFF9D, "Kana"), (0x20000, 0x323AF, "Hani"),
)  # fmt: skip
NAMES = ("", *dict.fromkeys(name for _, _, name in _BLOCKS))
_STARTS = np.array([start for start, _, _ in _BLOCKS], np.uint32)
_ENDS = np.array([end for _, end, _ in _BLOCKS], np.uint32)
_NUMBERS = np.array([NAMES.index(name) for _, _, name in _BLOCKS])


def counts(found: letters.Letters) -> npt.NDArray[np.int64]:
    """A row a text, a column a script of `NAMES`: how many letters; column 0 counts what is no letter we know."""
    codes = found.codes[found.inside()]
    block = np.searchsorted(_STARTS, codes, side="right") - 1
    known = (block >= 0) & (codes <= _ENDS[block])
    script = np.where(known, _NUMBERS[block], 0)
    total = len(found.lengths) * len(NAMES)
    made = np.bincount(found.owners() * len(NAMES) + script, minlength=total)
    return made.reshape(len(found.lengths), len(NAMES))
