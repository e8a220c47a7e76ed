"""Settings: defaults, then the file, then the environment; a mistake says where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pydantic
import pytest

from taihang.core import errors, settings


class Kiln(settings.Section):
    name: ClassVar[str] = "kiln"
    workers: int = pydantic.Field(default=2, ge=1)
    colour: str = "red"


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    settings.load({}, "taihang.toml")


def test_without_a_file_the_defaults_hold() -> None:
    settings.load({}, "taihang.toml")
    assert Kiln.current() == Kiln(workers=2, colour="red")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.load({"kiln": {"workers": 3, "colour": "blue"}, "other": {"x": 1}}, "a.toml")
    monkeypatch.setenv("TAIHANG_KILN_WORKERS", "5")
    assert Kiln.current() == Kiln(workers=5, colour="blue")


def test_a_bad_value_in_the_file_names_the_file() -> None:
    settings.load({"kiln": {"workers": 0}}, "a.toml")
    with pytest.raises(errors.UserError, match=r"kiln\.workers from a\.toml"):
        Kiln.current()


def test_a_bad_variable_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.load({"kiln": {"workers": 3}}, "a.toml")
    monkeypatch.setenv("TAIHANG_KILN_WORKERS", "many")
    with pytest.raises(errors.UserError, match="TAIHANG_KILN_WORKERS"):
        Kiln.current()


def test_an_unknown_setting_lists_the_known_ones() -> None:
    settings.load({"kiln": {"wrokers": 3}}, "a.toml")
    with pytest.raises(errors.UserError, match=r"kiln\.wrokers; known settings: workers, colour"):
        Kiln.current()


def test_a_part_that_is_no_table_is_left_aside() -> None:
    settings.load({"kiln": 7}, "a.toml")
    assert Kiln.current().workers == 2
