"""The graph network: the same numbers as torch_geometric, and what must hold of whatever it learned."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.model.causes import book, candidates, events, judging, what_if
from taihang.model.causes.network import attention, inputs, masking, scores, weights
from tests.model.causes import logs

HIDDEN = attention.HIDDEN


def _read(log: events.Log) -> tuple[events.Timeline, tuple[candidates.Candidate, ...], inputs.Inputs]:
    line = events.timeline(log)
    proposed = candidates.candidates(log.kinds, logs.OPEN.book)
    return line, proposed, inputs.inputs(line, inputs.patterns(line, proposed))


def _scored(log: events.Log) -> dict[tuple[str, str], float]:
    line, proposed, _ = _read(log)
    found = scores.scores(line, proposed)
    return {(one.cause, one.effect): float(value) for one, value in zip(proposed, found.edge, strict=True)}


def test_plain_numbers_are_those_of_torch_geometric(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="could not import torch (./check --hub)")
    pytest.importorskip("torch_geometric", reason="could not import torch_geometric (./check --hub)")
    from bench.causes import attention as learning

    monkeypatch.setattr(attention, "_CHUNK", 97)  # in several parts, cut where a target ends
    _, _, given_ = _read(logs.log(2, causes=20))
    torch.manual_seed(0)
    shipped = learning.Network()
    shipped.load_state_dict({name: torch.tensor(value) for name, value in weights.load().weights.items()})
    for network in (learning.Network().double(), shipped.double()):
        edge, parent, _, occurs = network(learning.tensors(given_, torch.float64))
        plain = attention.forward(learning.weights(network), given_)
        for ours, theirs in ((plain.edge, edge), (plain.parent, parent), (plain.occurs, occurs)):
            assert len(ours) > 5
            np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-5)


def test_a_planted_cause_scores_above_all_others_also_of_kinds_never_seen() -> None:
    for names in (("helmet-off", "unsafe-act", "noise"), ("甲", "乙", "丙")):
        found = _scored(logs.log(1, names=names))
        assert max(found, key=lambda pair: found[pair]) == names[:2]
        others = [value for pair, value in found.items() if pair != names[:2]]
        assert found[names[0], names[1]] > max(0.0, *others) + 1


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 1000),
    st.permutations(["helmet-off", "unsafe-act", "noise"]),
    st.lists(st.integers(-5000, 5000), min_size=2, max_size=2),
    st.sampled_from([0.25, 1.0, 4.0]),
)
def test_names_clocks_and_scale_change_nothing(seed: int, names: list[str], by: list[int], scale: float) -> None:
    plain = ("helmet-off", "unsafe-act", "noise")
    log = logs.log(seed, causes=12, recordings=2, length=900)
    renamed = dict(zip(plain, names, strict=True))
    # Times that scaling and moving do not round, no two alike: events of one moment stand in the order of their names.
    whole = events.Log(tuple(
        dataclasses.replace(r, events=tuple(dataclasses.replace(e, start_s=at, end_s=at)
        for e, at in ((e, round(e.start_s * 8) / 8 + n / 4096) for n, e in enumerate(r.events))))
        for r in log.recordings
    ))  # fmt: skip
    moved = events.Log(tuple(
        dataclasses.replace(r, duration_s=r.duration_s * scale, begin_s=t * scale, events=tuple(
        dataclasses.replace(e, kind=renamed[e.kind], start_s=(e.start_s + t) * scale, end_s=(e.end_s + t) * scale)
        for e in r.events)) for r, t in zip(whole.recordings, by, strict=True)
    ))  # fmt: skip
    slower = book.Book.model_validate({**book.OPEN, "lag": {"least_s": 0.5 * scale, "most_s": 60.0 * scale}})
    line = events.timeline(moved)
    proposed = candidates.candidates(moved.kinds, slower)
    found = scores.scores(line, proposed).edge
    told = {(one.cause, one.effect): v for one, v in zip(proposed, found, strict=True)}
    for (cause, effect), value in _scored(whole).items():
        assert told[renamed[cause], renamed[effect]] == pytest.approx(value, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_shares_of_what_brought_an_event_about_never_exceed_one(seed: int) -> None:
    _, _, given_ = _read(logs.log(seed, causes=10, recordings=2, length=600))
    told = attention.forward(weights.load().weights, given_)
    sums = np.bincount(given_.target, told.parent, minlength=len(given_.nodes))
    assert np.all(told.parent >= 0)
    assert np.all(sums <= 1 + 1e-9)


def test_edges_are_only_those_that_lag_and_constraints_allow() -> None:
    value = {
        **book.OPEN, "lag": {"least_s": 2.0, "most_s": 20.0}, "same": "place",
        "forbid": [{"cause": "noise", "effect": "*"}],
    }  # fmt: skip
    log = logs.log(4)
    some = events.Log(tuple(
        dataclasses.replace(r, events=tuple(dataclasses.replace(e, place="z" if n % 3 else None)
        for n, e in enumerate(r.events))) for r in log.recordings
    ))  # fmt: skip
    line = events.timeline(some)
    proposed = candidates.candidates(some.kinds, book.Book.model_validate(value))
    made = inputs.inputs(line, inputs.patterns(line, proposed))
    lag = line.start[made.target] - line.start[made.source]
    assert len(lag)
    assert np.all((lag >= 2) & (lag <= 20))
    assert np.all(line.place[made.source] == line.place[made.target])
    assert np.all(line.place[made.source] >= 0)
    assert "noise" not in {line.kinds[kind] for kind in line.kind[made.source]}
    assert np.all(line.stretch[made.source] == line.stretch[made.target])


def test_hiding_the_cause_makes_the_effect_less_likely_and_hiding_a_bystander_does_not() -> None:
    judged = judging.judge(logs.log(1), logs.OPEN, judges="both")
    asked = what_if.asked(judged, masking.Masking(judged))
    (edge,) = asked.of("supported")
    assert edge.what_if is not None
    assert edge.what_if > 0.1
    assert asked.judges == ("statistical", "network")
    assert asked.asked == "network"
    port, line = masking.Masking(judged), judged.line
    flat = [event for _, event in events.flat(judged.log)]
    kinds = {name: number for number, name in enumerate(line.kinds)}
    moved: dict[str, list[float]] = {"helmet-off": [], "noise": []}
    for row in line.of(kinds["unsafe-act"])[:40]:
        before = [r for r in range(row) if line.stretch[r] == line.stretch[row]
                  and 0 < line.start[row] - line.start[r] < 60 and line.kind[r] != line.kind[row]]  # fmt: skip
        whole = port.probability([flat[int(line.row[r])] for r in before], flat[int(line.row[row])])
        for name, values in moved.items():
            rest = [flat[int(line.row[r])] for r in before if line.kind[r] != kinds[name]]
            if len(rest) < len(before):
                without = port.probability(rest, flat[int(line.row[row])])
                assert whole is not None
                assert without is not None
                values.append(whole - without)
    assert min(len(values) for values in moved.values()) > 10
    assert np.mean(moved["helmet-off"]) > 0.1
    assert abs(float(np.mean(moved["noise"]))) < np.mean(moved["helmet-off"]) / 2


def test_an_event_of_another_log_is_not_known() -> None:
    judged = judging.judge(logs.log(1), logs.OPEN, judges="both")
    stranger = events.Event("x", "helmet-off", 1.0, 1.0)
    assert masking.Masking(judged).probability([], stranger) is None


@pytest.mark.parametrize(
    "log",
    [
        events.Log(()),
        logs.single(("a", 1.0)),
        logs.single(*[("a", 5.0)] * 20, *[("b", 5.0)] * 20),
        logs.single(*[("a", 5.0)] * 20, *[("b", 5.0)] * 20, length=0.0),
    ],
)
def test_too_little_is_no_fault(log: events.Log) -> None:
    line, proposed, _ = _read(log)
    found = scores.scores(line, proposed)
    assert len(found.edge) == len(proposed)
    assert np.all(np.isfinite(found.measures))
    assert not judging.judge(log, logs.OPEN, judges="both").of("supported")


def test_a_flood_is_read_in_part_and_in_bounded_memory() -> None:
    random = np.random.default_rng(0)
    log = logs.single(*((f"k{random.integers(0, 3)}", float(t)) for t in random.uniform(0, 60, 3000)), length=60)
    line, proposed, made = _read(log)
    assert np.bincount(made.target).max() <= 64
    assert np.all(np.isfinite(scores.scores(line, proposed).edge))


def test_the_card_says_what_it_was_learned_from() -> None:
    card = weights.load().card
    assert card["synthetic"] is True
    assert "branching scenarios" in card["learned_from"]
    assert card["cpu_seconds"] <= 15 * 60
    assert sum(v.size for v in weights.load().weights.values()) >= card["numbers"]


def test_progress_can_stop_the_network() -> None:
    class Stop:
        def update(self, stage: str, done: float, total: float) -> None:
            if "network" in stage:
                raise errors.Cancelled("core:cancelled")

    with pytest.raises(errors.Cancelled):
        judging.judge(logs.log(1), logs.OPEN, Stop(), "both")


def test_without_places_and_tracks_that_differ_the_network_does_not_speak() -> None:
    for places in (("z",), ()):
        log = logs.log(1, places=places or ("z",))
        bare = events.Log(tuple(
            dataclasses.replace(r, events=tuple(dataclasses.replace(e, actor=None, place=e.place if places else None)
            for e in r.events)) for r in log.recordings
        ))  # fmt: skip
        judged = judging.judge(bare, logs.OPEN, judges="both")
        assert judged.judges == ("statistical",)
        assert [(e.cause, e.effect) for e in judged.of("supported")] == [("helmet-off", "unsafe-act")]


def test_what_is_unknown_or_never_varied_in_training_moves_nothing_far() -> None:
    log = logs.log(1)
    unsure = events.Log(tuple(
        dataclasses.replace(r, events=tuple(dataclasses.replace(e, actor=None, confidence=0.4) for e in r.events))
        for r in log.recordings
    ))  # fmt: skip
    judged = judging.judge(unsure, logs.OPEN, judges="both")
    assert judged.judges == ("statistical", "network")
    assert [(e.cause, e.effect) for e in judged.of("supported")] == [("helmet-off", "unsafe-act")]


def test_where_places_are_those_of_kinds_the_tests_decide_alone() -> None:
    """A place that a kind is bound to tells nothing of causes, however many places there are."""
    bound = events.Log(tuple(
        dataclasses.replace(r, events=tuple(dataclasses.replace(e, actor=None, place=f"of {e.kind}") for e in r.events))
        for r in logs.log(1).recordings
    ))  # fmt: skip
    both = judging.judge(bound, logs.OPEN, judges="both")
    alone = judging.judge(bound, logs.OPEN)
    assert [(e.verdict, e.confidence) for e in both.edges] == [
        (e.verdict, pytest.approx(e.confidence)) for e in alone.edges
    ]
    assert both.of("supported")
    assert both.judges == ("statistical",)
