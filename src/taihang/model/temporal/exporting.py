"""Exporting: a trained network as one ONNX file with 8-bit weights, its card, and a page about it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnxruntime import quantization
from onnxruntime.quantization import shape_inference

from taihang.core import errors, ids
from taihang.engines import stages
from taihang.model import quiet
from taihang.model.temporal import card as cards
from taihang.model.temporal import classifier, page, scoring, training
from taihang.model.temporal import network as nets
from taihang.model.temporal import steps as stepping

PARITY = 1e-4  # largest difference allowed between torch's outputs and the exported network's
_LOSS = 0.05  # F1, mean over classes: weights that lose more are not made 8-bit
_CALIBRATION = 6  # stretches
_LENGTH = 24


def export(
    network: nets.Network,
    classes: Sequence[str],
    presence: Sequence[str],
    parts: tuple[Sequence[training.Film], Sequence[training.Film]],
    folder: Path,
    *,
    synthetic: bool,
) -> cards.Card:
    """Write weights, card and page to `folder`; `parts` are the films learnt from and those held back.

    Raises errors.Failure when the exported network does not say what torch says.
    """
    learnt, held = parts
    limits = training.thresholds(network, held)
    with tempfile.TemporaryDirectory() as scratch:
        plain, small = Path(scratch) / "plain.onnx", Path(scratch) / "small.onnx"
        _write(network, plain)
        parity = _parity(network, plain, [*held, *learnt][:4])
        quantise(plain, small, learnt)
        given = [training.outputs(network, film) for film in held]
        full = _scores(given, held, limits, classes)
        light = _scores([_run(small, film) for film in held], held, limits, classes)
        keeps = _mean(full) - _mean(light) <= _LOSS
        weights = (small if keeps else plain).read_bytes()
    card = cards.Card(
        classes=tuple(classes),
        presence=tuple(presence),
        thresholds=limits,
        planes=len(stepping.PLANES),
        height=stepping.HEIGHT,
        width=stepping.WIDTH,
        signals=len(stepping.NUMBERS),
        reach=nets.REACH,
        precision="int8" if keeps else "float32",
        parity=parity,
        synthetic=synthetic,
        trained=cards.Trained(
            films=len(learnt),
            steps=sum(len(f.steps) for f in learnt),
            held_films=len(held),
            held_steps=sum(len(f.steps) for f in held),
            seen={name: int(sum(f.going_on[:, k].sum() for f in held)) for k, name in enumerate(classes)},
            f1=full,
            f1_int8=light,
        ),
        sha256=ids.digest(weights),
    )
    stages.write_bytes(folder / cards.WEIGHTS, weights)
    stages.write_bytes(folder / cards.CARD, (card.model_dump_json(indent=1) + "\n").encode())
    for language in ("zh", "en"):
        stages.write_bytes(folder / page.NAMES[language], page.text(card, language).encode())
    classifier.Classifier(folder)
    return card


def _write(network: nets.Network, path: Path) -> None:
    """The network as ONNX, for any number of steps."""
    size = (5, len(stepping.PLANES), stepping.HEIGHT, stepping.WIDTH)
    pictures, numbers = torch.randn(size), torch.randn(size[0], len(stepping.NUMBERS))
    with quiet.quiet(), torch.no_grad():
        torch.onnx.export(
            nets.Exported(network).eval(),
            (pictures, numbers),
            str(path),
            input_names=list(classifier._INPUTS),
            output_names=[classifier._OUTPUT],
            dynamic_axes={"pictures": {0: "steps"}, "numbers": {0: "steps"}, classifier._OUTPUT: {0: "steps"}},
            opset_version=17,
            # By tracing: the other exporter takes minutes where this takes seconds. `_parity` judges what comes out.
            dynamo=False,
        )


def quantise(plain: Path, small: Path, films: Sequence[training.Film]) -> None:
    """8-bit weights and activations, with scales fixed from `films`, so that no answer depends on another film."""

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter([stepping.tensors(f.steps.part(slice(0, _LENGTH))) for f in films[:_CALIBRATION]])

        def get_next(self) -> dict[str, Any] | None:
            part = next(self._left, None)
            return None if part is None else dict(zip(classifier._INPUTS, part, strict=True))

    ready = small.with_suffix(".ready.onnx")
    with quiet.quiet():
        shape_inference.quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(ready),
            str(small),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        )


def _run(path: Path, film: training.Film) -> stepping.Floats:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), settings, providers=["CPUExecutionProvider"])
    pictures, numbers = stepping.tensors(film.steps)
    return np.asarray(session.run(None, dict(zip(classifier._INPUTS, (pictures, numbers), strict=True)))[0])


def _parity(network: nets.Network, path: Path, films: Sequence[training.Film]) -> float:
    largest = 0.0
    for film in films:
        if len(film.steps):
            largest = max(largest, float(np.abs(training.outputs(network, film) - _run(path, film)).max()))
    if not largest <= PARITY:
        raise errors.Failure("model.temporal:parity", difference=f"{largest:.2e}", limit=PARITY)
    return largest


def _scores(
    given: Sequence[stepping.Floats], held: Sequence[training.Film], limits: Sequence[float], classes: Sequence[str]
) -> dict[str, float | None]:
    said, truth = np.concatenate(given) >= np.array(limits), np.concatenate([film.going_on for film in held])
    scores = {name: scoring.f1(said[:, k], truth[:, k]) for k, name in enumerate(classes)}
    return {name: None if score is None else round(score, 4) for name, score in scores.items()}


def _mean(scores: dict[str, float | None]) -> float:
    known = [score for score in scores.values() if score is not None]
    return float(np.mean(known)) if known else 0.0
