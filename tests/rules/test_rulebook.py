"""Every fault of a rulebook is one line with its place, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from taihang.core import errors
from taihang.rules import rulebook

HEAD = "taihang: rules/1\nid: b\nversion: 1.10\ntitle: {zh: 题, en: t}\n"
RULE = """rules:
  - id: r
    title: {zh: 题, en: t}
    level: red
    dimension: d
    table: t
    where: v
    message: {zh: 题, en: t}
"""
BOOK = HEAD + RULE


def refused(text: str | bytes) -> errors.UserError:
    with pytest.raises(errors.UserError) as caught:
        rulebook.loads(text, "b.yaml")
    for language in ("zh", "en"):
        line = caught.value.message.in_(language)
        assert "\n" not in line
        assert "b.yaml" in line
    assert caught.value.exit_code == 2
    return caught.value


def test_a_book_keeps_what_it_says() -> None:
    book = rulebook.loads(BOOK + "    tags: [a]\nscope: {camera: worn, zones: z.json, n: 3, list: [1.5, true, ~]}\n")
    assert (book.id, book.version, len(book.rules)) == ("b", "1.10", 1)
    assert book.scope == {"camera": "worn", "zones": "z.json", "n": 3, "list": [1.5, True, None]}
    assert book["r"].tags == ("a",)
    assert len(book.sha256) == 64


def test_durations_and_clauses() -> None:
    extra = """    sustained: 500ms
    within: 1.5m
    at_least: 2
    clause: {document: 令, number: "3", text: x, effective: 2026-07-01}
"""
    rule = rulebook.loads(BOOK + extra)["r"]
    assert (rule.sustained, rule.within, rule.at_least) == (0.5, 90.0, 2)
    assert rule.clause is not None
    assert rule.clause.effective.isoformat() == "2026-07-01"


@pytest.mark.parametrize(
    ("text", "key", "where"),
    [
        (b"\xff\xfe", "yaml.encoding", "b.yaml:1:1"),
        (HEAD.encode() + b"x: \xd0\xc2", "yaml.encoding", "b.yaml:5:1"),
        ("", "yaml.top", "b.yaml:1:1"),
        ("- 1", "yaml.top", "b.yaml:1:1"),
        ("a: [", "yaml.syntax", "b.yaml:"),
        ("a: \x00", "yaml.syntax", "b.yaml:"),
        ("a: 1\n\tb: 2", "yaml.syntax", "b.yaml:2:1"),
        ("a: &x 1", "yaml.alias", "b.yaml:1:4"),
        ("a: *x", "yaml.alias", "b.yaml:1:4"),
        ("a: !!python/object:os.system 1", "yaml.tag", "b.yaml:1:4"),
        ("a: !!str 1", "yaml.tag", "b.yaml:1:4"),
        ("a: 1\nb: 2\na: 3", "yaml.twice", "b.yaml:3:1"),
        ("a: 1\n---\nb: 2", "yaml.documents", "b.yaml:2:1"),
        ("? [a]\n: 1", "yaml.key", "b.yaml:1:3"),
        ("a: " + "[" * 30, "yaml.deep", "b.yaml:1:"),
        (BOOK + "    sustaned: 2s\n", "form.key", "b.yaml:13:5"),
        (BOOK + "    followed_by: {wher: x}\n    within: 2s\n", "form.key", "b.yaml:13:19"),
        (BOOK.replace("    level: red\n", ""), "form.missing", "b.yaml:6:5"),
        (BOOK.replace("level: red", "level: pink"), "form.choice", "b.yaml:8:12"),
        (BOOK.replace("rules/1", "rules/2"), "form.choice", "b.yaml:1:10"),
        (BOOK.replace("where: v", "where:"), "form.value", "b.yaml:11:11"),
        (BOOK.replace("where: v", "where: " + "v" * 8001), "form.long", "b.yaml:11:12"),
        (BOOK + "    sustained: 2 seconds\n", "form.value", "b.yaml:13:16"),
        (BOOK + "    at_least: 3\n", "form.value", "b.yaml:6:5"),
        (BOOK + "    within: 3s\n", "form.value", "b.yaml:6:5"),
        (BOOK + "    per: group\n    sustained: 3s\n", "form.value", "b.yaml:6:5"),
        (BOOK + "    within: 3s\n    followed_by: {where: v, rule: r}\n", "form.value", "b.yaml:14:18"),
        (BOOK + "    parameters: {n: [1]}\n", "form.value", "b.yaml:13:21"),
        (BOOK + "    parameters: {N: 1}\n", "form.value", "b.yaml:13:"),
        (BOOK + RULE.removeprefix("rules:\n"), "rule.twice", "b.yaml:13:9"),
        (BOOK + "    within: 3s\n    followed_by: {rule: s}\n", "rule.unknown", "b.yaml:14:25"),
        (BOOK + "    within: 3s\n    followed_by: {rule: r}\n", "rule.cycle", "b.yaml:14:25"),
        (BOOK.replace("message: {zh: 题, en: t}", "message: {zh: '{x', en: t}"), "message.field", "b.yaml:12:20"),
        (BOOK.replace("message: {zh: 题, en: t}", "message: {zh: 题, en: '{a.b}'}"), "message.field", "b.yaml:12:27"),
        (BOOK.replace("message: {zh: 题, en: t}", "message: {zh: 题, en: '{x:9999d}'}"), "message.field", "b.yaml:12"),
        (BOOK.replace("where: v", "where: v >"), "sql.syntax", "b.yaml:11:"),
        (BOOK.replace("where: v", "where: a > 1 and md5(b) = 'x'"), "sql.function", "b.yaml:11:22"),
        (BOOK.replace("where: v", "where: >-\n      a > 1 and\n      v in (select 1)"), "sql.forbidden", "b.yaml:"),
        (BOOK.replace("where: v", "where: a > $n"), "sql.parameter", "b.yaml:11:17"),
        (BOOK.replace("where: v", "where: max(a) > 1"), "sql.aggregate", "b.yaml:11:12"),
        (BOOK + "    measures: {m: a}\n", "sql.bare", "b.yaml:13:19"),
        (BOOK + "extends: [../other.rules.yaml]\n", "extends.outside", "b.yaml:13:11"),
        (BOOK + "extends: [nothing]\n", "extends.unknown", "b.yaml:13:11"),
        (BOOK + "extends: [/etc/passwd]\n", "extends.outside", "b.yaml:13:11"),
    ],
)
def test_faults_are_told_at_their_place(text: str | bytes, key: str, where: str) -> None:
    error = refused(text)
    assert error.message.key == f"rules:{key}", str(error)
    assert where in str(error), str(error)


def test_the_nearest_known_key_is_named() -> None:
    assert "sustained" in str(refused(BOOK + "    sustaned: 2s\n"))
    assert "max" in str(refused(BOOK + "    measures: {m: maxx(a)}\n"))


def test_a_file_too_large_is_not_parsed() -> None:
    assert refused(b"a: " + b"x" * (9 << 20)).message.key == "rules:yaml.large"


def test_no_such_book_names_the_shipped_ones(tmp_path: Path) -> None:
    for given in ("no-such-book", tmp_path / "no.rules.yaml", "bad\x00name", tmp_path):
        with pytest.raises(errors.UserError) as caught:
            rulebook.load(given)
        assert caught.value.message.key.startswith("rules:file.")
    with pytest.raises(errors.UserError, match="mine-inspection"):
        rulebook.load("no-such-book")


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_book_extends_another_and_changes_what_it_names(tmp_path: Path) -> None:
    base = BOOK + "    parameters: {n: 1, m: 2}\nscope: {camera: fixed, zones: a}\n"
    written(tmp_path, "base.rules.yaml", base.replace("where: v", "where: v > $n + $m"))
    child = written(
        tmp_path,
        "child.rules.yaml",
        HEAD + "extends: [base.rules.yaml]\nscope: {zones: b}\nrules:\n"
        "  - {id: r, level: blue, parameters: {n: 5}}\n" + RULE.removeprefix("rules:\n").replace("id: r", "id: s"),
    )
    book = rulebook.load(child)
    assert [c.rule.id for c in book.rules] == ["r", "s"]
    assert book["r"].level == "blue"
    assert book["r"].parameters == {"n": 5, "m": 2}
    assert book.compiled("r").where.sql == '"v" > 5 + 2'
    assert book.scope == {"camera": "fixed", "zones": "b"}
    assert [o.name for o in book.origins] == ["child.rules.yaml", "base.rules.yaml"]
    assert book.sha256 != rulebook.load(tmp_path / "base.rules.yaml").sha256
    written(tmp_path, "off.rules.yaml", HEAD + "extends: [base.rules.yaml]\nrules: [{id: r, enabled: false}]\n")
    assert rulebook.load(tmp_path / "off.rules.yaml").rules == ()


def test_a_fault_in_an_inherited_rule_is_told_in_its_own_file(tmp_path: Path) -> None:
    written(tmp_path, "base.rules.yaml", BOOK.replace("where: v", "where: md5(v)"))
    child = written(tmp_path, "child.rules.yaml", HEAD + "extends: [base.rules.yaml]\n")
    with pytest.raises(errors.UserError, match=r"base\.rules\.yaml:11:12"):
        rulebook.load(child)


def test_a_circle_of_books_names_its_chain(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "c"), ("c", "a")):
        written(tmp_path, f"{one}.rules.yaml", HEAD + f"extends: [{other}.rules.yaml]\n")
    with pytest.raises(errors.UserError, match=r"a\.rules\.yaml → b\.rules\.yaml → c\.rules\.yaml → a\.rules\.yaml"):
        rulebook.load(tmp_path / "a.rules.yaml")
    written(tmp_path, "self.rules.yaml", HEAD + "extends: [self.rules.yaml]\n")
    with pytest.raises(errors.UserError, match="circle"):
        rulebook.load(tmp_path / "self.rules.yaml")


def test_books_that_fan_out_are_cut_short(tmp_path: Path) -> None:
    # Each book extends the next one twice: 2^40 readings if nothing stopped it.
    for n in range(40):
        names = f"[b{n + 1}.rules.yaml, b{n + 1}.rules.yaml]"
        written(tmp_path, f"b{n}.rules.yaml", HEAD + f"extends: {names}\n")
    written(tmp_path, "b40.rules.yaml", HEAD)
    with pytest.raises(errors.UserError, match="extends"):
        rulebook.load(tmp_path / "b0.rules.yaml")


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "out"
    inside = tmp_path / "in"
    outside.mkdir()
    inside.mkdir()
    written(outside, "secret.rules.yaml", BOOK)
    (inside / "link.rules.yaml").symlink_to(outside / "secret.rules.yaml")
    child = written(inside, "child.rules.yaml", HEAD + "extends: [link.rules.yaml]\n")
    with pytest.raises(errors.UserError, match=r"child\.rules\.yaml:5:11"):
        rulebook.load(child)


def test_a_circle_of_rules_names_its_chain() -> None:
    rules = "rules:\n"
    for one, other in (("a", "b"), ("b", "c"), ("c", "a")):
        rules += RULE.removeprefix("rules:\n").replace("id: r", f"id: {one}")
        rules += f"    within: 2s\n    followed_by: {{rule: {other}}}\n"
    assert "a → b → c → a" in str(refused(HEAD + rules))


def test_ten_thousand_rules() -> None:
    one = RULE.removeprefix("rules:\n")
    text = HEAD + "rules:\n" + "".join(one.replace("id: r", f"id: r{n}") for n in range(10_000))
    assert len(rulebook.loads(text).rules) == 10_000


def test_places_hold_in_folded_quoted_and_wide_texts() -> None:
    for shape, line in (
        ("where: '区域 = 1 and nope(b)'", "11:24"),
        ('where: "区域 = 1 and\\n nope(b)"', "11:26"),
        ("where: |\n      区域 = 1\n      and nope(b)", "13:11"),
        ("where: >\n      区域 = 1 and\n      a = 2 and nope(b)", "13:17"),
    ):
        assert f"b.yaml:{line}" in str(refused(BOOK.replace("where: v", shape)))


def test_reasons_are_told_in_both_languages() -> None:
    for extra, zh in (
        ("sustained: 2 seconds", "应为时长"),
        ("at_least: many", "应为整数"),
        ("tags: x", "应为列表"),
        ("measures: [a]", "应为“键: 值”结构"),
        ("within: 2s", "within 要与"),
        ("enabled: perhaps", "应为 true 或 false"),
        ("tags: [A B]", "不符合格式"),
    ):
        assert zh in refused(BOOK + f"    {extra}\n").message.in_("zh")


@pytest.mark.parametrize(
    ("given", "near"),
    [("references: b", "columns, kind, other, other_columns"), ("othr_columns: [id]", "other_columns")],
)
def test_an_unknown_key_of_a_check_is_told_with_the_keys_of_its_kind(given, near):
    text = (
        "taihang: rules/1\nid: b\nversion: '1'\ntitle: {zh: b, en: b}\nrules:\n"
        f"  - {{id: r, table: a, level: blue, check: {{kind: foreign_key, columns: [id], other: b, {given}}}}}\n"
    )
    with pytest.raises(errors.UserError, match=rf"did you mean {near}\?"):
        rulebook.loads(text, "b.rules.yaml")
