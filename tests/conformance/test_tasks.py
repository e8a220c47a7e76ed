"""Every place for tasks keeps one contract: order, errors as they are, and work that may be left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from fixtures import clusters

from taihang.core import errors
from taihang.engines.tasks import opening, tasks


@pytest.fixture(scope="module", params=["local", pytest.param("ray", marks=pytest.mark.long)])
def place(request: pytest.FixtureRequest) -> Iterator[tasks.Tasks]:
    if request.param == "local":
        yield opening.open("local")
        return
    with clusters.ray() as cluster, opening.open(f"ray:{cluster.address}") as found:
        yield found


def scaled(by: int, item: pa.Table) -> tuple[list[int], int]:
    return [by * v for v in item.column("x").to_pylist()], os.getpid()


def picky(limit: int, item: int) -> int:
    if item > limit:
        raise errors.UserError("engines:tasks.address", address=item)
    return item


def broken(_: None, item: int) -> float:
    return 1 / item


def test_results_come_in_the_order_of_the_items(place: tasks.Tasks) -> None:
    items = [pa.table({"x": [n, n + 1]}) for n in range(100)]
    found = list(place.map(scaled, 3, items))
    assert [values for values, _ in found] == [[3 * n, 3 * n + 3] for n in range(100)]
    assert (os.getpid() in {pid for _, pid in found}) is (place.name == "local")


def test_an_error_comes_as_it_is_after_what_stands_before_it(place: tasks.Tasks) -> None:
    seen: list[Any] = []
    with pytest.raises(errors.UserError) as raised:
        seen.extend(place.map(picky, 4, [1, 9, 3, 8]))
    assert seen == [1]
    assert raised.value.message.values == {"address": 9}


def test_what_breaks_is_a_failure_in_one_line(place: tasks.Tasks) -> None:
    with pytest.raises(errors.Failure, match="ZeroDivisionError") as raised:
        list(place.map(broken, None, [1, 0]))
    assert "\n" not in str(raised.value)


def test_nothing_is_nothing_and_asking_may_end_early(place: tasks.Tasks) -> None:
    assert list(place.map(picky, 4, [])) == []
    found = place.map(picky, 10**9, range(10_000))
    assert [next(found), next(found)] == [0, 1]
    found.close()  # type: ignore[attr-defined]
    assert list(place.map(picky, 4, [2])) == [2]


@pytest.mark.parametrize("address", ["", "rey", "ray://", "ray://host", "http://host:1", "local:4"])
def test_an_address_of_no_place_is_refused(address: str) -> None:
    if not address:
        assert opening.checked(None) == "local"
        return
    with pytest.raises(errors.UserError):
        opening.open(address)


def test_another_cluster_is_not_taken_for_this_one(place: tasks.Tasks) -> None:
    if place.name == "ray":
        with pytest.raises(errors.UserError, match=r"127\.0\.0\.9:1"):
            opening.open("ray:127.0.0.9:1")
        with opening.open("ray") as same:  # nothing else is started, and leaving it leaves the connection
            assert list(same.map(picky, 4, [3])) == [3]
    assert list(place.map(picky, 4, [2])) == [2]
