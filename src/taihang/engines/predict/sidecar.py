"""`MODEL.onnx.yaml`: what a model file does not say of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml

from taihang.core import errors, words
from taihang.engines.predict import labels as names
from taihang.engines.predict import predictor as contract

LayoutName = Literal["yolox-raw", "yolox-decoded", "rt-detr", "rt-detr-logits", "fastestdet"]
_LARGEST = 1 << 20
_Triple = tuple[float, float, float]


class Sidecar(words.Word):
    """Every entry is optional; None leaves the layout's own choice.

    An image value v in 0…255 enters the network as (v * rescale − mean) / std, channel by channel.
    """

    labels: tuple[str, ...] | None = None
    layout: LayoutName | None = None
    width: int | None = pydantic.Field(default=None, ge=32, le=4096)
    height: int | None = pydantic.Field(default=None, ge=32, le=4096)
    channels: Literal["rgb", "bgr"] | None = None
    resize: Literal["letterbox", "stretch"] | None = None
    rescale: float | None = pydantic.Field(default=None, gt=0, le=1, allow_inf_nan=False)
    mean: _Triple | None = None
    std: _Triple | None = None
    threshold: float | None = pydantic.Field(default=None, gt=0, lt=1)
    sure: float | None = pydantic.Field(default=None, gt=0, lt=1)
    overlap: float | None = pydantic.Field(default=None, gt=0, lt=1)
    calibration: contract.Calibration | None = None

    @pydantic.field_validator("labels", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if value is None:
            return None
        found = names.ordered(value)
        if found is None:
            raise ValueError("a list of different names, or a mapping from 0, 1, 2 … to names")
        return found

    @pydantic.field_validator("mean", "std")
    @classmethod
    def _finite(cls, value: _Triple | None, info: pydantic.ValidationInfo) -> _Triple | None:
        if value is not None and not all(abs(v) < 1e6 for v in value):
            raise ValueError("three finite numbers")
        if value is not None and info.field_name == "std" and min(value) <= 0:
            raise ValueError("three numbers above 0")
        return value


def beside(model: Path) -> tuple[Sidecar, bytes]:
    """The sidecar of a model file and its bytes; an empty one when there is none.

    Raises errors.UserError, naming the entry that is wrong.
    """
    path = model.with_name(model.name + ".yaml")
    if not path.exists():
        return Sidecar(), b""
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            raise ValueError("larger than 1 MiB")
        value = yaml.safe_load(raw)
        return Sidecar.model_validate({} if value is None else value), raw
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        reason = " ".join(str(error).split())
    raise errors.UserError("engines.predict:sidecar", path=path, reason=reason)
