"""Taihang 太行: from raw safety data to evidence and decision.

The names below are loaded when first used, so that `import taihang` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taihang.app.client.client import Client as Client
    from taihang.app.inspect import inspect as inspect
    from taihang.data.quality.chain import expect as expect

__version__ = "0.1.0"

_LAZY = {
    "Client": "taihang.app.client.client",
    "expect": "taihang.data.quality.chain",
    "inspect": "taihang.app.inspect",
}
__all__ = ["Client", "__version__", "expect", "inspect"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'taihang' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
