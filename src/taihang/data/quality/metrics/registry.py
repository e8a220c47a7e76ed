"""Registry: every metric with what it means, what it costs, and an example that fails and one that passes.

A metric is one function from one item to one number. Register it with the decorator `metric`, give
`metric.ID` and `formula.ID` in the `messages.toml` of the package that the function stands in, and name
its module in `MODULES`; packages of others name theirs in an entry point of the group `taihang.metrics`.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from taihang.core import errors, i18n

GROUP = "taihang.metrics"
Modality = Literal["table", "text", "image", "video", "audio", "series", "points", "trajectory", "labels"]
MODALITIES: tuple[Modality, ...] = (
    "table", "text", "image", "video", "audio", "series", "points", "trajectory", "labels",
)  # fmt: skip
Direction = Literal["higher", "lower", "within"]
Scope = Literal["item", "set"]
Cost = Literal["header", "scan", "decode", "model"]
MODULES: list[str] = [
    "taihang.data.quality.metrics.agreement",
    "taihang.data.quality.metrics.audio",
    "taihang.data.quality.metrics.boxes",
    "taihang.data.quality.metrics.change",
    "taihang.data.quality.metrics.image",
    "taihang.data.quality.metrics.points",
    "taihang.data.quality.metrics.series",
    "taihang.data.quality.metrics.table",
    "taihang.data.quality.metrics.trajectory",
    "taihang.data.quality.metrics.video",
    "taihang.data.quality.text.metrics",
]
"""Modules that register metrics when they are imported; one a line, so that branches do not meet."""


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    `id` is `MODALITY.NAME`. `compute` takes one item (what that is the modality's module says) and
    gives a number, or None when it cannot be told. `direction`: `higher` and `lower` say which is
    better and `bound` the worst value that is still good; `within` has both ends. `cost`: `header`
    reads no content, `scan` reads a table or text, `decode` decodes a picture or sound, `model` asks
    a model. `failing` and `passing` make items on either side of the bound. `of`: a `set` metric measures
    many items together, or an item against a reference; an `item` metric becomes a column of the table
    that `taihang assess FOLDER` makes of the items.
    """

    id: str
    package: str
    dimension: str
    source: str
    unit: str
    direction: Direction
    bound: tuple[float, float]
    cost: Cost
    compute: Callable[[Any], float | None]
    failing: Callable[[], Any]
    passing: Callable[[], Any]
    of: Scope = "item"

    @property
    def column(self) -> str:
        """The column that holds it in the table of its modality's items."""
        return self.id.partition(".")[2]

    @property
    def modality(self) -> str:
        """What kind of item it measures."""
        return self.id.partition(".")[0]

    @property
    def name(self) -> i18n.Text:
        """Its name."""
        return i18n.Message(key=f"{self.package}:metric.{self.id}").both()

    @property
    def formula(self) -> i18n.Text:
        """How it is computed."""
        return i18n.Message(key=f"{self.package}:formula.{self.id}").both()

    def good(self, value: float | None) -> bool | None:
        """True within the bound, both ends included; None when the value cannot be told."""
        if value is None or math.isnan(value):
            return None
        return self.bound[0] <= value <= self.bound[1]


Keep = Callable[[Callable[[Any], "float | None"]], Callable[[Any], "float | None"]]
_metrics: dict[str, Metric] = {}
_Function = TypeVar("_Function", bound=Callable[[Any], "float | None"])


def metric(
    id: str,
    *,
    dimension: str,
    source: str,
    direction: Direction,
    bound: float | tuple[float, float],
    cost: Cost,
    failing: Callable[[], Any],
    passing: Callable[[], Any],
    unit: str = "",
    of: Scope = "item",
) -> Callable[[_Function], _Function]:
    """Register a function as a metric; `bound` is one number for `higher` and `lower`, two for `within`."""
    if id.partition(".")[0] not in MODALITIES:
        raise ValueError(f"{id}: a metric's id starts with one of {', '.join(MODALITIES)}")
    if isinstance(bound, tuple):
        low, high = bound
    else:
        low, high = (bound, math.inf) if direction == "higher" else (-math.inf, bound)

    def keep(function: _Function) -> _Function:
        known = _metrics.get(id)
        if known is not None and known.compute.__module__ != function.__module__:
            raise ValueError(f"{id}: registered by {known.compute.__module__} and by {function.__module__}")
        package = _package(function.__module__)
        _metrics[id] = Metric(
            id, package, dimension, source, unit, direction, (low, high), cost, function, failing, passing, of
        )
        return function

    return keep


def load() -> Mapping[str, Metric]:
    """Every metric, by id: the shipped ones and those of installed packages."""
    _load()
    order: dict[str, int] = {name: place for place, name in enumerate(MODALITIES)}
    return dict(sorted(_metrics.items(), key=lambda one: (order[one[1].modality], one[0])))


def of(modality: str) -> Mapping[str, Metric]:
    """Every metric of a modality, by id. Raises errors.UserError for a modality that there is not."""
    if modality not in MODALITIES:
        raise errors.UserError("data.quality.metrics:modality", name=modality, known=", ".join(MODALITIES))
    return {name: one for name, one in load().items() if one.modality == modality}


def columns(modality: str) -> Mapping[str, Metric]:
    """The metrics of single items of a modality, by the column that holds them."""
    return {one.column: one for one in of(modality).values() if one.of == "item"}


def get(id: str) -> Metric:
    """The metric of this id. Raises errors.UserError."""
    found = load()
    if id not in found:
        near = difflib.get_close_matches(id, found, n=5, cutoff=0.4) or MODALITIES
        raise errors.UserError("data.quality.metrics:unknown", name=id, known=", ".join(near))
    return found[id]


@functools.cache
def _load() -> None:
    for name in MODULES:
        importlib.import_module(name)
    for point in importlib.metadata.entry_points(group=GROUP):
        point.load()


def _package(module: str) -> str:
    """The nearest package of a module that has a catalogue, without `taihang.`; "" for none inside Taihang."""
    name = module
    while "." in name:
        name = name.rpartition(".")[0]
        spec = importlib.util.find_spec(name)
        places = spec.submodule_search_locations if spec is not None else None
        if any(Path(place, "messages.toml").is_file() for place in places or ()):
            return name.removeprefix("taihang").removeprefix(".")
    return ""
