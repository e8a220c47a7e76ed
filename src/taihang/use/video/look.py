"""Look: hand chosen frames to the detector, in steps that are kept, so that looking resumes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import ids, job, words
from taihang.engines import stages
from taihang.engines.media import frame as picture
from taihang.engines.media import frames as decoding
from taihang.engines.predict import appearance
from taihang.engines.predict import predictor as predict
from taihang.engines.predict import scene as scenes
from taihang.use.video.select import sight
from taihang.use.video.zoning import register

FRAMES = pa.schema(
    [
        ("number", pa.int32()),
        ("time_s", pa.float64()),
        ("pts", pa.int64()),
        ("damaged", pa.bool_()),
        ("error_px", pa.list_(pa.float64())),  # per zone, of its registration; null where it has no place
        ("matrix", pa.list_(pa.list_(pa.float64(), 9))),
        ("seen", pa.string()),  # clear, dark, blurred or covered
        ("luma", pa.float64()),
        ("sharpness", pa.float64()),
        ("shown", pa.bool_()),  # False: the frame could not be decoded
    ]
)
_NOTHING = appearance.with_looks([], predict.DETECTIONS.empty_table())
_STEP = 24  # frames a kept step: at most so many are looked at again after a kill
_BATCH_PIXELS = 16_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Eyes:
    """What looks: the detector, what is known of the scene, and the frame the zones were drawn on."""

    path: Path
    video: words.Sha256
    packets: pa.Table
    predictor: predict.Predictor
    scene: scenes.Scene
    reference: npt.NDArray[np.uint8] | None
    zones: Sequence[npt.NDArray[np.float64]]
    store: stages.Stages
    progress: job.Progress

    def key(self) -> dict[str, str]:
        """Everything, apart from the frames, that decides what is seen."""
        pictures = [self.scene.background, self.reference]
        return {
            "video": self.video,
            "predictor": self.predictor.version,
            "scene": self.scene.camera,
            "zones": ids.digest_json([z.tolist() for z in self.zones]),
            "pictures": ids.digest_json([None if p is None else ids.digest(p.tobytes()) for p in pictures]),
            "code": stages.code_version(
                "taihang.engines.media", "taihang.engines.predict", register.__name__, sight.__name__, __name__
            ),
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Looked:
    """`frames` (schema FRAMES) and `detections` with looks, by number; `decoded`: frames the decoder put out."""

    frames: pa.Table
    detections: pa.Table
    decoded: int


def look(eyes: Eyes, numbers: Sequence[int], stage: str = "use.video:stage.detect") -> Looked:
    """What the detector sees in frames `numbers`.

    Frames that cannot be decoded have a row with `shown` false and no detections.
    """
    wanted = sorted(set(numbers))
    frames, found = [FRAMES.empty_table()], [_NOTHING]
    key = eyes.key()
    finder = register.Reference(eyes.reference, eyes.zones) if eyes.reference is not None else None
    decoded = 0
    eyes.progress.update(stage, 0, len(wanted))
    for start in range(0, len(wanted), _STEP):
        part = wanted[start : start + _STEP]
        make = functools.partial(_step, eyes, part, finder)
        step = eyes.store.tables("look", {**key, "numbers": part}, make)
        frames.append(step["frames"])
        found.append(step["detections"])
        decoded += step["cost"]["decoded"][0].as_py()
        eyes.progress.update(stage, min(start + _STEP, len(wanted)), len(wanted))
    return Looked(pa.concat_tables(frames).combine_chunks(), pa.concat_tables(found).combine_chunks(), decoded)


def _step(eyes: Eyes, numbers: Sequence[int], finder: register.Reference | None) -> stages.Tables:
    rows: dict[int, dict[str, object]] = {n: {"number": n, "shown": False} for n in numbers}
    times = dict(zip(eyes.packets["number"].to_pylist(), eyes.packets["time_s"].to_pylist(), strict=True))
    found = [_NOTHING]
    counter = decoding.Decoded()
    for batch in _batches(decoding.frames(eyes.path, numbers, eyes.packets, motion=True, counter=counter)):
        found.append(appearance.with_looks(batch, eyes.predictor.predict(batch, eyes.scene)))
        for frame in batch:
            rows[frame.number] |= {
                "pts": frame.pts,
                "damaged": frame.damaged,
                "shown": True,
                **_sight(frame.image),
                **_placed(finder, frame.image),
            }
    for number, row in rows.items():
        row["time_s"] = times[number]
    table = pa.Table.from_pylist(list(rows.values()), schema=FRAMES)
    cost = pa.table({"decoded": [counter.decoded]})
    return {"frames": table, "detections": pa.concat_tables(found).combine_chunks(), "cost": cost}


def _batches(frames: Iterator[picture.Frame]) -> Iterator[list[picture.Frame]]:
    """Frames by the few, so that large pictures do not fill the memory."""
    batch: list[picture.Frame] = []
    for frame in frames:
        batch.append(frame)
        height, width = frame.image.shape[:2]
        if len(batch) * height * width >= _BATCH_PIXELS or len(batch) >= _STEP:
            yield batch
            batch = []
    if batch:
        yield batch


def _sight(image: npt.NDArray[np.uint8]) -> dict[str, object]:
    found = sight.measure(sight.grey(image))
    return {"seen": found.verdict, "luma": found.luma, "sharpness": found.sharpness}


def _placed(finder: register.Reference | None, image: npt.NDArray[np.uint8]) -> dict[str, object]:
    found = finder.find_zones(image) if finder else []
    return {
        "error_px": [None if f is None else f.error_px for f in found],
        "matrix": [None if f is None else f.matrix.ravel().tolist() for f in found],
    }
