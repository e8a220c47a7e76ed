"""What stands beside Taihang: uniform sampling, frame differencing, PySceneDetect's two content detectors."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

WIDTH = 160


def differences(path: Path) -> np.ndarray:
    """Mean absolute grey difference to the frame before, per frame, on a small copy of every frame."""
    values, before = [0.0], None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        height = round(WIDTH * stream.height / stream.width / 2) * 2
        for frame in container.decode(stream):
            grey = cv2.resize(frame.to_ndarray(format="gray"), (WIDTH, height), interpolation=cv2.INTER_AREA)
            if before is not None:
                values.append(float(cv2.absdiff(grey, before).mean()))
            before = grey
    return np.array(values)


BRIDGE_S, SHORTEST_S = 1.0, 0.2


def difference_segments(values: np.ndarray, fps: float, z: float, window_s: float) -> list[tuple[float, float]]:
    """Runs where the smoothed difference stands out by robust z, with short gaps bridged."""
    width = max(1, round(window_s * fps))
    smooth = np.convolve(
        np.pad(values, (width // 2, width - 1 - width // 2), mode="edge"), np.ones(width) / width, "valid"
    )
    middle = np.median(smooth)
    spread = 1.4826 * np.median(np.abs(smooth - middle)) + 1e-9
    runs: list[list[float]] = []
    for number in np.flatnonzero((smooth - middle) / spread > z):
        if runs and number - runs[-1][1] <= BRIDGE_S * fps:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [(a / fps, b / fps) for a, b in runs if b - a + 1 >= SHORTEST_S * fps]


def uniform(count: int, fps: float, budget: float) -> list[float]:
    """Evenly spread frame times."""
    wanted = max(1, int(count * budget))
    return [float((k + 0.5) * count / wanted / fps) for k in range(wanted)]


def difference_choice(values: np.ndarray, fps: float, budget: float, apart_s: float = 0.5) -> list[float]:
    """The frames that differ most, no two closer than apart_s, as many as the budget allows."""
    wanted, chosen = max(1, int(len(values) * budget)), []
    for number in np.argsort(-values, kind="stable"):
        if all(abs(number - c) >= apart_s * fps for c in chosen):
            chosen.append(int(number))
            if len(chosen) == wanted:
                break
    return sorted(c / fps for c in chosen)


def cuts(path: Path, name: str) -> list[float]:
    """Cut times of PySceneDetect's detector `name` at its default settings."""
    import scenedetect

    detector = getattr(scenedetect, name)()
    scenes = scenedetect.detect(str(path), detector)
    seconds = [start.get_seconds() if hasattr(start, "get_seconds") else start.seconds for start, _ in scenes]
    return [s for s in seconds if s > 0]
