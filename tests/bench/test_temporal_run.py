"""The record of a run: what each contender recalled, seed by seed, even when the run is ended early."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="could not import torch (./check --hub)")

from bench.temporal import distil, run


def row(number: int, temporal: float, rules: float) -> dict[str, object]:
    recall = {"rules": {"1%": rules, "2%": 1.0}, "temporal": {"1%": temporal, "2%": 1.0}}
    cpu = {"prefilter": 2.0, "temporal": 4.0}
    return {"seed": number, "moments": 5, "recall": recall, "cpu_s": cpu, "steps": 100, "frames": 3000}


def test_a_run_that_is_ended_early_has_the_record_of_the_seeds_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seed(number: int, judge: object) -> dict[str, object]:
        if number == 12:
            raise KeyboardInterrupt
        return row(number, 0.4, 0.6 if number == 10 else 0.3)

    out = tmp_path / "result.json"
    monkeypatch.setattr(run, "seed", seed)
    monkeypatch.setattr("sys.argv", ["run", "synthetic", "--seeds", "10-19", "--out", str(out)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run.main()
    kept = json.loads(out.read_text())
    assert kept["seeds"] == [10, 11]
    assert kept["median_recall"]["rules"]["1%"] == pytest.approx(0.45)
    assert kept["better_worse_seeds_at_1%"] == [1, 1]
    assert kept["beats_rules_at_1%"] is False
    assert kept["cpu_s_a_step"] == pytest.approx(0.04)
    assert "--seeds 10-19" in kept["command"]


def test_a_gain_has_its_interval_by_students_t() -> None:
    rows = [
        {"seed": k, "hard": 0.5, "hard_and_teacher": 0.5 + g, "gain": g}
        for k, g in enumerate((0.0, 0.02, 0.04, 0.06, 0.08))
    ]
    said = distil.summed(rows)
    assert said["gain"] == pytest.approx(0.04)
    # 2.776 * 0.0316 / sqrt(5)
    assert said["gain_95"] == pytest.approx([0.0007, 0.0793], abs=2e-4)
