"""Classifier: trained weights at work, step by step, by ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from taihang.core import errors, words
from taihang.model.temporal import card as cards
from taihang.model.temporal import steps as stepping

_WINDOW = 64  # steps judged at once; more tell nothing else, and take memory
_INPUTS, _OUTPUT = ("pictures", "numbers"), "going_on"


class Classifier:
    """One folder of weights and card. Raises errors.UserError for weights that cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.card, weights = cards.load(folder)
        self._path = folder / cards.WEIGHTS
        planes, numbers = (len(stepping.PLANES), len(stepping.NUMBERS))
        wanted = (planes, stepping.HEIGHT, stepping.WIDTH, numbers)
        given = (self.card.planes, self.card.height, self.card.width, self.card.signals)
        if given != wanted:
            raise errors.UserError("model.temporal:layout", path=folder, given=given, wanted=wanted)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                weights, settings, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:
            raise self._unusable(error) from error
        names = tuple(one.name for one in self._session.get_inputs())
        if names != _INPUTS or [one.name for one in self._session.get_outputs()] != [_OUTPUT]:
            raise self._unusable(f"inputs {names}")
        self._try()

    @property
    def version(self) -> str:
        """Hash of the weights."""
        return self.card.sha256

    @property
    def producer(self) -> words.Producer:
        """As a report names it."""
        return words.Producer(name="temporal", version=self.version[:12], sha256=self.version)

    def judge(self, steps: stepping.Steps) -> stepping.Floats:
        """Outputs in 0 to 1 for each step and class, (n, classes); not calibrated: only thresholds give them sense."""
        return np.concatenate([np.zeros((0, len(self.card.classes)), np.float32), *self.stream([steps])])

    def stream(self, parts: Iterable[stepping.Steps], window: int = _WINDOW) -> Iterator[stepping.Floats]:
        """The same for a film that comes in parts, in windows, whatever the parts: memory does not grow with it."""
        reach = self.card.reach
        held: list[stepping.Steps] = []
        past, new = 0, 0  # of the steps held: already judged, still to be judged
        for part in parts:
            if not len(part):
                continue
            held.append(part)
            new += len(part)
            while new >= window + reach:
                whole = _joined(held)
                yield self._run(whole.part(slice(0, past + window + reach)), past, window)
                new -= window
                keep = min(past + window, reach + 1)
                held = [whole.part(slice(past + window - keep, len(whole)))]
                past = keep
        if new:
            yield self._run(_joined(held), past, new)

    def _run(self, steps: stepping.Steps, past: int, count: int) -> stepping.Floats:
        """`count` steps from `past` on. One step more than the reach is held, since a step shows what changed."""
        extra = 1 if past > self.card.reach else 0
        before = steps.part(slice(0, 1)) if extra else None
        pictures, numbers = stepping.tensors(steps.part(slice(extra, len(steps))), before)
        try:
            (found,) = self._session.run([_OUTPUT], {_INPUTS[0]: pictures, _INPUTS[1]: numbers})
        except Exception as error:
            raise self._unusable(error) from error
        if found.shape != (len(pictures), len(self.card.classes)) or not np.isfinite(found).all():
            raise self._unusable(f"outputs {found.shape}")
        return np.asarray(found[past - extra : past - extra + count], np.float32)

    def _try(self) -> None:
        """Run once: what cannot work is refused before a video is read."""
        size = (1, len(stepping.KEPT), stepping.HEIGHT, stepping.WIDTH)
        numbers = np.zeros((1, len(stepping.MEASURED)), np.float32)
        blank = stepping.Steps(np.zeros(1), np.full(size, 128, np.uint8), numbers)
        self._run(blank, 0, 1)

    def _unusable(self, reason: Any) -> errors.UserError:
        line = " ".join(str(reason).split())[:300]
        return errors.UserError("model.temporal:unusable", path=self._path, reason=line)


def _joined(parts: list[stepping.Steps]) -> stepping.Steps:
    return stepping.Steps(
        np.concatenate([p.times for p in parts]),
        np.concatenate([p.planes for p in parts]),
        np.concatenate([p.numbers for p in parts]),
    )
