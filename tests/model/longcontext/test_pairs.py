"""Adjacent layers that hold in one what they have in common, and layers that get shares of the room."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="could not import torch (./check --hub)")

from taihang.core import errors  # noqa: E402
from taihang.model.longcontext import budget, cache, pairs, policy, reading  # noqa: E402
from tests.model.longcontext import tiny  # noqa: E402 - after the look for torch

AMPLE = budget.Cap(4000, 64, recent=8)
TIGHT = budget.Cap(80, 40, recent=8)
CPU = torch.device("cpu")


def _two(tokens: int, seed: int = 0, noise: float = 0.0, width: int = 8):
    """Two layers whose tokens have the same directions, but for noise, and lengths of their own."""
    made = torch.Generator().manual_seed(seed)
    one = torch.randn(1, 2, tokens, width, generator=made)
    long = 0.5 + torch.rand(1, 2, tokens, 1, generator=made)
    return one, one * long + noise * torch.randn(1, 2, tokens, width, generator=made)


def _none(like):
    return torch.zeros_like(like)


@given(layers=st.integers(1, 12), first=st.integers(0, 14))
def test_every_layer_is_in_one_group(layers: int, first: int) -> None:
    groups = pairs.Pairs(first).groups(layers)
    assert [layer for group in groups for layer in group] == list(range(layers))
    assert all(group[0] >= first for group in groups if len(group) == 2)
    assert sum(len(group) == 2 for group in groups) == max(0, layers - first) // 2


@settings(max_examples=50)
@given(room=st.integers(1, 200), apart=st.floats(0, 0.99), width=st.sampled_from([8, 64]))
def test_what_is_merged_fits_the_bytes_of_so_many_plain_tokens_and_one_token_more_would_not(room, apart, width):
    how = pairs.Pairs(0, apart)
    token = 4 * width
    most = how.most(room, token)

    def size(tokens: int) -> int:
        one, two = _two(tokens, width=width)
        made = pairs.merge(one, two, _none(one), how.kept_apart(tokens), form="plain", dtype=torch.float32)
        return made.size

    assert size(most) <= room * token * 2 < size(most + 1)  # of two heads


def test_layers_that_differ_in_length_alone_lose_nothing_and_take_little_more_than_half() -> None:
    one, two = _two(40, width=64)
    made = pairs.merge(one, two, _none(one), 0, form="plain", dtype=torch.float32)
    assert torch.allclose(made.read(0, CPU), one, atol=1e-6)
    assert torch.allclose(made.read(1, CPU), two, atol=1e-6)
    assert made.size < 0.54 * 2 * one.numel() * 4


def test_tokens_that_differ_most_stay_as_they_are() -> None:
    one, two = _two(40, noise=0.05)
    odd = [3, 17, 30]
    two[:, :, odd] = -one[:, :, odd]
    made = pairs.merge(one, two, _none(one), 3, form="plain", dtype=torch.float32)
    assert (~made.alike).nonzero()[:, -1].tolist() == odd * 2
    assert torch.equal(made.read(0, CPU)[:, :, odd], one[:, :, odd])
    assert torch.equal(made.read(1, CPU)[:, :, odd], two[:, :, odd])
    assert (made.read(1, CPU) - two).norm() < 0.1 * two.norm()


def test_of_tokens_that_differ_alike_those_that_matter_stay_as_they_are() -> None:
    one, two = _two(40)
    two = -one
    weight = torch.ones(1, 2, 40)
    weight[..., [5, 21]] = 9
    made = pairs.merge(one, two, _none(one), 2, weight=weight, form="plain", dtype=torch.float32)
    assert (~made.alike).nonzero()[:, -1].tolist() == [5, 21] * 2


@pytest.mark.parametrize(
    ("form", "dtype"), [("plain", torch.bfloat16), ("int8", torch.float32), ("fp8", torch.float32)]
)
def test_what_was_merged_does_not_drift_from_window_to_window(form, dtype) -> None:
    one, two = _two(30, noise=0.3)
    made = pairs.merge(one, two, _none(one), 6, form=form, dtype=dtype)
    before = [made.read(side, CPU) for side in (0, 1)]
    for _ in range(50):
        made = pairs.merge(made.read(0, CPU), made.read(1, CPU), made.directions(CPU), 6, form=form, dtype=dtype)
    for side in (0, 1):
        assert torch.allclose(made.read(side, CPU), before[side], atol=1e-5)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_below_the_cap_every_bit_is_that_of_no_pairs(family: str) -> None:
    model, prompt = tiny.model(family), tiny.prompt(family, 30)
    plain = reading.Reader(model, reading.Plan(AMPLE)).read(prompt)
    paired = reading.Reader(model, reading.Plan(AMPLE, pairs=pairs.Pairs())).read(prompt)
    assert torch.equal(plain.logits, paired.logits)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_pairs_hold_more_tokens_in_the_same_bytes(family: str) -> None:
    model, prompt = tiny.model(family), tiny.prompt(family, 60)
    plan = reading.Plan(TIGHT, policy.Policy(recent=8))
    plain = reading.Reader(model, plan).read(prompt).cache
    paired = reading.Reader(model, dataclasses.replace(plan, pairs=pairs.Pairs(1, 0.1))).read(prompt).cache
    assert paired.size <= plain.size
    assert paired.layers[0].held == plain.layers[0].held
    assert paired.layers[1].held > 1.4 * plain.layers[1].held
    assert torch.equal(paired.layers[1].marks.places, paired.layers[2].marks.places)


def test_two_layers_that_hold_the_same_answer_as_if_nothing_were_merged() -> None:
    """The first layer adds nothing and the second has its weights, so it sees, and holds, the same."""
    model, prompt = tiny.model("qwen2_5_vl"), tiny.prompt("qwen2_5_vl", 12)
    one, two = model.model.language_model.layers[:2]
    two.load_state_dict(one.state_dict())
    torch.nn.init.zeros_(one.self_attn.o_proj.weight)
    torch.nn.init.zeros_(one.mlp.down_proj.weight)
    whole = reading.Reader(model, reading.Plan(AMPLE)).read(prompt)
    # Beside a window room for 36, 36 and 60 plain tokens: the third layer, which is alone, holds all.
    plan = reading.Plan(budget.Cap(64, 20, recent=8), policy.Policy(recent=8), weights=[1, 1, 2], probe=False)
    plan = dataclasses.replace(plan, pairs=pairs.Pairs(0, 0.0))
    read = reading.Reader(model, plan).read(prompt)
    assert read.cache.layers[0].held == whole.tokens == 60
    assert read.cache.layers[0].size < 0.6 * whole.cache.layers[0].size
    assert torch.allclose(read.logits, whole.logits, atol=1e-5)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_layers_get_the_shares_that_they_are_given(family: str) -> None:
    model, prompt = tiny.model(family), tiny.prompt(family, 40)
    left = reading.Reader(model, reading.Plan(TIGHT, weights=[1, 4, 1])).read(prompt).cache
    assert left.layers[1].held > left.layers[0].held == left.layers[2].held
    assert left.peak <= 3 * TIGHT.tokens


def test_a_shared_choice_keeps_what_either_layer_needs_most() -> None:
    held = cache.CappedCache(3)
    for layer in held.layers:
        layer.update(torch.ones(1, 1, 10, 4), torch.ones(1, 1, 10, 4))
    for layer, at, much in ((0, 3, 0.2), (1, 6, 0.9), (2, 3, 0.2)):
        held.layers[layer].marks.used[..., at] = much
    choose = policy.Policy("attention", sinks=1, recent=1, pool=1, shared=2)
    held.shrink([3, 3, 3], choose)
    assert [layer.marks.places[0, 0].tolist() for layer in held.layers] == [[0, 6, 9], [0, 6, 9], [0, 3, 9]]


def test_settings_out_of_range_are_said_in_one_line() -> None:
    for first, apart in ((-1, 0.2), (0, 1.0), (0, -0.1)):
        with pytest.raises(errors.UserError, match="cannot be merged"):
            pairs.Pairs(first, apart)
    model = tiny.model("qwen3_vl")
    with pytest.raises(errors.UserError, match="given for 2 layers, and the model has 3"):
        reading.Reader(model, reading.Plan(TIGHT, weights=[1, 2]))
