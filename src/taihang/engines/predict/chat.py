"""Chat: a client of OpenAI-compatible chat endpoints (vLLM, SGLang, Ollama, a cloud) that trusts none of them.

An endpoint's faults are answers of their own kind, not exceptions: whoever asks decides what a refusal, an empty
reply or a stall means. Only what the caller wrote wrongly (address, key) is raised.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import random
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import pydantic

from taihang.core import errors, words
from taihang.engines.predict import allowance, said, wire

Form = TypeVar("Form", bound=pydantic.BaseModel)
Outcome = Literal[
    "ok",  # an answer; of the form asked for, where one was
    "empty",  # HTTP 200 with nothing in it
    "refusal",  # the model or the server will not answer
    "cut",  # the answer breaks off
    "too_large",  # more bytes than are read
    "prose",  # words where JSON was asked for
    "schema",  # JSON of another form
    "stalled",  # no answer within the time
    "unreachable",  # no connection, or a broken one
    "denied",  # 401 or 403
    "status",  # another HTTP status that is no success
    "no_chat",  # HTTP 200 with something that is no chat completion
    "broken",  # the model in this process failed
    "allowance",  # not asked: the job's tokens or money are spent
]
# What asking again may mend. 408, 425: asked too early or too slowly; 529: overloaded, as some clouds say it.
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_WAYS = ("json_schema", "guided_json", "prompt")
_LONGEST_WAIT_S = 30.0
_SLUG = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_PIXELS_A_TOKEN = 28 * 28 / 4  # an upper bound: the families that we know take 28 x 28 or 32 x 32 and more


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """Words in a message."""

    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message: its encoded bytes, their media type, and its size in pixels."""

    data: bytes
    width: int
    height: int
    media_type: str = "image/jpeg"


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Text | Image, ...]


class Endpoint(words.Word):
    """Where to ask. `url` is the base, as in `http://127.0.0.1:8000/v1`; `model` empty: the first that it lists.

    `key` is a reference (`env:NAME`, `file:PATH`). `private`: the address may lie inside, which is for those that the
    operator of this machine chose. `total_s` bounds one attempt, `stall_s` the time without a byte.
    """

    url: str = pydantic.Field(max_length=2000)
    model: str = pydantic.Field(default="", max_length=300)
    key: str = pydantic.Field(default="", max_length=1100)
    ca_file: Path | None = None
    private: bool = False
    connect_s: float = pydantic.Field(default=10.0, gt=0, le=600)
    stall_s: float = pydantic.Field(default=120.0, gt=0, le=3600)
    total_s: float = pydantic.Field(default=300.0, gt=0, le=7200)
    attempts: int = pydantic.Field(default=4, ge=1, le=20)
    concurrency: int = pydantic.Field(default=4, ge=1, le=256)
    largest_bytes: int = pydantic.Field(default=2 << 20, ge=1024, le=1 << 30)
    max_tokens: int = pydantic.Field(default=1024, ge=1, le=1 << 20)
    temperature: float = pydantic.Field(default=0.0, ge=0, le=2)
    stream: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Answer(Generic[Form]):
    """What came of one question. `value` is set exactly when a form was asked for and the outcome is `ok`.

    `text` is the model's own: data, never an instruction. `detail` is a status or a short reason; `attempts` counts
    what was sent; `usage` is of all attempts together.
    """

    outcome: Outcome
    text: str = ""
    value: Form | None = None
    detail: str = ""
    usage: allowance.Usage = dataclasses.field(default_factory=allowance.Usage)
    attempts: int = 0
    model: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class _Style:
    """How to ask: the place in `_WAYS`, and whether the server takes `stream_options`."""

    way: int
    options: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Again:
    """Ask once more in this style, after so many seconds; None: at once, and it counts as no attempt."""

    style: _Style
    wait_s: float | None


class Client:
    """Asks one endpoint. Safe to share between threads; at most `concurrency` calls are under way at once.

    `secret` turns the endpoint's key reference into the key; it is asked once.
    Raises errors.UserError for an address that cannot be one, and for a key that is not there.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        secret: Callable[[str], str] | None = None,
        allowance: allowance.Allowance | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint = endpoint
        self.allowance = allowance or _unlimited()
        self._base = base(endpoint.url)
        self.host = str(urllib.parse.urlsplit(self._base).netloc)
        self._key = _key(endpoint.key, secret)
        self._sleep = sleep
        self._slots = threading.BoundedSemaphore(endpoint.concurrency)
        self._style = _Style(0, endpoint.stream)
        self._model = endpoint.model
        self._limits = wire.Limits(
            connect_s=endpoint.connect_s,
            stall_s=endpoint.stall_s,
            total_s=endpoint.total_s,
            largest=endpoint.largest_bytes,
            private=endpoint.private,
            ca_file=endpoint.ca_file,
        )

    def models(self) -> tuple[str, ...]:
        """The names that the server lists; none when it lists nothing."""
        try:
            found = wire.call(self._base + "/models", None, self._headers(), self._limits)
        except (wire.Unreachable, wire.Stalled, wire.Broken):
            return ()
        document = said.parsed(found.body.decode("utf-8", "replace")) if found.status == 200 else None
        listed = document.get("data") if isinstance(document, dict) else None
        names = [one.get("id") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return tuple(name for name in names if isinstance(name, str) and 0 < len(name) <= 300)[:1000]

    @property
    def model(self) -> str:
        """The model that is asked: the one that was named, else the first that the server lists, else none."""
        if not self._model:
            self._model = next(iter(self.models()), "")
        return self._model

    def ask(
        self, messages: Sequence[Message], form: type[Form] | None = None, *, max_tokens: int | None = None
    ) -> Answer[Form]:
        """One question, tried again where that may help. With `form`, the answer is a JSON object of that model.

        Never raises for what the endpoint does.
        """
        most_out = max_tokens or self.endpoint.max_tokens
        most = allowance.Usage(prompt_bound(messages) + _form_bound(form), most_out, estimated=True)
        answer: Answer[Form] = Answer("unreachable")
        spent, tries, sent = allowance.Usage(), 0, 0
        style: _Style | None = self._style
        with self._slots:
            while style is not None and tries < self.endpoint.attempts:
                if not self.allowance.reserve(most):
                    answer = answer if sent else Answer("allowance")
                    break
                took = most
                try:
                    answer, again = self._once(messages, form, most, style)
                    took = answer.usage
                finally:
                    self.allowance.settle(most, took)
                spent, sent = spent + took, sent + 1
                if again is not None and again.wait_s is not None:
                    tries += 1
                    if tries < self.endpoint.attempts:
                        self._sleep(min(max(again.wait_s, _backoff(tries)), _LONGEST_WAIT_S))
                style = again.style if again is not None else None
        return dataclasses.replace(answer, usage=spent, attempts=sent)

    def _once(
        self, messages: Sequence[Message], form: type[Form] | None, most: allowance.Usage, style: _Style
    ) -> tuple[Answer[Form], _Again | None]:
        """One call: its answer, and how to ask again where that may help."""
        body = json.dumps(self._body(messages, form, style, most.completion), ensure_ascii=False).encode()
        found = self._sent(body, most)
        if isinstance(found, Answer):
            return found, _Again(style, 0.0)
        if found.cut:
            return Answer("too_large", detail=str(self.endpoint.largest_bytes), usage=most), None
        if found.status != 200:
            return _refused(found, form, style)
        self._style = style  # the server takes this way of asking
        reply = said.spoken(found)
        if reply is None:
            return Answer("no_chat", usage=most), None
        outcome, value = said.judged(reply, form)
        return Answer(
            outcome,
            reply.text,
            value,
            (reply.refusal or "")[:500],
            reply.usage or most,
            model=reply.model,
        ), None

    def _sent(self, body: bytes, most: allowance.Usage) -> wire.Response | Answer[Any]:
        try:
            return wire.call(self._base + "/chat/completions", body, self._headers(), self._limits)
        except wire.Unreachable as error:
            return Answer("unreachable", detail=str(error))
        except wire.Broken as error:  # it was sent, and may have been worked on
            return Answer("unreachable", detail=str(error), usage=most)
        except wire.Stalled:
            return Answer("stalled", usage=most)

    def _headers(self) -> dict[str, str]:
        own = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        return {**own, "Authorization": f"Bearer {self._key}"} if self._key else own

    def _body(
        self, messages: Sequence[Message], form: type[pydantic.BaseModel] | None, style: _Style, max_tokens: int
    ) -> dict[str, Any]:
        # Many servers pass over what they do not know, so the form is said in words, too.
        turns = [_turn(message) for message in (*messages, *told(form))]
        body: dict[str, Any] = {
            "messages": turns,
            "max_tokens": max_tokens,
            "temperature": self.endpoint.temperature,
            "stream": self.endpoint.stream,
        }
        if self.model:
            body["model"] = self.model
        if style.options:
            body["stream_options"] = {"include_usage": True}
        if form is not None and _WAYS[style.way] == "json_schema":
            schema = {"name": form.__name__, "schema": form.model_json_schema(), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif form is not None and _WAYS[style.way] == "guided_json":
            body["guided_json"] = form.model_json_schema()
        return body


def base(url: str) -> str:
    """The base address without a slash at its end; `/v1` where no path is given.

    Raises errors.UserError, which shows no more of it than the host: an address may hold a secret.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        raise errors.UserError("engines.predict:chat.url") from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise errors.UserError("engines.predict:chat.secret_in_url", host=parts.hostname or "-")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or re.search(r"[\s\x00-\x1f]", url):
        raise errors.UserError("engines.predict:chat.url")
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    if not path.isascii() or not parts.netloc.isascii():
        raise errors.UserError("engines.predict:chat.url")
    return f"{parts.scheme}://{parts.netloc}{path}"


def prompt_bound(messages: Sequence[Message]) -> int:
    """More tokens than the messages can take: a token a byte of text, and for a picture by its pixels."""
    total = 0
    for message in messages:
        total += 16
        for part in message.parts:
            if isinstance(part, Text):
                total += len(part.text.encode("utf-8", "replace"))
            else:
                total += 16 + int(part.width * part.height / _PIXELS_A_TOKEN)
    return total


def _unlimited() -> allowance.Allowance:
    return allowance.Allowance()


def _form_bound(form: type[pydantic.BaseModel] | None) -> int:
    return prompt_bound(told(form))


def told(form: type[pydantic.BaseModel] | None) -> tuple[Message, ...]:
    """The form in words, as the last turn of a question."""
    if form is None:
        return ()
    schema = json.dumps(form.model_json_schema(), ensure_ascii=False, separators=(",", ":"))
    text = f"Answer with one JSON object that is valid against this JSON Schema, and with nothing else:\n{schema}"
    return (Message("user", (Text(text),)),)


def _turn(message: Message) -> dict[str, Any]:
    if all(isinstance(part, Text) for part in message.parts):  # plain text is what every server takes
        return {"role": message.role, "content": "\n".join(p.text for p in message.parts if isinstance(p, Text))}
    return {"role": message.role, "content": [_part(part) for part in message.parts]}


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    data = base64.b64encode(part.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{data}"}}


def _key(reference: str, secret: Callable[[str], str] | None) -> str:
    if not reference:
        return ""
    if secret is None or not reference.startswith(("env:", "file:")):
        raise errors.UserError("engines.predict:chat.key_form")
    key = secret(reference)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise errors.UserError("engines.predict:chat.key_letters", reference=reference)
    return key


def _refused(found: wire.Response, form: type[Form] | None, style: _Style) -> tuple[Answer[Form], _Again | None]:
    """A status that is no success: nothing was generated, so nothing was paid."""
    detail = _reason(found)
    if found.status in (401, 403):
        return Answer("denied", detail=detail), None
    again = None
    if found.status in AGAIN:
        again = _Again(style, _retry_after(found.headers))
    elif found.status in (400, 422, 501) and style.options:
        # Asked in a way that the server does not know, perhaps: asked again more plainly.
        again = _Again(_Style(style.way, options=False), None)
    elif found.status in (400, 422, 501) and form is not None and style.way + 1 < len(_WAYS):
        again = _Again(_Style(style.way + 1, style.options), None)
    return Answer("status", detail=detail), again


def _reason(found: wire.Response) -> str:
    """The status, and the server's own code for it. Its sentences are left out: some repeat the key."""
    document = said.parsed(found.body.decode("utf-8", "replace"))
    error = document.get("error") if isinstance(document, dict) else None
    code = error.get("code") or error.get("type") if isinstance(error, dict) else None
    named = isinstance(code, str) and _SLUG.fullmatch(code) and not code.startswith("sk-")
    return f"HTTP {found.status}" + (f" {code}" if named else "")


def _retry_after(headers: Mapping[str, str]) -> float:
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return 0.0
    return min(seconds, _LONGEST_WAIT_S) if seconds > 0 else 0.0  # NaN is not greater


def _backoff(tries: int) -> float:
    """Seconds before the next attempt: twice as long each time, at random, so that many do not come at once."""
    return float(min(0.5 * 2**tries, _LONGEST_WAIT_S) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
