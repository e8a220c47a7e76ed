"""Image: the array types that the scene is drawn in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(H, W, 3) RGB or (H, W) grey, 0–255."""
Field = npt.NDArray[np.float32]
"""Any array of real numbers: a light map, a depth map, points."""
Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]
