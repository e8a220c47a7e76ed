"""Instances: rules that a book makes of its templates, `{use: NAME, with: {…}}`, before anything else is read."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from taihang.core import errors
from taihang.rules import form, marks

_BLANK = re.compile(r"\$\{([a-z_][a-z0-9_]{0,62})\}")
_DEEPEST = 8
_OWN = frozenset({"id", "use", "with"})
_DEEP = frozenset({"parameters", "measures", "title", "message", "check", "with"})


def expanded(tree: marks.Mapping) -> marks.Mapping:
    """The tree with each rule that uses a template written out, and without templates.

    A rule's own fields win over those of its template; `with` fills the `${name}` of the template,
    whose own `with` gives what is filled in by default; `tags` add up. Raises errors.UserError at
    its place for an unknown template or name, one that nothing fills, and templates in a circle.
    """
    given = tree.items.get("templates")
    templates = _by_id(given)
    rules = tree.items.get("rules")
    items = {key: node for key, node in tree.items.items() if key != "templates"}
    if isinstance(rules, marks.Sequence):
        made = [_rule(node, templates) for node in rules.items]
        items["rules"] = dataclasses.replace(rules, items=made)
    return dataclasses.replace(tree, items=items)


def names(tree: marks.Mapping) -> tuple[str, ...]:
    """The ids of a book's templates."""
    return tuple(_by_id(tree.items.get("templates")))


def _by_id(given: marks.Node | None) -> dict[str, marks.Mapping]:
    found: dict[str, marks.Mapping] = {}
    for node in given.items if isinstance(given, marks.Sequence) else ():
        named = node.items.get("id") if isinstance(node, marks.Mapping) else None
        if not isinstance(node, marks.Mapping) or not isinstance(named, marks.Scalar):
            raise errors.UserError("rules:template.form", where=node.mark)
        if named.text in found:
            raise errors.UserError("rules:template.twice", where=named.mark, name=named.text)
        found[named.text] = node
    return found


def _rule(node: marks.Node, templates: Mapping[str, marks.Mapping]) -> marks.Node:
    if not isinstance(node, marks.Mapping) or not ({"use", "with"} & set(node.items)):
        return node
    use = node.items.get("use")
    if not isinstance(use, marks.Scalar):
        at = node.items["with"].mark if "with" in node.items else node.mark
        raise errors.UserError("rules:template.use", where=at)
    template = _joined(use, templates, ())
    given = _with(node, use.text)
    values = {**_with(template, use.text), **given}
    used: set[str] = set()
    base = {k: _put(part, values, used, use) for k, part in template.items.items() if k not in _OWN}
    for name, part in given.items():
        if name not in used:
            near = form.nearest(name, used or {"-"})
            raise errors.UserError("rules:template.spare", where=part.mark, name=name, template=use.text, near=near)
    own = {key: part for key, part in node.items.items() if key not in {"use", "with"}}
    return _over(marks.Mapping(own, node.keys, node.mark), marks.Mapping(base, template.keys, node.mark))


def _joined(use: marks.Scalar, templates: Mapping[str, marks.Mapping], above: tuple[str, ...]) -> marks.Mapping:
    """A template laid over the one that it uses itself, blanks and all."""
    if use.text not in templates:
        near = form.nearest(use.text, templates) or "-"
        raise errors.UserError("rules:template.unknown", where=use.mark, name=use.text, near=near)
    if use.text in above or len(above) >= _DEEPEST:
        raise errors.UserError("rules:template.circle", where=use.mark, chain=" → ".join((*above, use.text)))
    own = templates[use.text]
    under = own.items.get("use")
    if not isinstance(under, marks.Scalar):
        return own
    return _over(own, _joined(under, templates, (*above, use.text)))


def _over(own: marks.Mapping, base: marks.Mapping) -> marks.Mapping:
    """One over the other; a check of a kind of its own takes the whole place, and tags add up."""
    check = own.items.get("check")
    whole = isinstance(check, marks.Mapping) and "kind" in check.items
    made = own.over(base, _DEEP - {"check"} if whole else _DEEP)
    # What a template counts under stays, whatever tags a rule adds.
    both = [t for m in (base, own) if isinstance(part := m.items.get("tags"), marks.Sequence) for t in part.items]
    if both:
        unique = {t.text if isinstance(t, marks.Scalar) else f"\n{n}": t for n, t in enumerate(both)}
        made.items["tags"] = marks.Sequence(list(unique.values()), own.mark)
    return made


def _with(node: marks.Mapping, name: str) -> Mapping[str, marks.Node]:
    given = node.items.get("with")
    if given is None:
        return {}
    if not isinstance(given, marks.Mapping):
        raise errors.UserError("rules:template.with", where=given.mark, template=name)
    return given.items


def _put(node: marks.Node, values: Mapping[str, marks.Node], used: set[str], use: marks.Scalar) -> marks.Node:
    if isinstance(node, marks.Mapping):
        parts = {key: _put(part, values, used, use) for key, part in node.items.items()}
        return marks.Mapping(parts, node.keys, node.mark)
    if isinstance(node, marks.Sequence):
        return dataclasses.replace(node, items=[_put(part, values, used, use) for part in node.items])
    found = _BLANK.findall(node.text)
    if not found:
        return node
    for name in found:
        if name not in values:
            raise errors.UserError("rules:template.blank", where=use.mark, template=use.text, name=name)
        used.add(name)
    whole = _BLANK.fullmatch(node.text)
    if whole:
        return values[whole.group(1)]

    def text(name: str) -> str:
        part = values[name]
        if isinstance(part, marks.Sequence) and all(isinstance(one, marks.Scalar) for one in part.items):
            return ", ".join(one.text for one in part.items if isinstance(one, marks.Scalar))
        if not isinstance(part, marks.Scalar):
            raise errors.UserError("rules:template.text", where=part.mark, name=name)
        return part.text

    return dataclasses.replace(node, text=_BLANK.sub(lambda m: text(m.group(1)), node.text))
