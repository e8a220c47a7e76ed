"""Speaking: the speaker that `--vlm` names, with what the settings ask of one in this process."""

from __future__ import annotations

from taihang.engines.predict import speaker
from taihang.trust.access import secrets


def load(spec: str, given: speaker.Settings) -> speaker.Speaker:
    """The speaker of a spec; one in this process answers under the cap that `cache_tokens` sets.

    Raises errors.UserError for a spec that names nothing and for a cap that holds nothing, errors.MissingExtra.
    """
    writer: speaker.Writer | None = None
    if given.cache_tokens and spec.startswith("hf:"):
        from taihang.model.longcontext import answering  # noqa: PLC0415 - torch and transformers are an extra

        writer = answering.Capped.of(given.cache_tokens)
    return speaker.load(spec, given, secrets.read, writer)
