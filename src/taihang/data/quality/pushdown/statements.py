"""Statements: the queries of a plan in an engine's SQL: all row conditions in one scan, set rules one by one."""

# Every part was made by SQLGlot from checked trees, or stands here.
# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from taihang.core import errors
from taihang.data.quality import sets
from taihang.data.quality.pushdown import dialects, seen, translate, trees, typing
from taihang.engines import tables
from taihang.rules import kinds, rulebook

FALSE, TRUE, UNKNOWN = "012"
_HASHED = {
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "VARCHAR",
    "DOUBLE",
    "FLOAT",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE",
}


class Statements:
    """Writes SQL for one engine over the tables as it sees them. `schemas` are what DuckDB binds against."""

    def __init__(self, dialect: dialects.Dialect, engine: tables.Engine, shown: Mapping[str, seen.Seen]) -> None:
        self.dialect, self.shown = dialect, shown
        self._types = {name: typing.Types(engine, one.schema) for name, one in shown.items()}

    def translator(
        self, name: str, compiled: rulebook.Compiled | None = None, *, raw: bool = False
    ) -> translate.Translator:
        """Expressions over one table; numbers of the built-in kinds may take digits apart."""
        digits = compiled is not None and isinstance(compiled.rule.check, kinds.Semantic)
        columns = self.shown[name].raw if raw else self.shown[name].columns
        return translate.Translator(self.dialect, self._types[name], columns, digits=digits)

    def condition(self, name: str, sql: str, compiled: rulebook.Compiled, *, raw: bool = False) -> str:
        """A condition of a rule; `raw`: of columns as they are, for rows in which none holds what cannot be read.

        Raises errors.UserError at its place for what has no equal.
        """
        tree = typing.tree(sql)
        self._types[name].learn([tree])
        try:
            return self.translator(name, compiled, raw=raw).sql(tree)
        except trees.Refused as error:
            raise refused(self.dialect.name, compiled, str(error)) from None

    def learn(self, name: str, sqls: Sequence[str]) -> None:
        """Bind many conditions at once."""
        self._types[name].learn([typing.tree(s) for s in sqls])

    def scan(self, name: str, tests: Sequence[str], counted: Sequence[str]) -> str:
        """One pass: for each mask of outcomes how many rows, and how many of them fulfil each of `counted`.

        A mask has a letter for each test; it is NULL where all are FALSE.
        """
        sums = "".join(f", sum(c{n}) AS c{n}" for n in range(len(counted)))
        return f"SELECT m, count(*) AS n{sums} FROM ({self._masked(name, tests, counted)}) AS s GROUP BY m"

    def bad(self, name: str, tests: Sequence[str]) -> str:
        """The place and the mask of each row for which a test is TRUE."""
        places = ", ".join(f"p{n}" for n in range(len(self.shown[name].place)))
        return f"SELECT m, {places} FROM ({self._masked(name, tests, ())}) AS s WHERE m LIKE '%{TRUE}%'"

    def broken(self, name: str, tests: Sequence[str], raw: Sequence[str], sqls: Sequence[str], piece: str) -> str:
        """PostgreSQL's: masks of the rows that do not keep all rules, how many have each, and their places in bytes.

        Whether a row keeps all is asked of its columns as they are (`raw`), unless one holds what cannot be read.
        """
        one = self.shown[name]
        used = typing.columns([typing.tree(s) for s in sqls])
        odd = [self.dialect.render(one.odd[c]) for c in used if c in one.odd]
        kept = f"({' OR '.join(f'({r})' for r in raw)}) IS NOT FALSE"
        if odd:
            kept = f"CASE WHEN {' OR '.join(odd)} THEN TRUE ELSE {kept} END"
        rows = f"SELECT {' || '.join(map(_letter, tests))} AS m, ctid AS p FROM {one.origin} WHERE {piece} AND {kept}"
        places = f"string_agg(tidsend(p), ''::bytea) FILTER (WHERE m LIKE '%{TRUE}%')"
        return f"SELECT m, count(*), {places} FROM ({rows} OFFSET 0) AS s GROUP BY m"

    def _masked(self, name: str, tests: Sequence[str], counted: Sequence[str]) -> str:
        one = self.shown[name]
        origin, places = one.origin, one.place
        if self.dialect.name == "spark" and tests:  # whose planner takes each repetition as an expression of its own
            inner = [f"{p} AS p{n}" for n, p in enumerate(places)]
            inner += [f"({t}) AS v{n}" for n, t in enumerate(tests)] + [f"({c}) AS w{n}" for n, c in enumerate(counted)]
            origin, places = (
                f"(SELECT {', '.join(inner)} FROM {origin}) AS i",
                tuple(f"p{n}" for n in range(len(places))),
            )
            tests, counted = [f"v{n}" for n in range(len(tests))], [f"w{n}" for n in range(len(counted))]
        letters = map(_letter, tests)
        none = " OR ".join(f"({t})" for t in tests)
        empty = "Nullable(String)" if self.dialect.name == "clickhouse" else "VARCHAR(1)"
        made = f"CAST(NULL AS {empty})"
        if tests:
            made = f"CASE WHEN NOT ({none}) THEN NULL ELSE {' || '.join(letters)} END"
        parts = [f"{made} AS m", *(f"{p} AS p{n}" for n, p in enumerate(places))]
        parts += [f"CASE WHEN {c} THEN 1 ELSE 0 END AS c{n}" for n, c in enumerate(counted)]
        return f"SELECT {', '.join(parts)} FROM {origin}"

    # Set rules

    def related(self, compiled: rulebook.Compiled) -> str:
        """The places of the bad rows of a set rule. Raises errors.UserError as `condition` does."""
        check = compiled.rule.check
        try:
            if isinstance(check, kinds.Unique):
                return self._unique(compiled, check)
            if isinstance(check, kinds.ForeignKey):
                return self._foreign_key(compiled, check)
            if isinstance(check, kinds.FunctionalDependency):
                return self._dependency(compiled, check)
            if not isinstance(check, kinds.Reconcile):
                raise trees.Refused(getattr(check, "kind", "?"))
            return self._reconcile(compiled, check)
        except trees.Refused as error:
            raise refused(self.dialect.name, compiled, str(error)) from None

    def repeats(self, compiled: rulebook.Compiled, check: kinds.Reconcile) -> str:
        """A row when a key of the other table is there twice."""
        keys = self._keys(check.other, check.keys)
        some = " AND ".join(f"k{n} IS NOT NULL" for n in range(len(keys)))
        inner = f"SELECT {_named(keys)} FROM {self.shown[check.other].origin}"
        by = _numbered(len(keys))
        return f"SELECT 1 AS one FROM ({inner}) AS u WHERE {some} GROUP BY {by} HAVING count(*) > 1 LIMIT 1"

    def _judged(self, compiled: rulebook.Compiled, columns: Sequence[str]) -> str:
        return self.condition(compiled.rule.table, sets.judges(compiled, columns), compiled)

    def _keys(
        self, name: str, columns: Sequence[str], kinds_: Sequence[str] | None = None, *, ordered: bool = False
    ) -> list[str]:
        translator = self.translator(name)
        if ordered and self.dialect.name == "postgresql":  # bytes are quicker to order than words
            made = [translator.key(_column(c)) for c in columns]
            texts = [self._types[name].of(_column(c)) == "VARCHAR" for c in columns]
            both = zip(made, texts, strict=True)
            return [self.dialect.render((self.dialect.phrase("ordered", m) or m) if text else m) for m, text in both]
        wanted: Sequence[str | None] = kinds_ or [None] * len(columns)
        return [self.dialect.render(translator.key(_column(c), k)) for c, k in zip(columns, wanted, strict=True)]

    def _own(self, compiled: rulebook.Compiled, keys: Sequence[str], columns: Sequence[str], more: str = "") -> str:
        one = self.shown[compiled.rule.table]
        places = ", ".join(f"{p} AS p{n}" for n, p in enumerate(one.place))
        where = self._judged(compiled, columns)
        return f"SELECT {places}, {_named(keys)}{more} FROM {one.origin} WHERE {where}"

    def _places(self, compiled: rulebook.Compiled) -> str:
        return ", ".join(f"t.p{n}" for n in range(len(self.shown[compiled.rule.table].place)))

    def _unique(self, compiled: rulebook.Compiled, check: kinds.Unique) -> str:
        one = self.shown[compiled.rule.table]
        keys = self._keys(one.name, check.columns, ordered=True)
        judged = self._judged(compiled, check.columns)
        # Sorted once, its groups need no table of all keys.
        ordered = f" ORDER BY {_numbered(len(keys))}" if self.dialect.name == "postgresql" else ""
        twice = (
            f"SELECT {_numbered(len(keys))} FROM (SELECT {_named(keys)} FROM {one.origin} WHERE {judged}{ordered}) "
            f"AS g GROUP BY {_numbered(len(keys))} HAVING count(*) > 1"
        )
        own = self._own(compiled, keys, check.columns)
        return f"SELECT {self._places(compiled)} FROM ({own}) AS t JOIN ({twice}) AS u ON {_equal(len(keys))}"

    def key(self, name: str, columns: Sequence[str]) -> tuple[str, bool] | None:
        """PostgreSQL's: 64 bits that are equal for equal values; True when they differ for different ones too."""
        found = [self._types[name].of(_column(c)) for c in columns]
        keys = self._keys(name, columns, ordered=True)
        if len(keys) == 1 and found[0] in {"SMALLINT", "INTEGER", "BIGINT"}:
            return f"CAST({keys[0]} AS BIGINT)", True
        if any(kind not in _HASHED and not kind.startswith("DECIMAL") for kind in found):
            return None
        if found == ["VARCHAR"]:
            return f"hashtextextended({keys[0]}, 0)", False
        return f"hash_record_extended(ROW({', '.join(keys)}), 0)", False

    def same(self, compiled: rulebook.Compiled, places: Sequence[str]) -> str:
        """PostgreSQL's: which of the rows at some places have the key of another, as places in bytes."""
        check = compiled.rule.check
        assert isinstance(check, kinds.Unique)
        one = self.shown[compiled.rule.table]
        keys = self._keys(one.name, check.columns, ordered=True)
        listed = ", ".join(f'"{p}"' for p in places)
        inner = f"SELECT ctid AS p, {_named(keys)} FROM {one.origin} WHERE ctid = ANY('{{{listed}}}'::tid[])"
        twice = f"SELECT p, count(*) OVER (PARTITION BY {_numbered(len(keys))}) AS n FROM ({inner} OFFSET 0) AS s"
        return f"SELECT string_agg(tidsend(p), ''::bytea) FROM ({twice}) AS t WHERE n > 1"

    def _foreign_key(self, compiled: rulebook.Compiled, check: kinds.ForeignKey) -> str:
        kinds_ = self._common(compiled.rule.table, check.columns, check.other, sets.others(check))
        own = self._own(compiled, self._keys(compiled.rule.table, check.columns, kinds_), check.columns)
        keys = self._keys(check.other, sets.others(check), kinds_)
        known = f"SELECT DISTINCT {_named(keys)}, 1 AS there FROM {self.shown[check.other].origin}"
        joined = f"FROM ({own}) AS t LEFT JOIN ({known}) AS u ON {_equal(len(keys))}"
        return f"SELECT {self._places(compiled)} {joined} WHERE u.there IS NULL"

    def _dependency(self, compiled: rulebook.Compiled, check: kinds.FunctionalDependency) -> str:
        one = self.shown[compiled.rule.table]
        columns = (*check.columns, check.dependent)
        keys = self._keys(one.name, check.columns)
        dependent = self._keys(one.name, [check.dependent])[0]
        judged = self._judged(compiled, columns)
        by = _numbered(len(keys))
        several = self.dialect.render(self.dialect.phrase("distinct", exp.column("d")) or exp.null())
        groups = (
            f"SELECT {by} FROM (SELECT {_named(keys)}, {dependent} AS d FROM {one.origin} WHERE {judged}) AS g "
            f"GROUP BY {by} HAVING {several} > 1"
        )
        own = self._own(compiled, keys, columns)
        return f"SELECT {self._places(compiled)} FROM ({own}) AS t JOIN ({groups}) AS u ON {_equal(len(keys))}"

    def _reconcile(self, compiled: rulebook.Compiled, check: kinds.Reconcile) -> str:
        table, other = compiled.rule.table, check.other
        by, beside = (self._common(table, c, other, c) for c in (check.keys, check.columns))
        values = [", ".join(f"{v} AS v{n}" for n, v in enumerate(self._keys(name, check.columns, beside)))
                  for name in (table, other)]  # fmt: skip
        own = self._own(compiled, self._keys(table, check.keys, by), check.keys, f", {values[0]}")
        theirs = f"SELECT {_named(self._keys(other, check.keys, by))}, {values[1]}, 1 AS there"
        differ = " OR ".join(
            f"NOT (coalesce(t.v{n} = u.v{n}, FALSE) OR (t.v{n} IS NULL AND u.v{n} IS NULL){self._nans(n, kind)})"
            for n, kind in enumerate(beside)
        )
        joined = f"FROM ({own}) AS t LEFT JOIN ({theirs} FROM {self.shown[other].origin}) AS u ON {_equal(len(by))}"
        return f"SELECT {self._places(compiled)} {joined} WHERE u.there IS NULL OR {differ}"

    def _nans(self, n: int, kind: str) -> str:
        """NaN equals NaN where the engine's own comparison says that it does not."""
        if self.dialect.orders_nan or self.dialect.name == "trino" or kind not in {"DOUBLE", "FLOAT"}:
            return ""
        both = [self.dialect.render(self.dialect.phrase("isnan", exp.column(f"v{n}", table=side)) or exp.null())
                for side in ("t", "u")]  # fmt: skip
        return f" OR coalesce({both[0]} AND {both[1]}, FALSE)"

    def _common(self, one: str, columns: Sequence[str], other: str, others: Sequence[str]) -> list[str]:
        found = []
        for a, b in zip(columns, others, strict=True):
            kinds_ = self._types[one].of(_column(a)), self._types[other].of(_column(b))
            found.append(kinds_[0] if kinds_[0] == kinds_[1] else self._types[one].between(*kinds_))
        return found


def refused(engine: str, compiled: rulebook.Compiled, what: str) -> errors.UserError:
    """The error for what an engine has no equal for."""
    where = compiled.place("check" if compiled.rule.check else "where")
    return errors.UserError(
        "data.quality:pushdown.refused", where=where, rule=compiled.rule.id, engine=engine, what=what
    )


def columns(sql: str) -> set[str]:
    """The columns that a condition reads."""
    return set(typing.columns([typing.tree(sql)]))


def _letter(test: str) -> str:
    return f"CASE WHEN {test} THEN '{TRUE}' WHEN ({test}) IS NULL THEN '{UNKNOWN}' ELSE '{FALSE}' END"


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _named(keys: Sequence[str]) -> str:
    return ", ".join(f"{k} AS k{n}" for n, k in enumerate(keys))


def _numbered(count: int) -> str:
    return ", ".join(f"k{n}" for n in range(count))


def _equal(count: int) -> str:
    return " AND ".join(f"t.k{n} = u.k{n}" for n in range(count))
