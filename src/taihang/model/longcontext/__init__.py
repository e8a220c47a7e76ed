"""Long video in a vision-language model under a hard cap of the key-value cache. Needs the extra `hub`."""

from taihang.core import errors

try:
    import torch
    import transformers
except ImportError:
    raise errors.MissingExtra("hub", "taihang.model.longcontext") from None

__all__ = ["torch", "transformers"]
