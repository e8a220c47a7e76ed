"""Speaker: whatever answers questions about pictures in words: an endpoint, or a model in this process.

A spec is `http(s)://HOST[:PORT]/v1[#MODEL]`, or `hf:PATH` / `hf:ORG/NAME` for a Qwen2.5-VL or Qwen3-VL.
"""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol

import pydantic

from taihang.core import errors, i18n, settings, words
from taihang.engines.predict import allowance, chat

_REFERENCE = r"^$|^env:[A-Za-z_][A-Za-z0-9_]{0,199}$|^file:.{1,1000}$"


class Settings(settings.Section):
    """`[vlm]` in taihang.toml, `TAIHANG_VLM_…` in the environment.

    `allowed`: the specs, with commas between, that a job of the platform may name; a command on this machine may name
    any. `key` is a reference (`env:NAME`, `file:PATH`) and goes to `key_host` (`host` or `host:port`) alone.
    `tokens` and `money` bound one job (0: no bound); prices are for a million tokens. `frames` a call, each at most
    `longest_px` long. `calls` bounds a video. `cache_tokens`: what the key-value cache of a model in this process may
    hold of one question, in tokens a layer (0: all of it); followed by `app.speaking`.
    """

    name: ClassVar[str] = "vlm"
    allowed: str = ""
    key: Annotated[str, pydantic.StringConstraints(pattern=_REFERENCE)] = ""
    key_host: str = ""
    ca_file: Path | None = None
    tokens: int = pydantic.Field(default=2_000_000, ge=0)
    money: float = pydantic.Field(default=0.0, ge=0)
    price_prompt: float = pydantic.Field(default=0.0, ge=0)
    price_completion: float = pydantic.Field(default=0.0, ge=0)
    concurrency: int = pydantic.Field(default=2, ge=1, le=64)
    attempts: int = pydantic.Field(default=3, ge=1, le=20)
    stall_s: float = pydantic.Field(default=120.0, gt=0, le=3600)
    total_s: float = pydantic.Field(default=300.0, gt=0, le=7200)
    max_tokens: int = pydantic.Field(default=1024, ge=16, le=1 << 16)
    frames: int = pydantic.Field(default=8, ge=1, le=64)
    longest_px: int = pydantic.Field(default=768, ge=64, le=4096)
    calls: int = pydantic.Field(default=500, ge=1, le=100_000)
    cache_tokens: int = pydantic.Field(default=0, ge=0, le=1 << 24)

    def purse(self) -> allowance.Allowance:
        """What one job may spend."""
        price = allowance.Price(self.price_prompt, self.price_completion)
        return allowance.Allowance(self.tokens or None, self.money or None, price)


class Speaker(Protocol):
    """Answers questions about pictures. `sha256` is None where nobody can tell which weights answer."""

    name: str
    version: str
    sha256: words.Sha256 | None
    concurrency: int
    allowance: allowance.Allowance
    limits: tuple[i18n.Message, ...]

    def ask(self, messages: Sequence[chat.Message], form: type[chat.Form]) -> chat.Answer[chat.Form]:
        """One question, answered in a form; faults are outcomes, nothing is raised for them.

        Raises errors.UserError where a setting leaves no room for any such question.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """How an answer ends: with the token `end`, after `most` tokens, or with the first one after `seconds`."""

    most: int
    seconds: float
    end: int


class Writer(Protocol):
    """Another way for a model in this process to write an answer, given from above: engines know no model.

    `mark` stands for it in the model's version, `limits` in a report.
    """

    @property
    def mark(self) -> str:
        """What tells its answers from others of the same weights."""

    @property
    def limits(self) -> tuple[i18n.Message, ...]:
        """What a reader has to know of it."""

    def write(self, model: Any, feed: Mapping[str, Any], wanted: Wanted) -> list[int] | None:
        """The likeliest answer's tokens, `end` included; None leaves this question to transformers.

        `feed` is what the model is called with, batch 1. Raises errors.UserError for what no retry would mend.
        """


class Remote:
    """A model behind an endpoint."""

    limits: tuple[i18n.Message, ...] = (i18n.Message(key="engines.predict:vlm.limit.remote"),)

    def __init__(self, client: chat.Client) -> None:
        self._client = client
        self.name = f"{client.model or '-'} @ {client.host}"
        self.version = client.model or "-"
        self.sha256: words.Sha256 | None = None
        self.concurrency = client.endpoint.concurrency
        self.allowance = client.allowance

    def ask(self, messages: Sequence[chat.Message], form: type[chat.Form]) -> chat.Answer[chat.Form]:
        """As the contract says."""
        return self._client.ask(messages, form)


def producer(speaker: Speaker) -> words.Producer:
    """The speaker as evidence names it."""
    return words.Producer(name=speaker.name, version=speaker.version[:200], sha256=speaker.sha256)


def permitted(spec: str, given: Settings) -> bool:
    """True when a job of the platform may name this spec."""
    return spec in {one.strip() for one in given.allowed.split(",") if one.strip()}


def load(
    spec: str, given: Settings, secret: Callable[[str], str] | None = None, writer: Writer | None = None
) -> Speaker:
    """The speaker that a spec names. `secret` reads a key reference; `writer` writes for a model in this process.

    Raises errors.UserError for a spec that names nothing, errors.MissingExtra without the parts that `hf:` needs.
    """
    head, _, rest = spec.partition(":")
    if head == "hf" and rest:
        from taihang.engines.predict import hub_speaker  # noqa: PLC0415 - torch and transformers are an extra

        return hub_speaker.HubSpeaker(rest, given, writer)
    if head not in ("http", "https"):
        # What was given may be a key that was pasted in the wrong place: it is not repeated.
        raise errors.UserError("engines.predict:vlm.spec")
    address, _, model = spec.partition("#")
    host = urllib.parse.urlsplit(chat.base(address)).netloc
    endpoint = chat.Endpoint(
        url=address,
        model=model[:300],
        key=given.key if given.key and host.casefold() == given.key_host.strip().casefold() else "",
        ca_file=given.ca_file,
        private=True,  # whoever runs this machine chose it: on its command line, or under `allowed`
        stall_s=given.stall_s,
        total_s=given.total_s,
        attempts=given.attempts,
        concurrency=given.concurrency,
        max_tokens=given.max_tokens,
    )
    return Remote(chat.Client(endpoint, secret=secret, allowance=given.purse()))
