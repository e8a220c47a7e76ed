"""Reading: which texts a source holds: a column of a table, pairs of instruction and answer, chats, or files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from taihang.core import errors
from taihang.engines.sources import opening, plaintext
from taihang.engines.sources import source as sourcing

_PAIRS = (("instruction", "input", "output"), ("prompt", None, "response"), ("prompt", None, "completion"),
          ("question", None, "answer"), ("query", None, "response"), ("instruction", "input", "response"))  # fmt: skip
_CHATS = ("messages", "conversations", "conversation")
_TEXTS = ("text", "content", "body", "文本", "内容", "正文")
_USERS, _ANSWERS = frozenset({"user", "human", "prompter"}), frozenset({"assistant", "gpt", "model", "bot"})
Form = Literal["column", "pair", "chat"]


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """One text, and where it stands. Of a pair or a chat, `question` and `answer` are its halves."""

    row: int
    part: str
    line: int | None
    text: str | None
    question: str | None = None
    answer: str | None = None


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The texts of a source, which may be read as often as needed."""

    source: sourcing.Source
    form: Form
    columns: tuple[str, ...]

    def batches(self, rows: int = 4096) -> Iterator[list[Text]]:
        """All texts in order."""
        names = [name for name in self.columns if name]
        for chunk in self.source.chunks(names, rows):
            columns = {name: chunk.data.column(name).to_pylist() for name in names}
            made = []
            for at in range(chunk.data.num_rows):
                line = None if chunk.lines is None else int(chunk.lines[at])
                made.append(self._one({n: v[at] for n, v in columns.items()}, chunk.start + at, chunk.part, line))
            yield made

    def _one(self, values: dict[str, Any], row: int, part: str, line: int | None) -> Text:
        if self.form == "column":
            value = values[self.columns[0]]
            return Text(row, part, line, None if value is None else str(value))
        if self.form == "chat":
            question, answer = _chat(values[self.columns[0]])
        else:
            asked, given, answered = self.columns
            halves = [_plain(values.get(asked)), _plain(values.get(given)) if given else ""]
            question, answer = "\n".join(half for half in halves if half), _plain(values.get(answered))
        whole = "\n".join(half for half in (question, answer) if half)
        return Text(row, part, line, whole or None, question, answer)


def open(spec: str, column: str | None = None) -> Corpus:
    """The texts of a file, folder or table; `column` names a column of texts.

    Without it: `instruction`/`input`/`output` and the like are pairs, `messages` and `conversations` chats, `text`
    and `content` texts; else the one column of texts that there is. A `.txt` or `.md` file is one text, a folder of
    them a text each. Raises errors.UserError when no column of texts can be told.
    """
    path = Path(spec)
    if path.is_file() and path.suffix.lower() in plaintext.SUFFIXES and path.stat().st_size:
        return Corpus(plaintext.Plaintext(path), "column", ("text",))
    if path.is_dir() and plaintext.mostly(path, opening.SUFFIXES):
        return Corpus(plaintext.Plaintext(path), "column", ("text",))
    return _of_table(opening.open(spec), column)


def _of_table(found: sourcing.Source, column: str | None) -> Corpus:
    names = {c.original.casefold(): c.name for c in found.columns}
    if column is not None:
        if column not in names.values() and column not in {c.original for c in found.columns}:
            known = ", ".join(c.name for c in found.columns[:40])
            raise errors.UserError("engines.sources:column", path=found.name, column=column, known=known)
        chosen = next(c.name for c in found.columns if column in {c.name, c.original})
        return Corpus(found, "chat" if column.casefold() in _CHATS else "column", (chosen,))
    for chat in _CHATS:
        if chat in names:
            return Corpus(found, "chat", (names[chat],))
    for asked, given, answered in _PAIRS:
        if asked in names and answered in names:
            return Corpus(found, "pair", (names[asked], names.get(given or "", ""), names[answered]))
    for text in _TEXTS:
        if text in names:
            return Corpus(found, "column", (names[text],))
    texts = [c.name for c in found.columns if pa.types.is_string(c.type) or pa.types.is_large_string(c.type)]
    if len(texts) != 1:
        raise errors.UserError("data.quality.text:column", path=found.name, columns=", ".join(texts[:40]) or "-")
    return Corpus(found, "column", (texts[0],))


def _plain(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _chat(value: Any) -> tuple[str, str]:
    """What the user said and what was answered, turns joined by line breaks."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return "", value
    turns: tuple[list[str], list[str]] = ([], [])
    for turn in value if isinstance(value, list) else []:
        if not isinstance(turn, dict):
            continue
        role = str(turn.get("role") or turn.get("from") or "").casefold()
        said = _plain(turn.get("content") if turn.get("content") is not None else turn.get("value"))
        if role in _USERS or role in _ANSWERS:
            turns[role in _ANSWERS].append(said)
    return "\n".join(turns[0]), "\n".join(turns[1])
