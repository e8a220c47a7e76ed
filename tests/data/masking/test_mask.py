"""Mask as a user does: nothing of a person is left, joins hold, and a leak writes no file."""

from __future__ import annotations

import csv
import datetime
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taihang.app import mask
from taihang.core import errors
from taihang.data.masking import planning, policy, risk
from taihang.data.profile.semantic import checks

PEOPLE = [
    ("P1", "王伟", "11010519491231002X", "13812345678", 37, "2020-01-05", "王伟来电，手机13812345678，反映噪声。"),
    ("P1", "王伟", "11010519491231002X", "138-1234-5678", 38, "2020-02-05", "订单号201811123456789012已发货"),
    ("P2", "李强", "440308199901101512", "13987654321", 41, "2021-03-01", "已回访李强，身份证440308199901101512。"),
    ("P3", "闾禤佘", "N/A", "1398765432", 43, "N/A", "闾禤佘说无异常"),
]
HEAD = ["编号", "姓名", "身份证号", "手机号", "年龄", "日期", "备注"]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([HEAD, *PEOPLE])
    return path


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MASK_KEY", "a secret of enough letters")
    return "env:MASK_KEY"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _policy(**more: object) -> policy.Policy:
    columns = {
        "日期": "shift",
        "年龄": {"method": "generalise", "step": 10},
        "手机号": {"method": "format", "kind": "phone"},
    }
    return policy.read({"columns": columns, "person": "编号", **more}, "test")


def test_nothing_of_anybody_is_left_and_the_rest_is(people: Path, tmp_path: Path, secret: str) -> None:
    done = mask.mask(people, out=tmp_path / "m.csv", rules=_policy(), secret=secret)
    text = (tmp_path / "m.csv").read_text(encoding="utf-8")
    for _, name, number, phone, *_ in PEOPLE:
        assert name not in text
        assert number == "N/A" or number not in text
        assert phone not in text
    rows = _rows(tmp_path / "m.csv")
    assert [r["编号"] for r in rows] == ["P1", "P1", "P2", "P3"]
    assert rows[1]["备注"] == PEOPLE[1][-1]
    assert checks.id_card(rows[0]["身份证号"])
    assert rows[0]["身份证号"] == rows[1]["身份证号"]
    assert rows[0]["手机号"] in rows[0]["备注"]
    assert rows[0]["姓名"] in rows[0]["备注"]
    assert [r["年龄"] for r in rows] == ["30-39", "30-39", "40-49", "40-49"]
    assert done.checked.coverage == 1
    assert done.checked.found >= 12


def test_dates_of_one_person_move_together(people: Path, tmp_path: Path, secret: str) -> None:
    mask.mask(people, out=tmp_path / "m.csv", rules=_policy(), secret=secret)
    days = [datetime.date.fromisoformat(r["日期"]) for r in _rows(tmp_path / "m.csv")[:3]]
    before = [datetime.date.fromisoformat(r[5]) for r in PEOPLE[:3]]
    moved = [a - b for a, b in zip(days, before, strict=True)]
    assert moved[0] == moved[1]
    assert moved[0] != datetime.timedelta(0)
    assert moved[0] != moved[2]


@pytest.mark.parametrize("method", ["drop", "hash", "generalise", "format"])
def test_every_method_leaves_nothing(people: Path, tmp_path: Path, secret: str, method: str) -> None:
    done = mask.mask(people, out=tmp_path / "m.jsonl", rules=policy.read({"method": method}, "t"), secret=secret)
    text = (tmp_path / "m.jsonl").read_text(encoding="utf-8")
    assert not [v for row in PEOPLE for v in row[1:4] if v != "N/A" and v in text]
    assert done.checked.leaked == 0
    assert len(text.splitlines()) == len(PEOPLE)


def test_without_a_secret_values_are_dropped_and_texts_say_so(people: Path, tmp_path: Path) -> None:
    mask.mask(people, out=tmp_path / "m.csv")
    rows = _rows(tmp_path / "m.csv")
    assert rows[0]["身份证号"] == ""
    assert "[NAME]" in rows[0]["备注"]
    assert "[PHONE]" in rows[0]["备注"]


def test_nested_texts_are_masked_and_keep_their_shape(tmp_path: Path) -> None:
    path = tmp_path / "chat.parquet"
    turns = [[{"role": "user", "content": "我叫王伟，电话13812345678"}, {"role": "assistant", "content": "好的"}]]
    pq.write_table(pa.table({"messages": turns}), path)
    mask.mask(path, out=tmp_path / "m.parquet")
    (made,) = pq.read_table(tmp_path / "m.parquet").column("messages").to_pylist()
    assert made[0] == {"role": "user", "content": "我叫[NAME]，电话[PHONE]"}
    assert made[1] == turns[0][1]


def test_what_the_second_pass_finds_writes_no_file(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = planning.mentions
    calls = [0]

    def forgetful(text: str, known: tuple[str, ...] = ()) -> object:
        # The first pass overlooks what the second one sees.
        calls[0] += 1
        return [] if calls[0] <= 12 else real(text, known)

    monkeypatch.setattr(planning, "mentions", forgetful)
    with pytest.raises(errors.Failure) as caught:
        mask.mask(people, out=tmp_path / "m.csv")
    assert not (tmp_path / "m.csv").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["people.csv"]
    assert "13812345678" not in str(caught.value)


def test_the_role_that_may_see_a_kind_sees_it_and_no_other(people: Path, tmp_path: Path) -> None:
    mask.mask(people, out=tmp_path / "v.csv", role="viewer")
    assert "13812345678" not in (tmp_path / "v.csv").read_text(encoding="utf-8")
    with pytest.raises(errors.UserError, match="nobody"):
        mask.mask(people, out=tmp_path / "n.csv", role="nobody")


def test_k_is_reported_and_asked_for(people: Path, tmp_path: Path, secret: str) -> None:
    done = mask.mask(people, out=tmp_path / "m.csv", rules=_policy(quasi=["年龄"], k=3), secret=secret)
    assert done.before is not None
    assert done.after is not None
    assert (done.before.k, done.after.k) == (1, 2)
    assert done.exit_code == 1
    told = json.loads(done.summary.read_text(encoding="utf-8"))
    assert told["risk"]["after"]["k"] == 2
    assert "王伟" not in done.summary.read_text(encoding="utf-8")


def test_risks_by_hand() -> None:
    rows = [{"a": 1, "s": "x"}, {"a": 1, "s": "y"}, {"a": 1, "s": "x"}, {"a": 2, "s": "z"}, {"a": None, "s": "z"}]
    found = risk.measure(iter(rows), ["a"], "s", 2)
    assert (found.rows, found.groups, found.k, found.alone, found.below, found.l) == (5, 3, 1, 2, 2, 1)
    assert found.prosecutor == 1
    assert found.marketer == pytest.approx(3 / 5)
    assert found.entropy_l == pytest.approx(1)
    assert risk.measure(iter([]), ["a"]).k is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kinds": {"shoe": "drop"}}, "shoe"),
        ({"method": "burn"}, "method"),
        ({"columns": {"x": {"method": "hash", "kind": "shoe"}}}, "kind"),
        ([1], "-"),
    ],
)
def test_a_wrong_policy_is_one_line(given: object, says: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        policy.read(given, "p.yaml")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_input(people: Path, tmp_path: Path, secret: str) -> None:
    for out, wanted in ((people, "source"), (tmp_path / "x.pdf", "suffix")):
        with pytest.raises(errors.UserError, match=wanted):
            mask.mask(people, out=out)
    with pytest.raises(errors.UserError, match="secret"):
        mask.mask(people, out=tmp_path / "m.csv", rules=policy.Policy(method="hash"))
    with pytest.raises(errors.UserError, match="nowhere"):
        mask.mask(people, out=tmp_path / "m.csv", rules=policy.Policy(quasi=("nowhere",)), secret=secret)
    with pytest.raises(errors.UserError):
        policy.option("年龄=burn")
    assert policy.option("年龄=generalise:5") == ("年龄", policy.Column(method="generalise", step=5))
