"""Draft: rules that an import has found so far, and what it could not map."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from typing import Any

from taihang.core import errors, i18n, ids
from taihang.rules import kinds, rulebook

MOST_RULES = 10_000
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_SLUG = re.compile(r"[^a-z0-9]+")


@dataclasses.dataclass(frozen=True, slots=True)
class Unmapped:
    """Something that has no rule here: where it stands, what it is, why."""

    place: str
    what: str
    reason: i18n.Message

    def __str__(self) -> str:
        return i18n.text("data.quality:exchange.unmapped", None, place=self.place, what=self.what, reason=self.reason)


@dataclasses.dataclass(frozen=True)
class Imported:
    """A rulebook as YAML, how many rules are in it, and what is not."""

    text: str
    rules: int
    unmapped: tuple[Unmapped, ...]


class Refusal(Exception):
    """Why one check cannot be mapped; met by whoever adds checks."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.message = i18n.Message(key=f"data.quality:exchange.why.{key}", values=values)


class Draft:
    """Collects rules in the order of their file."""

    def __init__(self, source: str, file: str) -> None:
        self.source, self.file = source, file
        self.rules: list[tuple[str, str, dict[str, Any]]] = []
        self.unmapped: list[Unmapped] = []
        self._ids: dict[str, int] = {}

    def add(
        self,
        place: str,
        what: str,
        table: str,
        body: dict[str, Any],
        *,
        level: str | None = None,
        dimension: str = "validity",
        title: str | None = None,
    ) -> None:
        """Keep a rule: `body` has `check` or `where`, and what else a rule has."""
        if len(self.rules) >= MOST_RULES:
            raise errors.UserError("data.quality:exchange.many", path=self.file, limit=MOST_RULES)
        rule: dict[str, Any] = {"id": self._id(table, body), "table": table, **body}
        if level is not None:
            rule.setdefault("level", level)
        if ("where" in rule or title) and "title" not in rule:
            told = " ".join((title or what).split())[:200]
            rule["title"] = {"zh": told, "en": told}
        if "where" in rule and "message" not in rule and isinstance(rule["title"], dict):
            braced = str(rule["title"].get("en")).replace("{", "{{").replace("}", "}}")
            rule["message"] = {"zh": f"{braced}：{{rows}} 行不符合", "en": f"{braced}: {{rows}} rows are not so"}
        if "where" in rule:
            rule.setdefault("level", "yellow")
            rule.setdefault("dimension", dimension)
        tags = rule.get("tags")
        rule["tags"] = [*dict.fromkeys([*(tags if isinstance(tags, list) else ()), f"from.{self.source}"])]
        self.rules.append((place, what, rule))

    def refuse(self, place: str, what: str, refusal: Refusal) -> None:
        """Keep that something could not be mapped."""
        self.unmapped.append(Unmapped(place, " ".join(str(what).split())[:200], refusal.message))

    def finished(self, name: str) -> Imported:
        """The rulebook; a rule that its checks refuse goes to what is not mapped."""
        kept = self._usable(self.rules)
        slug = _slug(name)
        both = {"zh": f"{name}（由 {self.source} 导入）", "en": f"{name}, imported from {self.source}"}
        lines = [
            "taihang: rules/1",
            f"id: {json.dumps(slug)}",
            f"version: {json.dumps(ids.digest_json([rule for *_, rule in kept])[:12])}",
            f"title: {json.dumps(both, ensure_ascii=False)}",
            "rules:" if kept else "rules: []",
        ]
        for place, _, rule in kept:
            lines += [f"  # {place}".replace("\n", " "), f"  - {json.dumps(rule, ensure_ascii=False, default=str)}"]
        for one in self.unmapped:
            lines.append("# " + " ".join(str(one).split()))
        text = "\n".join(lines) + "\n"
        rulebook.loads(text, f"{slug}{rulebook.SUFFIX}")
        return Imported(text, len(kept), tuple(self.unmapped))

    def _usable(self, rules: Sequence[tuple[str, str, dict[str, Any]]]) -> list[tuple[str, str, dict[str, Any]]]:
        """Those that load, found by halves: most often all do."""
        if not rules:
            return []
        try:
            rulebook.loads(_book([rule for *_, rule in rules]))
            return list(rules)
        except errors.UserError as error:
            if len(rules) == 1:
                place, what, _ = rules[0]
                reason = str(error).removeprefix("<text>:").split(" ", 1)[-1]
                self.refuse(place, what, Refusal("invalid", reason=reason))
                return []
        half = len(rules) // 2
        return [*self._usable(rules[:half]), *self._usable(rules[half:])]

    def _id(self, table: str, body: dict[str, Any]) -> str:
        given = body.pop("id", None)
        check = body.get("check") or {}
        named = [
            table,
            check.get("column") or check.get("columns"),
            check.get("function"),
            check.get("kind") or "where",
        ]
        parts = [p for part in named for p in (part if isinstance(part, (list, tuple)) else [part]) if p]
        base = str(given) if given and _ID.fullmatch(str(given)) else _slug(str(given or "-".join(map(str, parts))))
        self._ids[base] = self._ids.get(base, 0) + 1
        count = self._ids[base]
        if count == 1:
            return base
        made = f"{base[:90]}-{count}"
        self._ids[made] = 1
        return made


def _slug(text: str) -> str:
    plain = _SLUG.sub("-", text.casefold()).strip("-")[:90]
    # A name without a Latin letter still needs an id of its own.
    return plain or f"r{ids.digest(text.encode('utf-8', 'replace'))[:8]}"


def _book(rules: Sequence[dict[str, Any]]) -> str:
    both = {"zh": "-", "en": "-"}
    book = {"taihang": "rules/1", "id": "b", "version": "1", "title": both, "rules": list(rules)}
    return json.dumps(book, ensure_ascii=False, default=str)


def rate(share: float) -> dict[str, Any]:
    """A tolerance of a share; none of zero."""
    share = round(share, 12)
    if not 0 <= share < 1:
        raise Refusal("share", value=share)
    return {"tolerate": {"rate": share}} if share else {}


def quoted(column: Any) -> str:
    """An SQL identifier of a column's name. Raises Refusal for what is none."""
    return kinds.quoted(text(column, "column"))


def text(value: Any, name: str) -> str:
    """A text of an argument. Raises Refusal."""
    if not isinstance(value, str) or not value.strip():
        raise Refusal("argument", name=name)
    return value


def number(value: Any, name: str) -> int | float:
    """A number of an argument. Raises Refusal."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:  # noqa: PLR0124 - NaN
        raise Refusal("argument", name=name)
    return value


def values(given: Any, name: str) -> list[Any]:
    """A list of plain values. Raises Refusal."""
    if not isinstance(given, list) or not given or not all(isinstance(v, (str, int, float, bool)) for v in given):
        raise Refusal("argument", name=name)
    return list(given)


_BEYOND_RE2 = re.compile(r"\(\?[=!<]|\(\?P=|\\[1-9]|\(\?>|[*+?}]\+")


def pattern(given: Any) -> str:
    """A regular expression that RE2 reads as its own tool does. Raises Refusal."""
    made = text(given, "regex")
    if _BEYOND_RE2.search(re.sub(r"\\\\", "", made).replace("(?P<", "(")):
        raise Refusal("regex")
    return made
