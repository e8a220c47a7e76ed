"""Less work: blocks of the cache, gates of the MLP, 8-bit products, a cache that waits elsewhere."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="could not import torch (./check --hub)")

from taihang.core import errors  # noqa: E402
from taihang.model.longcontext import attention, budget, linear8, reading, sparse  # noqa: E402
from tests.model.longcontext import tiny  # noqa: E402 - after the look for torch

AMPLE = budget.Cap(4000, 64, recent=8)


class _Module:
    layer_idx = 0


def _heads(tokens: int, queries: int, seed: int):
    made = torch.Generator().manual_seed(seed)
    return (
        torch.randn(1, 4, queries, 8, generator=made),
        torch.randn(1, 2, tokens, 8, generator=made),
        torch.randn(1, 2, tokens, 8, generator=made),
    )


@settings(max_examples=60, deadline=None)
@given(
    held=st.integers(0, 120), queries=st.integers(1, 20), size=st.integers(1, 16),
    share=st.floats(0.05, 1.0), seed=st.integers(0, 99),
)  # fmt: skip
def test_chosen_blocks_are_whole_ordered_and_hold_the_window(held, queries, size, share, seed):
    query, key, _ = _heads(held + queries, queries, seed)
    place = torch.arange(held + queries).float().view(1, 1, -1, 1).expand_as(key)
    keys, places = sparse.Blocks(share, size).chosen(query, key, place)
    index = places[0, :, :, 0].long()
    assert (index.diff(dim=-1) > 0).all()
    assert index[:, -queries:].tolist() == [list(range(held, held + queries))] * 2
    for head in range(2):
        assert torch.equal(keys[0, head], key[0, head, index[head]])
        old = [i for i in index[head].tolist() if i < held // size * size]
        assert len(old) % size == 0
        assert len(old) <= max(2 * size, round(held // size * share) * size)


def test_a_window_attends_as_over_the_chosen_tokens_alone() -> None:
    query, key, value = _heads(70, 6, 3)
    blocks = sparse.Blocks(0.4, 8)
    with attention.watching(None, blocks):
        found, _ = attention.attend(_Module(), query, key, value, None)
    less = blocks.chosen(query, key, value)
    assert less[0].shape[-2] < 70
    plain, _ = attention.attend(_Module(), query, *less, None)
    assert torch.equal(found, plain)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_more_of_the_cache_is_nearer_to_all_of_it(family: str) -> None:
    model, prompt = tiny.model(family), tiny.prompt(family, 60)

    def logits(share: float):
        return reading.Reader(model, reading.Plan(AMPLE, blocks=sparse.Blocks(share, 4))).read(prompt).logits

    whole = logits(1.0)
    far = [float((logits(share) - whole).norm()) for share in (0.9, 0.2)]
    assert 0 < far[0] < far[1]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_threshold_of_nothing_changes_nothing_and_one_token_gives_what_many_give(family: str) -> None:
    model, prompt = tiny.model(family, torch.float64), tiny.prompt(family, 10)
    read = reading.Reader(model, reading.Plan(AMPLE))
    prompt = reading.Prompt(prompt.ids, prompt.kinds, prompt.pixels.double(), prompt.grid)
    plain = read.read(prompt).logits
    with sparse.activations(model, [0.0] * 3):
        assert torch.allclose(read.read(prompt).logits, plain, atol=1e-12)
    limits = sparse.thresholds(model, 0.5, lambda: read.read(prompt))
    x = torch.randn(1, 5, 64, dtype=torch.float64)
    with sparse.activations(model, limits), torch.inference_mode():
        mlp = model.model.language_model.layers[1].mlp
        many = mlp.forward(x)
        single = torch.cat([mlp.forward(x[:, i : i + 1]) for i in range(5)], 1)
        assert torch.allclose(many, single, atol=1e-12)
        assert not torch.allclose(read.read(prompt).logits, plain, atol=1e-6)
    assert torch.allclose(read.read(prompt).logits, plain, atol=1e-12)  # gone with the block


def test_the_threshold_lets_the_share_through_that_was_asked_for() -> None:
    model, prompt = tiny.model("qwen3_vl"), tiny.prompt("qwen3_vl", 20)
    reader = reading.Reader(model, reading.Plan(AMPLE))
    limits = sparse.thresholds(model, 0.3, lambda: reader.read(prompt))
    open_: list[float] = []
    mlp = model.model.language_model.layers[0].mlp
    handle = mlp.gate_proj.register_forward_hook(
        lambda _, __, gate: open_.append(float((mlp.act_fn(gate).abs() > limits[0]).float().mean()))
    )
    reader.read(prompt)
    handle.remove()
    assert sum(open_) / len(open_) == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_eight_bit_layers_are_small_and_near(family: str) -> None:
    model, prompt = tiny.model(family), tiny.prompt(family, 12)
    plain = reading.Reader(model, reading.Plan(AMPLE)).read(prompt).logits
    small = copy.deepcopy(model)
    reader = reading.Reader(small, reading.Plan(AMPLE))
    before = sum(p.numel() * p.element_size() for p in small.model.language_model.layers.parameters())
    assert linear8.convert(small, lambda: reader.read(prompt)) == 3 * 7
    layers = small.model.language_model.layers
    after = sum(t.numel() * t.element_size() for t in [*layers.parameters(), *layers.buffers()])
    assert after < 0.4 * before
    found = reader.read(prompt).logits
    far = torch.nn.functional.kl_div(found.log_softmax(-1), plain.log_softmax(-1), log_target=True, reduction="sum")
    assert 0 < far < 0.01


def test_products_that_are_wrong_are_refused(monkeypatch) -> None:
    linear8.checked(torch.device("cpu"))
    real = linear8.Linear8.forward
    monkeypatch.setattr(linear8.Linear8, "forward", lambda self, x: real(self, x).roll(1, -1))
    with pytest.raises(errors.Failure, match="corrupts numbers"):
        linear8.convert(tiny.model("qwen3_vl"))


def test_a_cache_that_waits_elsewhere_gives_the_same(monkeypatch) -> None:
    model, prompt = tiny.model("qwen2_5_vl"), tiny.prompt("qwen2_5_vl", 40)
    cap = budget.Cap(80, 40, recent=8)
    plain = reading.Reader(model, reading.Plan(cap)).read(prompt)
    away = reading.Reader(model, reading.Plan(cap, offload=True)).read(prompt)
    assert torch.equal(plain.logits, away.logits)
    assert away.cache.layers[0].offload


def test_shares_out_of_range_are_said_in_one_line() -> None:
    for share in (0.0, -1.0, 1.5):
        with pytest.raises(errors.UserError, match="out of range"):
            sparse.Blocks(share)
        with pytest.raises(errors.UserError, match="out of range"):
            sparse.thresholds(tiny.model("qwen3_vl"), share)
