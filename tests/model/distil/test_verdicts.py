"""Verdicts: an answer about a segment moves the teacher's boxes of one class, and nothing else."""

from __future__ import annotations

import numpy as np

from taihang.model.distil import answers, verdicts

SIZE = (32, 32)
RED, BLUE = 0, 1


def _told(*seen: tuple[int, float]) -> verdicts.Told:
    """A picture in which boxes of these classes and scores stand beside each other."""
    where = np.array([[2 + 10 * k, 4, 10 + 10 * k, 14] for k in range(len(seen))], np.float32).reshape(-1, 4)
    found = answers.Boxes(where, np.array([c for c, _ in seen], np.int64), np.array([s for _, s in seen], np.float32))
    return found, answers.drawn(found, 2, SIZE)


def _hard(told: list[verdicts.Told], sure: float = 0.4) -> list[list[int]]:
    return [sorted(found.sure(sure).classes.tolist()) for found, _ in told]


def test_violated_makes_the_best_box_of_the_segment_certain_and_only_that() -> None:
    given = [_told((BLUE, 0.1), (RED, 0.2)), _told((RED, 0.9), (BLUE, 0.3), (BLUE, 0.2)), _told()]
    told, confirmed, withdrawn = verdicts.settled(given, BLUE, True, 0.4, SIZE)
    assert (confirmed, withdrawn) == (1, 0)
    assert _hard(told) == [[], [RED, BLUE], []]
    assert told[1][0].scores.tolist() == [np.float32(0.9), 1.0, np.float32(0.2)]
    assert told[1][1].heat[BLUE].max() == 1 and told[1][1].trust.max() == 1
    assert (told[1][1].heat[RED] == given[1][1].heat[RED]).all()
    assert given[1][0].scores[1] == np.float32(0.3)  # what was given stays as it was


def test_violated_changes_nothing_where_the_teacher_is_sure_or_saw_nothing() -> None:
    for given in ([_told((BLUE, 0.5), (BLUE, 0.3))], [_told((RED, 0.9)), _told()]):
        told, confirmed, withdrawn = verdicts.settled(given, BLUE, True, 0.4, SIZE)
        assert (confirmed, withdrawn) == (0, 0)
        assert all(one[1] is other[1] for one, other in zip(told, given, strict=True))


def test_clear_takes_all_boxes_of_the_class_back_and_leaves_the_others() -> None:
    given = [_told((BLUE, 0.9), (RED, 0.8)), _told((BLUE, 0.06))]
    told, confirmed, withdrawn = verdicts.settled(given, BLUE, False, 0.4, SIZE)
    assert (confirmed, withdrawn) == (0, 2)
    assert _hard(told) == [[RED], []]
    only_red = _told((BLUE, 0.0), (RED, 0.8))[1]
    for (_, maps), wanted in zip(told, (only_red, _told()[1]), strict=True):
        assert maps.heat[BLUE].max() == 0
        assert (maps.trust == wanted.trust).all() and (
            maps.sides[:, maps.trust > 0] == wanted.sides[:, maps.trust > 0]
        ).all()
