"""Stage: the place of the fixed camera while the video runs: what moves there besides people."""

from __future__ import annotations

import math

import cv2
import numpy as np

from taihang.use.video.scene import backdrop, cast, chamber, zone
from taihang.use.video.scene.image import Field, Pixels
from taihang.use.video.scene.script import Script

BELT_SPEED = 1.6
"""Metres a second."""
_RAMP_S = 0.6
"""The conveyor needs this long to reach its speed and to stop."""


class Stage:
    """The chamber seen by its fixed camera."""

    grounds: tuple[zone.Ground, ...] = chamber.GROUNDS
    reference_s = 0.0

    def __init__(self, script: Script, seed: int) -> None:
        self._script = script
        self._still = chamber.still(script.width, script.height, seed)
        self._view = chamber.view(script.width, script.height)
        self._travelled = np.cumsum(self._belt_speed()) / script.fps
        self._drawn_at = -1.0

    def backdrop(self, number: int) -> backdrop.Backdrop:
        """The place without people in frame `number`."""
        now = number / self._script.fps
        travelled = float(self._travelled[number])
        if travelled != self._drawn_at:
            # The belt stays drawn in the still picture, so that it costs nothing while it stands.
            chamber.carry(self._still.belt, self._still.picture, travelled)
            self._drawn_at = travelled
        frame = self._still.picture.copy()
        for event in self._script.of("swinging_lamp"):
            if event.at_s <= now < event.end_s:
                frame = self._swung(frame, now - event.at_s, event.for_s)
        for event in self._script.of("shadow"):
            if event.at_s <= now < event.end_s:
                self._shade(frame, (now - event.at_s) / event.for_s)
        for event in self._script.of("rat"):
            if event.at_s <= now < event.end_s:
                self._rat(frame, now - event.at_s, event.for_s)
        return backdrop.Backdrop(frame, self._view, self._still.depth, chamber.brightness)

    def _belt_speed(self) -> Field:
        time = np.arange(self._script.frames) / self._script.fps
        speed = np.zeros(len(time))
        for event in self._script.of("equipment"):
            up, down = (time - event.at_s) / _RAMP_S, (event.end_s - time) / _RAMP_S
            speed = np.maximum(speed, np.clip(np.minimum(up, down), 0, 1))
        return (BELT_SPEED * speed).astype(np.float32)

    def _swung(self, frame: Pixels, since: float, length: float) -> Pixels:
        swing = math.sin(since * 2 * math.pi / 2.9) * min(1.0, 2 * (length - since) / length)
        gain = self._still.swung[0 if swing < 0 else 1]
        return (np.clip(frame * (1 + (gain[..., None] - 1) * abs(swing)), 0, 255)).astype(np.uint8)

    def _shade(self, frame: Pixels, way: float) -> None:
        """The shadow of something out of sight passes over the floor and up the wall."""
        place = self._view.project(np.array([[-3.0 + 7.5 * way, 0.2, 11.0]]))[0]
        size = self._view.focal / place[2]
        cast.soften(frame, float(place[0]), float(place[1]) - 0.6 * size, (1.1 * size, 1.5 * size), 0.5)

    def _rat(self, frame: Pixels, since: float, length: float) -> None:
        """A rat runs along the foot of the right wall, in short dashes."""
        way = min(1.0, since / length + 0.03 * math.sin(since * 5))
        x, z = 2.7 - 0.35 * math.sin(6 * way), 14.0 - 8.5 * way
        place = self._view.project(np.array([[x, 0.06, z], [x + 0.1, 0.06, z + 0.22], [x, 0.04, z + 0.42]]))
        size = self._view.focal / place[0, 2]
        for (u, v, _), radius in zip(place[:2], (0.055, 0.085), strict=True):
            centre = (round(u * 16), round(v * 16))
            axes = (round(radius * size * 16), round(0.8 * radius * size * 16))
            cv2.ellipse(frame, centre, axes, 0, 0, 360, (22, 19, 17), -1, cv2.LINE_AA, 4)
        tail = [np.round(place[1:, :2] * 16).astype(np.int32)]
        cv2.polylines(frame, tail, False, (24, 20, 18), 1, cv2.LINE_AA, 4)
