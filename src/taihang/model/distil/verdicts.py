"""Verdicts: what was answered about a whole segment, brought down to the boxes that a teacher saw in its pictures.

"Violated" says that a thing is there, not where: it makes the teacher's best box of it certain. "Clear" says that there
is none: the teacher's boxes of it are withdrawn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taihang.model.distil import answers

Told = tuple[answers.Boxes, answers.Maps]


def settled(
    told: Sequence[Told], label: int, violated: bool, sure: float, size: tuple[int, int]
) -> tuple[list[Told], int, int]:
    """A teacher's answers about the pictures of one segment, after the verdict; with how many boxes were made certain
    and how many withdrawn. `label`: place of the thing's class; `sure`: from which score a box is certain anyway.

    Where the teacher saw nothing of the class at all, "violated" has no place and changes nothing.
    """
    if not violated:
        gone = sum(int((found.classes == label).sum()) for found, _ in told)
        return [_withdrawn(found, maps, label, size) for found, maps in told], 0, gone
    best, where = 0.0, (-1, -1)
    for number, (found, _) in enumerate(told):
        for place in np.flatnonzero(found.classes == label):
            if found.scores[place] > best:
                best, where = float(found.scores[place]), (number, int(place))
    if best == 0.0 or best >= sure:
        return list(told), 0, 0
    return [_certain(*one, where[1], size) if k == where[0] else one for k, one in enumerate(told)], 1, 0


def _withdrawn(found: answers.Boxes, maps: answers.Maps, label: int, size: tuple[int, int]) -> Told:
    left = found.classes != label
    rest = answers.Boxes(found.where[left], found.classes[left], found.scores[left])
    heat = maps.heat.copy()
    heat[label] = 0
    drawn = answers.drawn(rest, len(heat), size)
    # Elsewhere stays what the teacher said: its sides may be maps of its own.
    gone = heat.max(axis=0) < maps.heat.max(axis=0)
    return rest, _where(gone, drawn, dataclasses.replace(maps, heat=heat))


def _certain(found: answers.Boxes, maps: answers.Maps, place: int, size: tuple[int, int]) -> Told:
    scores = found.scores.copy()
    scores[place] = 1
    own = slice(place, place + 1)
    drawn = answers.drawn(answers.Boxes(found.where[own], found.classes[own], scores[own]), len(maps.heat), size)
    heat = np.maximum(maps.heat, drawn.heat)
    known = answers.Boxes(found.where, found.classes, scores)
    return known, _where(drawn.trust > maps.trust, drawn, dataclasses.replace(maps, heat=heat))


def _where(cells: npt.NDArray[np.bool_], drawn: answers.Maps, maps: answers.Maps) -> answers.Maps:
    """Maps whose sides and trust are the drawn ones in these cells."""
    sides, trust = np.where(cells, drawn.sides, maps.sides), np.where(cells, drawn.trust, maps.trust)
    return dataclasses.replace(maps, sides=sides, trust=trust)
