"""What is asked for is what is loaded: heavy libraries wait until somebody needs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# Each takes longer to import than `taihang --help` may take.
HEAVY = {
    "av", "cv2", "docx", "duckdb", "jinja2", "lxml", "numpy", "onnxruntime", "PIL", "pyarrow", "scipy", "sqlglot",
    "torch", "torch_geometric", "transformers",
}  # fmt: skip


def _loaded(code: str) -> set[str]:
    """Top names of the modules that are loaded after `code` ran in a fresh interpreter."""
    tail = "\nimport json, sys\nprint('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    ran = subprocess.run(
        [sys.executable, "-c", code + tail],
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_importing_taihang_loads_nothing_heavy() -> None:
    assert not _loaded("import taihang; taihang.__version__; dir(taihang)") & {*HEAVY, "pydantic", "typer", "rich"}


def test_the_words_load_nothing_heavy() -> None:
    code = "from taihang.core import errors, evidence, finding, i18n, ids, job, rule, scorecard, settings, ticket"
    assert not _loaded(code) & {*HEAVY, "typer", "rich"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["inspect", "--help"], ["rules", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["taihang", *{words}]
from taihang.app import cli
try:
    cli.main()
except SystemExit as done:
    assert not done.code, done.code
"""
    assert not _loaded(code) & HEAVY


def test_the_public_names_are_there_when_asked_for() -> None:
    import taihang

    for name in taihang.__all__:
        assert name in dir(taihang)
        assert getattr(taihang, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = taihang.no_such_name
