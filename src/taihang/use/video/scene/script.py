"""Script: what shall happen in a rendered video, declared; times in seconds."""

from __future__ import annotations

from typing import Literal

import pydantic

from taihang.core import words

Camera = Literal["fixed", "worn"]
People = Literal["restricted", "crowding", "lone", "running", "unattended", "passing", "step", "fall"]
Faults = Literal["covered", "dark", "blurred", "knocked"]
Things = Literal["equipment"]
Decoys = Literal["swinging_lamp", "dust", "shadow", "rat"]
Moves = Literal["halt", "look"]
Kind = Literal[People, Faults, Things, Decoys, Moves]

CROWD = 4
"""People who make a crowd."""
VIOLATIONS = frozenset(("restricted", "crowding", "lone", "running", "unattended", "covered", "dark"))
"""What a rule can object to."""
_ONLY: dict[str, Camera] = {
    **dict.fromkeys(("lone", "unattended", "equipment", "swinging_lamp", "shadow", "rat"), "fixed"),
    **dict.fromkeys(("halt", "look"), "worn"),
}


class Event(words.Word):
    """One planted event, from `at_s` for `for_s` seconds.

    restricted: a person stands in the restricted zone. crowding: `people` of them in the waiting
    area at once. lone: all but one have left. running: a person runs through. unattended: nobody
    at the post. passing: a person walks through and does nothing. step: a person does a work step over and
    over in one place. fall: a person falls, lies, and gets up at the end. covered, dark, blurred, knocked:
    the lens covered, the lights out, dirt on the lens, the camera hit. equipment: the conveyor
    runs. swinging_lamp, dust, shadow, rat: decoys, nothing to report. halt, look: the wearer of a
    worn camera stands still, or turns to look at a wall.
    """

    kind: Kind
    at_s: float = pydantic.Field(ge=0, allow_inf_nan=False)
    for_s: float = pydantic.Field(gt=0, allow_inf_nan=False)
    people: int = pydantic.Field(default=4, ge=1, le=8)

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.at_s + self.for_s


class Script(words.Word):
    """A video to be rendered: its camera, format, length, the people who belong there, and events.

    `staff`: 0 nobody, 1 an operator at the post, 2 also a mate who stands by (fixed camera only).
    """

    name: words.Slug = "sample"
    duration_s: float = pydantic.Field(ge=1, le=4000, allow_inf_nan=False)
    camera: Camera = "fixed"
    width: int = pydantic.Field(default=960, ge=160, le=1920, multiple_of=2)
    height: int = pydantic.Field(default=540, ge=120, le=1080, multiple_of=2)
    fps: int = pydantic.Field(default=15, ge=5, le=30)
    staff: int = pydantic.Field(default=2, ge=0, le=2)
    events: tuple[Event, ...] = ()

    @pydantic.model_validator(mode="after")
    def _in_time(self) -> Script:
        for event in self.events:
            if event.end_s > self.duration_s:
                raise ValueError(f"{event.kind} at {event.at_s} s ends after the video")
            if _ONLY.get(event.kind, self.camera) != self.camera:
                raise ValueError(f"{event.kind} needs a {_ONLY[event.kind]} camera")
        if self.camera == "worn" and len(self.of("restricted")) > 1:
            raise ValueError("a worn camera passes one restricted zone only")
        return self

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return round(self.duration_s * self.fps)

    def of(self, *kinds: str) -> list[Event]:
        """Its events of some kinds, by time."""
        return sorted((event for event in self.events if event.kind in kinds), key=lambda event: event.at_s)


def sample() -> Script:
    """The video that is used when the user names none: every event of the mine rulebook once, 108 s."""
    planned: tuple[tuple[Kind, float, float], ...] = (
        ("equipment", 6, 26),
        ("restricted", 15, 7),
        ("lone", 36, 14),
        ("crowding", 58, 10),
        ("equipment", 62, 34),
        ("running", 79, 3),
        ("unattended", 85, 8),
        ("covered", 97, 3),
        ("dark", 102, 4),
    )
    events = tuple(Event(kind=kind, at_s=at, for_s=length) for kind, at, length in planned)
    return Script(name="sample", duration_s=108, events=events)
