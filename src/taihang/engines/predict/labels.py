"""Class names: those of COCO, and those that model files carry."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

# The 80 classes of COCO 2017 in the order of their contiguous ids (Lin et al., 2014).
COCO = tuple(
    """person|bicycle|car|motorcycle|airplane|bus|train|truck|boat|traffic light|fire hydrant|stop sign
|parking meter|bench|bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe|backpack|umbrella|handbag
|tie|suitcase|frisbee|skis|snowboard|sports ball|kite|baseball bat|baseball glove|skateboard|surfboard
|tennis racket|bottle|wine glass|cup|fork|knife|spoon|bowl|banana|apple|sandwich|orange|broccoli|carrot
|hot dog|pizza|donut|cake|chair|couch|potted plant|bed|dining table|toilet|tv|laptop|mouse|remote
|keyboard|cell phone|microwave|oven|toaster|sink|refrigerator|book|clock|vase|scissors|teddy bear
|hair drier|toothbrush""".replace("\n", "").split("|")
)
_LONGEST_NAME = 100
_MOST = 10_000


def from_metadata(text: str) -> tuple[str, ...] | None:
    """Names from an ONNX file's `names` entry: JSON, a Python literal, or words with commas.

    A mapping has ids 0…n−1 as keys. None when the text is none of these.
    """
    value: Any = None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
            break
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    if value is None and "," in text and not any(c in text for c in "{}[]"):
        value = [part.strip() for part in text.split(",")]
    return ordered(value)


def ordered(value: Any) -> tuple[str, ...] | None:
    """Names in the order of their ids, or None when they are no clean list of names."""
    if isinstance(value, Mapping):
        try:
            pairs = {int(k): v for k, v in value.items()}
        except (TypeError, ValueError):
            return None
        if sorted(pairs) != list(range(len(pairs))):
            return None
        value = [pairs[i] for i in range(len(pairs))]
    if not isinstance(value, (list, tuple)) or not 0 < len(value) <= _MOST:
        return None
    if not all(isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME for name in value):
        return None
    return tuple(value) if len(set(value)) == len(value) else None
