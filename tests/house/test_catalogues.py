"""What users read stands in the catalogues: in both languages, complete, and all of it used."""

from __future__ import annotations

import ast
import functools
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from taihang.core import i18n
from taihang.trust.access import actions
from tests.house import source

_KEY = re.compile(r"(?P<package>[a-z_]+(?:\.[a-z_]+)*):(?P<name>[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)")
_HAN = re.compile(r"[㐀-鿿]")
_LETTERS = re.compile(r"[A-Za-z]{2,}")


class Call(NamedTuple):
    """A place in the source that names a catalogue text and gives its values."""

    where: str
    key: str
    given: frozenset[str]
    open: bool  # some values come from a mapping that cannot be read here


@functools.cache
def _catalogues() -> dict[str, dict[str, dict[i18n.Language, str]]]:
    packages = [path.parent.relative_to(source.PACKAGE) for path in source.PACKAGE.rglob("messages.toml")]
    return {name: i18n.catalogue(name) for package in packages if (name := ".".join(package.parts))}


def _texts() -> Iterator[tuple[str, dict[i18n.Language, str]]]:
    for package, texts in _catalogues().items():
        for name, both in texts.items():
            yield f"{package}:{name}", both


def _blanks(template: str) -> set[str]:
    return {re.split(r"[.\[]", field)[0] for _, field, _, _ in string.Formatter().parse(template) if field is not None}


def _named(node: ast.AST) -> str | None:
    """The key that a node spells out; a package of ours without a catalogue is a mistake, not another string."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return None
    if node.value in actions.names():  # `report:read` is something to do, not something to say
        return None
    found = _KEY.fullmatch(node.value)
    ours = found is not None and source.PACKAGE.joinpath(*found["package"].split(".")).is_dir()
    return node.value if ours else None


def _calls() -> Iterator[Call]:
    for path, tree in source.modules().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            where = source.place(path, node.lineno)
            keywords = {word.arg: word.value for word in node.keywords}
            name = _name(node.func)
            if name == "Message":
                key = keywords.get("key")
                values = keywords.get("values")
                spelled = isinstance(values, ast.Dict) and all(isinstance(k, ast.Constant) for k in values.keys)
                given = {str(k.value) for k in values.keys if isinstance(k, ast.Constant)} if spelled else set()  # type: ignore[union-attr]
                if key is not None and (text := _named(key)):
                    yield Call(where, text, frozenset(given), values is not None and not spelled)
            elif node.args and (text := _named(node.args[0])) and (name == "text" or name[:1].isupper()):
                given = {word for word in keywords if word is not None}
                yield Call(where, text, frozenset(given), None in keywords)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@pytest.mark.parametrize("package", sorted(_catalogues()))
def test_every_text_stands_in_both_languages(package: str) -> None:
    for name, both in _catalogues()[package].items():
        assert set(both) == set(i18n.LANGUAGES), name
        assert _blanks(both["zh"]) == _blanks(both["en"]), name
        assert both["zh"].strip(), name
        assert both["en"].strip(), name
        assert not _HAN.search(both["en"].replace("太行", "")), name
        if _LETTERS.search(re.sub(r"\{[^}]*\}", "", both["en"])) and both["zh"] != both["en"]:
            assert _HAN.search(both["zh"]), name


def test_every_text_that_the_source_names_exists() -> None:
    known = {key for key, _ in _texts()}
    named = {
        (source.place(path, node.lineno), key)
        for path, tree in source.modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and (key := _named(node))
    }
    assert not sorted((where, key) for where, key in named if key not in known)


def test_every_text_gets_the_values_that_it_shows() -> None:
    texts = dict(_texts())
    wrong = []
    for call in _calls():
        if call.key in texts and not call.open:
            lacking = _blanks(texts[call.key]["en"]) - call.given
            if lacking:
                wrong.append(f"{call.where}: {call.key} lacks {sorted(lacking)}")
    assert not wrong


@functools.cache
def _written() -> str:
    """All of the source where a text may be asked for: code, templates, rulebooks."""
    kinds = {".py", ".html", ".j2", ".js", ".css", ".svg", ".yaml"}
    return "\n".join(
        path.read_text(encoding="utf-8") for path in sorted(source.PACKAGE.rglob("*")) if path.suffix in kinds
    )


def test_no_text_is_left_over() -> None:
    # A name may be put together where it is used: `f"core:level.{level}"`, `"level." ~ level`.
    starts = set(re.findall(r"""["':]([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*[._])(?:\{|["']\s*[~+%])""", _written()))
    ends = set(re.findall(r"""\}(\.[a-z0-9_.]+)["']""", _written()))
    words = set(re.findall(r"""["':]([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)["']""", _written()))
    spare = [
        key
        for key, _ in _texts()
        if (name := key.partition(":")[2]) not in words
        and not any(name.startswith(start) for start in starts)
        and not any(name.endswith(end) and name.count(".") == end.count(".") for end in ends)
        and not _put_together(key, words)
    ]
    assert not spare


def _put_together(key: str, words: set[str]) -> bool:
    """`f"engines.media:{name}"` with "name" spelled elsewhere; a helper that adds the first part."""
    first, _, rest = key.partition(":")[2].partition(".")
    return bool(rest) and rest in words and re.search(rf"""["':]{re.escape(first)}\.\{{""", _written()) is not None


def test_the_command_line_says_nothing_of_its_own() -> None:
    """Help texts, prompts and what is printed come from a catalogue."""
    loud = {"echo", "secho", "print", "Option", "Argument", "Typer", "confirm", "prompt"}
    quiet = {"metavar", "envvar", "rich_markup_mode", "name", "sep", "end", "style"}
    own = []
    for path, tree in source.modules().items():
        if path.parent != source.PACKAGE / "app":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in loud:
                shown = [*node.args, *(word.value for word in node.keywords if word.arg not in quiet)]
                own += [f"{source.place(path, node.lineno)}: {text}" for text in _literals(shown)]
    assert not own


def _literals(nodes: list[ast.expr]) -> Iterator[str]:
    """String constants with words in them, f-strings' parts too; not what is passed on to another call."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.replace("taihang", "")
            if _LETTERS.search(text) and not text.startswith("--"):
                yield node.value
        elif isinstance(node, ast.JoinedStr | ast.BinOp | ast.IfExp):
            yield from _literals([part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)])


def test_errors_are_raised_by_key_only() -> None:
    wrong = [
        source.place(path, node.lineno)
        for path, tree in source.modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and _name(node.func) in {"UserError", "Failure", "Cancelled"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and not _named(node.args[0])
    ]
    assert not wrong


def test_this_test_reads_what_is_there() -> None:
    assert Path(source.PACKAGE / "core" / "messages.toml").is_file()
    assert len(list(_calls())) > 20
