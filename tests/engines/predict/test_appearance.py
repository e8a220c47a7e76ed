from __future__ import annotations

import numpy as np
import pyarrow as pa

from taihang.engines.media import frame as media
from taihang.engines.predict import appearance, predictor


def _looks(colour, legs):
    image = np.full((200, 300, 3), 128, np.uint8)
    image[50:100, 100:140] = colour
    image[100:150, 100:140] = legs
    frame = media.Frame(image, 0.0, 0, 4, True)
    table = predictor.detections(frame, [[100, 50, 140, 150]], [0.9], ["person"])
    dressed = appearance.with_looks([frame], table)
    assert dressed.schema == appearance.SCHEMA
    return np.array(dressed[appearance.COLUMN][0].as_py(), np.float32)


def test_equal_clothes_look_alike_and_others_do_not():
    orange, again = _looks((230, 120, 20), (20, 20, 60)), _looks((200, 100, 10), (20, 20, 60))
    swapped, black = _looks((20, 20, 60), (230, 120, 20)), _looks((10, 10, 10), (10, 10, 10))
    assert appearance.distance(orange, orange) == 0
    assert appearance.distance(orange, again) < 0.2
    assert appearance.distance(orange, swapped) > 0.9
    assert appearance.distance(orange, black) > 0.6


def test_a_look_sums_to_one_and_nothing_gives_an_empty_column():
    assert np.isclose(_looks((9, 99, 199), (3, 3, 3)).sum(), 1)
    empty = appearance.with_looks([], predictor.DETECTIONS.empty_table())
    assert empty.schema == appearance.SCHEMA
    assert isinstance(empty, pa.Table)
