"""What a predicate may hold, and the many things that it may not."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pytest

from taihang.core import errors, words
from taihang.engines import tables
from taihang.rules import form, judge, predicate, rulebook, table
from tests.rules import books

DATA = pa.table(
    {
        "a": pa.array([1, -2, None, 4], pa.int64()),
        "b": pa.array([2, 2, 2, None], pa.int64()),
        "x": [1.5, float("nan"), float("inf"), -0.25],
        "s": ["abc", "Ab c ", None, "危险"],
        "f": [True, False, None, True],
        "d": [datetime.datetime(2026, 2, 3, 4, 5, 6)] * 4,
        "select": [1, 2, 3, 4],
        'odd "name"': [1, 2, 3, 4],
        "区域": ["A", "B", "A", None],
    }
)

ALLOWED = '''
a > 1 and b < 3 or not f
a between -2 and 1
a not in (1, 4)
a is null
a is not null
f is true
f is distinct from true
a % 2 = 0
a // 2 = 1
a / b > 0.4
-a > 1
a + b * 2 - 1 >= 3
abs(a) + round(x, 1) > 2
floor(x) = ceil(x) - 1
greatest(a, b) = 2 or least(a, b) = 1
sign(a) = 1 and sqrt(abs(a)) > 1
ln(b) < 1 and log(b) < 1 and exp(b) > 1
power(a, 2) = 4 or a ** 2 = 16
trunc(x) = 1
isnan(x) or isinf(x) or not isfinite(x)
coalesce(a, b, 0) = 0
nullif(a, 1) is null
if(a > 1, true, false)
case when a > 1 then true when b > 1 then false end
case a when 1 then true else false end
lower(s) = 'abc' or upper(s) = 'ABC'
length(trim(s)) = 4
substring(s, 1, 2) = 'Ab' or left(s, 1) = 'a' or right(s, 1) = 'c'
starts_with(s, 'a') or ends_with(s, 'c') or prefix(s, 'A') or suffix(s, ' ')
contains(s, '危') or strpos(s, 'b') = 2
s || 'x' = 'abcx' or concat(s, 'x') = 'abcx'
replace(s, 'b', 'y') = 'ayc'
s like 'a%' or s ilike 'AB%' or s not like '%c' or s like 'a!%' escape '!'
regexp_matches(s, '^[aA]b') or regexp_full_match(s, 'abc') or s ~ 'abc'
year(d) = 2026 and month(d) = 2 and day(d) = 3 and hour(d) = 4 and minute(d) = 5 and second(d) = 6
quarter(d) = 1 and week(d) = 6 and dayofweek(d) = 2 and isodow(d) = 2 and dayofyear(d) = 34
extract(hour from d) = 4
date_trunc('day', d) = date '2026-02-03'
date_diff('day', d, timestamp '2026-02-05 00:00:00') = 2
d + interval 3 day > timestamp '2026-02-05 00:00:00'
d < make_date(2026, 2, 4)
epoch(d) > 0
cast(a as double) > 1.5
a::varchar = '1' or a::decimal(10, 2) = 1
try_cast(s as int) is null
"select" > 2
"odd ""name""" > 2
区域 = 'A'
a > 1 -- a note
a > 1 /* a note */
pi() > a
a <> 1 and a != 2 and a == 4
mod(a + 1, b) = 0
true
'''.strip().split("\n")


@pytest.mark.parametrize("text", ALLOWED)
def test_what_is_allowed_means_what_the_database_means_by_it(text: str) -> None:
    made = predicate.parse(text, {}, form.Places(name="x"))
    with tables.Engine() as engine, engine.seeing(t=DATA):
        ours = engine.table(f"SELECT ({made.sql}) AS v FROM t").column(0).to_pylist()
        its = engine.table(f"SELECT ({text}\n) AS v FROM t").column(0).to_pylist()
    assert ours == its


FORBIDDEN = r"""
(select 1)
a in (select a from t)
exists(select 1)
a = any(select 1)
a > (select max(a) from t)
a; drop table t
drop table t
a > 1; attach 'x.db'
copy t to 'x.csv'
pragma database_list
set memory_limit = '1TB'
install httpfs
call pragma_version()
read_csv('/etc/passwd') = 1
read_text('/etc/passwd') is null
a in (from read_csv('/etc/passwd'))
glob('/*') = a
getenv('HOME') = 'x'
getvariable('x') = 1
current_setting('memory_limit') = 'x'
nextval('s') = 1
query('select 1') = 1
query_table('t') = 1
md5(s) = 'x'
random() > 0.5
uuid() = s
now() > d
current_date > d
current_timestamp > d
today() > d
pg_sleep(10) is null
sleep(10) is null
error('x') is null
repeat(s, 1000000000) = 'x'
range(1000000000) is null
generate_series(1, 10) is null
unnest([1, 2]) = 1
list_transform([1], x -> x + 1) = [1]
array_agg(a) is null
lpad(s, 1000000000, 'x') = 'x'
printf('%1000000000d', a) = 'x'
format('{}', a) = 'x'
a over () > 1
sum(a) over () > 1
row_number() over () = 1
max(a) > 1
count(*) > 1
*
t.*
columns(*) > 1
columns('a') > 1
a.b = 1
t.a = 1
main.t.a = 1
a[1] = 1
s[1:2] = 'a'
[1, 2] = [1]
{'a': 1} is null
struct_pack(a := 1) is null
(a, b) = (1, 2)
x -> x
lambda x: x
a as b
a, b
a = ?
a = $1
a = $nope
a = :nope
a collate nocase = 'x'
d at time zone 'UTC' > d
a::json is null
a::int[] is null
a::struct(b int) is null
cast(a as "my type") = 1
cast(s as blob) is null
cast(s as bit) is null
s ~ 区域
regexp_matches(s, s)
extract(nonsense from d) = 1
s glob 'a*'
s similar to 'a'
a & 1 = 1
a << 60 > 1
x'00' = s
e'\x00' = s
$$a$$ = s
""".strip().split("\n")


@pytest.mark.parametrize("text", FORBIDDEN)
def test_what_is_not_allowed_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        predicate.parse(text, {}, form.Places(name="x"))
    for language in ("zh", "en"):
        assert "\n" not in caught.value.message.in_(language)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 2000 + "a" + ")" * 2000,
        "(" * 60 + "abs(" * 60 + "a" + ")" * 120,
        "not " * 1500 + "a",
        "- " * 3000 + "a",
        "case when " * 300 + "a" + " then 1 end" * 300,
        "a" + "::int" * 1500,
        "a.b" * 2000,
        "a" + " + a" * 1900,
        "a in (" + "1, " * 2600 + "1)",
        "a in (" + "1, " * 4500 + "1)",
        "[" * 3000,
        "'" * 3001,
        '"' * 3001,
        "a /*" * 1000,
    ],
)
def test_depth_and_length_are_bounded(text: str) -> None:
    try:
        predicate.parse(text, {}, form.Places(name="x"))
    except errors.UserError:
        return
    assert len(text) < 8000


@pytest.mark.parametrize(
    "value",
    [
        "' or 1=1 --", "'; drop table t; --", '" or ""="', "\\' or 1=1", "$$ or 1=1 $$",
        "x' || read_text('/etc/passwd') || '",
        "''", "'", "\\", "%", "/* */", "-- ", "\u2019 or 1=1", "\ufeff'", "危险", "{0}", "a\nb",
    ],
)  # fmt: skip
def test_parameters_are_values_and_never_text(value: str) -> None:
    data = pa.table({"s": ["abc", value]})
    rule = books.rule(where="s = $p", parameters={"p": value})
    assert books.judged(data, rule).rows["r"].tolist() == [1]


@pytest.mark.parametrize("value", [0, -7, 2**63 - 1, -(2**63), 1.5, -1e-300, 1e300, True, False])
def test_numbers_survive_as_they_are(value: words.Scalar) -> None:
    made = predicate.parse("$p = $p", {"p": value}, form.Places(name="x"))
    with tables.Engine() as engine:
        sql = made.sql.split(" = ")[0]
        assert engine.table(f"SELECT {sql} AS v").column(0).to_pylist() == [value]


@pytest.mark.parametrize("text", ["a\x00", "'a\x00' = s", "a \x1b", "\x7f"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(errors.UserError, match="control character"):
        predicate.parse(text, {}, form.Places(name="x"))


def faulty(where: str, **rule: Any) -> str:
    text = (
        "taihang: rules/1\nid: b\nversion: '1'\ntitle: {zh: 题, en: t}\nrules:\n  - id: r\n    title: {zh: 题, en: t}\n"
        "    level: red\n    dimension: d\n    table: t\n    message: {zh: 题, en: t}\n"
        f"    where: {where}\n" + "".join(f"    {name}: {value}\n" for name, value in rule.items())
    )
    with pytest.raises(errors.UserError) as caught:
        judge.judge(rulebook.loads(text, "b.yaml"), {"t": table.Table(DATA)})
    for language in ("zh", "en"):
        line = caught.value.message.in_(language)
        assert line.startswith("b.yaml:")
        assert "\n" not in line
    return str(caught.value)


def test_an_unknown_column_names_its_place_and_the_known_ones() -> None:
    told = faulty("a > 1 and poeple > 2")
    assert told.startswith("b.yaml:12:22: ")
    assert "its columns are a, b, x" in told
    assert faulty("a > 1", measures="{m: max(nope)}").startswith("b.yaml:13:23: ")
    assert faulty("a > 1", filter="A > 1").startswith("b.yaml:13:13: ")
    assert faulty("a > 1", by="[a, nope]").startswith("b.yaml:13:13: ")
    assert faulty("rowid = 1").startswith("b.yaml:12:12: ")


@pytest.mark.parametrize(
    "where",
    ["s > 3", "a > 'abc'", "s + 1 = 2", "d > 5", "regexp_matches(s, '(')", "length(a) > 1", "f > d", "abs(s) > 1"],
)
def test_what_does_not_fit_its_columns_is_an_error_with_its_place(where: str) -> None:
    told = faulty(f'"{where}"')
    assert told.startswith("b.yaml:12:")
    assert "does not fit" in told or "cannot be evaluated" in told


@pytest.mark.parametrize("where", ["a", "a + 1", "s", "'x'", "d", "null", "1"])
def test_a_condition_must_be_one(where: str) -> None:
    assert "a condition must be true or false" in faulty(f'"{where}"')


def test_measures_are_aggregates_of_the_violating_rows() -> None:
    rule = books.rule(
        where="a > -5",
        measures={
            "most": "max(a)",
            "n": "count(distinct b)",
            "mean": "avg(x)",
            "at": "arg_max(s, a)",
            "all": "count()",
        },
        message={"zh": "最多 {most}", "en": "{most} of {n}, {mean:.1f}, {at}, {{x}}"},
    )
    (one,) = books.judged(DATA, rule).findings
    assert one.measured == {"rows": 3, "most": 4, "n": 1, "mean": None, "at": "危险", "all": 3}
    assert one.message.en == "4 of 1, ?, 危险, {x}"
    with pytest.raises(errors.UserError, match=r"needs an aggregate"):
        books.book(books.rule(measures={"m": "a"}))
    with pytest.raises(errors.UserError, match=r"does not fit its columns"):
        books.judged(DATA, books.rule(where="f", measures={"m": "sum(s)"}))


def test_messages_may_only_name_what_is_known() -> None:
    with pytest.raises(errors.UserError, match=r"nothing fills the placeholder nope"):
        books.judged(DATA, books.rule(where="f", message={"zh": "", "en": "{nope}"}))
