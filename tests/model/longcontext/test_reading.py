"""A long video under a cap: exact where the cap is not reached, and never above it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="could not import torch (./check --hub)")

from transformers import cache_utils  # noqa: E402

from taihang.core import errors  # noqa: E402
from taihang.model.longcontext import budget, cache, pairs, policy, reading, sparse, storage  # noqa: E402
from tests.model.longcontext import tiny  # noqa: E402 - after the look for torch

AMPLE = budget.Cap(4000, 64, recent=8)


def _once(model, prompt):
    """The logits of the next token, the whole prompt read at once by transformers alone."""
    with torch.inference_mode():
        out = model(
            input_ids=prompt.ids[None],
            mm_token_type_ids=prompt.kinds[None],
            pixel_values_videos=prompt.pixels,
            video_grid_thw=torch.tensor([prompt.grid]),
        )
    return out.logits[0, -1]


def _double(family: str, frames: int, **options):
    prompt = tiny.prompt(family, frames, **options)
    return dataclasses.replace(prompt, pixels=prompt.pixels.double())


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_below_the_cap_it_is_what_one_pass_gives(family: str) -> None:
    model, prompt = tiny.model(family, torch.float64), _double(family, 30, events=(10, 20))
    wanted = _once(model, prompt)
    read = reading.Reader(model, reading.Plan(AMPLE, encode=7)).read(prompt)
    assert read.passes > 1
    assert torch.allclose(read.logits, wanted, atol=1e-12, rtol=0)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_below_the_cap_every_bit_is_that_of_the_same_windows_without_one(family: str, monkeypatch) -> None:
    model, prompt = tiny.model(family), tiny.prompt(family, 30, events=(10, 20))
    read = reading.Reader(model, reading.Plan(AMPLE)).read(prompt)

    class Plain(cache_utils.DynamicCache):
        """transformers' own cache, with what the reader asks of one."""

        def __init__(self, *_, **__):
            super().__init__()

        def coming(self, _):
            pass

        def observe(self, *_):
            pass

    def full(self, held, pending, question):
        return self._forward(held, pending, None)

    monkeypatch.setattr(reading.cache, "CappedCache", Plain)
    monkeypatch.setattr(reading.Reader, "_pass", full)
    plain = reading.Reader(model, reading.Plan(AMPLE)).read(prompt)
    assert torch.equal(read.logits, plain.logits)
    assert read.passes == plain.passes


@settings(max_examples=25, deadline=None)
@given(
    frames=st.integers(1, 60),
    window=st.integers(12, 40),
    room=st.integers(20, 60),
    name=st.sampled_from(sorted(policy.SCORES)),
    shape=st.sampled_from(["uniform", "pyramid"]),
    family=st.sampled_from(tiny.FAMILIES),
    shared=st.sampled_from([1, 2]),
    floor=st.sampled_from([0.0, 0.5]),
    form=st.sampled_from(["plain", "int8", "fp8"]),
    merge=st.sampled_from([1.0, 0.5]),
    probe=st.booleans(),
    blocks=st.sampled_from([1.0, 0.3]),
    offload=st.booleans(),
    paired=st.none() | st.builds(pairs.Pairs, st.integers(0, 3), st.sampled_from([0.0, 0.25, 0.9])),
    weights=st.none() | st.lists(st.floats(0.1, 9), min_size=3, max_size=3),
)
def test_the_cap_is_never_exceeded(  # noqa: PLR0917
    frames, window, room, name, shape, family, shared, floor, form, merge, probe, blocks, offload, paired, weights
):
    model = tiny.model(family)
    cap = budget.Cap(window + room, window, sinks=4, recent=8)
    choose = policy.Policy(name, recent=8, observed=8, shared=shared, floor=floor)
    less = sparse.Blocks(blocks, 4)
    plan = reading.Plan(
        cap, choose, shape, form, merge, probe=probe, blocks=less, offload=offload, weights=weights, pairs=paired
    )
    reader = reading.Reader(model, plan)
    read = reader.read(tiny.prompt(family, frames, events=tuple(range(0, frames, 5))))
    reader.generate(read, 2 * window)
    token = read.cache.layers[0].token_bytes
    assert token == {"plain": 2 * 2 * 16 * 4, "int8": 2 * 2 * 20, "fp8": 2 * 2 * 20}[form]
    assert read.cache.size <= read.cache.peak_bytes <= cap.tokens * reader.layers * token
    if paired is None:
        assert read.cache.peak <= cap.tokens * reader.layers
    assert read.tokens + read.merged == len(tiny.prompt(family, frames).ids)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_what_stays_keeps_its_own_position(family: str) -> None:
    """Keys of the first layer depend on the token and its position alone: those left are those of one pass."""
    model, prompt = tiny.model(family, torch.float64), _double(family, 40)
    whole = reading.Reader(model, reading.Plan(AMPLE)).read(prompt).cache.layers[0]
    left = reading.Reader(model, reading.Plan(budget.Cap(80, 40, recent=8))).read(prompt).cache.layers[0]
    assert left.held < whole.held
    places = left.marks.places.long()
    wanted = whole.keys_now().gather(-2, places.unsqueeze(-1).expand(*places.shape, whole.keys_now().shape[-1]))
    assert torch.allclose(left.keys_now(), wanted, atol=1e-12, rtol=0)
    assert places[0, 0, :4].tolist() == [0, 1, 2, 3]
    assert places[0, 0, -1] == len(prompt.ids) - 1


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_still_picture_is_read_once(family: str) -> None:
    model = tiny.model(family)
    prompt = tiny.prompt(family, 20, still=True)
    read = reading.Reader(model, reading.Plan(AMPLE, merge=0.99)).read(prompt)
    assert read.merged == 19 * 4
    moving = reading.Reader(model, reading.Plan(AMPLE, merge=0.99)).read(tiny.prompt(family, 20))
    assert moving.merged < 19


@pytest.mark.parametrize("form", ["int8", "fp8"])
def test_eight_bits_are_smaller_and_near(form: str) -> None:
    model, prompt = tiny.model("qwen2_5_vl"), tiny.prompt("qwen2_5_vl", 30)
    plain = reading.Reader(model, reading.Plan(AMPLE)).read(prompt)
    small = reading.Reader(model, reading.Plan(AMPLE, form=form)).read(prompt)
    assert small.cache.size < 0.5 * plain.cache.size
    distance = torch.nn.functional.kl_div(
        small.logits.log_softmax(-1), plain.logits.log_softmax(-1), log_target=True, reduction="sum"
    )
    assert distance < 1e-3


def test_a_back_end_that_corrupts_is_refused(monkeypatch) -> None:
    storage.checked("fp8", torch.device("cpu"))
    real = storage.store

    def broken(values, form):
        stored = real(values, form)
        return storage.Stored(stored.data, stored.scale.roll(1, -2))

    monkeypatch.setattr(storage, "store", broken)
    with pytest.raises(errors.Failure, match="corrupts numbers"):
        storage.checked("int8", torch.device("cpu"))


def test_what_cannot_be_read_is_said_in_one_line() -> None:
    with pytest.raises(errors.UserError, match="too small"):
        budget.Cap(50, 40, recent=32)
    with pytest.raises(errors.UserError, match="no policy named"):
        policy.Policy("magic")
    model = tiny.model("qwen3_vl")
    with pytest.raises(errors.UserError, match="does not fit a window"):
        reading.Reader(model, reading.Plan(budget.Cap(30, 6, recent=8))).read(tiny.prompt("qwen3_vl", 3))
    with pytest.raises(errors.UserError, match="visual tokens"):
        reading.Reader(model, reading.Plan(AMPLE)).read(dataclasses.replace(tiny.prompt("qwen3_vl", 3), grid=(4, 4, 4)))


def test_a_byte_cap_is_a_token_cap() -> None:
    cap = budget.Cap.of_bytes(32 << 20, window=512, layers=28, token_bytes=2 * 4 * 128 * 2)
    assert cap.tokens * 28 * 2 * 4 * 128 * 2 <= 32 << 20
    assert sum(cap.kept(28, "pyramid")) <= (cap.tokens - cap.window) * 28
    assert cap.kept(28, "pyramid")[0] > cap.kept(28, "pyramid")[-1]


@pytest.mark.parametrize("period", [2, 4, 8, 13, 34, 36])
def test_evenly_spread_tokens_are_in_no_step_with_the_frames(period: int) -> None:
    """Whatever place in its frame a token has, about as many of its kind stay as of any other."""
    frames, share = 200, 0.25
    places = torch.arange(period * frames).float().view(1, 1, -1)
    marks = policy.Marks(*[places] * 6)
    kept = policy.SCORES["uniform"](marks)[0, 0].topk(round(share * period * frames)).indices
    assert (torch.bincount(kept % period, minlength=period) / frames - share).abs().max() < 0.15
    quarters = torch.bincount(kept * 4 // (period * frames), minlength=4) / len(kept)
    assert (quarters - 0.25).abs().max() < 0.1


def test_of_keys_that_all_say_the_same_those_go_first_and_the_odd_one_stays() -> None:
    made = torch.Generator().manual_seed(0)
    keys = torch.tensor([1.0, 0, 0, 0]) + 0.05 * torch.randn(1, 2, 30, 4, generator=made)
    keys[0, 0, 11] = torch.tensor([0.0, 3, 0, 0])
    keys[0, 1, 17] = torch.tensor([-0.1, 0, 0, 0])
    held = cache.CappedCache(1)
    held.layers[0].update(keys, torch.ones(1, 2, 30, 4))
    held.shrink([4], policy.Policy("key-diff", sinks=2, recent=1, pool=1))
    assert held.layers[0].marks.places[0].tolist() == [[0, 1, 11, 29], [0, 1, 17, 29]]
