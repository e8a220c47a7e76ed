"""The contract of every predictor: what goes in, what comes out, what it says of itself."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pydantic

from taihang.core import errors, i18n, words
from taihang.engines.predict import scene as scenes

if TYPE_CHECKING:
    from taihang.engines.media import frame as media

Boxes = npt.NDArray[np.float32]

DETECTIONS = pa.schema(
    [
        pa.field("number", pa.int32(), nullable=False),  # place of the frame in presentation order
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),  # in [0, 1]; a probability only through `calibration`
        pa.field("x0", pa.float32(), nullable=False),  # pixels of the shown frame; x1, y1 exclusive
        pa.field("y0", pa.float32(), nullable=False),
        pa.field("x1", pa.float32(), nullable=False),
        pa.field("y1", pa.float32(), nullable=False),
    ]
)
SMALLEST_PX = 1.0
_NONE = DETECTIONS.empty_table()
_ROW = pa.struct(list(DETECTIONS))


class Calibration(words.Word):
    """How a score becomes a probability: straight lines between measured points.

    `method` says how and on what the points were measured; it is shown beside every confidence.
    Scores rise strictly, probabilities do not fall, both in [0, 1].
    """

    method: str = pydantic.Field(min_length=1)
    scores: tuple[float, ...] = pydantic.Field(min_length=2)
    probabilities: tuple[float, ...] = pydantic.Field(min_length=2)

    @pydantic.model_validator(mode="after")
    def _rises(self) -> Calibration:
        if len(self.scores) != len(self.probabilities):
            raise ValueError("scores and probabilities differ in number")
        if any(not 0 <= v <= 1 for v in (*self.scores, *self.probabilities)):
            raise ValueError("scores and probabilities lie in [0, 1]")
        if any(b <= a for a, b in zip(self.scores, self.scores[1:], strict=False)):
            raise ValueError("scores must rise")
        if any(b < a for a, b in zip(self.probabilities, self.probabilities[1:], strict=False)):
            raise ValueError("probabilities must not fall")
        return self

    def probability(self, score: float) -> float:
        """The probability of a score; below the first and above the last point it stays level."""
        place = bisect.bisect_right(self.scores, score)
        if place == 0:
            return self.probabilities[0]
        if place == len(self.scores):
            return self.probabilities[-1]
        s0, s1 = self.scores[place - 1], self.scores[place]
        p0, p1 = self.probabilities[place - 1], self.probabilities[place]
        return p0 + (p1 - p0) * (score - s0) / (s1 - s0)


class Predictor(Protocol):
    """Anything that finds things in frames.

    One frame's detections depend on that frame and the scene alone: a batch equals its frames one
    by one. A lone detection is to be believed from `sure` on; a weaker one only when a tracker ties
    it to one that is.
    """

    name: str
    version: words.Sha256
    """SHA-256 of all that decides the result: weights, labels, settings, or the code of a built-in."""
    classes: tuple[str, ...]
    sure: float
    calibration: Calibration | None
    limits: tuple[i18n.Message, ...]
    """What this predictor is known not to see; the report prints them."""

    def predict(self, frames: Sequence[media.Frame], scene: scenes.Scene | None = None) -> pa.Table:
        """Detections as a table of schema DETECTIONS: frames in the order given, best score first.

        Boxes lie inside their frame and are at least a pixel wide and high.
        Raises errors.UserError when the model's file gives what no box can be read from.
        """


def producer(predictor: Predictor) -> words.Producer:
    """The predictor as evidence names it."""
    return words.Producer(name=predictor.name, version=predictor.version[:12], sha256=predictor.version)


def require(predictor: Predictor, classes: Iterable[str]) -> None:
    """Refuse classes that the predictor does not know, with the list of those it knows.

    Raises errors.UserError.
    """
    unknown = sorted(set(classes) - set(predictor.classes))
    if unknown:
        raise errors.UserError(
            "engines.predict:unknown_class",
            predictor=predictor.name,
            unknown=", ".join(unknown),
            known=", ".join(predictor.classes),
        )


def detections(frame: media.Frame, boxes: npt.ArrayLike, scores: npt.ArrayLike, labels: Sequence[str]) -> pa.Table:
    """One frame's detections: clipped to the frame, the vanished dropped, sorted.

    `boxes` (n, 4) as x0, y0, x1, y1 in shown pixels, `scores` (n,), `labels` n names.
    """
    height, width = frame.image.shape[:2]
    edges = np.asarray(boxes, np.float32).reshape(-1, 4).tolist()
    values = np.asarray(scores, np.float32).reshape(-1).tolist()
    # A frame has few boxes: numbers one by one, and one array of rows, cost less than a call for each column.
    rows = []
    for (left, top, right, bottom), score, label in zip(edges, values, labels, strict=True):
        x0, x1 = min(max(left, 0.0), width), min(max(right, 0.0), width)
        y0, y1 = min(max(top, 0.0), height), min(max(bottom, 0.0), height)
        if x1 - x0 >= SMALLEST_PX and y1 - y0 >= SMALLEST_PX:
            rows.append((-score, label, x0, y0, x1, y1))
    if not rows:
        return _NONE
    # Ties are broken by place, so that equal input gives an equal table.
    rows.sort()
    number, time_s = frame.number, frame.time_s
    found = [(number, time_s, label, min(max(-less, 0.0), 1.0), *sides) for less, label, *sides in rows]
    return pa.Table.from_struct_array(pa.array(found, _ROW))


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables of single frames as one table; none give an empty one."""
    if len(tables) == 1:
        return tables[0]
    return pa.concat_tables([_NONE, *tables]).combine_chunks()
