"""Detectors in ONNX files, run by ONNX Runtime on the CPU."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pyarrow as pa

from taihang.core import errors, i18n
from taihang.engines.predict import boxes as geometry
from taihang.engines.predict import labels as names
from taihang.engines.predict import layouts, references, registry, sidecar
from taihang.engines.predict import predictor as contract
from taihang.engines.predict import scene as scenes

if TYPE_CHECKING:
    from taihang.engines.media import frame as media

_READER = "2"  # counts up when reading the same outputs gives other boxes
_LARGEST_BYTES = 2 << 30  # what a protobuf message can hold
_LARGEST_SIDE = 4096
_MOST_CANDIDATES = 2000
_INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxPredictor:
    """One ONNX file; its frames are run one by one, so that a batch cannot change a result."""

    def __init__(self, path: Path, options: registry.Options) -> None:
        self.name = path.name
        said, said_bytes = sidecar.beside(path)
        self._session, digest = _session(path, options.threads)
        self._inputs = {p.name: p for p in self._session.get_inputs()}
        self._outputs = [p.name for p in self._session.get_outputs()]
        self._layout = self._recognise(said)
        self._image = next(n for n, p in self._inputs.items() if len(p.shape) == 4)
        self.classes = self._names(said, options)
        self._threshold = options.threshold or said.threshold or self._layout.threshold
        self._overlap = said.overlap or 0.5
        self.sure = max(said.sure or self._layout.sure, self._threshold)
        self.calibration = said.calibration
        self.limits: tuple[i18n.Message, ...] = ()
        self._kept = threading.local()
        for part in (said_bytes, repr((self.classes, self._threshold, self._overlap, _READER)).encode()):
            digest.update(hashlib.sha256(part).digest())
        self.version = digest.hexdigest()
        self._try()

    def predict(self, frames: Sequence[media.Frame], scene: scenes.Scene | None = None) -> pa.Table:
        """As the contract says; the scene is not used."""
        return contract.joined([self._one(frame) for frame in frames])

    def _one(self, frame: media.Frame) -> pa.Table:
        tensor, back = self._layout.intake.tensor(frame.image, self._room())
        where, classes, scores = self._read(self._run(tensor))
        # `not below` would let NaN through; it was refused in `_run`.
        kept = np.flatnonzero((scores >= self._threshold) & (classes >= 0) & (classes < len(self.classes)))
        if len(kept) > _MOST_CANDIDATES:
            kept = kept[np.argsort(-scores[kept], kind="stable")][:_MOST_CANDIDATES]
        if self._layout.suppress:
            kept = kept[geometry.suppress(where[kept], scores[kept], classes[kept], self._overlap)]
        shown = where[kept].reshape(-1, 2, 2) * back
        return contract.detections(frame, shown, scores[kept], [self.classes[c] for c in classes[kept].tolist()])

    def _room(self) -> layouts.Array:
        """Where a thread's pictures go on their way in: fresh memory for each would cost more than filling it."""
        if not hasattr(self._kept, "values"):
            self._kept.values = np.empty((1, 3, self._layout.intake.height, self._layout.intake.width), np.float32)
        kept: layouts.Array = self._kept.values
        return kept

    def _run(self, tensor: layouts.Array) -> dict[str, Any]:
        kind = _INPUT_TYPES.get(self._inputs[self._image].type)
        if kind is None:
            raise self._refused(f"{self._image}: {self._inputs[self._image].type}")
        feed: dict[str, Any] = {self._image: tensor.astype(kind, copy=False)}
        if "orig_target_sizes" in self._inputs:
            # Asked for boxes in the input's own pixels, every layout is read alike.
            feed["orig_target_sizes"] = np.array([[self._layout.intake.width, self._layout.intake.height]], np.int64)
        try:
            values = self._session.run(self._outputs, feed)
        except Exception as error:
            raise self._broken(_line(error)) from error
        if not all(_finite(v) for v in values if v.dtype.kind == "f"):
            raise self._broken("NaN / inf")
        return dict(zip(self._outputs, values, strict=True))

    def _read(self, outputs: dict[str, Any]) -> layouts.Found:
        try:
            return self._layout.read(outputs, self._layout.intake, self._threshold)
        except (ValueError, IndexError, KeyError, TypeError) as error:
            raise self._broken(_line(error)) from error

    def _recognise(self, said: sidecar.Sidecar) -> layouts.Layout:
        inputs, outputs = _ports(self._session.get_inputs()), _ports(self._session.get_outputs())
        layout = layouts.recognise(inputs, outputs, said)
        ports = ", ".join(f"{p.name}{list(p.shape)}" for p in (*inputs, *outputs))
        if layout is None or not 0 < max(layout.intake.width, layout.intake.height) <= _LARGEST_SIDE:
            raise self._refused(ports)
        return layout

    def _names(self, said: sidecar.Sidecar, options: registry.Options) -> tuple[str, ...]:
        count = self._layout.classes
        listed = self._session.get_modelmeta().custom_metadata_map.get("names")
        found = options.labels or said.labels or (names.from_metadata(listed) if listed else None)
        if found is None and count == len(names.COCO):
            found = names.COCO
        if found is None or (count is not None and count != len(found)) or len(set(found)) != len(found):
            given = "-" if found is None else len(found)
            raise errors.UserError(
                "engines.predict:no_labels", path=self.name, count="?" if count is None else count, given=given
            )
        return found

    def _try(self) -> None:
        """Run once on a smooth picture: what cannot work is refused before the video is decoded."""
        intake = self._layout.intake
        ramp = np.linspace(0, 255, intake.width, dtype=np.uint8)
        picture = np.repeat(np.tile(ramp, (intake.height, 1))[:, :, None], 3, axis=2)
        outputs = self._run(intake.tensor(picture)[0])
        if self._layout.name == "yolox-raw":
            try:
                raw = layouts.grid_is_raw(outputs, intake)
            except (ValueError, IndexError) as error:
                raise self._broken(_line(error)) from error
            if not raw:
                self._layout = layouts.as_decoded(self._layout)
        self._read(outputs)

    def _refused(self, ports: str) -> errors.UserError:
        return errors.UserError("engines.predict:unknown_layout", path=self.name, ports=ports)

    def _broken(self, reason: str) -> errors.UserError:
        return errors.UserError("engines.predict:cannot_run", path=self.name, reason=reason)


@registry.scheme("onnx")
def build(spec: str, options: registry.Options) -> contract.Predictor:
    """The predictor in an ONNX file. Raises errors.UserError."""
    return OnnxPredictor(Path(spec), options)


def _session(path: Path, threads: int) -> tuple[onnxruntime.InferenceSession, Any]:
    if not path.is_file():
        raise errors.UserError("engines.predict:no_file", path=path)
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise errors.UserError("engines.predict:cannot_load", path=path, reason="> 2 GiB")
        model = path.read_bytes()
        digest = hashlib.sha256(hashlib.sha256(model).digest())
        outside = references.external(model, path.parent)
        for file in outside:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.inter_op_num_threads = 1
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings.log_severity_level = 4
        source: Any = str(path) if outside else model  # external files are found from the path alone
        # Falling back means trying the same again, and printing so.
        session = onnxruntime.InferenceSession(source, settings, providers=["CPUExecutionProvider"], enable_fallback=0)
        # Names that are no text show only when they are asked for.
        ports = (*session.get_inputs(), *session.get_outputs())
        _ = [(p.name, p.type, p.shape) for p in ports], session.get_modelmeta().custom_metadata_map
        return session, digest
    except errors.UserError as error:
        raise errors.UserError("engines.predict:cannot_load", path=path, reason=error.message) from error
    except Exception as error:
        raise errors.UserError("engines.predict:cannot_load", path=path, reason=_line(error)) from error


def _ports(ports: Sequence[Any]) -> list[layouts.Port]:
    return [layouts.Port(p.name, tuple(d if isinstance(d, int) and d > 0 else None for d in p.shape)) for p in ports]


def _finite(values: layouts.Array) -> bool:
    # A sum of squares shows every NaN and inf in one pass; what overflows it is looked at again.
    flat = values.ravel()
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.dot(flat, flat)) or np.isfinite(values).all())


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
