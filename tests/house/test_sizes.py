"""One noun a module, and small enough to be read at one sitting."""

from __future__ import annotations

import ast
import statistics

from tests.house import source

# What Alembic wrote once, and nobody reads or changes.
_READ = {path: tree for path, tree in source.modules().items() if path.parent.name != "versions"}


def test_no_module_is_longer_than_400_lines() -> None:
    long = {
        source.place(path): lines
        for path in _READ
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_the_median_module_is_under_200_lines() -> None:
    sizes = [len(path.read_text(encoding="utf-8").splitlines()) for path in source.modules()]
    assert statistics.median(size for size in sizes if size > 3) < 200


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        source.place(path, node.lineno): f"{node.name}: {length} lines"
        for path, tree in _READ.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > 60
    }
    assert not long


def test_no_room_is_a_drawer() -> None:
    drawers = {"util", "utils", "helper", "helpers", "misc", "common", "tools"}
    assert not [source.place(path) for path in source.modules() if {path.stem, path.parent.name} & drawers]
