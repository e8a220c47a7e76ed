"""taihang.toml: found where one works, else at home, and what is wrong with it is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from taihang.app import configuration
from taihang.core import errors, settings
from taihang.trust.identity import settings as identity


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAIHANG_CONFIG", "")
    yield
    settings.load({}, "taihang.toml")


def test_settings_come_from_the_working_folder_else_from_home() -> None:
    home = Path(os.environ["TAIHANG_HOME"])
    home.mkdir(parents=True)
    assert configuration.load() is None
    (home / "taihang.toml").write_text("[identity]\nsession_h = 3\n")
    assert configuration.load() == home / "taihang.toml"
    assert identity.Identity.current().session_h == 3
    os.environ["TAIHANG_CONFIG"] = ""
    Path("taihang.toml").write_text(
        '[identity]\nsession_h = 4\n[identity.providers.corp]\nissuer = "https://idp.example"\nclient_id = "x"\n'
    )
    configuration.load()
    found = identity.Identity.current()
    assert (found.session_h, found.providers["corp"].issuer) == (4, "https://idp.example")
    # A process that this one starts works elsewhere, and reads the same.
    os.chdir(home)
    assert configuration.load() == home.parent / "taihang.toml"


@pytest.mark.parametrize(
    "text", [b"[identity", b"\xff", b"[identity]\nsession_h = 4\nsession_h = 5\n", b"a=" + b"[" * 100_000]
)
def test_a_file_that_is_no_settings_is_named(text: bytes) -> None:
    Path("taihang.toml").write_bytes(text)
    with pytest.raises(errors.UserError, match=r"taihang\.toml: the settings") as caught:
        configuration.load()
    assert "\n" not in str(caught.value)


def test_a_value_that_is_none_is_named() -> None:
    Path("taihang.toml").write_text("[identity]\nsession_h = 0\n")
    configuration.load()
    with pytest.raises(errors.UserError, match=r"identity\.session_h"):
        identity.Identity.current()
