"""Teacher: any detector asked about pictures; one whose file shows its maps teaches by them, others by their boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pyarrow as pa

from taihang.core import errors
from taihang.engines.media import frame
from taihang.engines.predict import loading, onnx, picture
from taihang.engines.predict import predictor as contract
from taihang.model.distil import answers

LOWEST = 0.05  # from which score a detection is told as a soft label
_MAPS = ("heat", "sides", "attention")

Pictures = Sequence[npt.NDArray[np.uint8]]


class Teacher:
    """A detector by the names of a student's classes. `called`: its name for a class, where that is another."""

    def __init__(
        self,
        spec: str,
        classes: Sequence[str],
        size: tuple[int, int],
        called: Mapping[str, str] | None = None,
        lowest: float = LOWEST,
    ) -> None:
        """`size`: height and width of the student's picture. Raises errors.UserError for a detector that cannot be
        used or does not know a class."""
        self.predictor = loading.load(spec, threshold=lowest, threads=1)
        self.classes, self.size = tuple(classes), size
        self.called = {name: (called or {}).get(name, name) for name in classes}
        if strangers := sorted(set(called or {}) - set(classes)):
            raise errors.UserError("model.distil:called", unknown=", ".join(strangers), known=", ".join(classes))
        contract.require(self.predictor, self.called.values())
        self._own = _Maps.of(Path(spec), size) if isinstance(self.predictor, onnx.OnnxPredictor) else None

    @property
    def version(self) -> str:
        """SHA-256 of all that decides its answers but the pictures."""
        return self.predictor.version

    @property
    def shows(self) -> bool:
        """True when it tells its maps and not only boxes."""
        return self._own is not None

    def boxes(self, image: npt.NDArray[np.uint8]) -> answers.Boxes:
        """What it finds in a picture, uint8 RGB, in pixels of the student's picture."""
        height, width = image.shape[:2]
        shown = frame.Frame(image=image, time_s=0.0, pts=0, number=0, key=True)
        table: pa.Table = self.predictor.predict([shown])
        back = {given: place for place, given in enumerate(self.called.values())}
        rows = [row for row in table.to_pylist() if row["label"] in back]
        scale = np.array([self.size[1] / width, self.size[0] / height] * 2, np.float32)
        where = np.array([[row[k] for k in ("x0", "y0", "x1", "y1")] for row in rows], np.float32).reshape(-1, 4)
        return answers.Boxes(
            where * scale,
            np.array([back[row["label"]] for row in rows], np.int64),
            np.array([row["score"] for row in rows], np.float32),
        )

    def answer(self, image: npt.NDArray[np.uint8]) -> tuple[answers.Boxes, answers.Maps]:
        """Its boxes and its maps. Raises errors.UserError for an answer that is none."""
        found = self.boxes(image)
        drawn = answers.drawn(found, len(self.classes), self.size)
        if self._own is None:
            return found, drawn
        heat, sides, attention = self._own.maps(image, [self.predictor.classes.index(n) for n in self.called.values()])
        # Its sides count wherever it sees something: beside a peak, too, they say how far the edges are from there.
        return found, answers.Maps(heat, sides, heat.max(axis=0), attention)


class _Maps:
    """The maps in an ONNX file that was exported with them; on the student's grid, or the file shows none."""

    def __init__(self, session: onnxruntime.InferenceSession, name: str) -> None:
        self._session, self._name = session, name

    @classmethod
    def of(cls, path: Path, size: tuple[int, int]) -> _Maps | None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 4
        session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        shapes = {one.name: one.shape for one in session.get_outputs()}
        grid = [size[0] // answers.STRIDE, size[1] // answers.STRIDE]
        taken = session.get_inputs()[0]
        shown = set(_MAPS) <= set(shapes) and list(taken.shape[2:]) == list(size)
        return cls(session, taken.name) if shown and all(list(shapes[n][-2:]) == grid for n in _MAPS) else None

    def maps(self, image: npt.NDArray[np.uint8], places: Sequence[int]) -> tuple[answers.Floats, ...]:
        taken = self._session.get_inputs()[0]
        tensor, _ = picture.Intake(int(taken.shape[3]), int(taken.shape[2])).tensor(image)
        told = self._session.run(_MAPS, {self._name: tensor})
        heat, sides, attention = (np.asarray(one[0], np.float32) for one in told)
        return heat[list(places)], sides, attention
