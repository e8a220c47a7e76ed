"""The base install: small enough, and without what only the optional parts need. Needs the network."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house import source


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_base_install_is_under_900_megabytes() -> None:
    ran = subprocess.run(
        [sys.executable, str(source.ROOT / "scripts" / "base_size.py")], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
