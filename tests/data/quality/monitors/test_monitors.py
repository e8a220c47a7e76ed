"""Bands learned from history: what they flag, what they leave alone, and what people's answers change."""

from __future__ import annotations

import datetime
import zoneinfo
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.app import monitor
from taihang.core import errors
from taihang.data.quality.monitors import days, drift, panel, season, track, watch

ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")


def _panel(n: int = 300, seed: int = 1, kind: panel.Kind = "volume") -> panel.Panel:
    """Daily counts with weekends, China's holidays, a trend and noise."""
    draw = np.random.default_rng(seed)
    times = tuple(datetime.datetime(2024, 3, 1, 2, tzinfo=ZONE) + datetime.timedelta(days=k) for k in range(n))
    china = days.china()
    works = np.array([china.works(t.date()) for t in times])
    values = np.exp(9 + 0.3 * np.arange(n) / n - 0.8 * ~works + 0.05 * draw.standard_normal(n))
    return panel.Panel("rows.csv", times, (panel.Monitor("rows", kind),), values[:, None])


def _watched(on: panel.Panel, **more: object) -> watch.Watched:
    return watch.watch(on, watch.Options(zone=ZONE, calendar=days.china(), **more))  # type: ignore[arg-type]


def _moved(on: panel.Panel, at: int, times: float) -> panel.Panel:
    values = on.values.copy()
    values[at] *= times
    return panel.Panel(on.asset, on.times, on.monitors, values)


def test_a_drop_is_flagged_with_its_band_and_why() -> None:
    found = _watched(_moved(_panel(), -1, 0.5))
    (row,) = found.data.to_pylist()
    assert row["value"] < row["lower"] < row["expected"] < row["upper"]
    assert "false alarm" in row["told_en"]
    assert "误报" in row["told_zh"]


def test_a_holiday_and_a_make_up_day_are_no_anomalies() -> None:
    on = _panel(420)
    found = _watched(on, last=200)
    china = days.china()
    special = [i for i in found.judged if china.kind(on.times[i].date()) > 6]
    assert len(special) > 15
    outside = found.track.outside[special, 0]
    assert outside.sum() <= 1
    weekdays = watch.watch(on, watch.Options(zone=ZONE, last=200)).track.outside[special, 0]
    assert weekdays.sum() > 5


def test_a_band_comes_from_earlier_points_alone() -> None:
    on = _panel(200)
    whole = _watched(on, last=200).track
    part = panel.Panel(on.asset, on.times[:150], on.monitors, on.values[:150])
    cut = _watched(part, last=150).track
    np.testing.assert_allclose(whole.lower[:150], cut.lower, rtol=1e-9)
    np.testing.assert_allclose(whole.upper[:150], cut.upper, rtol=1e-9)


def test_false_alarms_widen_and_true_ones_do_not() -> None:
    on = _moved(_panel(), 206, 0.6)
    moment = on.times[206].isoformat()
    plain = _watched(on).track
    assert plain.outside[206, 0]
    false = _watched(on, told={("rows", moment): "false"})
    true = _watched(on, told={("rows", moment): "true"})
    width = [float((t.upper - t.lower)[-1, 0] / t.expected[-1, 0]) for t in (plain, false.track, true.track)]
    assert width[1] > 1.2 * width[0]
    assert width[2] < 1.1 * width[0]
    # The same once more is no alarm after it was told false.
    again = _watched(_moved(on, -1, 0.62), told={("rows", moment): "false"})
    assert not again.track.outside[-1, 0]
    assert _watched(on, told={("rows", "2020-01-01T00:00:00+08:00"): "false"}).lost


def test_what_was_told_of_yesterday_counts_today() -> None:
    on = _moved(_moved(_panel(300), -2, 0.6), -1, 0.72)
    assert _watched(on).track.outside[-1, 0]
    told = {("rows", on.times[-2].isoformat()): "false"}
    assert not _watched(on, told=told).track.outside[-1, 0]


def test_a_smaller_budget_gives_wider_bands() -> None:
    on = _panel()
    widths = [float((t.upper - t.lower)[-1, 0]) for t in (_watched(on, budget=b).track for b in (0.1, 1.0, 10.0))]
    assert widths[0] > widths[1] > widths[2]


def test_planted_anomalies_are_found_within_the_budget() -> None:
    rng = np.random.default_rng(3)
    found = planted = false = 0
    for seed in range(4):
        on = _panel(500, seed)
        places = sorted(set(range(60, 500, 37)))
        values = on.values.copy()
        for place in places:
            values[place] *= np.exp(0.05 * rng.choice([-9, 9]))
        told = _watched(panel.Panel(on.asset, on.times, on.monitors, values))
        outside = told.track.outside[:, 0].copy()
        found += int(outside[places].sum())
        planted += len(places)
        outside[[p + k for p in places for k in range(3) if p + k < 500]] = False
        false += len(track.starts(outside, told.season))
    assert found / planted >= 0.9
    assert false <= 4 * 440 / 91.3


def test_fixed_limits_are_told_beside_the_learned_ones() -> None:
    tests = {one.model: one for one in _watched(_panel()).tests}
    assert tests["seasonal"].found[-1] > tests["fixed"].found[-1]
    assert tests["seasonal"].false_rate is not None


@pytest.mark.parametrize("n", [0, 1, 3, 27])
def test_too_little_history_raises_no_alarm(n: int) -> None:
    on = _panel(30)
    few = panel.Panel(on.asset, on.times[:n], on.monitors, on.values[:n] * 0 + 1e9)
    found = _watched(few, last=30) if n else None
    assert found is None or (not found.track.ready.any() and not found.alarmed)


def test_three_days_say_so(tmp_path: Path) -> None:
    file = tmp_path / "three.csv"
    file.write_text("day,rows\n2026-01-01,5\n2026-01-02,500\n2026-01-03,0\n")
    done = monitor.monitor(file, out=tmp_path / "out", lang="en", fail_on="blue", options=_json())
    assert done.exit_code == 0
    assert not done.report.findings
    assert {"too little history: 3 points over 2.0 days" in n.reason.en for n in done.report.not_judged} == {True}


def test_a_report_has_the_finding_of_the_rule_engine(tmp_path: Path) -> None:
    on = _moved(_panel(), -1, 0.3)
    file = tmp_path / "rows.csv"
    file.write_text(
        "day,rows\n" + "".join(f"{t:%Y-%m-%d},{v[0]:.0f}\n" for t, v in zip(on.times, on.values, strict=True))
    )
    done = monitor.monitor(file, out=tmp_path / "out", lang="zh", fail_on="yellow", options=_json())
    (found,) = done.report.findings
    assert done.exit_code == 1
    assert (found.rule.rulebook, found.place.keys["monitor"]) == ("monitors", "rows")
    assert found.measured["value"] < found.measured["lower"]  # type: ignore[operator]
    assert (tmp_path / "out" / monitor.OBSERVED).is_file()
    assert {s.kind for s in done.report.sections} >= {"band", "facts", "table"}


def _json() -> monitor.Options:
    return monitor.Options(formats=("html", "json"))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a,b\n1,2\n", "reading.no_time"),
        ("day,name\n2026-01-01,x\n", "reading.numbers"),
        ("", None),
    ],
)
def test_unusable_tables_are_one_line(tmp_path: Path, text: str, key: str | None) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(errors.UserError) as told:
        monitor.monitor(file, out=tmp_path / "out", options=_json())
    assert "\n" not in str(told.value)
    if key is not None:
        assert told.value.message.key == f"data.quality.monitors:{key}"


def test_a_time_that_no_calendar_has_is_named(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    far = pa.array([1_700_000_000, 400_000_000_000], pa.timestamp("s"))
    pq.write_table(pa.table({"at": far, "rows": [1, 2]}), file)
    with pytest.raises(errors.UserError, match="14645") as told:
        monitor.monitor(file, out=tmp_path / "out", options=_json())
    assert told.value.message.key == "data.quality.monitors:reading.time"
    assert told.value.message.values["column"] == "at"


def test_feedback_and_calendars_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("monitor,at,verdict\nrows,yesterday,false\n")
    for options in (monitor.Options(feedback=file), monitor.Options(calendar="mars"), monitor.Options(zone="Mars/One")):
        with pytest.raises(errors.UserError):
            monitor.monitor(tmp_path, out=tmp_path / "out", options=options)


def test_china_has_make_up_days_and_a_file_adds_a_year(tmp_path: Path) -> None:
    china = days.china()
    assert china.kind(datetime.date(2024, 10, 1)) == days.HOLIDAY
    assert china.kind(datetime.date(2024, 9, 29)) == days.MAKE_UP
    assert china.works(datetime.date(2024, 10, 12))
    assert china.lacks([datetime.date(2199, 5, 1)]) == (2199,)
    file = tmp_path / "site.toml"
    file.write_text(
        'years = [2199]\nholidays = [{days = "2199-05-01/2199-05-03", name = "Overhaul"}]\nworkdays = ["2199-05-04"]\n'
    )
    own = days.load(str(file))
    assert own.holiday(datetime.date(2199, 5, 2)) == "Overhaul"
    assert own.works(datetime.date(2199, 5, 4))
    assert not own.lacks([datetime.date(2199, 5, 1), datetime.date(2024, 1, 1)])


_samples = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=60).map(np.array)


@given(_samples, _samples)
@settings(max_examples=60, deadline=None)
def test_drift_measures_are_what_scipy_says(one: np.ndarray, other: np.ndarray) -> None:
    stats = pytest.importorskip("scipy.stats")
    found = drift.numbers("x", one, other)
    assert found.ks == pytest.approx(stats.ks_2samp(one, other).statistic, abs=1e-12)
    assert 0 <= found.js <= 1 + 1e-12  # type: ignore[operator]
    assert found.psi >= -1e-12  # type: ignore[operator]
    assert drift.numbers("x", one, one).psi == 0


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_chi_square_test_and_the_js_distance_are_those_of_scipy(counts: list[tuple[int, int]]) -> None:
    stats = pytest.importorskip("scipy.stats")
    distance = pytest.importorskip("scipy.spatial.distance")
    a, b = (np.array(c, float) for c in zip(*counts, strict=True))
    if not a.sum() or not b.sum():
        return
    kept = (a + b) > 0
    found = drift.categories("x", *({str(k): int(n) for k, n in enumerate(c)} for c in (a, b)))
    assert found.js == pytest.approx(distance.jensenshannon(a, b, 2), abs=1e-7)
    if kept.sum() > 1:
        wanted = stats.chi2_contingency([a[kept], b[kept]], correction=False).pvalue
        assert found.chi2_p == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_hours_have_a_season_of_their_own() -> None:
    times = tuple(datetime.datetime(2025, 3, 1, tzinfo=ZONE) + datetime.timedelta(hours=k) for k in range(24 * 40))
    draw = np.random.default_rng(5)
    hour = np.array([t.hour for t in times])
    values = 100 + 80 * np.sin(2 * np.pi * hour / 24) + draw.standard_normal(len(times))
    values[-5] += 15
    on = panel.Panel("h", times, (panel.Monitor("v", "value"),), values[:, None])
    told = _watched(on, last=24)
    assert told.track.outside[-5, 0]
    assert told.track.outside[-24:, 0].sum() <= 2
    assert season.season(on, days.china(), ZONE).intraday


def test_the_learned_model_keeps_to_the_same_contract() -> None:
    pytest.importorskip("sklearn")
    told = _watched(_moved(_panel(120), -1, 0.5), model="learned")
    assert told.track.model == "learned"
    assert told.track.outside[-1, 0]
    assert [one.model for one in told.tests] == ["learned", "seasonal", "fixed"]
