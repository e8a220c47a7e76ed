"""From labelled steps to a file: shift, training that resumes, export that says what torch says."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="could not import torch (./check --hub)")
pytest.importorskip("onnx", reason="could not import onnx (./check --hub)")

from taihang.core import errors, job  # noqa: E402
from taihang.model.temporal import card, classifier, exporting, network, steps, training  # noqa: E402

CLASSES = ("left", "nobody")


def film(seed: int, count: int = 10) -> training.Film:
    """Something stands apart on the left of half of the film."""
    dice = np.random.default_rng(seed)
    planes = dice.integers(100, 140, (count, len(steps.KEPT), steps.HEIGHT, steps.WIDTH), dtype=np.uint8)
    planes[:, 3] = 0
    there = np.arange(count) >= count // 2
    planes[there, 3, 10:50, 10:30] = 255
    made = steps.Steps(np.arange(count) * 0.5, planes, np.zeros((count, len(steps.MEASURED)), np.float32))
    return training.Film(f"film-{seed}", made, np.stack([there, ~there], axis=1))


FILMS = [film(seed) for seed in range(6)]
PLAN = training.Plan(rounds=2, films=2, length=4)


@settings(max_examples=25, deadline=None)
@given(films=st.integers(1, 2), count=st.integers(1, 6), channels=st.integers(8, 20), share=st.integers(2, 8))
def test_shift_takes_each_part_from_its_own_neighbour(films, count, channels, share):
    given_ = torch.randn(films, count, channels, 2)
    found, part = network.shift(given_, share), channels // share
    for t in range(count):
        after = given_[:, t + 1, :part] if t + 1 < count else torch.zeros(films, part, 2)
        before = given_[:, t - 1, part : 2 * part] if t else torch.zeros(films, part, 2)
        assert torch.equal(found[:, t, :part], after)
        assert torch.equal(found[:, t, part : 2 * part], before)
        assert torch.equal(found[:, t, 2 * part :], given_[:, t, 2 * part :])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[network.Network, card.Card, Path]:
    folder = tmp_path_factory.mktemp("made")
    learnt, held = training.split(FILMS)
    net = training.train(learnt, 2, PLAN, folder / "work", job.Silent())
    out = folder / "out"
    return net, exporting.export(net, CLASSES, ("left",), (learnt, held), out, synthetic=True), out


def test_the_file_says_what_torch_says_and_is_small(made):
    net, said, folder = made
    assert said.parity <= exporting.PARITY
    assert (folder / card.WEIGHTS).stat().st_size < 2_000_000
    assert said.precision in ("int8", "float32")
    outputs = classifier.Classifier(folder).judge(FILMS[0].steps)
    assert outputs.shape == (10, 2)
    assert np.abs(outputs - training.outputs(net, FILMS[0])).max() < 0.3  # eight bits, hardly trained


@pytest.mark.parametrize("step", [0, 10, 19])
def test_just_the_steps_within_the_reach_decide(step):
    """By the derivative of one step's answer: nothing beyond the reach, something of every step within it."""
    torch.manual_seed(3)
    net = network.build(2).double().eval()
    pictures = torch.randn(1, 20, len(steps.PLANES), 32, 64, dtype=torch.float64, requires_grad=True)
    numbers = torch.randn(1, 20, len(steps.NUMBERS), dtype=torch.float64)
    (net(pictures, numbers)[0, step] ** 2).sum().backward()
    deciding = pictures.grad[0].abs().amax(dim=(1, 2, 3)).nonzero().flatten()
    assert deciding.tolist() == list(range(max(0, step - network.REACH), min(20, step + network.REACH + 1)))


def test_no_step_further_than_the_reach_decides(made):
    """By another film beyond the reach, in the weights that were trained: past and future, to the last digits."""
    net = copy.deepcopy(made[0]).double()
    pictures, numbers = (torch.from_numpy(p).double()[None] for p in steps.tensors(film(9, 20).steps))
    with torch.no_grad():
        whole = net(pictures, numbers)[0]
        for beyond, kept in ((slice(10 + network.REACH + 1, None), 11), (slice(0, 10 - network.REACH), -10)):
            other, more = pictures.clone(), numbers.clone()
            other[:, beyond] = torch.randn_like(other[:, beyond]) * 9
            more[:, beyond] += 9
            changed = net(other, more)[0]
            near = slice(0, kept) if kept > 0 else slice(kept, None)
            assert torch.allclose(whole[near], changed[near], rtol=0, atol=1e-12)
            assert not torch.allclose(whole[beyond], changed[beyond], rtol=0, atol=1e-12)


def test_whole_films_are_held_back():
    learnt, held = training.split(FILMS)
    names = {f.name for f in learnt}, {f.name for f in held}
    assert not names[0] & names[1]
    assert names[0] | names[1] == {f.name for f in FILMS}
    assert held


def test_films_of_one_place_are_held_back_together():
    """A place that was learnt from would make a film of it easy: its score would say nothing about another place."""
    films = [dataclasses.replace(film(seed), place=f"place-{seed % 4}") for seed in range(12)]
    learnt, held = training.split(films)
    assert len(learnt) + len(held) == 12
    assert held
    assert not {f.place for f in learnt} & {f.place for f in held}


def test_a_run_that_was_stopped_goes_on_and_ends_as_an_unbroken_one(made, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_KEEP_EVERY", 1)

    class Stop(job.Silent):
        def update(self, stage, done, total):
            if done == 1:
                raise errors.Cancelled("core:cancelled")

    learnt, _ = training.split(FILMS)
    with pytest.raises(errors.Cancelled):
        training.train(learnt, 2, PLAN, tmp_path, Stop())
    seen = []

    class Watch(job.Silent):
        def update(self, stage, done, total):
            seen.append(done)

    again = training.train(learnt, 2, PLAN, tmp_path, Watch())
    assert seen[0] == 1
    for name, value in made[0].state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_fresh_layers_pass_on_what_they_are_given():
    """Where what passes shrinks layer by layer, batch normalisation divides by its epsilon: nothing is learnt."""
    torch.manual_seed(0)
    net, small = network.build(2).train(), []
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.register_forward_hook(lambda part, given, _: small.append(float(given[0].detach().var()) / part.eps))
    net(torch.randn(2, 4, len(steps.PLANES), 64, 64), torch.zeros(2, 4, len(steps.NUMBERS)))
    assert len(small) > 20
    assert min(small) > 100


def test_a_step_is_judged_at_work_as_the_network_learnt_to(tmp_path):
    """By statistics of the last weights: those of the way there would make other answers of the same steps."""
    plan = training.Plan(rounds=20, films=4, length=4)
    net = training.train(FILMS, 2, plan, tmp_path, job.Silent())
    pictures, numbers, _, _ = training._batch(FILMS, dataclasses.replace(plan, films=24), np.random.default_rng(1))
    with torch.no_grad():
        at_work, learning = net.eval()(pictures, numbers), net.train()(pictures, numbers)
    assert float((at_work - learning).abs().mean()) < 0.2 * float(learning.std())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_part_of_a_picture_nearer_is_that_part_everywhere_and_moves_faster(seed):
    """A bright square that moves alike in all steps: wherever it lands, its planes land together."""
    pictures = np.zeros((3, len(steps.PLANES), steps.HEIGHT, steps.WIDTH), np.float32)
    pictures[:, 0, 20:44, 40:88] = 1
    pictures[:, 1, 20:44, 40:88] = 0.5
    found = training._nearer(pictures, np.random.default_rng(seed))
    assert found.shape == pictures.shape
    assert np.array_equal(found[0], found[1])
    inside = found[0, 0] > 0.999
    assert inside.sum() >= (pictures[0, 0] > 0.999).sum() * 0.8
    zoom = found[0, 1][inside] / 0.5
    assert np.ptp(zoom) < 1e-4
    assert 1 <= zoom.mean() <= training._NEAREST


def test_what_varies_in_training_leaves_the_film_as_it_was():
    one = FILMS[0]
    before = one.steps.planes.copy(), one.steps.numbers.copy()
    for number in range(10):
        training._batch([one], dataclasses.replace(PLAN, films=4), np.random.default_rng(number))
    assert np.array_equal(one.steps.planes, before[0])
    assert np.array_equal(one.steps.numbers, before[1])


def test_nothing_to_learn_from_is_one_line(tmp_path):
    with pytest.raises(errors.UserError, match=r"nothing to learn|没有可学习"):
        training.train([], 2, PLAN, tmp_path, job.Silent())


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "vit", "hidden_size": 8}')
    with pytest.raises(errors.UserError, match="mobilevit"):
        network.build(2, tmp_path)
    with pytest.raises(errors.UserError, match="MobileViT"):
        network.build(2, tmp_path / "nowhere")


def test_a_checkpoint_gives_its_backbone(tmp_path):
    import transformers

    config = transformers.MobileViTConfig(output_stride=16, **network._SMALL)
    source = transformers.MobileViTModel(config, expand_output=False)
    source.save_pretrained(tmp_path)
    got = network.build(2, tmp_path).backbone.state_dict()
    stem = "conv_stem.convolution.weight"
    for name, value in source.state_dict().items():
        if name != stem:
            assert torch.equal(value, got[name]), name
    assert torch.allclose(got[stem][:, 0], source.state_dict()[stem].mean(1))


def test_it_learns_what_is_easy(tmp_path):
    films = [film(seed, 16) for seed in range(10)]
    learnt, held = training.split(films)
    net = training.train(learnt, 2, training.Plan(rounds=60, films=4, length=4), tmp_path / "w", job.Silent())
    said = exporting.export(net, CLASSES, ("left",), (learnt, held), tmp_path / "o", synthetic=True)
    assert min(said.trained.f1.values()) > 0.9
    assert min(said.trained.f1_int8.values()) > 0.85


def test_a_teacher_counts_beside_the_labels_and_the_films_it_is_sure_of_come_first():
    sure, unsure = FILMS[0], FILMS[1]
    taught = [
        dataclasses.replace(sure, soft=np.where(sure.going_on, 0.95, 0.05).astype(np.float32)),
        dataclasses.replace(unsure, soft=np.full(unsure.going_on.shape, 0.5, np.float32)),
    ]
    assert taught[0].goal(0.5)[sure.going_on].tolist() == pytest.approx([0.975] * sure.going_on.sum())
    assert (taught[1].goal(1.0) == 0.5).all()
    assert (sure.goal(0.5) == sure.going_on).all()
    plan = training.Plan(rounds=100, easy=0.5)
    assert [f.name for f in training._easy(taught[::-1], plan, 0)] == ["film-0"]
    assert {f.name for f in training._easy(taught, plan, 50)} == {"film-0", "film-1"}
    assert training._easy(FILMS, plan, 0) is FILMS
    # What the teacher says is part of what decides the result.
    assert training._key(taught, plan) != training._key([sure, unsure], plan)


def test_what_a_batch_asks_for_is_what_the_teacher_says():
    taught = [dataclasses.replace(f, soft=np.full(f.going_on.shape, 0.25, np.float32)) for f in FILMS[:3]]
    for weight, wanted in ((1.0, {0.25}), (0.0, {0.0, 1.0})):
        plan = training.Plan(films=3, length=4, soft=weight)
        *_, goal, counted = training._batch(taught, plan, np.random.default_rng(0))
        assert set(goal[counted > 0].flatten().tolist()) == wanted
