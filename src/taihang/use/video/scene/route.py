"""Route: how a worn camera moves: it walks, bobs, halts, looks aside."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from taihang.use.video.scene.image import Array
from taihang.use.video.scene.script import Script
from taihang.use.video.scene.view import View

PACE = 1.15
"""Metres a second along the roadway."""
_CHEST_M = 1.48
_STEPS_HZ = 1.75


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """Where the wearer is in every frame: metres along the roadway, speed, and the camera's angles (radians)."""

    script: Script
    z: Array
    speed: Array
    yaw: Array
    side: Array
    lift: Array
    pitch: Array
    roll: Array

    def view(self, number: int) -> View:
        """The camera in a frame."""
        return View(
            self.script.width,
            self.script.height,
            x=float(self.side[number]),
            y=_CHEST_M + float(self.lift[number]),
            z=float(self.z[number]),
            yaw=float(self.yaw[number]),
            pitch=float(self.pitch[number]),
            roll=float(self.roll[number]),
            field=math.radians(68),
        )

    def at(self, seconds: float) -> float:
        """Metres along the roadway at a time, within the video or carried on at its last pace."""
        number = round(seconds * self.script.fps)
        inside = min(max(number, 0), len(self.z) - 1)
        return float(self.z[inside]) + (number - inside) / self.script.fps * PACE

    def blur(self, number: int) -> float:
        """How many pixels the picture's middle moves sideways while the shutter is open (half the frame time)."""
        before = self.yaw[max(0, number - 1)]
        turn = abs(float(self.yaw[number] - before))
        return 0.5 * turn * self.script.width / 2 / math.tan(math.radians(34))


def walk(script: Script, seed: int) -> Route:
    """The route of a script's wearer."""
    rng = np.random.default_rng((seed, 17))
    fps, frames = script.fps, script.frames
    time = np.arange(frames) / fps
    speed = np.full(frames, PACE) * (1 + 0.06 * np.sin(time * 0.31 + rng.uniform(0, 6)))
    for event in script.of("halt"):
        speed *= 1 - _plateau(time, event.at_s, event.end_s, 0.7)
    yaw = 0.035 * np.sin(time * 0.53 + rng.uniform(0, 6)) + 0.02 * np.sin(time * 1.27 + rng.uniform(0, 6))
    pitch = math.radians(3.5) + 0.012 * np.sin(time * 0.71 + rng.uniform(0, 6))
    for event in script.of("look"):
        turned = _plateau(time, event.at_s, event.end_s, min(1.0, event.for_s / 3))
        yaw += float(rng.choice((-1, 1)) * rng.uniform(0.7, 1.1)) * turned
        speed *= 1 - 0.75 * turned
    # Steps slow down and shrink with the pace; each foot lifts the chest once and swings it once a pair.
    stride = np.clip(speed / PACE, 0, 1.2)
    step = 2 * math.pi * np.cumsum(_STEPS_HZ * np.sqrt(stride)) / fps
    sway = 0.004 * np.sin(time * 2.1)
    return Route(
        script=script,
        z=np.cumsum(speed) / fps,
        speed=speed,
        yaw=yaw + 0.010 * stride * np.sin(step / 2 + 0.4),
        side=0.10 * np.sin(time * 0.23 + rng.uniform(0, 6)) + 0.022 * stride * np.sin(step / 2),
        lift=0.026 * stride * np.sin(step) + sway,
        pitch=pitch + 0.010 * stride * np.sin(step + 0.8) + sway,
        roll=0.014 * stride * np.sin(step / 2 + 1.1),
    )


def _plateau(time: Array, start: float, end: float, ramp: float) -> Array:
    """0 outside a span, 1 inside, smooth at both ends, which lie within the span."""
    rise = np.clip((time - start) / ramp, 0, 1)
    fall = np.clip((end - time) / ramp, 0, 1)
    level = np.minimum(rise, fall)
    return np.asarray(level * level * (3 - 2 * level))
