"""Statistical: the judge that needs nothing but times, for events that repeat, over one recording or many.

Three tests a candidate, and the largest p-value counts: effects follow causes more than by chance; more than they
precede them; and still so when every other possible cause has been given its part, and what hides behind causes that
the observer missed has been taken off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from taihang.core import job
from taihang.model.causes import book as books
from taihang.model.causes import candidates as proposing
from taihang.model.causes import events, fdr, pairs, shifting, triggering

FEWEST = 5  # events of each kind; below, no test can tell anything
_SCREEN = 0.1
_SEED = 20_261_130
EMPTY = pairs.Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))


@dataclasses.dataclass(frozen=True, slots=True)
class Lags:
    """Seconds from cause to effect: the 10th, 50th and 90th hundredth of the pairs, weighed by their blame."""

    low_s: float
    middle_s: float
    high_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Statistic:
    """What the times say of one candidate.

    `p` is the largest of the tests', `q` that among all candidates that could be tested. `brought` is how many
    effects one cause brings about, `share` the part of the effects that it accounts for, `kept` which part of the
    excess is left when other causes have had theirs. `pairs` and `blame` are the single occurrences. `reason` says why
    nothing could be tested, else it is empty.
    """

    candidate: proposing.Candidate
    causes: int
    effects: int
    p: float = 1.0
    q: float = 1.0
    z: float = 0.0
    z_mirror: float = 0.0
    z_alone: float = 0.0
    brought: float = 0.0
    share: float = 0.0
    kept: float = 0.0
    focus: float = 0.0
    lags: Lags | None = None
    pairs: pairs.Pairs = EMPTY
    blame: events.Floats = dataclasses.field(default_factory=lambda: np.zeros(0))
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class _Marginal:
    one: proposing.Candidate
    found: pairs.Pairs
    tested: shifting.Tested | None
    reason: str


class Keeps(Protocol):
    """Gives what was made earlier of the candidates of one effect, or makes it (see `keeping`)."""

    def __call__(
        self, group: Sequence[proposing.Candidate], make: Callable[[], Sequence[Statistic]]
    ) -> tuple[Statistic, ...]:
        """In the order of the candidates."""


def judge(
    line: events.Timeline,
    proposed: Sequence[proposing.Candidate],
    book: books.Book,
    progress: job.Progress | None = None,
    kept: Keeps | None = None,
) -> tuple[Statistic, ...]:
    """A statistic for every candidate, in their order. The same log gives the same answer, whatever kinds are called.

    Raises errors.Cancelled when progress says so.
    """
    progress = progress or job.Silent()
    index = {kind: n for n, kind in enumerate(line.kinds)}
    by_effect: dict[str, list[proposing.Candidate]] = {}
    for one in proposed:
        by_effect.setdefault(one.effect, []).append(one)
    weighed: dict[proposing.Candidate, Statistic] = {}

    def made_of(group: Sequence[proposing.Candidate]) -> list[Statistic]:
        screened = []
        for n, one in enumerate(group):
            progress.update("model.causes:stage.tests", len(weighed) + n / 2, len(proposed))
            screened.append(_marginal(line, index, one))
        progress.update("model.causes:stage.tests", len(weighed) + len(group) / 2, len(proposed))
        told = _weighed(line, index, screened, book)
        return [told[one] for one in group]

    for effect in sorted(by_effect):
        group = by_effect[effect]
        found = kept(group, lambda of=group: made_of(of)) if kept else made_of(group)  # type: ignore[misc]
        weighed.update(zip(group, found, strict=True))
    progress.update("model.causes:stage.tests", len(proposed), max(len(proposed), 1))
    made = [weighed[one] for one in proposed]
    able = [n for n, s in enumerate(made) if not s.reason]
    q = fdr.q_values([made[n].p for n in able], any_dependence=book.dependence == "any")
    for n, value in zip(able, q, strict=True):
        made[n] = dataclasses.replace(made[n], q=float(value))
    return tuple(made)


def _marginal(line: events.Timeline, index: Mapping[str, int], one: proposing.Candidate) -> _Marginal:
    causes, effects = line.of(index[one.cause]), line.of(index[one.effect])
    if min(len(causes), len(effects)) < FEWEST:
        return _Marginal(one, EMPTY, None, "few")
    rows = np.concatenate([causes, effects])
    begun = line.span[line.stretch[rows], 0]
    if np.ptp(line.start[rows] - begun) < one.least_s:
        return _Marginal(one, EMPTY, None, "moment")
    if (one.same == "place" and max(line.place[rows]) < 0) or (one.same == "actor" and max(line.actor[rows]) < 0):
        return _Marginal(one, EMPTY, None, one.same)
    tested = shifting.test(shifting.correlogram(line, one), _SEED)
    if tested is None:
        return _Marginal(one, EMPTY, None, "short")
    return _Marginal(one, pairs.within(line, one), tested, "")


def _weighed(
    line: events.Timeline, index: Mapping[str, int], group: Sequence[_Marginal], book: books.Book
) -> dict[proposing.Candidate, Statistic]:
    """The candidates of one effect, weighed against each other."""
    effect = group[0].one.effect
    likely = [m for m in group if m.tested is not None and m.tested.p <= _SCREEN]
    own = dataclasses.replace(group[0].one, cause=effect)
    given, whole = None, None
    if likely:
        # The effect's own kind is among the explanations: bursts are no proof of anything.
        listed = [(m.one, m.found) for m in likely]
        given = triggering.design(line, index[effect], [*listed, (own, pairs.within(line, own))])
        whole = triggering.fit(given)
    made = {}
    for m in group:
        counts = (len(line.of(index[m.one.cause])), len(line.of(index[effect])))
        if m.tested is None:
            made[m.one] = Statistic(m.one, *counts, reason=m.reason)
        elif m not in likely or given is None or whole is None:
            p = max(m.tested.p, m.tested.p_mirror)
            made[m.one] = Statistic(m.one, *counts, p=p, z=m.tested.z, z_mirror=m.tested.z_mirror, pairs=m.found,
                                    blame=np.zeros(len(m.found.lag)))  # fmt: skip
        else:
            made[m.one] = _alone(line, m, (given, whole), book.missed, counts)
    return made


def _alone(
    line: events.Timeline,
    m: _Marginal,
    fitted: tuple[triggering.Design, triggering.Fit],
    missed: float,
    counts: tuple[int, int],
) -> Statistic:
    """One candidate when all others of its effect have had their part."""
    assert m.tested is not None
    given, whole = fitted
    mine = given.mine[m.one.cause]
    own = given.counts[:, mine] @ whole.added[mine] / whole.rate
    others = 1 - whole.alone - own
    # Of each cause that was seen, so many more were missed: what they brought about looks unexplained.
    leak = missed / (1 - missed)
    weights = np.zeros(len(line.kind))
    weights[given.effects] = 1 - others - leak * others
    alone = shifting.test(shifting.correlogram(line, m.one, weights), _SEED)
    assert alone is not None
    blame = triggering.blame(line, given, whole, m.one.cause, m.found)
    brought = float(blame.sum())
    part = whole.added[given.mine[m.one.cause]] * np.diff(pairs.edges(m.one.least_s, m.one.most_s))
    return Statistic(
        m.one,
        *counts,
        p=max(m.tested.p, m.tested.p_mirror, alone.p),
        z=m.tested.z,
        z_mirror=m.tested.z_mirror,
        z_alone=alone.z,
        brought=brought / counts[0],
        share=brought / counts[1],
        kept=float(np.clip(alone.excess / max(m.tested.excess, 1e-9), -1, 2)),
        focus=float(part.max() / max(part.sum(), 1e-12)),
        lags=_lags(m.found.lag, blame),
        pairs=m.found,
        blame=blame,
    )


def _lags(lag: events.Floats, blame: events.Floats) -> Lags | None:
    if not len(lag) or not blame.sum() > 0:
        return None
    order = np.argsort(lag, kind="stable")
    running = np.cumsum(blame[order]) / blame.sum()
    at = np.minimum(np.searchsorted(running, (0.1, 0.5, 0.9)), len(lag) - 1)
    low, middle, high = (round(float(v), 3) for v in lag[order][at])
    return Lags(low, middle, high)
