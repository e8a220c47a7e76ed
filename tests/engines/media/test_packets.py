"""The packet table: one row a shown frame, in the order in which it is shown."""

from __future__ import annotations

import numpy as np
import pytest

from taihang.core import errors
from taihang.engines.media import packets
from tests.fixtures import videos


@pytest.mark.parametrize("name", sorted(videos.NORMAL))
def test_rows_are_in_presentation_order_and_count_from_zero(name: str) -> None:
    table = packets.packets(videos.get(name))
    assert table.schema.equals(packets.SCHEMA)
    assert table["number"].to_pylist() == list(range(videos.NORMAL[name]))
    times = table["time_s"].to_numpy()
    assert times[0] == 0
    assert (np.diff(times) >= 0).all()
    assert sorted(table["order"].to_pylist()) == list(range(table.num_rows))
    assert table["key"][0].as_py()
    assert (table["size"].to_numpy() > 0).all()
    assert (table["duration_s"].to_numpy() >= 0).all()


def test_durations_fill_the_film() -> None:
    table = packets.packets(videos.get("vfr"))
    ends = table["time_s"].to_numpy() + table["duration_s"].to_numpy()
    assert np.allclose(ends[:-1], table["time_s"].to_numpy()[1:])


def test_joined_recordings_go_on_instead_of_starting_again() -> None:
    scan = packets.scan(videos.get("joined_ts"))
    assert len(scan.resets) == 1
    assert scan.resets[0] == pytest.approx(2.0, abs=0.15)
    assert scan.table["time_s"][-1].as_py() == pytest.approx(3.0, abs=0.2)
    assert scan.identity == "order"


def test_a_jump_of_many_hours_is_a_new_clock_not_a_film_of_years(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_MEDIA_MAX_GAP_S", "5")
    scan = packets.scan(videos.get("gap"))
    assert len(scan.resets) == 1
    assert scan.table["time_s"][-1].as_py() < 3


def test_too_many_packets_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_MEDIA_MAX_PACKETS", "10")
    with pytest.raises(errors.UserError, match="more than 10 packets"):
        packets.packets(videos.get("plain"))
