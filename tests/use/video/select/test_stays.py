import itertools

import pyarrow as pa
import pytest

from taihang.use.video.select import saliency, stays


def glances(times, evidence):
    rows = [
        {"time_s": t, "evidence": e, "x": 0.5, "y": 0.3, "walking": True, "unsure": 0.1}
        for t, e in zip(times, evidence, strict=True)
    ]
    return pa.Table.from_pylist(rows, saliency.APART)


def test_a_stay_reaches_from_before_its_first_to_after_its_last_glance():
    level = [0.0] * 10 + [2.5] * 6 + [0.0] * 10
    (stay,) = stays.stays(glances(range(26), level))
    assert stay.start_s == pytest.approx(9.5, abs=1.1)
    assert stay.end_s == pytest.approx(15.5, abs=1.1)
    assert 10 <= stay.moment_s <= 15
    assert stay.evidence == pytest.approx(2.5)


def test_what_deviates_all_the_time_is_nobody():
    assert stays.stays(glances(range(60), [2.2, 2.6] * 30)) == []


def test_one_mistaken_glance_is_no_stay():
    assert stays.stays(glances(range(21), [0.2] * 10 + [1.9] + [0.2] * 10)) == []


def test_stays_do_not_overlap_and_stay_in_the_film():
    found = stays.stays(glances(range(30), [3, 3, 3, 0, 0, 0, 3, 3, 3, *[0] * 18, 3, 3, 3]))
    assert len(found) == 3
    assert found[0].start_s == 0
    assert all(a.end_s <= b.start_s for a, b in itertools.pairwise(found))


def test_no_glance_no_stay():
    assert stays.stays(saliency.APART.empty_table()) == []
