"""Chain: expectations on a table, one after the other, which are rules of a book: `expect(frame).unique("id")`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from taihang.core import errors
from taihang.data.quality import assessment, expectations, target
from taihang.rules import kinds, rulebook

_KINDS: dict[str, type[kinds.Kind]] = {
    kind.model_fields["kind"].annotation.__args__[0]: kind
    for kind in (*kinds.RowKind.__args__, *kinds.SetKind.__args__)
}
_RULE = frozenset({"id", "title", "level", "dimension", "filter", "message", "tolerate", "weight", "tags"})


class Expectations:
    """Rules on one table, in order. Every kind of check is a method: `.range("age", min=0, max=120, level="red")`.

    The first argument fills the kind's first field (`column`, `columns`, …). Nothing is judged before `check`.
    """

    def __init__(self, frame: Any, table: str) -> None:
        self.frame, self.table = frame, table
        self.rules: list[Mapping[str, Any]] = []

    def __getattr__(self, kind: str) -> Any:
        model = _KINDS.get(kind)
        if model is None:
            raise AttributeError(kind)
        ends = {"kind", "min", "max", "strict"}
        names = [field.alias or name for name, field in model.model_fields.items() if name not in ends]

        def add(*values: Any, **fields: Any) -> Expectations:
            filled = dict(zip(names, values, strict=False))
            if "columns" in filled and isinstance(filled["columns"], str):
                filled["columns"] = [filled["columns"]]
            self.rules.append(expectations.expect(kind, table=self.table, **filled, **fields))
            return self

        return add

    def where(
        self, condition: str, *, title: str, level: str = "yellow", dimension: str = "validity", **more: Any
    ) -> Expectations:
        """A predicate of one's own, TRUE for a bad row."""
        both = {"zh": title, "en": title}
        braced = title.replace("{", "{{").replace("}", "}}")
        message = {"zh": f"{braced}：{{rows}} 行不符合", "en": f"{braced}: {{rows}} rows are not so"}
        rule = {"table": self.table, "where": condition, "title": both, "message": message, "level": level,
                "dimension": dimension}  # fmt: skip
        self.rules.append({**rule, **more})
        return self

    def to_yaml(self, name: str = "expectations", version: str = "1") -> str:
        """The rulebook as a file would hold it. Raises errors.UserError for what a file could not say."""
        return expectations.book(*self.rules, name=name, version=version)

    def check(self, **others: Any) -> assessment.Assessment:
        """Judge the frame now; `others` are the frames that rules compare it with, by their table's name.

        Raises errors.UserError for a rule that cannot run and for a frame of a kind that is not known.
        """
        book = rulebook.loads(self.to_yaml())
        with tempfile.TemporaryDirectory(prefix="taihang-") as folder:
            given = []
            for number, (name, frame) in enumerate({self.table: self.frame, **others}.items()):
                path = Path(folder) / f"{number}.parquet"
                pq.write_table(arrow(frame), path)
                given.append(f"{name}={path}")
            return assessment.assess(book, target.open_all(given))


def expect(frame: Any, table: str = "table") -> Expectations:
    """Start a chain on a table: pyarrow, pandas, Polars, or any frame that Arrow or Narwhals can read."""
    return Expectations(frame, table)


def arrow(frame: Any) -> pa.Table:
    """A frame as an Arrow table. Raises errors.UserError for what is none."""
    if isinstance(frame, pa.Table):
        return frame
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.table(frame)
    if hasattr(frame, "to_arrow"):  # Polars, Narwhals
        return pa.table(frame.to_arrow())
    if hasattr(frame, "columns") and hasattr(frame, "iloc"):
        return pa.Table.from_pandas(frame, preserve_index=False)
    raise errors.UserError("data.quality:frame", kind=type(frame).__name__)
