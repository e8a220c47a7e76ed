"""Steps: what the network is given of a film, one step a moment, and how it is laid out.

A step is a small picture with the codec's motion at that moment, and a few numbers. Nothing here needs torch.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

HEIGHT, WIDTH = 64, 128
KEPT = ("luma", "across", "down", "apart", "known")
PLANES = (*KEPT, "change")
MEASURED = ("activity", "walking", "noise", "evidence")
NUMBERS = (*MEASURED, "gap_s")
_LONGEST_GAP_S = 8.0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """`times` (n,) seconds, rising; `planes` (n, 5, HEIGHT, WIDTH) uint8 in the order of `KEPT`, 128 is rest for
    the motion; `numbers` (n, 4) in the order of `MEASURED`: log2 of the packets' size against the film's usual,
    whether the camera walks, noise of its motion in pixels, and how far the most deviating upright patch stands out."""

    times: npt.NDArray[np.float64]
    planes: Bytes
    numbers: Floats

    def __len__(self) -> int:
        """How many steps."""
        return len(self.times)

    def part(self, chosen: slice | npt.NDArray[np.int64]) -> Steps:
        """Some of the steps, in order."""
        return Steps(self.times[chosen], self.planes[chosen], self.numbers[chosen])


def tensors(steps: Steps, before: Steps | None = None) -> tuple[Floats, Floats]:
    """What the network reads: pictures (n, 6, HEIGHT, WIDTH) in about -1 to 1, and numbers (n, 5).

    `before`: the step before the first, when it is not the film's first.
    """
    luma = steps.planes[:, 0].astype(np.float32)
    first = luma[:1] if before is None else before.planes[-1:, 0].astype(np.float32)
    earlier = np.concatenate([first, luma[:-1]])
    # A common change of light is taken out: lamps and exposure are not what moves.
    change = luma - earlier
    change -= np.median(change, axis=(1, 2), keepdims=True) if len(change) else np.float32(0)
    level = luma.mean(axis=(1, 2), keepdims=True)
    spread = luma.std(axis=(1, 2), keepdims=True) + 8
    motion = (steps.planes[:, 1:3].astype(np.float32) - 128) / 64
    pictures = np.concatenate(
        [
            ((luma - level) / (2 * spread))[:, None],
            motion,
            steps.planes[:, 3:5].astype(np.float32) / 128,
            (np.clip(np.abs(change), 0, 64) / 32)[:, None],
        ],
        axis=1,
    )
    last = steps.times[0] if before is None and len(steps) else (before.times[-1] if before is not None else 0.0)
    gap = np.diff(np.concatenate([[last], steps.times])).astype(np.float32)
    numbers = np.concatenate([steps.numbers, np.clip(gap, 0, _LONGEST_GAP_S)[:, None] / 2], axis=1)
    return np.ascontiguousarray(pictures, np.float32), np.ascontiguousarray(numbers, np.float32)
