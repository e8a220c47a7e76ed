"""Which predictors there are: a dict filled by a decorator.

A plug-in is a module that an entry point of group `taihang.predictors` names; importing it runs
`@registry.scheme("its-name")` on a function `(rest of the spec, Options) -> Predictor`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from taihang.engines.predict import predictor as contract

GROUP = "taihang.predictors"


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What a caller may say of any predictor; None leaves the predictor's own choice."""

    labels: tuple[str, ...] | None = None
    threshold: float | None = None
    threads: int = 2


Builder = Callable[[str, Options], contract.Predictor]
BUILDERS: dict[str, Builder] = {}


def scheme(name: str) -> Callable[[Builder], Builder]:
    """Register a builder under the word that a spec starts with: `name` or `name:rest`."""

    def register(builder: Builder) -> Builder:
        if name in BUILDERS:
            raise ValueError(f"two predictors are registered as {name!r}")
        BUILDERS[name] = builder
        return builder

    return register
