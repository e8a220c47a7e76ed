"""Without an optional part everything else works, and asking for the part says how to install it."""

from __future__ import annotations

import subprocess
import sys

import pytest

_WITHOUT = """
import sys
for name in {absent}:
    sys.modules[name] = None
from taihang.core import errors
from taihang.engines.predict import loading
assert loading.load("builtin").classes == ("person",)
try:
    loading.load("someone/some-model")
except errors.MissingExtra as error:
    print(error.exit_code, error)
"""


@pytest.mark.parametrize("absent", [("torch",), ("transformers",), ("torch", "transformers")])
def test_without_the_hub_extra_a_hub_model_names_the_line_that_installs_it(absent: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _WITHOUT.format(absent=absent)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("2 ")
    assert "pip install 'taihang[hub]'" in ran.stdout
    assert len(ran.stdout.splitlines()) == 1
