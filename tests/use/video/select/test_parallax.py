import numpy as np
import pytest

from taihang.engines.media import frame
from taihang.use.video.select import parallax

ROWS, COLUMNS, CELL = 30, 53, 16
HEAD = (0.05, -0.06)  # where the camera walks to
FOCAL = 0.8  # frame widths


def depths(rng):
    """Inverse depth of a street: ground below the middle, a wall on the left, bushes anywhere."""
    y, _ = np.mgrid[:ROWS, :COLUMNS]
    near = np.maximum(0.02, (y - ROWS / 2) / ROWS)
    near[:, :12] = np.maximum(near[:, :12], 0.35)
    for _ in range(6):
        row, column = rng.integers(12, 26), rng.integers(14, 48)
        near[row - 3 : row + 3, column - 3 : column + 3] += rng.uniform(0.1, 0.5)
    return near


def glance(seed, *, walk=0.0, turn=(0.0, 0.0), mover=None):
    """Seven fields as a codec gives them: quarter-pixel steps, some blocks without a vector."""
    rng = np.random.default_rng(seed)
    near = depths(rng)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    place = np.stack([(x + 0.5) / COLUMNS - 0.5, (y + 0.5 - ROWS / 2) / COLUMNS])
    fields = []
    for number in range(7):
        a, b = place / FOCAL
        turned = [turn[0] * (1 + a * a) + turn[1] * a * b, turn[0] * a * b + turn[1] * (1 + b * b)]
        flow = walk * near * (place - np.array(HEAD)[:, None, None]) + turned
        if mover:
            row, column, dx, dy = mover
            flow[:, row : row + 9, column : column + 3] = np.array([dx, dy])[:, None, None]
        flow = np.round((flow + rng.normal(0, 0.25, flow.shape)) * 4) / 4
        present = rng.random((ROWS, COLUMNS)) > 0.1
        dx, dy = (np.where(present, f, 0).astype(np.float32) for f in flow)
        fields.append(frame.MotionField(dx, dy, present, number / 30, CELL, number))
    return fields


def evidence(**what):
    return np.array([parallax.apart(glance(seed, **what)).evidence for seed in range(5)])


@pytest.mark.parametrize("walk", [60.0, -60.0])
def test_a_walk_past_walls_and_bushes_is_nothing(walk):
    assert (evidence(walk=walk, turn=(1.5, -0.5)) < 1).all()


@pytest.mark.parametrize("turn", [(0.0, 0.0), (8.0, 1.0)])
def test_a_camera_that_stands_or_turns_is_nothing(turn):
    assert (evidence(turn=turn) < 1).all()


@pytest.mark.parametrize("walk", [0.0, 60.0, -60.0])
def test_somebody_who_crosses_stands_out_and_is_found(walk):
    found = [parallax.apart(glance(seed, walk=walk, mover=(12, 38, -5.0, 0.0))) for seed in range(5)]
    assert min(f.evidence for f in found) > 1.5
    for f in found:
        assert abs(f.x - 39.5 / COLUMNS) < 0.08
        assert abs(f.y - 16.5 / COLUMNS) < 0.12
        assert f.walking == (walk != 0)


def test_a_finer_grid_of_vectors_tells_the_same():
    fine = [
        frame.MotionField(*(np.kron(a, np.ones((2, 2), a.dtype)) for a in (f.dx, f.dy, f.present)), f.time_s, 8, f.pts)
        for f in glance(0, walk=60.0, mover=(12, 38, -5.0, 0.0))
    ]
    assert parallax.apart(fine).evidence > 1.5


def test_without_vectors_nothing_is_said():
    fields = [
        frame.MotionField(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32), np.zeros((4, 4), bool), 0, 16, 0)
    ]
    assert parallax.apart(fields) is None
    assert parallax.apart([]) is None


def test_the_same_fields_tell_the_same():
    assert parallax.apart(glance(3, walk=40.0)) == parallax.apart(glance(3, walk=40.0))
