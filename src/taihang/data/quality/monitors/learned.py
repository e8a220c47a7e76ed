"""Learned: gradient-boosted trees on what is known before each point; bands and back-test as for any model."""

from __future__ import annotations

from typing import Any

import numpy as np

from taihang.core import errors
from taihang.data.quality.monitors import panel, season, track

Values = panel.Values
_EVERY = 4  # cycles between two fits
_LAGS = (1, 2)
_MOST_ROWS = 5000


class Learned(track.Tracker):
    """Expects the seasonal value plus what trees learned of its errors on such days. Raises errors.MissingExtra."""

    name = "learned"

    def __init__(
        self, on: panel.Panel, at: season.Season, budget: float, feedback: track.Feedback | None = None
    ) -> None:
        super().__init__(on, at, budget, feedback)
        try:
            import threadpoolctl  # noqa: PLC0415 - comes with scikit-learn
            from sklearn import ensemble  # noqa: PLC0415 - an extra
        except ImportError:
            raise errors.MissingExtra("learned", "--model learned") from None
        self._make = ensemble.HistGradientBoostingRegressor
        # One point at a time: threads that wait for each other would cost many times the work itself.
        self._pools = threadpoolctl.ThreadpoolController()
        self._trees: list[Any] = [None] * self.m
        self._next_works = np.append(at.works[1:], at.works[-1:]) if self.n else at.works
        self._last_works = np.append(at.works[:1], at.works[:-1])
        self._due = 0

    def base(self, t: int) -> Values:
        """The seasonal value moved by what the trees say."""
        plain = super().base(t)
        made = plain.copy()
        with self._pools.limit(limits=1, user_api="openmp"):
            for j, tree in enumerate(self._trees):
                if tree is not None and np.isfinite(plain[j]):
                    made[j] += float(tree.predict(self._features(j, np.array([t])))[0])
        return made

    def refit(self, t: int) -> None:
        """Fit each monitor's trees on all points before t that had a season."""
        if t < self._due or t < 4 * self.at.cycle:
            return
        self._due = t + _EVERY * self.at.cycle
        for j in range(self.m):
            seasonal = self.level[:t, j] + self.drift[:t, j] + self.seasonal[:t, j]
            wanted = self.clean[:t, j] - seasonal
            rows = np.flatnonzero(np.isfinite(wanted))[2 * self.at.cycle :][-_MOST_ROWS:]
            if len(rows) < 3 * self.at.cycle:
                continue
            tree = self._make(
                loss="absolute_error", max_iter=60, max_leaf_nodes=7, min_samples_leaf=15, learning_rate=0.08,
                l2_regularization=1.0, early_stopping=False, random_state=0,
            )  # fmt: skip
            with self._pools.limit(limits=1, user_api="openmp"):
                self._trees[j] = tree.fit(self._features(j, rows), wanted[rows])

    def _features(self, j: int, rows: np.ndarray) -> Values:
        """What is known before each of these points, relative to its level."""
        at, level = self.at, self.level[rows, j]
        columns = [at.kinds[rows], at.bins[rows], at.works[rows], self._last_works[rows], self._next_works[rows]]
        columns += [self.clean[np.maximum(rows - lag, 0), j] - level for lag in (*_LAGS, at.cycle)]
        columns += [self.seasonal[rows, j], self.drift[rows, j]]
        return np.column_stack([np.asarray(c, np.float64) for c in columns])
