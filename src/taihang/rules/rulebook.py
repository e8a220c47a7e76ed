"""Rulebook: a versioned YAML file of rules, with the books it extends, read and checked as a whole."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taihang.core import errors, i18n, ids
from taihang.rules import form, instances, marks, predicate, template
from taihang.rules import rule as ruling

SUFFIX = ".rules.yaml"
SHIPPED = "taihang.rulebooks"
_DEEP = frozenset({"parameters", "measures", "title", "message"})
_SHIPPED_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_LONGEST_CHAIN = 32


@dataclasses.dataclass(frozen=True)
class Origin:
    """A file that took part in a rulebook, and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A rule with its expressions parsed; `follow` is the parsed second half when it has its own predicate."""

    rule: ruling.Rule
    where: predicate.Expression
    filter: predicate.Expression | None
    measures: Mapping[str, predicate.Expression]
    follow: predicate.Expression | None
    follow_filter: predicate.Expression | None
    places: form.Places

    def place(self, *path: str | int) -> str:
        """Where a part of the rule stands: file:line:column, or the rule's id when it came from no file."""
        return self.places.text(path)


@dataclasses.dataclass(frozen=True)
class Rulebook:
    """Rules in effect, in order. `sha256` covers the file, or the list of files when it extends others."""

    id: str
    version: str
    title: i18n.Text
    scope: Mapping[str, Any]
    rules: tuple[Compiled, ...]
    sha256: str
    origins: tuple[Origin, ...]
    templates: tuple[str, ...] = ()

    def __getitem__(self, rule: str) -> ruling.Rule:
        return self._by_id[rule].rule

    def compiled(self, rule: str) -> Compiled:
        """One rule with its parsed expressions; KeyError when there is none of that id."""
        return self._by_id[rule]

    @functools.cached_property
    def _by_id(self) -> dict[str, Compiled]:
        return {c.rule.id: c for c in self.rules}


def load(path_or_name: str | os.PathLike[str]) -> Rulebook:
    """Read a rulebook file, or a shipped rulebook by its name.

    A text without a path separator that is not a file names a shipped book. Raises
    errors.UserError: one line with file, line and column for whatever is wrong inside.
    """
    given = os.fspath(path_or_name)
    path = Path(given)
    is_name = isinstance(path_or_name, str) and _SHIPPED_NAME.fullmatch(given) is not None
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    top = _read_shipped(given, None) if is_name and not exists else _read_file(path)
    chain: list[_File] = []
    tree = _merged(top, (), chain)
    return _build(tree, top, chain)


def loads(text: str | bytes, name: str = "<text>") -> Rulebook:
    """A rulebook from a text; it may extend shipped books only. Raises as `load` does."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    top = _File(name, data, None, marks.read(data, name))
    chain: list[_File] = []
    return _build(_merged(top, (), chain), top, chain)


def schema() -> dict[str, Any]:
    """JSON Schema of a rulebook file, for editors and other tools."""
    made = ruling.Book.model_json_schema(by_alias=True)
    rule = made["$defs"]["Rule"]
    rule["required"] = ["id", "table"]
    rule["anyOf"] = [{"required": ["title", "level", "dimension", "where", "message"]}, {"required": ["check"]}]
    # A rule may be made of a template, which `instances` writes out before the model sees it.
    rule["properties"]["use"] = {"type": "string", "description": "A template of this book or of one it extends."}
    rule["properties"]["with"] = {"type": "object", "description": "What fills the ${name} of the template."}
    rule["required"] = ["id"]
    rule["anyOf"] = [{"required": ["use"]}, *({"required": ["table", *one["required"]]} for one in rule["anyOf"])]
    made["properties"]["templates"] = {
        "type": "array",
        "items": {"type": "object", "required": ["id"]},
        "description": "Rules with ${name} in them, for `use` and `with`; `with` of a template gives defaults.",
    }
    # A book that extends others may name only what it changes of an inherited rule.
    made["$defs"]["RuleChange"] = {**{k: v for k, v in rule.items() if k != "anyOf"}, "required": ["id"]}
    made["properties"]["rules"]["items"] = {"$ref": "#/$defs/RuleChange"}
    made["if"] = {"required": ["extends"]}
    made["else"] = {"properties": {"rules": {"items": {"$ref": "#/$defs/Rule"}}}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "Taihang rulebook"}


def shipped() -> tuple[str, ...]:
    """Names of the shipped rulebooks, sorted."""
    found = [entry.name for entry in importlib.resources.files(SHIPPED).iterdir()]
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)))


@dataclasses.dataclass(frozen=True)
class _File:
    name: str
    data: bytes
    folder: Path | None
    tree: marks.Mapping


def _read_file(path: Path) -> _File:
    if path.is_dir():
        raise errors.UserError("rules:file.folder", path=path)
    try:
        with path.open("rb") as stream:
            data = stream.read(marks.LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, FileNotFoundError):
            raise errors.UserError("rules:file.missing", path=path, shipped=", ".join(shipped())) from None
        raise errors.UserError("rules:file.unreadable", path=path, reason=reason) from None
    return _File(str(path), data, path.resolve().parent, marks.read(data, str(path)))


def _read_shipped(name: str, where: marks.Mark | None) -> _File:
    name = name.removesuffix(SUFFIX)
    if name not in shipped():
        if where is None:
            raise errors.UserError("rules:file.missing", path=name, shipped=", ".join(shipped()))
        raise errors.UserError("rules:extends.unknown", where=where, name=name, shipped=", ".join(shipped()))
    file = name + SUFFIX
    data = importlib.resources.files(SHIPPED).joinpath(file).read_bytes()
    return _File(file, data, None, marks.read(data, file))


def _merged(file: _File, above: tuple[str, ...], chain: list[_File]) -> marks.Mapping:
    """The file's tree with the rules of the books it extends laid under its own."""
    identity = str((file.folder / Path(file.name).name) if file.folder else file.name)
    if identity in above:
        names = " → ".join(Path(n).name for n in (*above[above.index(identity) :], identity))
        raise errors.UserError("rules:extends.cycle", where=file.tree.mark, chain=names)
    if len(above) >= _LONGEST_CHAIN or len(chain) >= 4 * _LONGEST_CHAIN:
        raise errors.UserError("rules:extends.deep", where=file.tree.mark, limit=_LONGEST_CHAIN)
    chain.append(file)
    rules: dict[str, marks.Node] = {}
    templates: dict[str, marks.Node] = {}
    scope: marks.Mapping | None = None
    extends = file.tree.items.get("extends")
    for entry in extends.items if isinstance(extends, marks.Sequence) else ():
        if isinstance(entry, marks.Scalar):
            base = _merged(_extended(file, entry), (*above, identity), chain)
            rules.update(_rules_by_id(base))
            templates.update(_rules_by_id(base, "templates"))
            under = base.items.get("scope")
            if isinstance(under, marks.Mapping):
                scope = under.over(scope) if scope else under
    own = file.tree.items.get("rules")
    lines: dict[str, int] = {}
    for number, node in enumerate(own.items if isinstance(own, marks.Sequence) else ()):
        name = _id(node)
        if name is None or not isinstance(node, marks.Mapping):
            rules[f"\n{number}"] = node  # wrong, and reported when the form is checked
            continue
        at = node.items["id"].mark
        if name in lines:
            raise errors.UserError("rules:rule.twice", where=at, rule=name, line=lines[name])
        lines[name] = at.line
        earlier = rules.get(name)
        rules[name] = node.over(earlier, _DEEP) if isinstance(earlier, marks.Mapping) else node
    items = dict(file.tree.items)
    if rules:
        items["rules"] = marks.Sequence(list(rules.values()), own.mark if own else file.tree.mark)
    if templates:
        own_templates = items.get("templates")
        templates.update(_rules_by_id(file.tree, "templates"))
        at = own_templates.mark if own_templates else file.tree.mark
        items["templates"] = marks.Sequence(list(templates.values()), at)
    own_scope = items.get("scope")
    if scope is not None:
        items["scope"] = own_scope.over(scope) if isinstance(own_scope, marks.Mapping) else scope
    return dataclasses.replace(file.tree, items=items)


def _extended(file: _File, entry: marks.Scalar) -> _File:
    name = entry.text
    if file.folder is not None and re.fullmatch(r"[\w][\w .-]{0,200}", name) and name.endswith(".yaml"):
        path = file.folder / name
        if path.exists():
            if path.resolve().parent != file.folder:
                raise errors.UserError("rules:extends.outside", where=entry.mark, name=name)
            return _read_file(Path(file.name).parent / name)
    if not _SHIPPED_NAME.fullmatch(name):
        raise errors.UserError("rules:extends.outside", where=entry.mark, name=name)
    return _read_shipped(name, entry.mark)


def _id(node: marks.Node) -> str | None:
    named = node.items.get("id") if isinstance(node, marks.Mapping) else None
    return named.text if isinstance(named, marks.Scalar) else None


def _rules_by_id(tree: marks.Mapping, key: str = "rules") -> dict[str, marks.Node]:
    rules = tree.items.get(key)
    nodes = rules.items if isinstance(rules, marks.Sequence) else []
    return {_id(node) or f"\n{id(node)}": node for node in nodes}


def _build(tree: marks.Mapping, top: _File, chain: list[_File]) -> Rulebook:
    templates = instances.names(tree)
    tree = instances.expanded(tree)
    book = form.book(tree)
    origins = tuple(Origin(Path(f.name).name, ids.digest(f.data)) for f in chain)
    sha256 = origins[0].sha256 if len(origins) == 1 else ids.digest_json([[o.name, o.sha256] for o in origins])
    places = form.Places(tree)
    compiled = tuple(
        _compiled(rule, places.under("rules", number)) for number, rule in enumerate(book.rules) if rule.enabled
    )
    _check_references(compiled)
    return Rulebook(book.id, book.version, book.title, book.scope, compiled, sha256, origins, templates)


def _compiled(rule: ruling.Rule, places: form.Places) -> Compiled:
    def parsed(text: str | None, *path: str | int, measure: bool = False) -> predicate.Expression | None:
        return predicate.parse(text, rule.parameters, places.under(*path), measure=measure) if text else None

    where = parsed(rule.where, "where")
    assert where is not None
    measures = {n: parsed(t, "measures", n, measure=True) for n, t in rule.measures.items()}
    which = "followed_by" if rule.followed_by else "not_followed_by"
    follow = rule.follow
    for language in i18n.LANGUAGES:
        template.check(getattr(rule.message, language), places.under("message", language))
    return Compiled(
        rule,
        where,
        parsed(rule.filter, "filter"),
        {n: m for n, m in measures.items() if m is not None},
        parsed(follow.where if follow else None, which, "where"),
        parsed(follow.filter if follow else None, which, "filter"),
        places,
    )


def _check_references(rules: tuple[Compiled, ...]) -> None:
    by_id = {c.rule.id: c for c in rules}
    for compiled in rules:
        seen = [compiled.rule.id]
        at = compiled
        while at.rule.follow and at.rule.follow.rule:
            target = at.rule.follow.rule
            which = "followed_by" if at.rule.followed_by else "not_followed_by"
            if target not in by_id:
                raise errors.UserError(
                    "rules:rule.unknown", where=at.place(which, "rule"), rule=target, near=form.nearest(target, by_id)
                )
            if target in seen:
                cycle = " → ".join([*seen[seen.index(target) :], target])
                raise errors.UserError("rules:rule.cycle", where=at.place(which, "rule"), chain=cycle)
            seen.append(target)
            at = by_id[target]
