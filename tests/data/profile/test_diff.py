"""Two versions of a table: what changed is told, and what did not is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from taihang.data.profile import diff, profile, relations, suggest
from taihang.data.quality import assessment, target
from taihang.rules import rulebook
from tests.data.profile import tables


def _columns(seed: int, rows: int = 5000) -> dict[str, object]:
    chance = np.random.default_rng(seed)
    return {
        "id": np.arange(rows),
        "x": chance.normal(50, 10, rows),
        "kind": chance.choice(["new", "paid", "done"], rows),
        "code": [f"AB-{i % 900 + 100}" for i in range(rows)],
    }


def _what(old: profile.Profile, new: profile.Profile) -> set[tuple[str, str | None]]:
    return {(c.what, c.column) for c in diff.diff(old, new)}


def test_the_same_table_has_no_changes(tmp_path: Path) -> None:
    one = tables.profiled(tmp_path, _columns(1))
    assert _what(one, tables.profiled(tmp_path, _columns(1))) == set()
    assert _what(one, tables.profiled(tmp_path, _columns(2))) == set()


def test_changes_are_told(tmp_path: Path) -> None:
    old = tables.profiled(tmp_path, _columns(1))
    data = _columns(2)
    data["x"] = np.asarray(data["x"]) + 8
    data["kind"] = np.where(np.arange(5000) % 2, "lost", "done")
    data["id"] = np.arange(5000) // 2
    data["code"] = pa.array(data["code"], mask=np.arange(5000) % 10 == 0)
    data["extra"] = np.arange(5000) % 3
    found = _what(old, tables.profiled(tmp_path, data))
    assert {("shift", "x"), ("values", "kind"), ("key-lost", "id"), ("nulls", "code"), ("column-new", "extra")} <= found
    assert ("shift", "code") not in found
    del data["code"]
    data["x"] = [str(v) for v in np.asarray(data["x"])]
    later = diff.diff(old, tables.profiled(tmp_path, dict(data)))
    assert [c.what for c in later[:2]] == ["column-gone", "type"]
    assert all(c.text.zh and c.text.en for c in later)


def _broken(text: str, data: pa.Table, tmp_path: Path) -> set[str]:
    """The rules of a suggested book that a table breaks; each could be run."""
    path = tmp_path / "judged.parquet"
    pq.write_table(data, path)
    found = assessment.assess(rulebook.loads(text), target.open_all([f"table={path}"]))
    return {o.compiled.rule.id for o in found.outcomes if o.broken}


def test_suggested_rules_can_be_run_and_find_what_is_new(tmp_path: Path) -> None:
    data = _columns(1)
    text = suggest.book(tables.profiled(tmp_path, data))
    assert _broken(text, pa.table(data), tmp_path) == set()
    bad = pa.table({"id": [-1, -1], "x": pa.array([None, 1.0]), "kind": ["stolen"] * 2, "code": ["zz"] * 2})
    found = _broken(text, bad, tmp_path)
    assert found >= {"id-negative", "id-unique", "x-null", "kind-choice", "code-form"}
    assert "# 5000 行中没有空值" in text
    assert "x-unique" not in text  # a measured value that never came twice is no key


def test_a_dependency_is_suggested_and_found_broken(tmp_path: Path) -> None:
    data = {"mine": [f"m{n % 40}" for n in range(400)], "province": [f"p{n % 40 // 8}" for n in range(400)]}
    text = suggest.book(tables.profiled(tmp_path, data))
    assert _broken(text, pa.table(data), tmp_path) == set()
    data["province"][7] = "p3"
    assert _broken(text, pa.table(data), tmp_path) == {"province-dependency"}


def test_hostile_names_and_values_give_rules_that_hold_or_none(tmp_path: Path) -> None:
    names = ['a"b', "x'; DROP TABLE t; --", "{0}", "列", "a: [b", "#", "\u202eevil"]
    data = {name: (["it's", 'say "x"'] * 100) for name in names}
    text = suggest.book(tables.profiled(tmp_path, data))
    assert len(yaml.safe_load(text)["rules"]) >= len(names)
    columns = [c.name for c in tables.profiled(tmp_path, data).columns]
    clean = pa.table([pa.array(["it's", 'say "x"'])] * len(columns), names=columns)
    assert _broken(text, clean, tmp_path) == set()


def test_foreign_keys_between_tables(tmp_path: Path) -> None:
    people = tables.measured(tmp_path, {"id": [f"u{i}" for i in range(500)], "age": [i % 80 for i in range(500)]}, "p")
    orders = tables.measured(
        tmp_path,
        {"no": range(2000), "user": [f"u{i % 400}" for i in range(2000)], "other": [f"x{i}" for i in range(2000)]},
        "o",
    )
    found = relations.foreign_keys(
        {"people": (people.profile, people.sketches), "orders": (orders.profile, orders.sketches)}
    )
    assert found["orders"] == (profile.ForeignKey(column="user", table="people", key="id", share=1.0),)
    assert {(k.column, k.key) for k in found["people"]} <= {("age", "no")}


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_quantiles_of_lumps_do_not_move(tmp_path: Path, share: float) -> None:
    chance = np.random.default_rng(4)
    lumps = [np.where(chance.random(20_000) < share, 7.0, 0.0) for _ in range(2)]
    profiles = [tables.profiled(tmp_path, {"x": one}) for one in lumps]
    assert not [c for c in diff.diff(*profiles) if c.what == "shift"]
