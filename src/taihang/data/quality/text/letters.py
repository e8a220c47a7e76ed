"""Letters: a batch of texts as one array of code points, so that whole batches are measured at once."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int64]
_BREAKS = re.compile(r"[\W_]+")
# Written between letters so that a list of words does not find them.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


@dataclasses.dataclass(frozen=True)
class Letters:
    """Code points of all texts, each followed by `gap` zeros; text i is `codes[starts[i] : starts[i] + lengths[i]]`."""

    codes: Codes
    starts: Places
    lengths: Places

    @classmethod
    def of(cls, texts: Sequence[str], gap: int = 0) -> Letters:
        """The code points of these texts; a lone surrogate counts as a letter."""
        tail = "\0" * gap
        data = "".join(text + tail for text in texts).encode("utf-32-le", "surrogatepass")
        lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts))
        ends = np.cumsum(lengths + gap)
        return cls(np.frombuffer(data, np.uint32), ends - lengths - gap, lengths)

    def owners(self) -> Places:
        """For each letter the number of its text, gaps left out; `inside` has their places."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def inside(self) -> Places:
        """The places of all letters that are no gap."""
        first = np.cumsum(self.lengths) - self.lengths
        found: Places = np.arange(int(self.lengths.sum())) + np.repeat(self.starts - first, self.lengths)
        return found

    def hashes(self, size: int) -> npt.NDArray[np.uint64]:
        """A hash of the `size` letters from each place of `codes` on; those beyond the end are taken for zeros."""
        padded = np.concatenate([self.codes, np.zeros(size, np.uint32)]).astype(np.uint64)
        found = np.zeros(len(self.codes), np.uint64)
        for place in range(size):
            found *= _BASE
            found += padded[place : place + len(self.codes)]
        return mixed(found)


_BASE = np.uint64(0x9E3779B97F4A7C15)


def mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of MurmurHash3: each bit of the result depends on all bits."""
    found = values ^ (values >> np.uint64(33))
    found *= np.uint64(0xFF51AFD7ED558CCD)
    found ^= found >> np.uint64(33)
    found *= np.uint64(0xC4CEB9FE1A85EC53)
    found ^= found >> np.uint64(33)
    return found


def plain(text: str) -> str:
    """A text for comparing: compatibility forms and case folded, nothing but letters and digits."""
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return _BREAKS.sub("", folded.casefold())


def visible(text: str) -> str:
    """A text without characters that nobody sees."""
    return text if text.isascii() else _UNSEEN.sub("", text)
