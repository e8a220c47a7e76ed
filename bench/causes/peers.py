"""Peers: what one does without this package. Both give each ordered pair of kinds a score; the caller cuts it."""

from __future__ import annotations

import itertools

import numpy as np

from taihang.model.causes import events

MOST_S = 60.0
BIN_S, LAGS = 5.0, 12
Scores = dict[tuple[str, str], float]


def granger(line: events.Timeline) -> Scores:
    """Plain pairwise Granger tests on counts in bins: -log10 of the F-test's p-value."""
    import scipy.stats

    series = {}
    for kind in range(len(line.kinds)):
        parts = []
        for n, length in enumerate(line.lengths):
            at = line.start[(line.kind == kind) & (line.stretch == n)] - line.span[n, 0]
            parts.append(np.histogram(at, bins=max(1, int(length // BIN_S)), range=(0, length))[0].astype(float))
        series[kind] = parts

    def lagged(parts):
        return [np.column_stack([p[LAGS - k : len(p) - k] for k in range(1, LAGS + 1)]) for p in parts]

    found: Scores = {}
    for a, b in itertools.permutations(range(len(line.kinds)), 2):
        y = np.concatenate([p[LAGS:] for p in series[b]])
        own = np.concatenate(lagged(series[b]))
        theirs = np.concatenate(lagged(series[a]))
        level = np.ones((len(y), 1))
        small = np.column_stack([level, own])
        large = np.column_stack([small, theirs])
        rest = [float(np.sum((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2)) for x in (small, large)]
        free = len(y) - large.shape[1]
        f = ((rest[0] - rest[1]) / LAGS) / max(rest[1] / free, 1e-12)
        found[line.kinds[a], line.kinds[b]] = float(-scipy.stats.f.logsf(max(f, 0), LAGS, free) / np.log(10))
    return found


def nearest(line: events.Timeline) -> Scores:
    """The share of an effect's events whose nearest event before, within the lag, is of the cause."""
    counts = np.zeros((len(line.kinds), len(line.kinds)))
    for n in range(len(line.kind)):
        before = n - 1
        while before >= 0 and line.stretch[before] == line.stretch[n] and line.start[n] - line.start[before] < 0.5:
            before -= 1
        if before >= 0 and line.stretch[before] == line.stretch[n] and line.start[n] - line.start[before] <= MOST_S:
            counts[line.kind[before], line.kind[n]] += 1
    totals = np.maximum(np.bincount(line.kind, minlength=len(line.kinds)), 1)
    return {
        (line.kinds[a], line.kinds[b]): float(counts[a, b] / totals[b])
        for a, b in itertools.permutations(range(len(line.kinds)), 2)
    }
