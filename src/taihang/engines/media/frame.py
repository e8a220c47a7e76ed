"""Frame and MotionField: what the rest of Taihang sees of a decoded video."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Grid = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class MotionField:
    """Apparent motion from the previous frame to this one, on a regular grid.

    `dx`, `dy`: float32 (rows, cols), pixels per frame as shown, right and down positive; 0 where
    not `present`. `present`: bool (rows, cols), False where the codec gave no vector (intra blocks).
    Cell (r, c) covers the shown pixels [c*cell, (c+1)*cell) x [r*cell, (r+1)*cell), cut at the edge.
    `time_s` counts from the first shown frame; `frames` is how many frame intervals the codec's
    reference lay away (1 unless B-frames), already divided out. A key frame has nothing present.
    """

    dx: Grid
    dy: Grid
    present: Mask
    time_s: float
    cell: int
    pts: int
    key: bool = False


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One shown frame.

    `image`: uint8 RGB (height, width, 3), rotation applied, never a view that changes later.
    `time_s`: seconds from the first shown frame of the file, which has 0.
    `pts`: presentation time stamp in the stream's time base, as the file gives it.
    `number`: place in presentation order from 0, the `number` of `packets.packets`.
    `damaged`: the decoder reported errors in a frame that this one was predicted from.
    """

    image: Image
    time_s: float
    pts: int
    number: int
    key: bool
    motion: MotionField | None = None
    damaged: bool = False
