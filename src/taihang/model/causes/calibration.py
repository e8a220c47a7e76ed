"""Calibration: what the judges measured of a candidate, as one probability that the edge is there.

A logistic regression over the measures, then isotonic regression on scenarios that the first never saw (Zadrozny and
Elkan 2002). Both were fitted on generated scenarios (`bench/causes/fit.py`), so the probability is one over such
scenarios.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import json
import math
from collections.abc import Mapping, Sequence

import numpy as np

from taihang.core import ids
from taihang.model.causes import events, statistical

MEASURES = (
    "log_p", "z", "z_mirror", "z_alone", "kept", "brought", "share", "focus", "causes", "effects",
    "of_effect", "of_cause", "detour", "common", "kept_share", "kept_brought",
)  # fmt: skip
_FOLDER = "parameters"
_RIDGE = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Calibrator:
    """A logistic regression over standardised measures, and steps of an isotonic one over its score.

    `name` is told as the method of a confidence, with the SHA-256 of the parameters.
    """

    name: str
    measures: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    constant: float
    knots: tuple[float, ...]
    values: tuple[float, ...]
    sha256: str = ""

    def score(self, rows: events.Floats) -> events.Floats:
        """The logistic score of rows of measures, before isotonic regression."""
        plain = (rows - np.array(self.centre)) / np.array(self.scale)
        return np.asarray(plain @ np.array(self.weights) + self.constant)

    def probability(self, rows: events.Floats) -> events.Floats:
        """One probability a row, strictly between 0 and 1."""
        found = np.interp(self.score(rows), np.array(self.knots), np.array(self.values))
        return np.asarray(np.clip(found, 0.001, 0.999))


def pooled(parts: Sequence[events.Floats]) -> events.Floats:
    """Several probabilities of the same as one: the mean of their log-odds (a logarithmic opinion pool, Genest 1984).

    A regression that was fitted where the network is at home believes it more than another site bears out; the pool
    holds it to what the tests say.
    """
    odds = [np.log(p / (1 - p)) for p in parts]
    return np.asarray(1 / (1 + np.exp(-np.mean(odds, axis=0))))


def measures(found: Sequence[statistical.Statistic]) -> events.Floats:
    """The statistical measures of all candidates of one log, (candidates, MEASURES); independent of their names."""
    brought = {(s.candidate.cause, s.candidate.effect): s.brought for s in found}
    into: dict[str, list[statistical.Statistic]] = {}
    out: dict[str, list[statistical.Statistic]] = {}
    for s in found:
        into.setdefault(s.candidate.effect, []).append(s)
        out.setdefault(s.candidate.cause, []).append(s)
    rows = np.zeros((len(found), len(MEASURES)))
    for n, s in enumerate(found):
        cause, effect = s.candidate.cause, s.candidate.effect
        through = [min(one.brought, brought.get((one.candidate.effect, effect), 0.0)) for one in out[cause]]
        shared = [min(one.brought, brought.get((one.candidate.cause, effect), 0.0)) for one in into.get(cause, [])]
        kept = float(np.clip(s.kept, 0, 1.5))
        rows[n] = (
            -math.log10(s.p), math.log1p(max(s.z, 0)), math.log1p(max(s.z_mirror, 0)), math.log1p(max(s.z_alone, 0)),
            kept, min(s.brought, 1.5), s.share, s.focus, math.log10(1 + s.causes), math.log10(1 + s.effects),
            s.share / max(1e-9, *(o.share for o in into[effect])),
            s.brought / max(1e-9, *(o.brought for o in out[cause])),
            s.brought / (s.brought + max([0.0, *through]) + 0.05), s.brought / (s.brought + max([0.0, *shared]) + 0.05),
            kept * s.share, kept * min(s.brought, 1.5),
        )  # fmt: skip
    return rows


def fit(
    name: str,
    names: Sequence[str],
    first: tuple[events.Floats, events.Floats],
    second: tuple[events.Floats, events.Floats],
) -> Calibrator:
    """A calibrator from (rows, truth) of scenarios for the regression, and of others for the isotonic steps."""
    rows, truth = first
    centre, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    plain = np.column_stack([(rows - centre) / scale, np.ones(len(rows))])
    weights = np.zeros(plain.shape[1])
    ridge = np.diag([*([_RIDGE] * len(names)), 0.0])
    for _ in range(60):  # Newton's method
        p = 1 / (1 + np.exp(-np.clip(plain @ weights, -30, 30)))
        curve = plain.T @ (plain * np.maximum(p * (1 - p), 1e-9)[:, None]) + ridge
        step = np.linalg.solve(curve, plain.T @ (truth - p) - ridge @ weights)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-9:
            break
    made = Calibrator(
        name, tuple(names), _plain(centre), _plain(scale), _plain(weights[:-1]), float(weights[-1]), (0.0,), (0.0,)
    )
    knots, values = isotonic(made.score(second[0]), second[1])
    return dataclasses.replace(made, knots=_plain(knots), values=_plain(values))


def isotonic(score: events.Floats, truth: events.Floats, fewest: int = 40) -> tuple[events.Floats, events.Floats]:
    """The non-decreasing steps nearest to the truth (pool adjacent violators), each of at least `fewest` rows.

    Gives the mean score and the smoothed frequency (Laplace) of each step.
    """
    order = np.argsort(score, kind="stable")
    blocks: list[list[float]] = []  # rows, sum of truth, sum of score
    for place in np.array_split(order, max(1, len(order) // fewest)):
        blocks.append([float(len(place)), float(truth[place].sum()), float(score[place].sum())])
        while len(blocks) > 1 and blocks[-2][1] / blocks[-2][0] >= blocks[-1][1] / blocks[-1][0]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    table = np.array(blocks)
    return table[:, 2] / table[:, 0], (table[:, 1] + 0.5) / (table[:, 0] + 1)


def error(probability: events.Floats, truth: events.Floats, bins: int = 10) -> float:
    """Expected calibration error over equally wide bins (Naeini et al. 2015)."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = [
        abs(float(truth[place == n].mean()) - float(probability[place == n].mean())) * float(np.mean(place == n))
        for n in range(bins)
        if np.any(place == n)
    ]
    return float(sum(gaps))


@functools.cache
def load(name: str) -> Calibrator:
    """The parameters that come along under a name."""
    return read((importlib.resources.files(__package__) / _FOLDER / f"{name}.json").read_bytes())


def read(data: bytes) -> Calibrator:
    """Parameters as `dump` wrote them."""
    value: Mapping[str, object] = json.loads(data)
    held = {key: tuple(part) if isinstance(part, list) else part for key, part in value.items()}
    return Calibrator(**held, sha256=ids.digest(data))  # type: ignore[arg-type]


def dump(made: Calibrator) -> bytes:
    """The parameters as `read` reads them."""
    value = {key: part for key, part in dataclasses.asdict(made).items() if key != "sha256"}
    return json.dumps(value, indent=1).encode() + b"\n"


def _plain(values: events.Floats) -> tuple[float, ...]:
    return tuple(round(float(v), 6) for v in values)
