"""Complexity: how hard a segment's pictures are to judge, from what the edge measures anyway."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

_PEOPLE = 4.0  # people at which the crowd counts half
_BITS = 1.5  # entropy of the labels, in bits, that counts half
_MOTION = 0.08  # share of the picture that changes, that counts half
_SHARP, _SOFT = 20.0, 5.0  # sharpness (`sight`): above clear, below blurred
_BRIGHT, _DARK = 80.0, 20.0  # mean luma


@dataclasses.dataclass(frozen=True, slots=True)
class Complexity:
    """Each in [0, 1], 0 easy; `value` is one minus the product of what each leaves easy."""

    people: float
    objects: float
    motion: float
    blur: float
    dark: float

    @property
    def value(self) -> float:
        """All of them as one number in [0, 1]; it rises with each."""
        parts = (self.people, self.objects, self.motion, self.blur, self.dark)
        # Each alone makes a segment at most half as hard as can be: none of them decides by itself.
        return float(1 - np.prod([1 - part / 2 for part in parts])) / (1 - 0.5 ** len(parts))


def measure(*, people: float, labels: Mapping[str, int], motion: float, sharpness: float, luma: float) -> Complexity:
    """Complexity of a segment: the most people at once, detections by label, the share of the picture that
    changes (0 to 1), sharpness and mean luma of its worst frame as `sight` measures them.

    What is no number counts as hard.
    """
    return Complexity(
        people=_half(people, _PEOPLE),
        objects=_half(entropy(list(labels.values())), _BITS),
        motion=_half(motion, _MOTION),
        blur=_down(sharpness, _SHARP, _SOFT),
        dark=_down(luma, _BRIGHT, _DARK),
    )


def entropy(counts: Sequence[int]) -> float:
    """Shannon entropy in bits of counts; 0 for one kind or none."""
    kept = np.array([c for c in counts if c > 0], np.float64)
    if len(kept) < 2:
        return 0.0
    share = kept / kept.sum()
    return float(-(share * np.log2(share)).sum())


def _half(value: float, half: float) -> float:
    """0 at 0, a half at `half`, towards 1 beyond."""
    return 1.0 if not np.isfinite(value) else float(max(0.0, value) / (max(0.0, value) + half))


def _down(value: float, easy: float, hard: float) -> float:
    """0 from `easy` up, 1 from `hard` down."""
    return 1.0 if not np.isfinite(value) else float(np.clip((easy - value) / (easy - hard), 0, 1))
