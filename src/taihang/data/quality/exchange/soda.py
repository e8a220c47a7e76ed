"""Soda: checks files (SodaCL), and contracts of the 4.x form."""

from __future__ import annotations

import math
import re
from typing import Any

from taihang.core import errors
from taihang.data.quality.exchange import draft, reading
from taihang.data.quality.exchange.draft import Refusal, quoted
from taihang.rules import completion, duration, kinds

Body = dict[str, Any]
_NAME = r'"[^"]+"|`[^`]+`|[^\s(),"`]+'
_NUMBER = r"[+-]?[0-9][0-9_]*(?:\.[0-9]+)?"
_METRIC = re.compile(r"^\s*(?P<metric>[a-z_]+)\s*(?:\(\s*(?P<columns>[^()]*)\))?\s*(?P<rest>.*)$", re.DOTALL)
_COMPARED = re.compile(rf"^(?P<op><=|>=|!=|<>|=|<|>)\s*(?P<value>{_NUMBER})\s*(?P<percent>%?)$")
_BETWEEN = re.compile(
    rf"^(?P<not>not\s+)?between\s+(?P<open>[(\[]?)\s*(?P<low>{_NUMBER})\s*(?P<p1>%?)\s+and\s+"
    rf"(?P<high>{_NUMBER})\s*(?P<p2>%?)\s*(?P<close>[)\]]?)$"
)
_EXIST = re.compile(
    rf"^values\s+in\s+\(?(?P<own>[^()]+?)\)?\s+must\s+exist\s+in\s+(?P<other>{_NAME})\s+\(?(?P<columns>[^()]+?)\)?$"
)
_AGE = re.compile(r"^<=?\s*((?:[0-9]+\s*[dhms]\s*)+)$")
_FORMATS = {
    "email": {"kind": "semantic", "is": "email"},
    "uuid": {"kind": "semantic", "is": "uuid"},
    "ip address": {"kind": "semantic", "is": "ipv4"},
    "ipv4 address": {"kind": "semantic", "is": "ipv4"},
    "integer": {"kind": "regex", "pattern": r" *[-+]? *[0-9]+ *"},
    "positive integer": {"kind": "regex", "pattern": r" *\+? *[0-9]+ *"},
    "negative integer": {"kind": "regex", "pattern": r" *- *[0-9]+ *|0"},
}
_TOTALS = {"avg": "mean", "min": "min", "max": "max", "sum": "sum", "median": "median", "stddev_samp": "stddev"}
_VALID = frozenset({
    "valid values", "valid format", "valid regex", "valid min", "valid max", "valid length", "valid min length",
    "valid max length",
})  # fmt: skip
_MISSING = frozenset({"missing values"})
_SHOWN = frozenset(
    {"name", "title", "samples limit", "identity", "attributes", "samples columns", "collect failed rows"}
)


def load(data: bytes, file: str, table: str) -> draft.Imported:
    """The rules of a checks file or a contract; `table` names it where the file does not."""
    tree = reading.mapping(reading.parse(data, file), file, "checks for …")
    made = draft.Draft("soda", file)
    if "dataset" in tree and ("columns" in tree or "checks" in tree):
        _contract(made, tree, file)
        return made.finished(str(tree["dataset"]).rpartition("/")[2][:100] or table)
    found = False
    for key, checks in tree.items():
        place, words = f"{file}:{tree.at(key)}", key.split()
        if key.startswith("checks for ") and len(words) == 3 and isinstance(checks, reading.Sequence):
            found = True
            add(made, file, checks, _bare(words[2]))
        elif key.startswith("checks for ") and isinstance(checks, reading.Sequence):
            found = True
            for line, check in zip(checks.lines, checks, strict=True):
                made.refuse(f"{file}:{line}", _shown(check), Refusal("partition"))
        else:
            found = found or key.startswith("for each ")
            made.refuse(place, key, Refusal("section"))
    if not found:
        raise errors.UserError("data.quality:exchange.form", path=file, what="checks for …")
    return made.finished(table)


def add(made: draft.Draft, file: str, checks: reading.Sequence, table: str) -> None:
    """Map the checks of one table."""
    for line, check in zip(checks.lines, checks, strict=True):
        place, what = f"{file}:{line}", _shown(check)
        try:
            bodies = _bodies(check)
        except Refusal as refusal:
            made.refuse(place, what, refusal)
            continue
        for body in bodies:
            title = body.pop("_title", None)
            made.add(place, what, table, body, title=title)


def _shown(check: Any) -> str:
    if isinstance(check, dict) and check:
        key = next(iter(check))
        return f"{key}: {check[key]}"[:160]
    return str(check)[:160]


def _bodies(check: Any) -> list[Body]:
    config: dict[str, Any] = {}
    if isinstance(check, dict):
        if len(check) != 1:
            raise Refusal("form")
        given, config = next(iter(check.items()))
        config = config if isinstance(config, dict) else {}
    else:
        given = check
    if not isinstance(given, str):
        raise Refusal("form")
    given = " ".join(given.split())
    common: Body = {}
    if "filter" in config:
        common["filter"] = draft.text(config["filter"], "filter")
    if isinstance(config.get("name"), str):
        common["_title"] = config["name"]
    if given == "schema":
        return [{**body, **common} for body in _schema(config)]
    if given == "failed rows":
        return [{**common, "where": draft.text(config.get("fail condition"), "fail condition")}]
    if match := _EXIST.match(given):
        _only(config, frozenset())
        own, other = _columns(match["own"]), _columns(match["columns"])
        check_ = {"kind": "foreign_key", "columns": own, "other": _bare(match["other"]), "other_columns": other}
        return [{**common, "check": check_}]
    found = _METRIC.match(given)
    if found is None:
        raise Refusal("kind", kind=given)
    columns = _columns(found["columns"]) if found["columns"] else []
    rest = found["rest"].strip()
    if rest:
        return [{**_metric(found["metric"], columns, rest, config), **common}]
    return [{**body, **common} for body in _alerts(found["metric"], columns, config)]


def _alerts(metric: str, columns: list[str], config: dict[str, Any]) -> list[Body]:
    """`warn: when …` and `fail: when …`: what is left when the alert does not go off must hold."""
    made = []
    rest = {k: v for k, v in config.items() if k not in {"warn", "fail"}}
    for level, name in (("orange", "fail"), ("yellow", "warn")):
        when = config.get(name)
        if when is None:
            continue
        match = _COMPARED.match(str(when).removeprefix("when ").strip()) if isinstance(when, str) else None
        if match is None:
            raise Refusal("alert")
        turned = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "=", "<>": "="}[match["op"]]
        body = _metric(metric, columns, f"{turned} {match['value']}{match['percent']}", rest)
        made.append({**body, "level": level})
    if not made:
        raise Refusal("kind", kind=metric)
    return made


def _metric(metric: str, columns: list[str], rest: str, config: dict[str, Any]) -> Body:
    if metric == "row_count" and not columns:
        _only(config, frozenset())
        return {"check": {"kind": "row_count", **_whole(rest)}}
    if metric == "freshness" and len(columns) == 1:
        _only(config, frozenset())
        return {"check": {"kind": "freshness", "column": columns[0], "within": _age(rest)}}
    if metric in {"missing_count", "missing_percent"} and len(columns) == 1:
        _only(config, _MISSING)
        return {**_missing(columns[0], config), **_tolerated(metric, rest)}
    if metric in {"invalid_count", "invalid_percent"} and len(columns) == 1:
        _only(config, _VALID)
        return {**_invalid(columns[0], config), **_tolerated(metric, rest)}
    if metric in {"duplicate_count", "duplicate_percent"} and columns:
        _only(config, frozenset())
        # Soda counts values that repeat, not rows: only of none do both mean the same.
        if _tolerated(metric, rest):
            raise Refusal("duplicates")
        return {"check": {"kind": "unique", "columns": columns}}
    if metric in _TOTALS and len(columns) == 1:
        _only(config, frozenset())
        return {"check": {"kind": "aggregate", "function": _TOTALS[metric], "column": columns[0], **_bounds(rest)}}
    raise Refusal("kind", kind=metric)


def _only(config: dict[str, Any], known: frozenset[str]) -> None:
    extra = sorted(set(config) - known - _SHOWN - {"filter"})
    if extra:
        raise Refusal("option", name=extra[0])


def _missing(column: str, config: dict[str, Any]) -> Body:
    values = config.get("missing values")
    if values is None:
        return {"check": {"kind": "not_null", "column": column}}
    listed = ", ".join(kinds.literal(str(v)) for v in draft.values(values, "missing values"))
    q = quoted(column)
    return {"where": f"{q} IS NULL OR CAST({q} AS VARCHAR) IN ({listed})", "dimension": "completeness"}


def _invalid(column: str, config: dict[str, Any]) -> Body:
    checks: list[Body] = []
    if "valid values" in config:
        checks.append({"kind": "in_set", "values": draft.values(config["valid values"], "valid values")})
    if "valid format" in config:
        known = _FORMATS.get(str(config["valid format"]).casefold())
        if known is None:
            raise Refusal("format", format=config["valid format"])
        checks.append(dict(known))
    if "valid regex" in config:
        checks.append({"kind": "regex", "pattern": draft.pattern(config["valid regex"])})
    for kind, names in (("range", ("valid min", "valid max")), ("length", ("valid min length", "valid max length"))):
        ends = {e: draft.number(config[n], n) for e, n in zip(("min", "max"), names, strict=True) if n in config}
        if ends:
            checks.append({"kind": kind, **ends})
    if "valid length" in config:
        exact = draft.number(config["valid length"], "valid length")
        checks.append({"kind": "length", "min": exact, "max": exact})
    if not checks:
        raise Refusal("valid")
    if len(checks) == 1:
        return {"check": {**checks[0], "column": column}}
    parts = []
    for check in checks:
        rule = completion.completed({"check": {**check, "column": column}})
        parts.append(f"({rule['where']})")
    return {"where": " OR ".join(parts)}


def _tolerated(metric: str, rest: str) -> Body:
    """What may be bad when a count or a percentage must stay below a threshold."""
    match = _COMPARED.match(rest)
    if match is None or match["op"] not in {"=", "<", "<="}:
        raise Refusal("threshold", threshold=rest)
    value = float(match["value"].replace("_", ""))
    if value == 0 and match["op"] != "<":
        return {}
    if match["op"] == "=" or value <= 0:
        raise Refusal("threshold", threshold=rest)
    if metric.endswith("_percent"):
        share = value / 100
        if share >= 1:
            raise Refusal("threshold", threshold=rest)
        return {"tolerate": {"rate": share if match["op"] == "<=" else math.nextafter(share, 0)}}
    count = math.floor(value) if match["op"] == "<=" else math.ceil(value) - 1
    return {"tolerate": {"count": count}} if count else {}


def _whole(rest: str) -> Body:
    """Bounds of a whole number."""
    match = _COMPARED.match(rest)
    if match and not match["percent"]:
        value = int(float(match["value"].replace("_", "")))
        known = {"=": {"min": value, "max": value}, ">": {"min": value + 1}, ">=": {"min": value},
                 "<": {"max": value - 1}, "<=": {"max": value}}  # fmt: skip
        if match["op"] in known:
            return dict(known[match["op"]])
    found = _bounds(rest)
    if found.get("strict"):
        return {"min": int(found["min"]) + 1, "max": int(found["max"]) - 1}
    return found


def _bounds(rest: str) -> Body:
    match = _COMPARED.match(rest)
    if match and not match["percent"]:
        value = _number(match["value"])
        known = {"=": {"min": value, "max": value}, ">": {"min": value, "strict": True}, ">=": {"min": value},
                 "<": {"max": value, "strict": True}, "<=": {"max": value}}  # fmt: skip
        if match["op"] in known:
            return dict(known[match["op"]])
    between = _BETWEEN.match(rest)
    if between and not between["not"] and not between["p1"] and not between["p2"]:
        low, high = _number(between["low"]), _number(between["high"])
        ends = between["open"], between["close"]
        if ends == ("(", ")"):
            return {"min": low, "max": high, "strict": True}
        if "(" not in ends and ")" not in ends:
            return {"min": low, "max": high}
        raise Refusal("half_strict")
    raise Refusal("threshold", threshold=rest)


def _number(text: str) -> int | float:
    plain = text.replace("_", "")
    return float(plain) if "." in plain else int(plain)


def _age(rest: str) -> str:
    match = _AGE.match(rest)
    if match is None:
        raise Refusal("threshold", threshold=rest)
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    seconds = sum(int(n) * units[u] for n, u in re.findall(r"([0-9]+)\s*([dhms])", match[1]))
    return duration.text(float(seconds))


def _schema(config: dict[str, Any]) -> list[Body]:
    made = []
    for level, name in (("orange", "fail"), ("yellow", "warn")):
        when = config.get(name)
        if when is None:
            continue
        if not isinstance(when, dict) or set(when) != {"when required column missing"}:
            raise Refusal("schema")
        for column in draft.values(when["when required column missing"], "when required column missing"):
            check = {"kind": "aggregate", "function": "count", "column": str(column), "min": 0}
            made.append({"check": check, "level": level})
    if not made:
        raise Refusal("schema")
    return made


def _columns(given: str) -> list[str]:
    return [_bare(part.strip()) for part in given.split(",") if part.strip()]


def _bare(name: str) -> str:
    return name[1:-1] if len(name) > 1 and name[0] in '"`' and name[-1] == name[0] else name


_MUST = {
    "must_be": "=", "must_be_less_than": "<", "must_be_less_than_or_equal": "<=", "must_be_greater_than": ">",
    "must_be_greater_than_or_equal": ">=",
}  # fmt: skip


def _contract(made: draft.Draft, tree: reading.Mapping, file: str) -> None:
    table = str(tree["dataset"]).rpartition("/")[2] or "table"
    columns = tree.get("columns")
    for column in columns if isinstance(columns, reading.Sequence) else []:
        if isinstance(column, reading.Mapping):
            _checks(made, column, file, table, str(column.get("name") or "?"))
    _checks(made, tree, file, table, None)


def _checks(made: draft.Draft, holder: reading.Mapping, file: str, table: str, column: str | None) -> None:
    checks = holder.get("checks")
    if checks is not None and not isinstance(checks, reading.Sequence):
        raise errors.UserError("data.quality:exchange.form", path=f"{file}:{holder.at('checks')}", what="checks")
    for line, check in zip(checks.lines, checks, strict=True) if isinstance(checks, reading.Sequence) else ():
        place, what = f"{file}:{line}", f"{column or table}: {_shown(check)}"
        try:
            if not isinstance(check, dict) or len(check) != 1:
                raise Refusal("form")
            kind, config = next(iter(check.items()))
            body = _contracted(kind, dict(config) if isinstance(config, dict) else {}, column)
        except Refusal as refusal:
            made.refuse(place, what, refusal)
            continue
        title = body.pop("_title", None)
        made.add(place, what, table, body, title=title)


def _contracted(kind: str, config: dict[str, Any], column: str | None) -> Body:
    threshold = config.pop("threshold", None)
    common: Body = {"_title": config["name"]} if isinstance(config.get("name"), str) else {}
    if "filter" in config:
        common["filter"] = draft.text(config.pop("filter"), "filter")
    config.pop("name", None)
    rest, percent = _threshold(threshold)
    config = {key.replace("_", " "): value for key, value in config.items()}
    if kind == "row_count" and column is None:
        return {**common, **_metric("row_count", [], rest if threshold else "> 0", config)}
    if kind == "duplicate":
        columns = [column] if column else [str(c) for c in draft.values(config.pop("columns", None), "columns")]
        return {**common, **_metric("duplicate_count", columns, rest, config)}
    if kind in {"missing", "invalid"} and column is not None:
        return {**common, **_metric(f"{kind}_{'percent' if percent else 'count'}", [column], rest, config)}
    if kind == "aggregate" and column is not None and threshold:
        function = str(config.pop("function", ""))
        return {**common, **_metric(function, [column], rest, config)}
    raise Refusal("kind", kind=kind)


def _threshold(given: Any) -> tuple[str, bool]:
    """A threshold as a comparison, and whether it is a percentage; none means that nothing may be bad."""
    if given is None:
        return "= 0", False
    if not isinstance(given, dict):
        raise Refusal("threshold", threshold=given)
    given = dict(given)
    percent = str(given.pop("metric", "count")) == "percent"
    level = given.pop("level", "fail")
    if level != "fail" or len(given) != 1:
        raise Refusal("threshold", threshold=given)
    name, value = next(iter(given.items()))
    if name == "must_be_between" and isinstance(value, dict):
        low = draft.number(value.get("greater_than_or_equal"), "greater_than_or_equal")
        return f"between {low} and {draft.number(value.get('less_than_or_equal'), 'less_than_or_equal')}", percent
    if name not in _MUST:
        raise Refusal("threshold", threshold=name)
    return f"{_MUST[name]} {draft.number(value, name)}", percent
