"""Card: what a trained classifier says of itself, kept beside its weights and checked against them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pydantic

from taihang.core import errors, ids, words

WEIGHTS, CARD = "temporal.onnx", "temporal.json"
SHIPPED = "synthetic"
"""The name of the weights that come along, learnt from rendered scenes alone."""
_LARGEST_CARD, _LARGEST_WEIGHTS = 1 << 20, 256 << 20

Class = Annotated[str, pydantic.StringConstraints(pattern=r"^[\w][\w .-]{0,59}$")]
Share = Annotated[float, pydantic.Field(ge=0, le=1, allow_inf_nan=False)]


class Trained(words.Word):
    """What it was trained on: films, steps in them, and those held back. `seen`: steps of each class that were held
    back; `f1`, `f1_int8`: F1 on them, of the network and of the shipped weights; null without a step."""

    films: int
    steps: int
    held_films: int
    held_steps: int
    seen: dict[str, int]
    f1: dict[str, Share | None]
    f1_int8: dict[str, Share | None]


class Card(words.Word):
    """`presence`: classes that mean that somebody is there. `thresholds`: from which output a class counts as going
    on, chosen on the films held back. `reach`: how many steps before and after decide a step. `parity`: largest
    difference of the exported network's outputs from torch's. `synthetic`: trained on rendered scenes alone.
    """

    format: Literal["taihang/temporal/1"] = "taihang/temporal/1"
    classes: tuple[Class, ...] = pydantic.Field(min_length=1, max_length=100)
    presence: tuple[Class, ...]
    thresholds: tuple[Share, ...]
    planes: int = pydantic.Field(ge=1, le=64)
    height: int = pydantic.Field(ge=16, le=1024)
    width: int = pydantic.Field(ge=16, le=1024)
    signals: int = pydantic.Field(ge=1, le=64)
    reach: int = pydantic.Field(ge=0, le=100)
    precision: Literal["int8", "float32"]
    parity: float = pydantic.Field(ge=0, allow_inf_nan=False)
    synthetic: bool
    trained: Trained
    sha256: words.Sha256

    @pydantic.model_validator(mode="after")
    def _agree(self) -> Card:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class stands twice")
        if len(self.thresholds) != len(self.classes) or not set(self.presence) <= set(self.classes):
            raise ValueError("thresholds and presence must be of the classes")
        return self


def load(folder: Path) -> tuple[Card, bytes]:
    """The card in a folder and its weights; `synthetic`, unless there is such a folder, is what comes along.

    Raises errors.UserError when they are not there or not each other's.
    """
    if folder == Path(SHIPPED) and not folder.exists():
        folder = Path(__file__).with_name("weights")
    try:
        with (folder / CARD).open("rb") as stream:
            raw = stream.read(_LARGEST_CARD + 1)
        with (folder / WEIGHTS).open("rb") as stream:
            weights = stream.read(_LARGEST_WEIGHTS + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise errors.UserError("model.temporal:unreadable", path=error.filename or folder, reason=reason) from None
    if len(raw) > _LARGEST_CARD or len(weights) > _LARGEST_WEIGHTS:
        raise errors.UserError("model.temporal:unreadable", path=folder, reason="> 256 MiB")
    try:
        card = Card.model_validate_json(raw)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"
        raise errors.UserError("model.temporal:card", path=folder / CARD, reason=reason) from None
    if ids.digest(weights) != card.sha256:
        raise errors.UserError("model.temporal:sha", path=folder / WEIGHTS)
    return card, weights
