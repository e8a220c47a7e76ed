"""Exporting: a student as one ONNX file that says its classes itself, so that it appears whole in one rename."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
import torch

from taihang.core import errors
from taihang.model import quiet
from taihang.model.distil import calibration
from taihang.model.distil import network as nets

PARITY = 1e-4  # largest difference allowed between torch's outputs and the exported network's
_OPSET = 17
_OUTPUTS = ("logits", "pred_boxes")
_MAPS = ("heat", "sides", "attention")


def exported(
    network: nets.Network,
    classes: Sequence[str],
    size: tuple[int, int],
    *,
    maps: bool = False,
    facts: Mapping[str, str] | None = None,
    scale: calibration.Scale | None = None,
) -> bytes:
    """The file's bytes; `size` is height and width of its input. `maps`: a teacher, which shows its maps too.
    `facts` are kept in the file's metadata. `scale`: what makes its scores chances.

    Raises errors.Failure when the exported network does not say what torch says.
    """
    whole = nets.Exported(
        network, maps=maps, scale=None if scale is None else torch.from_numpy(np.asarray(scale, np.float32))
    ).eval()
    blank = torch.zeros(1, 3, *size)
    held = io.BytesIO()
    with quiet.quiet(), torch.no_grad():
        torch.onnx.export(
            whole,
            (blank,),
            held,
            input_names=["image"],
            output_names=[*_OUTPUTS, *(_MAPS if maps else ())],
            opset_version=_OPSET,
            # By tracing: the other exporter takes minutes where this takes seconds. `_check` judges what comes out.
            dynamo=False,
        )
    model = onnx.load_from_string(held.getvalue())
    told = {"names": json.dumps(dict(enumerate(classes)), ensure_ascii=False), **(facts or {})}
    onnx.helper.set_model_props(model, told)
    data: bytes = model.SerializeToString()
    _check(whole, data, size)
    return data


def _check(whole: nets.Exported, data: bytes, size: tuple[int, int]) -> None:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(0).random((1, 3, *size), np.float32)
    told = session.run(None, {"image": picture})
    with torch.no_grad():
        wanted = [one.numpy() for one in whole(torch.from_numpy(picture))]
    # Two neighbours as high as each other within rounding may change places as peaks: they are not compared.
    peaks = (told[0] > -10) == (wanted[0] > -10)
    apart = max(float(np.abs(np.where(peaks, told[0] - wanted[0], 0)).max()), float(np.abs(told[1] - wanted[1]).max()))
    if not (apart <= PARITY * max(1.0, float(np.abs(wanted[0]).max())) and peaks.mean() > 0.99):
        raise errors.Failure("model.distil:parity", difference=f"{apart:.2e}", limit=PARITY)
