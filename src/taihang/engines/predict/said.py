"""Said: what a chat server's bytes mean, and what kind of answer a model's text is. Bad input raises nothing."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, Literal, TypeVar

import pydantic

from taihang.engines.predict import allowance, wire

_REFUSALS = re.compile(
    r"\W*(?:i(?:'|’)?m sorry\b|i am sorry\b|sorry,|i can(?:no|'|’)t\b|i(?:'m| am) (?:un|not )able to\b|as an ai\b|"
    r"i must decline|unable to (?:assist|help|comply)|抱歉|对不起|很遗憾|作为(?:一个|一名)?(?:人工智能|ai|语言模型)|"
    r"我(?:无法|不能|没有办法)|无法(?:协助|提供|完成|回答))",
    re.I,
)
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)(?:\n```|\Z)", re.S | re.I)
_THOUGHT = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)", re.S | re.I)
_LONGEST_TEXT = 256 << 10
Form = TypeVar("Form", bound=pydantic.BaseModel)
Kind = Literal["ok", "empty", "refusal", "cut", "prose", "schema"]


@dataclasses.dataclass(frozen=True, slots=True)
class Spoken:
    """A server's reply: the model's text, why it stopped, a refusal that the server names, tokens, its model."""

    text: str = ""
    finish: str | None = None
    refusal: str | None = None
    usage: allowance.Usage | None = None
    model: str | None = None


def spoken(answer: wire.Response) -> Spoken | None:
    """The reply in a body: one JSON document or server-sent events; None when it is neither."""
    text = answer.body.decode("utf-8", "replace")
    if not text.strip():
        return Spoken()
    if "text/event-stream" in answer.headers.get("content-type", "") or text.lstrip().startswith(("data:", ":")):
        return _events(text)
    document = parsed(text)
    return _document(document) if isinstance(document, dict) else None


def parsed(text: str) -> Any:
    """The JSON value of a text, or None: not JSON, too deep, NaN in it, or one name twice in an object."""
    try:
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _document(document: dict[str, Any]) -> Spoken:
    choice = _first(document.get("choices"))
    message = choice.get("message")
    if not isinstance(message, dict):
        message = {}
    return Spoken(
        text=_text(message.get("content"))[:_LONGEST_TEXT],
        finish=_name(choice.get("finish_reason")),
        refusal=_text(message.get("refusal")) or None,
        usage=_usage(document.get("usage")),
        model=_name(document.get("model")),
    )


def _events(text: str) -> Spoken:
    pieces: list[str] = []
    refused: list[str] = []
    finish = usage = model = None
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name != "data" or rest.strip() == "[DONE]":
            continue
        event = parsed(rest)
        if not isinstance(event, dict):
            continue
        choice = _first(event.get("choices"))
        delta = choice.get("delta")
        if isinstance(delta, dict):
            pieces.append(_text(delta.get("content")))
            refused.append(_text(delta.get("refusal")))
        finish = _name(choice.get("finish_reason")) or finish
        usage = _usage(event.get("usage")) or usage
        model = _name(event.get("model")) or model
    return Spoken("".join(pieces)[:_LONGEST_TEXT], finish, "".join(refused) or None, usage, model)


def _first(choices: Any) -> dict[str, Any]:
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


def _text(content: Any) -> str:
    """Content as text: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
    return ""


def _name(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) and value else None


def _usage(value: Any) -> allowance.Usage | None:
    if not isinstance(value, dict):
        return None
    prompt, completion = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    return allowance.Usage(prompt, completion)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None


def judged(reply: Spoken, form: type[Form] | None) -> tuple[Kind, Form | None]:
    """What kind of reply it is, and its value."""
    text = _THOUGHT.sub("", reply.text).strip()
    if reply.refusal or reply.finish == "content_filter":
        return "refusal", None
    if not text:
        return ("cut" if reply.finish == "length" else "empty"), None
    if form is None:
        return ("cut" if reply.finish == "length" else "refusal" if _REFUSALS.match(text) else "ok"), None
    return _structured(text, form, cut=reply.finish == "length")


def _structured(text: str, form: type[Form], *, cut: bool) -> tuple[Kind, Form | None]:
    fence = _FENCE.search(text)
    body = fence[1].strip() if fence else text
    value = parsed(body)
    if value is None and (start := body.find("{")) >= 0:
        # Words around one object are forgiven; what is inside it is not guessed at.
        try:
            value, end = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once).raw_decode(body, start)
        except (ValueError, RecursionError):
            unended = cut or _unended(body[start:])
            return ("cut" if unended else "schema"), None
        if "{" in body[end:]:
            return "schema", None  # two answers are none
    if not isinstance(value, dict):
        if cut:
            return "cut", None
        return ("refusal" if _REFUSALS.match(text) else "schema" if value is not None else "prose"), None
    try:
        return "ok", form.model_validate_json(json.dumps(value))
    except (ValueError, RecursionError):
        return "schema", None


def _unended(text: str) -> bool:
    """True when brackets or a string are still open at the end."""
    depth, inside, escaped = 0, False, False
    for letter in text:
        if escaped:
            escaped = False
        elif inside:
            escaped, inside = letter == "\\", letter != '"'
        elif letter == '"':
            inside = True
        else:
            depth += (letter in "{[") - (letter in "}]")
    return inside or depth > 0
