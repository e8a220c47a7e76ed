"""From what a user writes after `--detector` to a predictor."""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections.abc import Sequence
from pathlib import Path

from taihang.core import errors

# Importing them registers them.
from taihang.engines.predict import builtin, hub, onnx, registry
from taihang.engines.predict import predictor as contract

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_WORD = re.compile(r"[\w.-]+")
OWN = (builtin.__name__, onnx.__name__, hub.__name__)


def load(
    spec: str, labels: Sequence[str] | None = None, threshold: float | None = None, threads: int = 2
) -> contract.Predictor:
    """Build the predictor that `spec` names.

    `builtin`; a path that ends in `.onnx`; a hub id `org/name` or a local folder that holds a
    transformers model; or `NAME:REST` for a plug-in. `labels` replace the model's own names,
    `threshold` in (0, 1) is the lowest score reported, `threads` ≥ 1 limits the model's.

    Raises errors.UserError when nothing answers to the spec or the file cannot be used,
    errors.MissingExtra when an optional part is not installed.
    """
    if threshold is not None and not 0 < threshold < 1:
        raise errors.UserError("engines.predict:bad_threshold", threshold=threshold)
    options = registry.Options(None if labels is None else tuple(labels), threshold, max(1, threads))
    found = _find(spec)
    if found is None:
        plugins()
        found = _find(spec)
    if found is None:
        known = ", ".join(sorted(registry.BUILDERS))
        raise errors.UserError("engines.predict:unknown_spec", spec=spec, known=known)
    name, rest = found
    return registry.BUILDERS[name](rest, options)


def _find(spec: str) -> tuple[str, str] | None:
    head, _, rest = spec.partition(":")
    if spec in registry.BUILDERS:
        return spec, ""
    if _WORD.fullmatch(head) and head in registry.BUILDERS and rest:
        return head, rest
    if spec.lower().endswith(".onnx"):
        return "onnx", spec
    if _HUB_ID.fullmatch(spec) or (spec and Path(spec).is_dir()):
        return "hub", spec
    return None


@functools.cache
def plugins() -> None:
    """Import every installed plug-in once. Raises errors.UserError, naming the one that breaks."""
    for point in sorted(importlib.metadata.entry_points(group=registry.GROUP), key=lambda p: p.name):
        try:
            point.load()
        except Exception as error:
            name = f"{point.name} ({point.value})"
            raise errors.UserError("engines.predict:plugin_broken", plugin=name, reason=repr(error)) from error
