"""Detectors of the Hugging Face hub, or of a local folder, run by transformers in this process.

Images are prepared here as the model's `preprocessor_config.json` says: transformers' own image
processors want torchvision, which nothing else needs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from taihang.core import errors, i18n
from taihang.engines.predict import labels as names
from taihang.engines.predict import layouts, picture, registry
from taihang.engines.predict import predictor as contract
from taihang.engines.predict import scene as scenes

if TYPE_CHECKING:
    from taihang.engines.media import frame as media

# Model type → whether class scores are a softmax with "nothing" as last class, or a sigmoid each.
FAMILIES = {
    "rt_detr": "sigmoid",
    "rt_detr_v2": "sigmoid",
    "d_fine": "sigmoid",
    "deformable_detr": "sigmoid",
    "conditional_detr": "sigmoid",
    "detr": "softmax",
    "yolos": "softmax",
    "table-transformer": "softmax",
}
_FILES = ("config.json", "preprocessor_config.json", "*.safetensors", "model.safetensors.index.json")
_LARGEST_JSON = 8 << 20
_READER = "1"  # counts up when reading the same outputs gives other boxes


class HubPredictor:
    """A transformers object detector; frames are run one by one."""

    def __init__(self, spec: str, options: registry.Options) -> None:
        self._torch, transformers = libraries()
        folder = folder_of(spec)
        self.name = spec if folder != Path(spec) else folder.resolve().name
        config = json_of(folder / "config.json", spec)
        kind = str(config.get("model_type"))
        if kind not in FAMILIES:
            raise errors.UserError(
                "engines.predict:hub_family", model=spec, kind=kind, known=", ".join(sorted(FAMILIES))
            )
        self._softmax = FAMILIES[kind] == "softmax"
        listed = names.ordered(config.get("id2label"))
        found = options.labels or listed
        if found is None or (listed is not None and len(found) != len(listed)):
            raise errors.UserError(
                "engines.predict:no_labels",
                path=spec,
                count="?" if listed is None else len(listed),
                given="-" if found is None else len(found),
            )
        self.classes = found
        self._intake = _intake(folder)
        self._threshold = options.threshold or 0.3
        self.sure = max(0.5, self._threshold)
        self.calibration: contract.Calibration | None = None
        self.limits: tuple[i18n.Message, ...] = ()
        self.version = version_of(folder, repr((self.classes, self._threshold, self._intake, _READER)))
        self._threads = options.threads
        try:
            # No code from the hub and no pickles: only what safetensors holds.
            self._model = transformers.AutoModelForObjectDetection.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True
            ).eval()
        except Exception as error:
            raise errors.UserError("engines.predict:cannot_load", path=spec, reason=line(error)) from error

    def predict(self, frames: Sequence[media.Frame], scene: scenes.Scene | None = None) -> pa.Table:
        """As the contract says; the scene is not used."""
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(self._threads)
        try:
            with self._torch.inference_mode():
                return contract.joined([self._one(frame) for frame in frames])
        finally:
            self._torch.set_num_threads(before)

    def _one(self, frame: media.Frame) -> pa.Table:
        tensor, back = self._intake.tensor(frame.image)
        try:
            result = self._model(pixel_values=self._torch.from_numpy(tensor))
            logits, where = result.logits[0].float().numpy(), result.pred_boxes[0].float().numpy()
        except Exception as error:
            raise errors.UserError("engines.predict:cannot_run", path=self.name, reason=line(error)) from error
        if not (np.isfinite(logits).all() and np.isfinite(where).all()):
            raise errors.UserError("engines.predict:cannot_run", path=self.name, reason="NaN / inf")
        scores = _softmax(logits)[:, :-1] if self._softmax else layouts.sigmoid(logits)
        scores = scores[:, : len(self.classes)]
        classes = scores.argmax(axis=1)
        best = scores[np.arange(len(scores)), classes]
        kept = np.flatnonzero(best >= self._threshold)
        size = np.array([self._intake.width, self._intake.height] * 2, np.float32)
        corners = np.concatenate([where[:, :2] - where[:, 2:] / 2, where[:, :2] + where[:, 2:] / 2], axis=1)
        corners = corners[kept] * size * np.tile(back, 2)
        return contract.detections(frame, corners, best[kept], [self.classes[c] for c in classes[kept]])


@registry.scheme("hub")
def build(spec: str, options: registry.Options) -> contract.Predictor:
    """The predictor of a hub id or a folder. Raises errors.UserError and errors.MissingExtra."""
    return HubPredictor(spec, options)


def libraries() -> tuple[Any, Any]:
    """torch and transformers, made quiet. Raises errors.MissingExtra."""
    try:
        import torch  # noqa: PLC0415
        import transformers  # noqa: PLC0415
    except ImportError:
        raise errors.MissingExtra("hub", "transformers") from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return torch, transformers


def folder_of(spec: str, files: Sequence[str] = _FILES) -> Path:
    """The model's files on this machine: the folder itself, the hub's cache, or a download."""
    if Path(spec).is_dir():
        return Path(spec)
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", spec):
        raise errors.UserError("engines.predict:no_file", path=spec)
    import huggingface_hub  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415

    try:
        return Path(huggingface_hub.snapshot_download(spec, allow_patterns=list(files)))
    except Exception as error:
        raise errors.UserError("engines.predict:hub_unreachable", model=spec, reason=line(error)) from error


def _intake(folder: Path) -> picture.Intake:
    said = json_of(folder / "preprocessor_config.json", str(folder), optional=True)
    size = said.get("size") or {}
    try:
        # Sizes by the shortest edge keep the shape in transformers; a square of that side is close
        # enough for these networks, and gives every frame the same cost.
        side = size.get("shortest_edge", 640)
        normalise = bool(said.get("do_normalize", False))
        return picture.Intake(
            width=_side(size.get("width", side)),
            height=_side(size.get("height", side)),
            rescale=float(said.get("rescale_factor", 1 / 255)) if said.get("do_rescale", True) else 1.0,
            mean=_triple(said.get("image_mean", (0, 0, 0))) if normalise else (0.0, 0.0, 0.0),
            std=_triple(said.get("image_std", (1, 1, 1))) if normalise else (1.0, 1.0, 1.0),
        )
    except (TypeError, ValueError, AttributeError) as error:
        path = folder / "preprocessor_config.json"
        raise errors.UserError("engines.predict:sidecar", path=path, reason=line(error)) from error


def _side(value: Any) -> int:
    side = int(value)
    if not 32 <= side <= 4096:
        raise ValueError(f"size {side}: between 32 and 4096")
    return side


def _triple(value: Any) -> tuple[float, float, float]:
    one, two, three = (float(v) for v in value)
    return one, two, three


def json_of(path: Path, spec: str, optional: bool = False) -> dict[str, Any]:
    """The JSON object of a model's file. Raises errors.UserError, naming the model."""
    if optional and not path.exists():
        return {}
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ValueError("larger than 8 MiB")
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError("not an object")
        return value
    except (OSError, ValueError, RecursionError) as error:
        raise errors.UserError(
            "engines.predict:cannot_load", path=spec, reason=f"{path.name}: {line(error)}"
        ) from error


def version_of(folder: Path, settings: str, files: Sequence[str] = _FILES) -> str:
    """SHA-256 over the settings and the files of these patterns."""
    digest = hashlib.sha256(settings.encode())
    for pattern in sorted(files):
        for file in sorted(folder.glob(pattern)):
            with file.open("rb") as stream:
                digest.update(file.name.encode() + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _softmax(logits: layouts.Array) -> layouts.Array:
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True), np.float32)


def line(error: Exception) -> str:
    """An error in one line of at most 300 letters."""
    return " ".join(str(error).split())[:300]
