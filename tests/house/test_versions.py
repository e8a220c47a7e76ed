"""The pins keep the ranges, and what is installed is what is pinned."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest
from packaging import requirements, utils

from scripts import groups
from tests.house import source

_PINS = {
    utils.canonicalize_name(name): version
    for line in (source.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for name, _, version in [line.partition("==")]
}


@pytest.mark.parametrize("group", ["base", "check", "bench", "hub"])
def test_every_requirement_is_pinned_within_its_range(group: str) -> None:
    for line in groups.wants(group):
        wanted = requirements.Requirement(line)
        assert wanted.specifier.contains(_PINS[utils.canonicalize_name(wanted.name)]), line


@pytest.mark.skipif(not (Path(sys.prefix) / ".taihang-env").exists(), reason="not an environment that ./check made")
def test_what_is_installed_is_what_is_pinned() -> None:
    for found in importlib.metadata.distributions():
        name = utils.canonicalize_name(found.metadata["Name"])
        if name in _PINS and name not in {"pip", "setuptools"}:
            assert found.version.partition("+")[0] == _PINS[name], name
        assert name != "opencv-python"  # it would hide the one that finds people


@pytest.mark.skipif(not (Path(sys.prefix) / ".taihang-env").exists(), reason="not an environment that ./check made")
def test_the_base_brings_no_weight_that_an_extra_should() -> None:
    """SciPy is 118 MB and 0.8 s to import; the others are larger."""
    waiting, brought = list(groups.wants("base")), set()
    while waiting:
        wanted = requirements.Requirement(waiting.pop())
        name = utils.canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if (wanted.marker and not wanted.marker.evaluate({"extra": ""})) or (name, extra) in brought:
                continue
            brought.add((name, extra))
            for line in importlib.metadata.requires(name) or ():
                needed = requirements.Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    needed.marker = None
                    waiting.append(str(needed))
    names = {name for name, _ in brought}
    assert {"duckdb", "nicegui", "starlette"} <= names  # what is brought, and what that brings
    assert not names & {"scipy", "scikit-learn", "pandas", "torch", "ray", "pyspark", "transformers"}
