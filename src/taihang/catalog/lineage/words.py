"""What lineage speaks of: a run, its ends, column edges, and the graph that they make."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import pydantic

from taihang.catalog import words as catalogued
from taihang.core import words

State = Literal["running", "complete", "fail", "abort"]
# Effects through which a value flows; all others only decide.
FLOWS = frozenset({"IDENTITY", "TRANSFORMATION", "AGGREGATION"})
Way = Literal["in", "out"]
Text = Annotated[str, pydantic.StringConstraints(max_length=1000)]
Count = Annotated[int, pydantic.Field(ge=0, lt=2**63)]


class ColumnMetrics(words.Word):
    """A column measured; `nulls` and `distinct` are counts of rows and of values."""

    nulls: Count | None = None
    distinct: Count | None = None
    min: float | None = None
    max: float | None = None
    quantiles: dict[str, float] = {}


class Metrics(words.Word):
    """A table measured; `size` in bytes."""

    rows: Count | None = None
    size: Count | None = None
    columns: dict[str, ColumnMetrics] = {}


class Assertion(words.Word):
    """A rule that was judged; `column` when it is about one."""

    rule: Text
    success: bool
    column: Text | None = None
    level: words.Level | None = None


class End(words.Word):
    """What a run read or wrote: a version of the catalogue, or a dataset elsewhere by its OpenLineage name.

    Either `version`, or `namespace` and `name` (with the columns that are known).
    """

    version: str | None = None
    namespace: Text = ""
    name: Text = ""
    columns: tuple[catalogued.Column, ...] = ()
    metrics: Metrics | None = None
    assertions: tuple[Assertion, ...] = ()

    @pydantic.model_validator(mode="after")
    def _one(self) -> End:
        if (self.version is None) != bool(self.namespace and self.name):
            raise ValueError("an end is a version, or a namespace and a name")
        return self


class ColumnEdge(words.Word):
    """`output_column` of an output is made of `input_column` of an input; ends are counted from 0.

    `output_column` None: the input column decides about all rows of the output. `effect` in the words of
    OpenLineage: IDENTITY, TRANSFORMATION, AGGREGATION flow; CONDITIONAL, WINDOW, FILTER, JOIN, GROUP_BY and
    SORT only decide.
    """

    output: int
    output_column: Text | None
    input: int
    input_column: Text
    effect: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Z_]{1,40}$")] = "TRANSFORMATION"
    masking: bool = False


class Run(words.Word):
    """One run of a job: what it read, what it wrote, how it ended.

    `id`: the job's id, or any text of one's own; recorded again it is completed, never doubled.
    """

    id: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=100)]
    job: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=1000)]
    state: State = "complete"
    began: pydantic.AwareDatetime
    ended: pydantic.AwareDatetime | None = None
    inputs: tuple[End, ...] = ()
    outputs: tuple[End, ...] = ()
    columns: tuple[ColumnEdge, ...] = ()
    error: Text = ""


class Node(words.Word):
    """A version or a dataset in the graph; `depth` steps from where one asked.

    `gone`: a version that was deleted; that it was there stays, its name does not.
    """

    id: str
    kind: Literal["version", "dataset"]
    namespace: str = ""
    name: str = ""
    number: int | None = None
    depth: int
    gone: bool = False


class Step(words.Word):
    """A run in the graph."""

    id: str
    job: str
    state: State
    began: datetime.datetime
    ended: datetime.datetime | None = None
    foreign: bool = False


class Link(words.Word):
    """A run read (`in`) or wrote (`out`) a node."""

    run_id: str
    node: str
    way: Way


class Graph(words.Word):
    """What leads to a node, or from it. `cut`: there is more than was asked for."""

    root: str
    nodes: tuple[Node, ...]
    runs: tuple[Step, ...]
    links: tuple[Link, ...]
    cut: bool = False


class ColumnStep(words.Word):
    """One column edge in the graph, `depth` steps away; an empty `output_column` stands for all rows."""

    run_id: str
    output: str
    output_column: str
    input: str
    input_column: str
    effect: str
    masking: bool
    depth: int
