"""Reading: a long prompt with a video or pictures goes through a vision-language model window by window, under a cap.

For Qwen2.5-VL and Qwen3-VL. Frames are encoded a few at a time (their vision towers attend within a
frame, so this changes nothing), the positions of all tokens are computed once over the whole prompt,
and each window's keys and values are thinned out before the next one comes.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch

from taihang.core import errors, job
from taihang.model.longcontext import attention, budget, cache, pairs, policy, sparse, storage, windows

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
Grid = tuple[int, int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Prompt:
    """What the processor made of text and one video, or of text and pictures; batch 1.

    `kinds` of the tokens: 0 text, 1 picture, 2 video. `pixels` (patches, values) in the order of the prompt. `grid`
    (temporal patches, height, width) of the video, in patches; None beside `pictures`, the grid (1, height, width) of
    each, and of text alone. `seconds` between temporal patches. `events`: temporal patches or pictures where an event
    begins.
    """

    ids: torch.Tensor
    kinds: torch.Tensor
    pixels: torch.Tensor
    grid: Grid | None
    seconds: float = 1.0
    events: Collection[int] = ()
    pictures: Sequence[Grid] = ()

    @property
    def frames(self) -> list[tuple[int, int]]:
        """Height and width in patches of each temporal patch or picture, in order."""
        if self.grid is not None:
            return [self.grid[1:]] * self.grid[0]
        return [one[1:] for one in self.pictures]


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """How to read. `merge`: a token nearer than this cosine to the one that was last read at its place is
    left out (1 keeps all). `encode`: temporal patches that the vision tower gets at once.

    `probe`: the text after the video also looks back after each window, and leaves no trace; so what
    stays is what the question asks for. Without it the choice knows nothing of the question. `blocks`: what
    part of the held cache each window reads. `offload`: keys and values wait in the machine's memory and come
    to the device a layer at a time. `weights`: the layers' shares of the cap, in place of `shape`.
    `pairs`: adjacent layers that keep one merged set of keys and values.
    """

    cap: budget.Cap
    choose: policy.Policy = dataclasses.field(default_factory=policy.Policy)
    shape: budget.Shape = "uniform"
    form: storage.Form = "plain"
    merge: float = 1.0
    probe: bool = True
    encode: int = 8
    blocks: sparse.Blocks = dataclasses.field(default_factory=sparse.Blocks)
    offload: bool = False
    weights: Sequence[float] | None = None
    pairs: pairs.Pairs | None = None


@dataclasses.dataclass(slots=True)
class Piece:
    """Some tokens on their way: embeddings (tokens, width), positions (3, tokens), which are visual, and what
    Qwen3-VL adds to its first layers."""

    embeds: torch.Tensor
    positions: torch.Tensor
    visual: torch.Tensor
    deep: list[torch.Tensor]
    event: int

    @property
    def tokens(self) -> int:
        """How many."""
        return int(self.embeds.shape[0])

    def split(self, most: int) -> Iterator[Piece]:
        """In parts of at most `most` tokens."""
        for start in range(0, self.tokens, most):
            cut = slice(start, start + most)
            before = int(self.visual[:start].sum())
            inside = int(self.visual[cut].sum())
            deep = [one[before : before + inside] for one in self.deep]
            yield Piece(self.embeds[cut], self.positions[:, cut], self.visual[cut], deep, self.event)


@dataclasses.dataclass(slots=True)
class Read:
    """The end of the prompt: `logits` of the next token (vocabulary), and what the cache holds.

    `tokens` came in, `merged` were left out as repeats, `passes` windows were read.
    """

    logits: torch.Tensor
    cache: cache.CappedCache
    position: int
    tokens: int
    merged: int
    passes: int


class Reader:
    """Reads prompts with one model. The model's attention is exchanged for one that a capped cache needs.

    Raises errors.UserError for a model of another family, errors.Failure when the chosen storage corrupts
    numbers on this device.
    """

    def __init__(self, model: Any, plan: Plan) -> None:
        if model.config.model_type not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise errors.UserError("model:longcontext.family", family=model.config.model_type, known=known)
        self.model, self.plan = model.eval(), plan
        self.inner = model.model
        self.text = model.model.language_model
        self.text.config._attn_implementation = attention.NAME
        self.layers = int(self.text.config.num_hidden_layers)
        self.kept = plan.cap.kept(self.layers, plan.shape, plan.weights)
        storage.checked(plan.form, model.device)

    @torch.inference_mode()
    def read(self, prompt: Prompt, progress: job.Progress | None = None) -> Read:
        """Read a prompt to its end. Raises errors.UserError for a question longer than a window."""
        plan, told = self.plan, progress or job.Silent()
        held = cache.CappedCache(self.layers, plan.form, offload=plan.offload, paired=plan.pairs)
        positions = self._positions(prompt)
        question = self._question(prompt, positions) if plan.probe else None
        asked = question.tokens if question else 0
        if asked >= plan.cap.window:
            raise errors.UserError("model:longcontext.question", tokens=asked, window=plan.cap.window)
        queue = windows.Windows(plan.cap.window - asked)
        pending: list[Piece] = []
        total = passes = done = 0
        hidden: torch.Tensor | None = None
        came = int(prompt.ids.shape[0])
        for piece in self._pieces(prompt, positions):
            for part in piece.split(queue.longest):
                begins = bool(pending) and part.event != pending[-1].event
                if queue.ends_before(part.tokens, begins_event=begins):
                    hidden, pending, passes = self._pass(held, pending, question), [], passes + 1
                    queue.end()
                    told.update("model:longcontext.stage", done, came)
                queue.add(part.tokens)
                pending.append(part)
                total += part.tokens
            done = came if not piece.tokens else min(came, done + piece.tokens)
        # The last window ends with the question itself: nothing is left to ask for.
        hidden, passes = self._pass(held, pending, None), passes + 1
        told.update("model:longcontext.stage", came, came)
        logits = self.model.lm_head(hidden[-1])
        return Read(logits, held, int(positions.max()) + 1, total, came - total, passes)

    @torch.inference_mode()
    def generate(
        self,
        read: Read,
        most: int,
        stop: Collection[int] = (),
        *,
        until: float = math.inf,
        weigh: Callable[[torch.Tensor, list[int]], torch.Tensor] | None = None,
    ) -> list[int]:
        """The likeliest tokens, one after the other, until one of `stop` or `most`; the cap holds here too.

        The first token after `until` (of `time.monotonic`) is the last. `weigh` changes the logits (vocabulary) in
        view of what was found so far.
        """
        found: list[int] = []
        logits = read.logits
        while len(found) < most:
            token = int((weigh(logits, found) if weigh else logits).argmax())
            found.append(token)
            if token in stop or time.monotonic() > until:
                break
            logits = self.follow(read, token)
        return found

    @torch.inference_mode()
    def follow(self, read: Read, token: int) -> torch.Tensor:
        """Read one more token; the logits of what comes after it (vocabulary)."""
        if read.cache.over([kept + self.plan.cap.window - 1 for kept in self.kept]):
            read.cache.shrink(self.kept, self.plan.choose)
        ids = torch.tensor([token], device=self.model.device)
        place = torch.full((3, 1), read.position, device=self.model.device)
        visual = torch.zeros(1, dtype=torch.bool, device=self.model.device)
        piece = Piece(self.inner.get_input_embeddings()(ids), place, visual, [], 0)
        read.position += 1
        return torch.as_tensor(self.model.lm_head(self._forward(read.cache, [piece], None)[-1]))

    def _pass(self, held: cache.CappedCache, pending: list[Piece], question: Piece | None) -> torch.Tensor:
        choose = self.plan.choose
        watch = attention.Watch(held, choose.observed, choose.fading) if choose.watches else None
        hidden = self._forward(held, pending, watch)
        if held.over(self.kept):
            if question is not None and choose.watches:
                self._forward(held, [question], attention.Watch(held, 0, 1.0))
                for layer in held.layers:
                    layer.forget(question.tokens)
            held.shrink(self.kept, choose)
        return hidden

    def _forward(self, held: cache.CappedCache, pieces: list[Piece], watch: attention.Watch | None) -> torch.Tensor:
        embeds = torch.cat([piece.embeds for piece in pieces])[None]
        positions = torch.cat([piece.positions for piece in pieces], 1)[:, None]
        extra: dict[str, Any] = {}
        depth = max(len(piece.deep) for piece in pieces)
        if depth:
            extra["visual_pos_masks"] = torch.cat([piece.visual for piece in pieces])[None]
            extra["deepstack_visual_embeds"] = [
                torch.cat([piece.deep[i] for piece in pieces if piece.deep]) for i in range(depth)
            ]
        held.coming(torch.cat([torch.full((piece.tokens,), piece.event, device=embeds.device) for piece in pieces]))
        with attention.watching(watch, self.plan.blocks):
            out = self.text(inputs_embeds=embeds, position_ids=positions, past_key_values=held, use_cache=True, **extra)
        found: torch.Tensor = out.last_hidden_state[0]
        return found

    def _positions(self, prompt: Prompt) -> torch.Tensor:
        device = prompt.ids.device
        extra: dict[str, Any] = {}
        if prompt.grid is not None:
            extra["video_grid_thw"] = torch.tensor([prompt.grid], device=device)
            if "2_5" in self.model.config.model_type:
                extra["second_per_grid_ts"] = torch.tensor([prompt.seconds])
        elif prompt.pictures:
            extra["image_grid_thw"] = torch.tensor([*prompt.pictures], device=device)
        found, _ = self.inner.get_rope_index(prompt.ids[None], prompt.kinds[None], **extra)
        return torch.as_tensor(found[:, 0])

    def _question(self, prompt: Prompt, positions: torch.Tensor) -> Piece | None:
        """The text after the last visual token; None where nothing is shown, or nothing follows."""
        last = len(prompt.ids) - asked_tokens(prompt.kinds)
        if last >= len(prompt.ids):
            return None
        ids = prompt.ids[last:].to(self.model.device)
        visual = torch.zeros(len(ids), dtype=torch.bool, device=self.model.device)
        return Piece(self.inner.get_input_embeddings()(ids), positions[:, last:], visual, [], 0)

    def _pieces(self, prompt: Prompt, positions: torch.Tensor) -> Iterator[Piece]:
        """Runs of text and single temporal patches, in order."""
        merged = self.inner.visual.spatial_merge_size**2
        visual = int((prompt.kinds > 0).sum())
        if visual != sum(height * width // merged for height, width in prompt.frames):
            raise errors.UserError("model:longcontext.tokens", tokens=visual, grid=prompt.grid or [*prompt.pictures])
        frames = self._frames(prompt)
        embed = self.inner.get_input_embeddings()
        starts = set(prompt.events)
        at = event = patch = 0
        seen: torch.Tensor | None = None
        kinds = prompt.kinds.tolist()
        while at < len(kinds):
            end = at
            if not kinds[at]:
                while end < len(kinds) and not kinds[end]:
                    end += 1
                ids = prompt.ids[at:end].to(self.model.device)
                plain = torch.zeros(end - at, dtype=torch.bool, device=self.model.device)
                yield Piece(embed(ids), positions[:, at:end], plain, [], event)
            else:
                found, deep = next(frames)
                end = at + (per := int(found.shape[0]))
                event += patch in starts and patch > 0
                patch += 1
                keep = torch.ones(per, dtype=torch.bool, device=found.device)
                if seen is not None and seen.shape != found.shape:
                    seen = None  # a picture of another size has other places
                if self.plan.merge < 1 and seen is not None:
                    keep = torch.nn.functional.cosine_similarity(found, seen, dim=-1) < self.plan.merge
                seen = found if seen is None else torch.where(keep[:, None], found, seen)
                if bool(keep.any()):
                    yield Piece(
                        found[keep],
                        positions[:, at:end].to(keep.device)[:, keep],
                        torch.ones(int(keep.sum()), dtype=torch.bool, device=found.device),
                        [one[keep] for one in deep],
                        event,
                    )
            at = end

    def _frames(self, prompt: Prompt) -> Iterator[tuple[torch.Tensor, list[torch.Tensor]]]:
        """Each temporal patch's or picture's embeddings (tokens, width), encoded a few at a time."""
        at = 0
        for first in range(0, len(prompt.frames), self.plan.encode):
            some = [(1, height, width) for height, width in prompt.frames[first : first + self.plan.encode]]
            end = at + sum(height * width for _, height, width in some)
            pixels = prompt.pixels[at:end].to(self.model.device)
            at = end
            # A temporal patch of a video is encoded as a picture is: the towers attend within a frame.
            made = self.inner.get_image_features(pixels, torch.tensor(some, device=self.model.device), return_dict=True)
            dtype = self.text.embed_tokens.weight.dtype
            sizes = [int(one.shape[0]) for one in made.pooler_output]
            deep = [torch.cat([*one]).split(sizes) if isinstance(one, (list, tuple)) else one.split(sizes)
                    for one in getattr(made, "deepstack_features", None) or []]  # fmt: skip
            for i, whole in enumerate(made.pooler_output):
                yield whole.to(dtype), [one[i] for one in deep]


def asked_tokens(kinds: torch.Tensor) -> int:
    """How many tokens of text follow the last visual one: the question. 0 where nothing is shown."""
    shown = kinds.nonzero()
    return len(kinds) - int(shown.max()) - 1 if len(shown) else 0
