"""Policy: which tokens of a layer stay when room is short.

Each head chooses for itself. The first tokens (attention sinks: Xiao et al., 2023) and the newest ones
always stay; among the rest a score decides.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

import torch

from taihang.core import errors

Name = Literal["recency", "uniform", "value-norm", "key-norm", "key-diff", "attention", "mixed"]


@dataclasses.dataclass(slots=True)
class Marks:
    """What is known of the tokens that a layer holds; all of shape (batch, heads, tokens).

    `places` are positions in the whole sequence, `used` the attention that probes and the last queries
    of each window paid, `values` and `keys` the Euclidean norms, `event` the event's number, `odd` how little a key
    looks like the others, from -1 to 1, where a policy asks for it.
    """

    places: torch.Tensor
    used: torch.Tensor
    values: torch.Tensor
    keys: torch.Tensor
    event: torch.Tensor
    odd: torch.Tensor

    @classmethod
    def empty(cls) -> Marks:
        """Of no token."""
        none = torch.zeros(1, 0, 0)
        return cls(none, none, none, none, none, none)

    @classmethod
    def fresh(
        cls, keys: torch.Tensor, values: torch.Tensor, places: torch.Tensor, events: torch.Tensor | None = None
    ) -> Marks:
        """Of a window that has just come."""
        shape = keys.shape[:-1]
        return cls(
            places.expand(shape).clone(),
            torch.zeros(shape, device=keys.device),
            values.float().norm(dim=-1),
            keys.float().norm(dim=-1),
            (torch.zeros_like(places) if events is None else events).expand(shape).clone(),
            torch.zeros(shape, device=keys.device),
        )

    def joined(self, other: Marks) -> Marks:
        """These, then those."""
        if not self.places.shape[-1]:
            return other
        return Marks(*(torch.cat([getattr(self, f), getattr(other, f)], -1) for f in _FIELDS))

    def first(self, count: int) -> Marks:
        """The first so many."""
        return Marks(*(getattr(self, f)[..., :count] for f in _FIELDS))

    @classmethod
    def mean(cls, some: Sequence[Marks]) -> Marks:
        """What layers know of the same tokens, averaged."""
        return cls(*(torch.stack([getattr(one, f).float() for one in some]).mean(0) for f in _FIELDS))

    def taken(self, index: torch.Tensor) -> Marks:
        """Those at `index` (batch, heads, kept)."""
        return Marks(*(getattr(self, f).gather(-1, index) for f in _FIELDS))

    def compared(self, keys: torch.Tensor) -> None:
        """Note how far each of `keys` (batch, heads, tokens, width) points away from their common direction."""
        directions = torch.nn.functional.normalize(keys.float(), dim=-1)
        self.odd = -torch.nn.functional.cosine_similarity(directions, directions.mean(-2, keepdim=True), dim=-1)

    def looked(self, query: torch.Tensor, keys: torch.Tensor, scaling: float, weight: float) -> None:
        """Add the attention of `query` (batch, query heads, queries, width) to `keys`, causally, to `used`.

        Older use fades by `1 - weight`, so that the newest observation counts `weight`.
        """
        batch, heads, total = self.used.shape
        count = query.shape[-2]
        grouped = query.reshape(batch, heads, -1, count, query.shape[-1])
        scores = torch.einsum("bhgqd,bhkd->bhgqk", grouped.float(), keys.float()) * scaling
        newest = (
            torch.arange(total, device=keys.device) > torch.arange(total - count, total, device=keys.device)[:, None]
        )
        paid = scores.masked_fill(newest, float("-inf")).softmax(-1).mean((2, 3))
        self.used = self.used * (1 - weight) + paid * weight


_WORD = 1 << 32
_FIELDS = ("places", "used", "values", "keys", "event", "odd")
_Score = Callable[[Marks], torch.Tensor]


def _spread(marks: Marks) -> torch.Tensor:
    # A mixed number of each place, which no period of the tokens can be in step with. (Bits in reverse order take every
    # fourth place first: of Qwen3-VL's four tokens a small frame never the one that shows it. Multiples of the golden
    # section do the same at 13, 21 or 34 tokens a frame.)
    found = marks.places.long() * 2_654_435_761 % _WORD
    found = (found ^ found >> 15) * 2_246_822_519 % _WORD
    return (found ^ found >> 13).float() / _WORD


SCORES: dict[str, _Score] = {
    "recency": lambda marks: marks.places.float(),
    "uniform": _spread,
    "value-norm": lambda marks: marks.values,
    "key-norm": lambda marks: -marks.keys,
    # What is told already goes first: Park et al., KeyDiff, 2025.
    "key-diff": lambda marks: marks.odd,
    "attention": lambda marks: marks.used,
    # What a token adds to an output is its attention times its value.
    "mixed": lambda marks: (marks.used + 1e-6) * marks.values,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """How tokens are chosen. `floor` is the share of the room that is dealt out evenly among the events.

    `observed` queries at the end of each window are watched for `attention` and `mixed`; `fading` is the
    weight of the newest observation. `pool` smooths scores over neighbours, so that what surrounds a
    place that matters stays with it (Li et al., SnapKV, 2024). `shared` adjacent layers share a choice.
    """

    name: Name = "mixed"
    sinks: int = 4
    recent: int = 32
    floor: float = 0.0
    observed: int = 32
    fading: float = 0.3
    pool: int = 5
    shared: int = 1

    def __post_init__(self) -> None:
        if self.name not in SCORES:
            raise errors.UserError("model:longcontext.policy", name=self.name, known=", ".join(SCORES))

    @property
    def watches(self) -> bool:
        """True when attention has to be observed."""
        return self.name in {"attention", "mixed"}

    @property
    def compares(self) -> bool:
        """True when keys have to be compared with one another."""
        return self.name == "key-diff"

    def choose(self, marks: Marks, most: int) -> torch.Tensor:
        """Which tokens stay: (batch, heads, most), ascending."""
        score = SCORES[self.name](marks).clone()
        if self.pool > 1 and self.name not in {"recency", "uniform"}:
            flat = score.flatten(0, 1).unsqueeze(1)
            score = torch.nn.functional.max_pool1d(flat, self.pool, 1, self.pool // 2).squeeze(1).view_as(score)
        total = score.shape[-1]
        if self.floor > 0:
            score = _with_floor(score, marks.event, int((most - self.sinks - self.recent) * self.floor))
        score[..., : min(self.sinks, total)] = float("inf")
        score[..., max(0, total - self.recent) :] = float("inf")
        return score.topk(most, dim=-1).indices.sort(dim=-1).values


def _with_floor(score: torch.Tensor, event: torch.Tensor, room: int) -> torch.Tensor:
    """Lift the best tokens of each event above all others, an equal number of each."""
    numbers = event.unique()
    each = room // max(len(numbers), 1)
    if not each:
        return score
    highest = score.amax(-1, keepdim=True)
    lifted = score.clone()
    for number in numbers:
        inside = score.masked_fill(event != number, float("-inf"))
        count = min(each, score.shape[-1])
        best = inside.topk(count, dim=-1)
        lift = torch.where(
            best.values > float("-inf"), best.values + highest.abs() + 1, lifted.gather(-1, best.indices)
        )
        lifted.scatter_(-1, best.indices, lift)
    return lifted
