"""What is particular to Ray: a cluster that is not there, and a program that has no Ray."""

from __future__ import annotations

import pytest

from taihang.core import errors
from taihang.engines.tasks import opening, ray


@pytest.mark.long
def test_a_cluster_that_is_not_there_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_CLIENT_MAX_RETRIES", "1")
    with pytest.raises(errors.Failure, match=r"ray://127\.0\.0\.1:9"):
        opening.open("ray://127.0.0.1:9")


def test_without_the_extra_its_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "ray", None)
    with pytest.raises(errors.MissingExtra, match=r"taihang\[ray\]"):
        opening.open("ray:127.0.0.1:6379")
