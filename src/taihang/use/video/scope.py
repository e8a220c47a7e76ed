"""Scope: what a rulebook says about its videos: the camera, where to look more, what labels mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pyarrow as pa
import pydantic

from taihang.core import errors, i18n, words
from taihang.use.video.zoning import zones as zoning

Item = Literal["helmet", "vest", "self_rescuer"]
_MOVES = 0.3  # share of the film: more than somebody knocking or turning a camera on a stand
ITEMS: tuple[Item, ...] = ("helmet", "vest", "self_rescuer")


class Look(words.Word):
    """Look `rate` times as often (below 1: less) while the predicate holds, on a prefilter table."""

    table: Literal["camera", "zone_motion"]
    where: str = pydantic.Field(min_length=1, max_length=2000)
    rate: float = pydantic.Field(ge=0, le=20)


class Question(words.Word):
    """Something to ask a vision-language model of each part of the film; `ask` is answered with yes or no."""

    id: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    ask: i18n.Text

    @pydantic.field_validator("ask")
    @classmethod
    def _short(cls, value: i18n.Text) -> i18n.Text:
        if not all(0 < len(text.strip()) <= 500 for text in (value.zh, value.en)):
            raise ValueError("between 1 and 500 letters")
        return value


class Scope(words.Word):
    """`camera`: fixed on a stand, or worn. `labels`: per item, what a detector's label says.

    `moves` is set by the walk, never by a book: a camera that is called fixed but moves is judged as worn.
    """

    camera: Literal["fixed", "worn"] = "fixed"
    moves: bool = False
    zones: str | None = None
    labels: dict[Item, dict[str, bool]] = {}
    looks: tuple[Look, ...] = pydantic.Field(default=(), max_length=50)
    questions: tuple[Question, ...] = pydantic.Field(default=(), max_length=50)

    @pydantic.field_validator("questions")
    @classmethod
    def _once(cls, value: tuple[Question, ...]) -> tuple[Question, ...]:
        if len({one.id for one in value}) != len(value):
            raise ValueError("two questions have one id")
        return value


def read(raw: Mapping[str, Any], book: str) -> Scope:
    """The scope of a rulebook. Raises errors.UserError, naming the book and the field."""
    try:
        return Scope.model_validate({**raw, "moves": False})
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in ("scope", *first["loc"]))
        raise errors.UserError("use.video:scope", book=book, place=place, reason=first["msg"]) from None


def against(scope: Scope, states: pa.Table) -> Scope:
    """The scope as the picture bears it out: a camera called fixed that moves for long is judged as worn.

    `states` has start_s, end_s and state and tiles the film.
    """
    if scope.camera == "worn" or not states.num_rows:
        return scope
    rows = states.to_pylist()
    moving = sum(r["end_s"] - r["start_s"] for r in rows if r["state"] in ("walk", "turn", "go", "stop"))
    whole = sum(r["end_s"] - r["start_s"] for r in rows)
    if moving <= _MOVES * whole:
        return scope
    return scope.model_copy(update={"camera": "worn", "moves": True})


def items(scope: Scope, classes: Sequence[str]) -> dict[Item, dict[str, bool]]:
    """Which items a detector with these classes can tell of, and by which labels."""
    known = {i: {c: says for c, says in scope.labels.get(i, {}).items() if c in classes} for i in ITEMS}
    return {item: labels for item, labels in known.items() if labels}


def capabilities(
    scope: Scope,
    zones: zoning.Zones | None,
    classes: Sequence[str],
    placed: bool = True,
    asked: Mapping[str, bool] | None = None,
) -> dict[str, i18n.Text | None]:
    """What rules may need, with the reason where it is absent.

    `placed`: False when zones exist but were found again in no frame of a worn camera. `asked`: whether a
    vision-language model (`vlm`) or a temporal classifier (`temporal`) was.
    """
    told = items(scope, classes)
    found: dict[str, i18n.Text | None] = {
        "camera.fixed": None if scope.camera == "fixed" else _why("moves" if scope.moves else "worn")
    }
    for model in ("vlm", "temporal"):
        found[model] = None if (asked or {}).get(model) else _why(f"no_{model}")
    for kind in zoning.KINDS:
        missing = zones is None or not zones.of_kind(kind)
        reason = _why("no_zone", kind=_kind(kind)) if missing else None if placed else _why("not_placed")
        found[f"zones.{kind}"] = reason
    for item in ITEMS:
        have = ", ".join(classes[:20]) + (" …" if len(classes) > 20 else "")
        found[f"detector.{item}"] = None if item in told else _why("no_class", item=_item(item), classes=have)
    return found


def _why(code: str, **values: object) -> i18n.Text:
    return i18n.Message(key=f"use.video:absent.{code}", values=values).both()


def _kind(kind: zoning.Kind) -> i18n.Text:
    return i18n.Message(key=f"use.video:kind.{kind}").both()


def _item(item: Item) -> i18n.Text:
    return i18n.Message(key=f"use.video:item.{item}").both()
