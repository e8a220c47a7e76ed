"""Errors: one line, an exit code, and the same after a trip through another process."""

from __future__ import annotations

import pickle

import pytest

from taihang.core import errors


@pytest.mark.parametrize(
    ("kind", "code"), [(errors.UserError, 2), (errors.Failure, 3), (errors.Cancelled, 130), (errors.TaihangError, 3)]
)
def test_the_class_decides_the_exit_code(kind: type[errors.TaihangError], code: int) -> None:
    error = kind("core:cancelled")
    assert error.exit_code == code
    assert "\n" not in str(error)


def test_a_missing_extra_is_the_users_to_install_and_says_how() -> None:
    error = errors.MissingExtra("hub", "a hub model")
    assert error.exit_code == 2
    assert str(error) == "a hub model needs the optional part hub: run pip install 'taihang[hub]'"


@pytest.mark.parametrize(
    "error",
    [
        errors.UserError("core:setting_invalid", name="n", source="s", reason="r"),
        errors.MissingExtra("hub", "a hub model"),
        errors.Failure("core:cancelled"),
    ],
)
def test_an_error_survives_a_process_pool(error: errors.TaihangError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert copy.message == error.message
    assert str(copy) == str(error)


def test_a_transient_failure_is_still_a_failure() -> None:
    class Busy(errors.Transient, errors.Failure):
        """Somebody else holds it."""

    assert issubclass(Busy, errors.Failure)
    assert pickle.loads(pickle.dumps(errors.Failure("core:cancelled"))).exit_code == 3
