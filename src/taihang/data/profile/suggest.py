"""Suggest: rules that a profile gives reason for, in the form of a rulebook, each with that reason."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import yaml

from taihang.core import errors, i18n
from taihang.data.profile import profile
from taihang.rules import rulebook

_MOST_CHOICES = 20
_SHAPED = 0.99
_MEANT = 0.9
_FORMS = {
    "id-card": "^[1-9][0-9]{5}(18|19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]$",
    "credit-code": "^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$",
    "email": "^[A-Za-z0-9_.+%-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)*[.][A-Za-z]{2,24}$",
    "bank-card": "^[2-6][0-9]{12,18}$",
    "ip": "^[0-9A-Fa-f:.]{3,45}$",
    "url": "^(https?|ftp)://",
}
_MOBILE = "^1[3-9][0-9]{9}$"


@dataclasses.dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule as a rulebook writes it, and why the profile gives reason for it."""

    rule: dict[str, object]
    reason: i18n.Text

    @property
    def condition(self) -> str:
        """What is looked for, as SQL, or a check with its fields."""
        check = self.rule.get("check")
        if not isinstance(check, dict):
            return str(self.rule["where"])
        fields = (", ".join(v) if isinstance(v, list) else str(v) for k, v in check.items() if k != "kind")
        return f"{check['kind']}: {' → '.join(fields)}"


def suggestions(found: profile.Profile, table: str = "table") -> tuple[Suggestion, ...]:
    """Rules over one table. What nobody has checked is `blue`; nothing is suggested from under 100 rows.

    A key is suggested where its type is one of names and numbers of things; that measured values differ says little.
    """
    if found.rows < 100:
        return ()
    made = []
    taken: set[str] = set()
    for place, column in enumerate(found.columns, 1):
        if "." in column.name and column.original != column.name:
            continue
        for kind, where, reason, level in _of(column):
            rule = _rule(kind, column, where, level, table=table, place=place, taken=taken)
            if rule is not None:
                made.append(Suggestion(rule, reason))
    for place, (name, check, reason, values) in enumerate(_of_many(found), len(found.columns) + 1):
        rule = _rule_of_many(name, check, values, table=table, place=place, taken=taken)
        if rule is not None:
            made.append(Suggestion(rule, reason))
    return tuple(made)


def book(found: profile.Profile, table: str = "table") -> str:
    """The suggestions as a rulebook file, each reason in a comment above its rule."""
    head = {
        "taihang": "rules/1",
        "id": "suggested",
        "version": found.asset.sha256[:12],
        "title": _text("suggest.title", name=_plain(found.asset.name)).model_dump(),
    }
    lines = [yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=1000), "rules:\n"]
    made = suggestions(found, table)
    for one in made:
        dumped = yaml.safe_dump([one.rule], allow_unicode=True, sort_keys=False, width=1000)
        lines.append(f"  # {_plain(one.reason.zh)}\n  # {_plain(one.reason.en)}\n")
        lines += [f"  {line}\n" for line in dumped.splitlines()]
    if not made:
        lines[-1] = "rules: []\n"
    return "".join(lines)


def _of(column: profile.Column) -> Iterator[tuple[str, str, i18n.Text, str]]:
    """Kind, predicate, reason and level of each rule for a column."""
    name = '"' + column.name.replace('"', '""') + '"'
    present = column.rows - column.nulls
    if column.kind == "nothing" or not present:
        return
    share = column.nulls / column.rows
    if share < 0.01:
        key = "suggest.reason.never_null" if not column.nulls else "suggest.reason.rarely_null"
        reason = _text(key, rows=column.rows, nulls=column.nulls, share=f"{100 * share:.3g}")
        yield "null", f"{name} IS NULL", reason, "yellow" if not column.nulls else "blue"
    if column.kind == "number" and column.numbers is not None:
        yield from _of_numbers(column, name)
    if column.kind == "text":
        yield from _of_texts(column, name, present)


def _of_numbers(column: profile.Column, name: str) -> Iterator[tuple[str, str, i18n.Text, str]]:
    numbers, outside = column.numbers, column.outliers
    assert numbers is not None
    whole = column.semantic is not None and column.semantic.kind in {"id-card", "phone", "bank-card"}
    if not numbers.negative and numbers.low is not None and not whole:
        yield "negative", f"{name} < 0", _text("suggest.reason.never_negative", low=f"{numbers.low:g}"), "blue"
    if outside is not None and 0 < outside.count <= 0.01 * column.rows and not whole:
        where = f"{name} < {outside.below!r} OR {name} > {outside.above!r}"
        reason = _text(
            "suggest.reason.outliers", count=outside.count, low=f"{outside.below:g}", high=f"{outside.above:g}"
        )
        yield "range", where, reason, "blue"


def _of_texts(column: profile.Column, name: str, present: int) -> Iterator[tuple[str, str, i18n.Text, str]]:
    meaning = column.semantic
    if column.placeholders:
        reason = _text("suggest.reason.placeholders", count=column.placeholders)
        words = ", ".join(f"'{word}'" for word in ("N/A", "NA", "NULL", "null", "-", "--", "无", "未知", "不详"))
        yield "placeholder", f"{name} IN ({words})", reason, "blue"
    if meaning is not None and meaning.share >= _MEANT:
        form = _FORMS.get(meaning.kind)
        if meaning.kind == "phone" and column.patterns and column.patterns[0].shape == "9{11}":
            form = _MOBILE
        if form:
            kind = _text(f"semantic.{meaning.kind.replace('-', '_')}")
            reason = _text("suggest.reason.meaning", share=f"{100 * meaning.share:.3g}", kind=kind)
            yield "form", f"NOT regexp_matches({name}, '{form}')", reason, "yellow"
            return
    few = column.distinct is not None and not column.distinct.error and column.distinct.count <= _MOST_CHOICES
    values = [str(one.value) for one in column.top]
    personal = column.mentions or (meaning is not None and meaning.pii)
    if few and present >= 50 * len(values) and not personal and all(_writable(v) for v in values):
        listed = ", ".join("'" + value.replace("'", "''") + "'" for value in sorted(values))
        reason = _text("suggest.reason.choices", count=len(values), rows=present)
        yield "choice", f"{name} NOT IN ({listed})", reason, "yellow"
        return
    first = column.patterns[0] if column.patterns else None
    if first is not None and first.share >= _SHAPED and first.regex and "'" not in first.regex:
        reason = _text("suggest.reason.pattern", share=f"{100 * first.share:.4g}", shape=first.shape)
        yield "form", f"NOT regexp_matches({name}, '{first.regex}')", reason, "blue"


def _of_many(found: profile.Profile) -> Iterator[tuple[str, dict[str, object], i18n.Text, dict[str, str]]]:
    """Column, check, reason and what titles name, for keys and dependencies that held in all rows."""
    of = {column.name: column for column in found.columns}
    for key in found.keys:
        if all(_names_things(of[name]) for name in key.columns if name in of):
            told = " + ".join(_plain(name) for name in key.columns)
            reason = _text("suggest.reason.key", rows=found.rows)
            yield key.columns[0], {"kind": "unique", "columns": list(key.columns)}, reason, {"column": told}
    for one in found.dependencies:
        check: dict[str, object] = {
            "kind": "functional_dependency",
            "columns": [one.determinant],
            "dependent": one.dependent,
        }
        values = {"column": _plain(one.dependent), "by": _plain(one.determinant)}
        yield one.dependent, check, _text("suggest.reason.dependency", rows=found.rows, **values), values


def _names_things(column: profile.Column) -> bool:
    """True for text and whole numbers: what is measured in fractions may differ in all rows by chance."""
    return column.kind == "text" or column.type.startswith(("int", "uint"))


def _rule_of_many(
    column: str, check: dict[str, object], values: dict[str, str], *, table: str, place: int, taken: set[str]
) -> dict[str, object] | None:
    kind = "unique" if check["kind"] == "unique" else "dependency"
    rule: dict[str, object] = {
        "id": _free(column, kind, place, taken),
        "title": _text(f"suggest.rule.{kind}", **values).model_dump(),
        "level": "blue",
        "table": table,
        "check": check,
        "message": _text(f"suggest.message.{kind}", **values).model_dump(),
        "tags": ["suggested"],
    }
    return _kept(rule, taken)


def _rule(
    kind: str, column: profile.Column, where: str, level: str, *, table: str, place: int, taken: set[str]
) -> dict[str, object] | None:
    shown = _plain(column.name)
    rule: dict[str, object] = {
        "id": _free(column.name, kind, place, taken),
        "title": _text(f"suggest.rule.{kind}", column=shown).model_dump(),
        "level": level,
        "dimension": "completeness" if kind in {"null", "placeholder"} else "validity",
        "table": table,
        "where": where,
        "per": "rule",
        "message": _text(f"suggest.message.{kind}", column=shown).model_dump(),
        "tags": ["suggested"],
    }
    return _kept(rule, taken)


def _free(column: str, kind: str, place: int, taken: set[str]) -> str:
    """An id that no rule has."""
    slug = re.sub(r"[^a-z0-9]+", "-", column.lower()).strip("-")[:60] or f"column-{place}"
    name = f"{slug}-{kind}"
    while name in taken:
        name = f"{slug}-{place}-{kind}"
        place += 1
    return name


def _kept(rule: dict[str, object], taken: set[str]) -> dict[str, object] | None:
    """The rule; None for one that no rulebook can say, as some names of columns make it."""
    both = {"zh": "-", "en": "-"}
    whole = {"taihang": "rules/1", "id": "one", "version": "1", "title": both, "rules": [rule]}
    try:
        rulebook.loads(yaml.safe_dump(whole, allow_unicode=True))
    except errors.UserError:
        return None
    taken.add(str(rule["id"]))
    return rule


def _writable(value: str) -> bool:
    return value.isprintable() and not value.endswith("…")


def _plain(text: str) -> str:
    """On one line, and without braces, which messages would take for a place to fill in."""
    return "".join(c for c in text if c.isprintable()).replace("{", "｛").replace("}", "｝")[:200]


def _text(key: str, **values: object) -> i18n.Text:
    return i18n.Message(key=f"data.profile:{key}", values=values).both()
